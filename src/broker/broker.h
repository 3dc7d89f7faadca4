// Broker is one node: broker, controller, or both in one process. It is an object without globals,
// so that a simulator runs several. start() takes it through Kafka's start-up (data directories,
// metadata log, quorum, registration, logs, unfencing, clients) and returns when clients are
// served; stop() leaves the cluster in order and closes the logs. Both run on loop 0 and report
// what went wrong as one sentence for the operator. Everything it is made of lives on loop 0 but
// the shards, which live each on its own loop. Source:
// core/.../{KafkaRaftServer,SharedServer,BrokerServer}.scala (4.4).
#pragma once

#include <array>
#include <atomic>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/authorizer.h"
#include "broker/controller_channel.h"
#include "broker/controller_driver.h"
#include "broker/lifecycle.h"
#include "broker/metadata_publisher.h"
#include "broker/network/server.h"
#include "broker/producer_ids.h"
#include "broker/quorum/raft_driver.h"
#include "broker/quotas.h"
#include "broker/shard.h"
#include "config/broker_config.h"
#include "rt/loop.h"
#include "rt/scope.h"
#include "storage/storage.h"

namespace moldau::broker {

template <class T>
using StartResult = std::expected<T, std::string>;

// Who may do what, and how fast. Outlive the broker; called from all loops.
struct Guards {
  const Authorizer* authorizer = nullptr;  // null: every client may do everything
  const Quotas* quotas = nullptr;          // null: nobody is slowed down
};

class Broker {
 public:
  Broker(rt::Loops loops, config::BrokerConfig config, Guards guards = {});
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  ~Broker();

  [[nodiscard]] rt::Task<StartResult<void>> start();
  // Ends a start() that is under way, with an error.
  void abort_start() { scope_.stop(); }
  // After start(), also one that failed.
  [[nodiscard]] rt::Task<> stop();
  // Ends when something happened that the node cannot go on with; says what.
  [[nodiscard]] rt::Task<std::string> failure(rt::StopToken token);

  [[nodiscard]] const config::BrokerConfig& config() const { return config_; }
  [[nodiscard]] rt::Loop& loop0() const { return *loops_.front(); }
  [[nodiscard]] rt::Loops loops() const { return loops_; }
  [[nodiscard]] std::size_t shard_count() const { return shards_.size(); }
  [[nodiscard]] Shard& shard(std::size_t index) const { return *shards_[index]; }
  [[nodiscard]] const Authorizer& authorizer() const { return *guards_.authorizer; }
  [[nodiscard]] const Quotas& quotas() const { return *guards_.quotas; }
  [[nodiscard]] base::BrokerId node_id() const { return config_.node_id; }
  // Constant once storage is open.
  [[nodiscard]] const std::string& cluster_id() const { return cluster_id_; }

  // Any loop.
  [[nodiscard]] ImagePtr image() const { return publisher_->image(); }
  [[nodiscard]] base::Offset image_offset() const { return publisher_->image_offset(); }
  // Finalized kraft.version; it is a control record, not part of the image.
  [[nodiscard]] std::int16_t kraft_level() const {
    return kraft_level_.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool serving() const { return serving_.load(std::memory_order_acquire); }

  // What start() is at, as a clause after "the node is"; loop 0.
  [[nodiscard]] std::string_view stage() const { return stage_; }
  // Which of the parts below are there already; loop 0, where they come and stay.
  [[nodiscard]] bool has_storage() const { return storage_ != nullptr; }
  [[nodiscard]] bool has_quorum() const { return raft_ != nullptr; }
  [[nodiscard]] const Lifecycle* maybe_lifecycle() const { return lifecycle_.get(); }

  // Loop 0.
  [[nodiscard]] storage::Storage& storage() const { return *storage_; }
  [[nodiscard]] RaftDriver& raft() const { return *raft_; }
  [[nodiscard]] ControllerDriver& controller() const { return *controller_; }
  [[nodiscard]] ControllerChannel& controller_channel() { return *controller_channel_; }
  [[nodiscard]] MetadataPublisher& publisher() const { return *publisher_; }
  [[nodiscard]] Lifecycle& lifecycle() const { return *lifecycle_; }
  [[nodiscard]] ProducerIds& producer_ids() { return *producer_ids_; }
  // Where a listener was bound: tests and tools ask for port 0.
  [[nodiscard]] const ListenerInfo* listener(std::string_view name) const;

  // Connections of the node's broker listeners, by address; loop 0. How long a new one has to wait
  // (max.connection.creation.rate); nothing when it must be closed.
  [[nodiscard]] std::optional<base::Duration> admit(const std::string& host);
  void leave(const std::string& host);

 private:
  rt::Task<StartResult<void>> open_storage();
  rt::Task<StartResult<void>> open_quorum();
  rt::Task<StartResult<void>> bind(const std::vector<config::Listener>& listeners,
                                   const std::vector<config::Listener>& advertised,
                                   ListenerKind kind);
  rt::Task<StartResult<void>> serve(ListenerKind kind);
  rt::Task<StartResult<void>> bring_up();
  rt::Task<StartResult<void>> start_broker();
  rt::Task<StartResult<void>> register_controller();
  rt::Task<> stop_servers(ListenerKind kind);
  void log_refusal(const std::string& host, std::int32_t from_host);
  [[nodiscard]] wire::BrokerRegistrationRequest registration() const;
  [[nodiscard]] base::BrokerEpoch previous_broker_epoch() const;

  rt::Loops loops_;
  config::BrokerConfig config_;
  std::string cluster_id_;
  std::string_view stage_ = "reading its settings";
  base::Uuid incarnation_;
  AllowAll allow_all_;
  NoQuotas no_quotas_;
  Guards guards_;
  std::unique_ptr<storage::Storage> storage_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<RaftDriver> raft_;
  std::unique_ptr<ControllerDriver> controller_;
  std::unique_ptr<MetadataPublisher> publisher_;
  std::unique_ptr<ControllerChannel> controller_channel_;
  std::unique_ptr<ProducerIds> producer_ids_;
  std::unique_ptr<Lifecycle> lifecycle_;
  std::vector<std::unique_ptr<Server>> servers_;  // per listener, one for each loop
  std::map<std::string, std::int32_t> connections_by_host_;
  std::int32_t connections_ = 0;
  config::ConnectionLimits connection_limits_;
  base::Instant next_admission_;
  base::Instant refusal_logged_;
  std::uint64_t refusals_ = 0;  // since then
  std::atomic<bool> serving_ = false;
  std::atomic<std::int16_t> kraft_level_ = 0;
  bool storage_usable_ = false;  // recovered: may be closed with a clean marker
  rt::Scope scope_;
};

}  // namespace moldau::broker
