#include "client/cluster.h"

#include <algorithm>

#include "rt/sleep.h"
#include "wire/metadata_request.h"

namespace moldau::client {
namespace {

constexpr std::uint64_t kSpreadPercent = 20;

PartitionInfo partition_info(const wire::MetadataResponse::MetadataResponsePartition& partition) {
  return {.leader = partition.leader_id,
          .leader_epoch = partition.leader_epoch,
          .replicas = partition.replica_nodes,
          .isr = partition.isr_nodes};
}

// Partitions come in any order; a hole is a partition without a leader.
TopicInfo topic_info(const wire::MetadataResponse::MetadataResponseTopic& topic) {
  TopicInfo info{.name = *topic.name, .id = topic.topic_id, .internal = topic.is_internal};
  info.partitions.resize(topic.partitions.size());
  for (const auto& partition : topic.partitions) {
    const auto index = static_cast<std::size_t>(partition.partition_index.value());
    if (index < info.partitions.size()) info.partitions[index] = partition_info(partition);
  }
  return info;
}

}  // namespace

base::Duration Backoff::next(base::Rng& rng) {
  const base::Duration delay = next_;
  next_ = std::min(next_ * 2, max_);
  const auto spread = delay.count() / 100 * static_cast<std::int64_t>(kSpreadPercent);
  return delay + base::Duration(rng.between(-spread, spread));
}

Cluster::Cluster(rt::Loop& loop, ClusterOptions options)
    : loop_(&loop), options_(std::move(options)), scope_(loop) {
  for (const rt::Endpoint& endpoint : options_.bootstrap) {
    auto node = std::make_shared<Node>(loop);
    node->endpoint = endpoint;
    bootstrap_.push_back(std::move(node));
  }
}

rt::Task<ClientResult<wire::MetadataResponse>> Cluster::refresh(
    std::optional<std::vector<base::TopicName>> topics, base::Instant deadline) {
  wire::MetadataRequest request;
  request.allow_auto_topic_creation = options_.create_topics;
  if (topics && topics->empty()) {
    request.topics.reset();
  } else if (topics) {
    for (const base::TopicName& name : *topics) request.topics->push_back({.name = name});
  }
  auto answer = CO_TRY(co_await call_any<wire::MetadataResponse>(std::move(request), deadline));
  learn(answer);
  co_return answer;
}

void Cluster::learn_brokers(const wire::MetadataResponse& metadata) {
  if (metadata.cluster_id) cluster_id_ = *metadata.cluster_id;
  if (metadata.brokers.empty()) return;
  std::map<base::BrokerId, std::shared_ptr<Node>> nodes;
  for (const auto& broker : metadata.brokers) {
    const rt::Endpoint endpoint{.host = broker.host,
                                .port = static_cast<std::uint16_t>(broker.port)};
    const auto known = nodes_.find(broker.node_id);
    const bool same = known != nodes_.end() && known->second->endpoint == endpoint;
    auto node = same ? known->second : std::make_shared<Node>(*loop_);
    node->endpoint = endpoint;
    node->rack = broker.rack.value_or("");
    nodes.emplace(broker.node_id, std::move(node));
  }
  nodes_.swap(nodes);
  for (const auto& [id, node] : nodes) {
    const auto kept = nodes_.find(id);
    if (kept != nodes_.end() && kept->second == node) continue;
    if (node->channel != nullptr) scope_.spawn(retire(std::exchange(node->channel, nullptr)));
  }
}

void Cluster::learn(const wire::MetadataResponse& metadata) {
  learn_brokers(metadata);
  for (const auto& topic : metadata.topics) {
    if (!topic.name) continue;
    if (topic.error_code != wire::ErrorCode::kNone) {
      topics_.erase(*topic.name);
      continue;
    }
    if (topics_.size() >= kTopicsMax) topics_.erase(topics_.begin());
    topics_[*topic.name] = {.info = topic_info(topic), .learned = loop_->now(), .stale = false};
  }
}

rt::Task<ClientResult<wire::ErrorCode>> Cluster::ask_topic(base::TopicName name,
                                                           base::Instant deadline) {
  std::vector<base::TopicName> names{name};
  const auto answer = CO_TRY(co_await refresh(std::move(names), deadline));
  for (const auto& topic : answer.topics) {
    if (topic.name == name) co_return topic.error_code;
  }
  co_return wire::ErrorCode::kUnknownTopicOrPartition;
}

rt::Task<ClientResult<TopicInfo>> Cluster::topic(base::TopicName name) {
  if (const TopicInfo* fresh = fresh_topic(name)) co_return *fresh;
  const base::Instant deadline = default_deadline();
  const base::Instant patience_ends = loop_->now() + options_.patience;
  Backoff delays = backoff();
  for (;;) {
    const wire::ErrorCode code = CO_TRY(co_await ask_topic(name, deadline));
    if (code == wire::ErrorCode::kNone) {
      const TopicInfo* info = cached_topic(name);
      if (info != nullptr) co_return *info;
    }
    const bool wait = code == wire::ErrorCode::kNone || wire::is_retriable(code);
    if (!wait || !co_await pause(delays.next(loop_->rng()), std::min(deadline, patience_ends))) {
      if (closing()) co_return std::unexpected(stopped());
      const bool unknown = code == wire::ErrorCode::kUnknownTopicOrPartition;
      co_return fail(code,
                     "topic " + name.value() + ": " + wire::to_string(code) +
                         (unknown ? "; create it first: moldau topic create " + name.value() : ""));
    }
  }
}

const TopicInfo* Cluster::cached_topic(const base::TopicName& name) const {
  const auto known = topics_.find(name);
  return known == topics_.end() ? nullptr : &known->second.info;
}

const TopicInfo* Cluster::fresh_topic(const base::TopicName& name) const {
  const auto known = topics_.find(name);
  const bool fresh = known != topics_.end() && !known->second.stale &&
                     loop_->now() - known->second.learned < options_.metadata_max_age;
  return fresh ? &known->second.info : nullptr;
}

void Cluster::mark_stale(const base::TopicName& name) {
  const auto known = topics_.find(name);
  if (known != topics_.end()) known->second.stale = true;
}

std::vector<BrokerInfo> Cluster::brokers() const {
  std::vector<BrokerInfo> list;
  for (const auto& [id, node] : nodes_) {
    list.push_back({.id = id, .endpoint = node->endpoint, .rack = node->rack});
  }
  return list;
}

rt::Task<Cluster::ChannelResult> Cluster::open(std::shared_ptr<Node> node) {
  const auto turn = co_await node->connecting.lock();
  if (closing()) co_return std::unexpected(stopped());
  if (node->channel != nullptr && !node->channel->closed()) co_return node->channel;
  if (node->channel != nullptr) scope_.spawn(retire(std::exchange(node->channel, nullptr)));
  auto opened = co_await Channel::connect(*loop_, node->endpoint, options_.channel, token());
  if (!opened) co_return std::unexpected(opened.error());
  if (closing()) {
    co_await (*opened)->close_and_join();
    co_return std::unexpected(stopped());
  }
  node->channel = std::move(*opened);
  reached_ = true;
  co_return node->channel;
}

// Calls in flight end by the close and hold their own reference until then.
rt::Task<> Cluster::retire(std::shared_ptr<Channel> channel) { co_await channel->close_and_join(); }

rt::Task<Cluster::ChannelResult> Cluster::channel(base::BrokerId id) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) {
    co_return fail(ClientErrorKind::kConnection,
                   "broker " + std::to_string(id.value()) + " is not in the cluster's metadata");
  }
  co_return co_await open(found->second);
}

// Open channels first; then the known brokers from a drawn start, then the bootstrap servers.
std::vector<std::shared_ptr<Cluster::Node>> Cluster::candidates() {
  std::vector<std::shared_ptr<Node>> list;
  for (const auto& [id, node] : nodes_) list.push_back(node);
  if (!list.empty()) {
    const auto start = static_cast<std::ptrdiff_t>(loop_->rng().below(list.size()));
    std::rotate(list.begin(), list.begin() + start, list.end());
  }
  list.insert(list.end(), bootstrap_.begin(), bootstrap_.end());
  const auto usable = std::find_if(list.begin(), list.end(), [](const auto& node) {
    return node->channel != nullptr && !node->channel->closed();
  });
  if (usable != list.end()) std::rotate(list.begin(), usable, usable + 1);
  return list;
}

rt::Task<Cluster::ChannelResult> Cluster::any_channel() {
  ClientError last{.kind = ClientErrorKind::kUsage, .message = "no bootstrap server is given"};
  for (const std::shared_ptr<Node>& node : candidates()) {
    auto opened = co_await open(node);
    if (opened) co_return opened;
    last = opened.error();
    if (last.kind == ClientErrorKind::kStopped) co_return std::unexpected(last);
  }
  co_return std::unexpected(unreachable(last));
}

ClientError Cluster::unreachable(const ClientError& last) const {
  if (last.kind != ClientErrorKind::kConnection) return last;
  return {.kind = last.kind,
          .message = last.message + (reached_ ? "" : "; is a broker running there?")};
}

rt::Task<bool> Cluster::pause(base::Duration delay, base::Instant deadline) {
  if (loop_->now() + delay >= deadline) co_return false;
  co_return co_await rt::sleep_for(*loop_, delay, token());
}

bool Cluster::worth_retrying(const ClientError& error) {
  switch (error.kind) {
    case ClientErrorKind::kConnection:
    case ClientErrorKind::kTimeout:
      return true;
    case ClientErrorKind::kBroker:
      return wire::is_retriable(error.code);
    case ClientErrorKind::kUnsupported:
    case ClientErrorKind::kMalformed:
    case ClientErrorKind::kUsage:
    case ClientErrorKind::kStopped:
      return false;
  }
  return false;
}

ClientError Cluster::stopped() {
  return {.kind = ClientErrorKind::kStopped, .message = "the client was stopped"};
}

rt::Task<> Cluster::close() {
  scope_.stop();
  std::vector<std::shared_ptr<Node>> all = bootstrap_;
  for (const auto& [id, node] : nodes_) all.push_back(node);
  for (const std::shared_ptr<Node>& node : all) {
    const auto turn = co_await node->connecting.lock();
    if (node->channel == nullptr) continue;
    co_await node->channel->close_and_join();
    node->channel.reset();
  }
  co_await scope_.join();
}

}  // namespace moldau::client
