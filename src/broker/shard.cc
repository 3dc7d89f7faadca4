#include "broker/shard.h"

#include <algorithm>
#include <vector>

#include "broker/broker.h"
#include "rt/call.h"
#include "wire/alter_partition_request.h"
#include "wire/alter_partition_response.h"

namespace moldau::broker {
namespace {

// Request frames of one loop, unless queued.max.request.bytes says otherwise.
constexpr std::size_t kFrameBytesDefault = std::size_t{256} << 20;
// Codec memory that waits for the next job off the loop; a decoder of it can be 16 MiB.
constexpr std::size_t kWorkContextsKeptMax = 2;
// Answers that no peer has taken: of the node, and of a loop at least (a few of the largest).
constexpr std::size_t kAnswerBytes = std::size_t{256} << 20;
constexpr std::size_t kAnswerBytesOfLoopMin = std::size_t{128} << 20;

NetworkLimits limits_of(const config::BrokerConfig& config, std::size_t loops) {
  NetworkLimits limits;
  limits.request_bytes_max = static_cast<std::size_t>(config.network.request_bytes_max);
  const std::int64_t queued = config.network.queued_request_bytes_max;
  limits.frame_bytes_max =
      queued > 0 ? static_cast<std::size_t>(queued) / loops + 1 : kFrameBytesDefault / loops;
  limits.answer_bytes_max = std::max(kAnswerBytes / loops, kAnswerBytesOfLoopMin);
  limits.idle_max = config.network.connection_idle_max;
  return limits;
}

rt::Task<std::optional<base::Duration>> admit_on_loop0(Broker& broker, std::string host) {
  co_return broker.admit(host);
}

rt::Task<> leave_on_loop0(Broker& broker, std::string host) {
  broker.leave(host);
  co_return;
}

using Altered = client::ClientResult<wire::AlterPartitionResponse>;

rt::Task<Altered> ask_alter_partition(Broker& broker, wire::AlterPartitionRequest request) {
  request.broker_epoch = broker.lifecycle().broker_epoch();
  for (auto& topic : request.topics) {
    for (auto& partition : topic.partitions) {
      for (auto& member : partition.new_isr_with_epochs) {
        if (member.broker_id == broker.node_id()) member.broker_epoch = request.broker_epoch;
      }
    }
  }
  co_return co_await broker.controller_channel().call<wire::AlterPartitionResponse>(
      std::move(request));
}

}  // namespace

Shard::Shard(Broker& broker, rt::Loop& loop)
    : broker_(&broker),
      loop_(&loop),
      limits_(limits_of(broker.config(), broker.loops().size())),
      frame_budget_(loop, limits_.frame_bytes_max),
      answer_budget_(loop, limits_.answer_bytes_max),
      fetch_sessions_(
          static_cast<std::size_t>(broker.config().fetch.session_slots_max) / broker.loops().size(),
          base::Rng(loop.rng().next())),
      partitions_(*this),
      background_(loop) {}

record::CodecContexts Shard::take_work_contexts() {
  if (work_contexts_.empty()) return {};
  record::CodecContexts contexts = std::move(work_contexts_.back());
  work_contexts_.pop_back();
  return contexts;
}

void Shard::give_back_work_contexts(record::CodecContexts contexts) {
  if (work_contexts_.size() < kWorkContextsKeptMax) work_contexts_.push_back(std::move(contexts));
}

base::BrokerId Shard::node_id() const { return broker_->node_id(); }
const Authorizer& Shard::authorizer() const { return broker_->authorizer(); }
const Quotas& Shard::quotas() const { return broker_->quotas(); }
ImagePtr Shard::image() const { return broker_->image(); }

base::Duration Shard::replica_lag_time_max() const {
  return broker_->config().replication.lag_time_max;
}

storage::LogStore& Shard::log_store() const { return broker_->storage().store(loop_->index()); }

storage::LogOptions Shard::log_options(const config::TopicConfig& config) const {
  const auto& log = broker_->config().log;
  return storage::log_options(
      config, log.sync == config::LogSync::kOs ? storage::LogSync::kOs : storage::LogSync::kAck,
      log.producer_id_expiration);
}

rt::Task<storage::Result<storage::Log*>> Shard::open_log(base::TopicName topic,
                                                         base::TopicIdPartition id,
                                                         const config::TopicConfig& config,
                                                         storage::LogListener& listener) {
  const base::TopicPartition partition{.topic = std::move(topic), .partition = id.partition};
  storage::LogSpec spec{
      .partition = partition, .topic_id = id.topic_id, .options = log_options(config)};
  storage::DataDirectory& directory = broker_->storage().directory_of(partition);
  auto opened = co_await log_store().open(directory, spec, &listener);
  if (opened || opened.error().code != storage::ErrorCode::kInconsistentTopicId) co_return opened;
  // A topic of the same name lived here before and its files were not deleted.
  LOG_WARN(loop_->log(), "partition", "{}; its files are set aside", opened.error().message);
  CO_TRY(co_await log_store().set_aside(directory, partition));
  co_return co_await log_store().open(directory, spec, &listener);
}

rt::Task<> Shard::set_strays_aside() {
  const ImagePtr image = this->image();
  for (const auto& directory : broker_->storage().directories()) {
    std::vector<base::TopicPartition> strays;
    for (const auto& [name, found] : directory->partitions()) {
      const metadata::Topic* topic = image->topic(name.topic.view());
      const metadata::Partition* partition =
          topic == nullptr ? nullptr : topic->partitions.find(name.partition);
      const bool mine = partition != nullptr && std::ranges::find(partition->replicas, node_id()) !=
                                                    partition->replicas.end();
      if (!mine) strays.push_back(name);
    }
    for (const base::TopicPartition& name : strays) {
      loop_->mark("files of a deleted topic set aside");
      const auto aside = co_await log_store().set_aside(*directory, name);
      if (aside) continue;
      LOG_ERROR(loop_->log(), "partition", "cannot set the files of {} aside: {}", name.to_string(),
                aside.error().message);
    }
  }
}

void Shard::alter_partition(const base::TopicIdPartition& id,
                            const replica::AlterPartition& change) {
  background_.spawn(send_alter_partition(id, change));
}

rt::Task<> Shard::send_alter_partition(base::TopicIdPartition id, replica::AlterPartition change) {
  wire::AlterPartitionRequest request;
  request.broker_id = node_id();
  auto& topic = request.topics.emplace_back();
  topic.topic_id = id.topic_id;
  auto& asked = topic.partitions.emplace_back();
  asked.partition_index = id.partition;
  asked.leader_epoch = change.leader_epoch;
  asked.partition_epoch = change.partition_epoch;
  for (const replica::IsrMember& member : change.new_isr) {
    auto& broker = asked.new_isr_with_epochs.emplace_back();
    broker.broker_id = member.id;
    broker.broker_epoch = member.epoch;
  }
  const Altered answer = co_await rt::call(*loop_, broker_->loop0(),
                                           ask_alter_partition(*broker_, std::move(request)));
  replica::AlterPartitionAnswer outcome{.change_id = change.change_id,
                                        .error = wire::ErrorCode::kNetworkException};
  if (answer && answer->error_code != wire::ErrorCode::kNone) outcome.error = answer->error_code;
  if (answer && answer->error_code == wire::ErrorCode::kNone && !answer->topics.empty() &&
      !answer->topics.front().partitions.empty()) {
    const auto& data = answer->topics.front().partitions.front();
    outcome.error = data.error_code;
    outcome.leader_epoch = data.leader_epoch;
    outcome.partition_epoch = data.partition_epoch;
    outcome.isr = data.isr;
  }
  Partition* partition = partitions_.find(id);
  if (partition != nullptr) partition->altered(outcome);
}

rt::Task<std::optional<base::Duration>> Shard::admit(rt::Endpoint peer) {
  const auto admitted =
      co_await rt::call(*loop_, broker_->loop0(), admit_on_loop0(*broker_, peer.host));
  if (admitted) ++connections_;
  co_return admitted;
}

rt::Task<> Shard::leave(std::string host) {
  --connections_;
  co_await rt::call(*loop_, broker_->loop0(), leave_on_loop0(*broker_, std::move(host)));
}

rt::Task<> Shard::stop() {
  co_await partitions_.stop();
  co_await background_.stop_and_join();
}

}  // namespace moldau::broker
