// Controller decides what happens to the cluster's metadata: registrations, fencing, topics,
// replicas' placement and leaders, configs, features, producer ids. A decision is const: it returns
// the records to append and the answer to give once they are committed; state changes only in
// replay(). Liveness of brokers is soft state (sessions), lost with the leadership. It owns no
// clock, log or socket: the driver brings `Context`, appends and parks answers. One owner, one
// loop. Answers carry Kafka's error codes and say what its clients show. Source:
// QuorumController.java and the *ControlManager.java beside it (4.4); KIP-500, 497, 631, 841, 858,
// 866, 868, 919, 966.
//
// The driver's part:
//   standby   replay() each committed batch; load() each snapshot.
//   elected   append activate()'s records; then serve requests.
//   request   d = decide(context, request); when d.records is not empty append them as one batch
//   that
//             starts at context.next_offset, then replay() them at once; answer when they are
//             committed. When the append is refused, forget the decision: nothing has changed.
//   commit    committed(end offset).
//   timer     at wake_at(): append and replay tick()'s records.
//   resigned  deactivate(): uncommitted records are undone.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"
#include "config/broker_config.h"
#include "controller/sessions.h"
#include "metadata/image.h"
#include "metadata/record.h"
#include "wire/allocate_producer_ids_request.h"
#include "wire/allocate_producer_ids_response.h"
#include "wire/alter_configs_request.h"
#include "wire/alter_configs_response.h"
#include "wire/alter_partition_request.h"
#include "wire/alter_partition_response.h"
#include "wire/broker_heartbeat_request.h"
#include "wire/broker_heartbeat_response.h"
#include "wire/broker_registration_request.h"
#include "wire/broker_registration_response.h"
#include "wire/controller_registration_request.h"
#include "wire/controller_registration_response.h"
#include "wire/create_partitions_request.h"
#include "wire/create_partitions_response.h"
#include "wire/create_topics_request.h"
#include "wire/create_topics_response.h"
#include "wire/delete_topics_request.h"
#include "wire/delete_topics_response.h"
#include "wire/elect_leaders_request.h"
#include "wire/elect_leaders_response.h"
#include "wire/incremental_alter_configs_request.h"
#include "wire/incremental_alter_configs_response.h"
#include "wire/unregister_broker_request.h"
#include "wire/unregister_broker_response.h"
#include "wire/unregister_controller_request.h"
#include "wire/unregister_controller_response.h"
#include "wire/update_features_request.h"
#include "wire/update_features_response.h"

namespace moldau::controller {

struct State;
class View;

// Kafka's limits for one request, and so for one atomic batch.
inline constexpr std::size_t kRecordsInDecisionMax = 10'000;
inline constexpr std::int64_t kPartitionsInRequestMax = 10'000;
inline constexpr std::size_t kElectionsInTickMax = 1'000;
inline constexpr std::int64_t kProducerIdBlock = 1'000;
// Appended and not yet committed batches that can be undone one by one; the driver holds back more.
inline constexpr std::size_t kBatchesInFlightMax = 1'024;

struct Settings {
  base::BrokerId node_id{-1};
  std::string cluster_id;
  config::Layers layers;  // of this node's file: defaults that topics fall back to
  config::TopicCreationSettings topics;
  config::ControllerSettings controller;
  base::Milliseconds64 idle_interval_max{500};  // 0: no NoOp records
  // Node ids of the voters, for UpdateFeatures: a voter that never registered may not know a
  // feature.
  std::vector<base::BrokerId> voters;
  std::int16_t kraft_version = 0;
};
[[nodiscard]] Settings settings_of(const config::BrokerConfig& config, std::string cluster_id);

struct Context {
  base::Instant now;
  base::Offset next_offset;  // where the log would put the next record
  base::Rng& chance;
};

template <class Response>
struct Decision {
  std::vector<metadata::Record> records;
  Response response;
};

// Records that no client waits for.
struct Upkeep {
  std::vector<metadata::Record> records;
  std::string note;  // why, for the log; empty when it is not worth a line
};

struct ReplayError {
  std::string message;
};

class Controller {
 public:
  explicit Controller(Settings settings);
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  ~Controller();

  // --- state ---
  // Replaces all state by a snapshot's. Only while not active.
  // Why this version cannot lead a cluster with the levels that the log has finalized, or that
  // `bootstrap` would: to be asked before activate(), which writes.
  [[nodiscard]] std::optional<std::string> not_served(
      std::span<const metadata::Record> bootstrap) const;
  [[nodiscard]] std::expected<void, ReplayError> load(const metadata::Image& image,
                                                      base::Offset last_offset);
  // Applies a batch: all of it or, with an error, nothing. An error means that this log and this
  // code do not agree on the state of the cluster: the node must not go on as controller.
  [[nodiscard]] std::expected<void, ReplayError> replay(std::span<const metadata::Record> records,
                                                        base::Offset base_offset);
  // All records below `end` are committed.
  void committed(base::Offset end);
  [[nodiscard]] bool may_append() const { return in_flight_.size() < kBatchesInFlightMax; }

  // The latest state, uncommitted records included.
  [[nodiscard]] const metadata::Image& image() const [[clang::lifetimebound]];
  [[nodiscard]] base::Offset last_offset() const;
  [[nodiscard]] bool active() const { return active_; }

  // --- leadership ---
  // Begins to lead: returns the records to append first (none, when the log is in order).
  // `bootstrap` is what the directory was formatted with, used when the log holds no
  // metadata.version yet.
  [[nodiscard]] Upkeep activate(const Context& context,
                                std::span<const metadata::Record> bootstrap);
  void deactivate();
  void set_voters(std::vector<base::BrokerId> voters, std::int16_t kraft_version);

  // --- decisions: only while active ---
  [[nodiscard]] Decision<wire::BrokerRegistrationResponse> decide(
      const Context& context, const wire::BrokerRegistrationRequest& request) const;
  // Call heard() first: a heartbeat keeps the session even when it decides nothing.
  [[nodiscard]] Decision<wire::BrokerHeartbeatResponse> decide(
      const Context& context, const wire::BrokerHeartbeatRequest& request) const;
  [[nodiscard]] Decision<wire::ControllerRegistrationResponse> decide(
      const Context& context, const wire::ControllerRegistrationRequest& request) const;
  [[nodiscard]] Decision<wire::UnregisterBrokerResponse> decide(
      const Context& context, const wire::UnregisterBrokerRequest& request) const;
  [[nodiscard]] Decision<wire::UnregisterControllerResponse> decide(
      const Context& context, const wire::UnregisterControllerRequest& request) const;
  [[nodiscard]] Decision<wire::CreateTopicsResponse> decide(
      const Context& context, const wire::CreateTopicsRequest& request) const;
  [[nodiscard]] Decision<wire::DeleteTopicsResponse> decide(
      const Context& context, const wire::DeleteTopicsRequest& request) const;
  [[nodiscard]] Decision<wire::CreatePartitionsResponse> decide(
      const Context& context, const wire::CreatePartitionsRequest& request) const;
  [[nodiscard]] Decision<wire::IncrementalAlterConfigsResponse> decide(
      const Context& context, const wire::IncrementalAlterConfigsRequest& request) const;
  [[nodiscard]] Decision<wire::AlterConfigsResponse> decide(
      const Context& context, const wire::AlterConfigsRequest& request) const;
  [[nodiscard]] Decision<wire::AlterPartitionResponse> decide(
      const Context& context, const wire::AlterPartitionRequest& request) const;
  [[nodiscard]] Decision<wire::ElectLeadersResponse> decide(
      const Context& context, const wire::ElectLeadersRequest& request) const;
  [[nodiscard]] Decision<wire::AllocateProducerIdsResponse> decide(
      const Context& context, const wire::AllocateProducerIdsRequest& request) const;
  [[nodiscard]] Decision<wire::UpdateFeaturesResponse> decide(
      const Context& context, const wire::UpdateFeaturesRequest& request) const;

  // --- soft state ---
  // A heartbeat came in, whatever its answer will be.
  void heard(const wire::BrokerHeartbeatRequest& request, base::Instant now);
  // Upkeep that is due: fences one broker whose session is over, elects leaders for partitions
  // without one, moves leadership back to preferred replicas, writes a NoOp record each idle
  // interval. Call again at once while it returns records.
  [[nodiscard]] Upkeep tick(const Context& context);
  // When tick() has something to do.
  [[nodiscard]] base::Instant wake_at() const;

 private:
  struct InFlight {
    base::Offset end;                     // of the batch
    std::shared_ptr<const State> before;  // state without it
  };
  [[nodiscard]] View view() const;

  Settings settings_;
  std::shared_ptr<const State> state_;
  std::deque<InFlight> in_flight_;
  base::Offset committed_end_{0};
  bool active_ = false;
  // Soft state.
  Sessions sessions_;
  base::Instant next_rebalance_ = base::kNever;
  base::Instant next_unclean_ = base::kNever;
  base::Instant next_no_op_ = base::kNever;
};

}  // namespace moldau::controller
