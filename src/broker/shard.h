// Shard is what a broker has on one loop: its connections, the partitions that live there, fetch
// sessions, budgets and counters. Handlers get the shard of their connection; what belongs to
// another shard is asked with rt::call on its loop. Made by Broker, one for each loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "broker/authorizer.h"
#include "broker/handlers/fetch_session.h"
#include "broker/network/answer_budget.h"
#include "broker/network/frame_budget.h"
#include "broker/partition/partition_host.h"
#include "broker/quotas.h"
#include "broker/request_context.h"
#include "broker/request_stats.h"
#include "config/topic_config.h"
#include "metadata/image.h"
#include "record/compression.h"
#include "replica/replica.h"
#include "rt/loop.h"
#include "storage/log_store.h"

namespace moldau::broker {

class Broker;

struct NetworkLimits {
  std::size_t request_bytes_max = 0;  // socket.request.max.bytes
  std::size_t frame_bytes_max = 0;    // all request frames of the loop
  std::size_t answer_bytes_max = 0;   // all answers of the loop that peers have not taken
  base::Duration idle_max{0};         // connections.max.idle.ms; negative: never
};

class Shard {
 public:
  Shard(Broker& broker, rt::Loop& loop);

  [[nodiscard]] rt::Loop& loop() const { return *loop_; }
  [[nodiscard]] Broker& broker() const { return *broker_; }
  [[nodiscard]] base::BrokerId node_id() const;
  [[nodiscard]] const NetworkLimits& limits() const { return limits_; }
  [[nodiscard]] FrameBudget& frame_budget() { return frame_budget_; }
  [[nodiscard]] AnswerBudget& answer_budget() { return answer_budget_; }
  [[nodiscard]] PartitionHost& partitions() { return partitions_; }
  [[nodiscard]] FetchSessionCache& fetch_sessions() { return fetch_sessions_; }
  [[nodiscard]] record::CodecContexts& codec_contexts() { return codec_contexts_; }
  // Codec memory for one job off the loop; it comes back with the job, and some of it is kept.
  [[nodiscard]] record::CodecContexts take_work_contexts();
  void give_back_work_contexts(record::CodecContexts contexts);
  [[nodiscard]] const Authorizer& authorizer() const;
  [[nodiscard]] const Quotas& quotas() const;
  [[nodiscard]] std::shared_ptr<const metadata::Image> image() const;
  [[nodiscard]] base::Duration replica_lag_time_max() const;

  // The loop's logs. Valid once storage is open.
  [[nodiscard]] storage::LogStore& log_store() const;
  [[nodiscard]] storage::LogOptions log_options(const config::TopicConfig& config) const;
  rt::Task<storage::Result<storage::Log*>> open_log(base::TopicName topic,
                                                    base::TopicIdPartition id,
                                                    const config::TopicConfig& config,
                                                    storage::LogListener& listener);

  // Sets the files of partitions aside that the image does not give to this broker: a crash may
  // have come between a topic's deletion and the removal of its files. Before any log is opened,
  // once, with an image that is caught up.
  rt::Task<> set_strays_aside();

  // Sends the request to the controller and brings the answer to the partition.
  void alter_partition(const base::TopicIdPartition& id, const replica::AlterPartition& change);

  // Counts the connection against the node's limits: how long it has to wait before it is served,
  // nothing when it must be closed.
  rt::Task<std::optional<base::Duration>> admit(rt::Endpoint peer);
  rt::Task<> leave(std::string host);
  // Open connections of this loop.
  [[nodiscard]] std::size_t connections() const { return connections_; }

  void count_request(wire::ApiKey key, base::Duration took) { stats_.count(key, took); }
  void count_appended(std::size_t bytes, std::uint64_t records) {
    stats_.appended_bytes += bytes;
    stats_.appended_records += records;
  }
  void count_fetched(std::size_t bytes) { stats_.fetched_bytes += bytes; }
  [[nodiscard]] const RequestStats& stats() const { return stats_; }

  rt::Task<> stop();

 private:
  rt::Task<> send_alter_partition(base::TopicIdPartition id, replica::AlterPartition change);

  Broker* broker_;
  rt::Loop* loop_;
  NetworkLimits limits_;
  FrameBudget frame_budget_;
  AnswerBudget answer_budget_;
  FetchSessionCache fetch_sessions_;
  record::CodecContexts codec_contexts_;
  std::vector<record::CodecContexts> work_contexts_;  // of jobs that ended
  RequestStats stats_;
  std::size_t connections_ = 0;
  PartitionHost partitions_;
  rt::Scope background_;  // last: its frames use the members above
};

}  // namespace moldau::broker
