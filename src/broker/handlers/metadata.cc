// Metadata, DescribeTopicPartitions and DescribeCluster: the image as clients see it. A topic that
// is asked for and does not exist is created when both the client and the node allow it.
#include <algorithm>
#include <map>
#include <set>

#include "broker/broker.h"
#include "broker/handlers/auto_create.h"
#include "broker/handlers/handlers.h"
#include "broker/shard.h"
#include "broker/topic_lookup.h"
#include "controller/topic_name.h"
#include "rt/call.h"

namespace moldau::broker {
namespace {

// Bits of the operations on a resource, by AclOperation's numbers.
constexpr std::int32_t kTopicOperations =
    (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 8) | (1 << 10) | (1 << 11);
constexpr std::int32_t kClusterOperations =
    (1 << 5) | (1 << 7) | (1 << 8) | (1 << 9) | (1 << 10) | (1 << 11) | (1 << 12);

// The listener's absence became an error of its own in this version.
constexpr std::int16_t kListenerNotFoundVersion = 6;
// In these versions a topic has a place for its id and can only be asked for by name.
constexpr std::int16_t kNamesOnlyUntil = 11;

std::int32_t allowed_operations(const Shard& shard, const RequestContext& context,
                                ResourceType type, std::string_view name, std::int32_t all) {
  std::int32_t allowed = 0;
  for (int operation = 0; operation < 31; ++operation) {
    const std::int32_t bit = 1 << operation;
    if ((all & bit) == 0) continue;
    if (shard.authorizer().authorize(context, static_cast<Operation>(operation), type, name)) {
      allowed |= bit;
    }
  }
  return allowed;
}

std::int32_t cluster_operations(const Shard& shard, const RequestContext& context) {
  const bool may_see = shard.authorizer().authorize(context, Operation::kDescribe,
                                                    ResourceType::kCluster, kClusterResource);
  return may_see ? allowed_operations(shard, context, ResourceType::kCluster, kClusterResource,
                                      kClusterOperations)
                 : 0;
}

bool is_online(const metadata::Image& image, base::BrokerId id) {
  const metadata::BrokerRegistration* broker = image.broker(id);
  return broker != nullptr && !broker->fenced;
}

std::vector<base::BrokerId> offline_replicas(const metadata::Image& image,
                                             const metadata::Partition& partition) {
  std::vector<base::BrokerId> offline;
  for (const base::BrokerId id : partition.replicas) {
    const metadata::BrokerRegistration* broker = image.broker(id);
    const bool online =
        broker != nullptr && !broker->fenced && broker->has_online_dir(partition.directory_of(id));
    if (!online) offline.push_back(id);
  }
  return offline;
}

// Whether a client can reach the broker through the listener it came on.
const metadata::Endpoint* reachable(const metadata::Image& image, base::BrokerId id,
                                    const std::string& listener) {
  const metadata::BrokerRegistration* broker = image.broker(id);
  if (broker == nullptr || broker->fenced) return nullptr;
  return broker->endpoint(listener);
}

template <class PartitionEntry>
void describe(const metadata::Image& image, const std::string& listener, base::PartitionIndex index,
              const metadata::Partition& partition, PartitionEntry& entry) {
  entry.partition_index = index;
  entry.leader_id = partition.leader;
  entry.leader_epoch = partition.leader_epoch;
  entry.replica_nodes = partition.replicas.to_vector();
  entry.isr_nodes = partition.isr.to_vector();
  entry.offline_replicas = offline_replicas(image, partition);
  entry.error_code = wire::ErrorCode::kNone;
  if (!partition.has_leader() || !is_online(image, partition.leader)) {
    entry.leader_id = base::kNoBroker;
    entry.error_code = wire::ErrorCode::kLeaderNotAvailable;
  } else if (reachable(image, partition.leader, listener) == nullptr) {
    entry.leader_id = base::kNoBroker;
    entry.error_code = wire::ErrorCode::kListenerNotFound;
  }
}

class MetadataAnswer {
 public:
  MetadataAnswer(Shard& shard, const RequestContext& context, const wire::MetadataRequest& request,
                 ImagePtr image)
      : shard_(shard), context_(context), request_(request), image_(std::move(image)) {}

  wire::MetadataResponse all_topics() {
    for (const auto& [name, id] : image_->topic_names()) add(*image_->topic(id));
    return finish();
  }

  // Names that do not exist are left in `missing`.
  wire::MetadataResponse asked_topics(std::set<base::TopicName>& missing) {
    // One answer for each: copies of an id or a name would make a small request a huge answer.
    std::set<base::TopicName> seen;
    std::set<base::TopicId> seen_ids;
    for (const auto& asked : *request_.topics) {
      const bool by_id = !asked.topic_id.is_zero();
      if (by_id && !seen_ids.insert(asked.topic_id).second) continue;
      if (!by_id && (!asked.name || !seen.insert(*asked.name).second)) continue;
      const metadata::Topic* topic =
          by_id ? image_->topic(asked.topic_id) : image_->topic(asked.name->view());
      if (topic != nullptr) {
        add(*topic);
      } else if (by_id) {
        auto& entry = response_.topics.emplace_back();
        entry.error_code = wire::ErrorCode::kUnknownTopicId;
        entry.topic_id = asked.topic_id;
        entry.name = std::nullopt;
      } else {
        add_missing(*asked.name, missing);
      }
    }
    return finish();
  }

 private:
  [[nodiscard]] bool may(Operation operation, std::string_view topic) const {
    return shard_.authorizer().authorize(context_, operation, ResourceType::kTopic, topic);
  }

  void add_missing(const base::TopicName& name, std::set<base::TopicName>& missing) {
    auto& entry = response_.topics.emplace_back();
    entry.name = name;
    if (!may(Operation::kDescribe, name.view())) {
      entry.error_code = wire::ErrorCode::kTopicAuthorizationFailed;
      return;
    }
    entry.is_internal = is_internal_topic(name.view());
    if (controller::topic_name_problem(name.view())) {
      entry.error_code = wire::ErrorCode::kInvalidTopicException;
      return;
    }
    entry.error_code = wire::ErrorCode::kUnknownTopicOrPartition;
    missing.insert(name);
  }

  void add(const metadata::Topic& topic) {
    if (!may(Operation::kDescribe, topic.name.view())) {
      if (!request_.topics) return;  // A list of all shows what may be seen.
      auto& entry = response_.topics.emplace_back();
      entry.name = topic.name;
      entry.error_code = wire::ErrorCode::kTopicAuthorizationFailed;
      return;
    }
    auto& entry = response_.topics.emplace_back();
    entry.name = topic.name;
    entry.topic_id = topic.id;
    entry.is_internal = is_internal_topic(topic.name.view());
    entry.partitions.reserve(topic.partitions.size());
    for (const auto& [index, partition] : topic.partitions) {
      auto& described = entry.partitions.emplace_back();
      describe(*image_, context_.listener->name, index, partition, described);
      if (described.error_code == wire::ErrorCode::kListenerNotFound &&
          context_.api_version < kListenerNotFoundVersion) {
        described.error_code = wire::ErrorCode::kLeaderNotAvailable;
      }
    }
    if (request_.include_topic_authorized_operations) {
      entry.topic_authorized_operations = allowed_operations(shard_, context_, ResourceType::kTopic,
                                                             topic.name.view(), kTopicOperations);
    }
  }

  wire::MetadataResponse finish() {
    for (const auto& [id, broker] : image_->brokers()) {
      const metadata::Endpoint* endpoint = reachable(*image_, id, context_.listener->name);
      if (endpoint == nullptr) continue;
      auto& entry = response_.brokers.emplace_back();
      entry.node_id = id;
      entry.host = endpoint->host;
      entry.port = endpoint->port;
      entry.rack = broker.rack;
      // Clients send admin requests to any broker, which forwards them: name one that lives.
      if (response_.controller_id == base::kNoBroker) response_.controller_id = id;
    }
    response_.cluster_id = shard_.broker().cluster_id();
    if (request_.include_cluster_authorized_operations) {
      response_.cluster_authorized_operations = cluster_operations(shard_, context_);
    }
    return std::move(response_);
  }

  Shard& shard_;
  const RequestContext& context_;
  const wire::MetadataRequest& request_;
  ImagePtr image_;
  wire::MetadataResponse response_;
};

// Version 0 had no way to ask for nothing: an empty list means all.
bool wants_all(const wire::MetadataRequest& request, std::int16_t version) {
  return !request.topics || (version == 0 && request.topics->empty());
}

bool is_valid(const wire::MetadataRequest& request, std::int16_t version) {
  if (version > kNamesOnlyUntil) return true;
  return std::ranges::all_of(*request.topics, [](const auto& topic) {
    return topic.name.has_value() && topic.topic_id.is_zero();
  });
}

wire::MetadataResponse refuse_topics(const wire::MetadataRequest& request) {
  wire::MetadataResponse response;
  for (const auto& asked : *request.topics) {
    auto& entry = response.topics.emplace_back();
    entry.error_code = wire::ErrorCode::kInvalidRequest;
    entry.name = asked.name.value_or(base::TopicName());
    entry.topic_id = asked.topic_id;
  }
  return response;
}

// Which of the missing topics come into being by being asked for. Internal topics do not: with one
// partition and no compaction a later version, or Apache Kafka, would find them useless.
std::set<base::TopicName> creatable(const Shard& shard, const RequestContext& context,
                                    const std::set<base::TopicName>& missing,
                                    std::map<base::TopicName, wire::ErrorCode>& failed) {
  std::set<base::TopicName> names;
  const Authorizer& authorizer = shard.authorizer();
  const bool may_create_all =
      authorizer.authorize(context, Operation::kCreate, ResourceType::kCluster, kClusterResource);
  for (const base::TopicName& name : missing) {
    const bool may_create =
        may_create_all ||
        authorizer.authorize(context, Operation::kCreate, ResourceType::kTopic, name.view());
    if (!may_create) {
      failed.emplace(name, wire::ErrorCode::kTopicAuthorizationFailed);
    } else if (is_internal_topic(name.view())) {
      failed.emplace(name, wire::ErrorCode::kUnknownTopicOrPartition);
    } else {
      names.insert(name);
    }
  }
  return names;
}

}  // namespace

rt::Task<wire::MetadataResponse> handle_metadata(Shard& shard, RequestContext context,
                                                 wire::MetadataRequest request) {
  MetadataAnswer now(shard, context, request, shard.image());
  if (wants_all(request, context.api_version)) {
    request.topics.reset();
    co_return now.all_topics();
  }
  if (!is_valid(request, context.api_version)) co_return refuse_topics(request);
  std::set<base::TopicName> missing;
  wire::MetadataResponse response = now.asked_topics(missing);
  const bool create = !missing.empty() && request.allow_auto_topic_creation &&
                      shard.broker().config().topics.auto_create;
  if (!create) co_return response;
  std::map<base::TopicName, wire::ErrorCode> failed;
  auto names = creatable(shard, context, missing, failed);
  if (!names.empty()) failed.merge(co_await auto_create_topics(shard, std::move(names)));
  std::set<base::TopicName> still_missing;
  MetadataAnswer later(shard, context, request, shard.image());
  response = later.asked_topics(still_missing);
  for (auto& topic : response.topics) {
    if (!topic.name || !still_missing.contains(*topic.name)) continue;
    const auto found = failed.find(*topic.name);
    topic.error_code = found != failed.end() ? found->second : wire::ErrorCode::kLeaderNotAvailable;
  }
  co_return response;
}

namespace {

using DescribedTopic = wire::DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponseTopic;

// The topics to describe, in order, from the cursor on.
std::vector<base::TopicName> topics_from_cursor(
    const Shard& shard, const RequestContext& context, const metadata::Image& image,
    const wire::DescribeTopicPartitionsRequest& request) {
  std::set<base::TopicName> names;
  if (request.topics.empty()) {
    for (const auto& [name, id] : image.topic_names()) {
      if (shard.authorizer().authorize(context, Operation::kDescribe, ResourceType::kTopic, name)) {
        names.emplace(name);
      }
    }
  }
  for (const auto& topic : request.topics) names.insert(topic.name);
  std::vector<base::TopicName> ordered;
  for (const base::TopicName& name : names) {
    if (!request.cursor || name >= request.cursor->topic_name) ordered.push_back(name);
  }
  return ordered;
}

// A cursor goes on where an answer to the same list ended.
bool is_valid(const wire::DescribeTopicPartitionsRequest& request) {
  if (!request.cursor) return true;
  const bool listed =
      request.topics.empty() || std::ranges::any_of(request.topics, [&](const auto& topic) {
        return topic.name == request.cursor->topic_name;
      });
  return listed && request.cursor->partition_index >= base::PartitionIndex(0);
}

}  // namespace

rt::Task<wire::DescribeTopicPartitionsResponse> handle_describe_topic_partitions(
    Shard& shard, RequestContext context, wire::DescribeTopicPartitionsRequest request) {
  wire::DescribeTopicPartitionsResponse response;
  if (!is_valid(request)) {
    for (const auto& topic : request.topics) {
      auto& entry = response.topics.emplace_back();
      entry.name = topic.name;
      entry.error_code = wire::ErrorCode::kInvalidRequest;
    }
    co_return response;
  }
  const ImagePtr image = shard.image();
  const std::int32_t limit_of_config = shard.broker().config().fetch.partitions_in_request_max;
  auto left = std::max(1, std::min(request.response_partition_limit, limit_of_config));
  for (const base::TopicName& name : topics_from_cursor(shard, context, *image, request)) {
    if (left == 0) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = name;
      co_return response;
    }
    DescribedTopic& entry = response.topics.emplace_back();
    entry.name = name;
    entry.is_internal = is_internal_topic(name.view());
    const bool allowed = shard.authorizer().authorize(context, Operation::kDescribe,
                                                      ResourceType::kTopic, name.view());
    const metadata::Topic* topic = image->topic(name.view());
    if (!allowed || topic == nullptr) {
      entry.error_code = !allowed ? wire::ErrorCode::kTopicAuthorizationFailed
                         : controller::topic_name_problem(name.view())
                             ? wire::ErrorCode::kInvalidTopicException
                             : wire::ErrorCode::kUnknownTopicOrPartition;
      continue;
    }
    entry.topic_id = topic->id;
    entry.topic_authorized_operations =
        allowed_operations(shard, context, ResourceType::kTopic, name.view(), kTopicOperations);
    const bool at_cursor = request.cursor && request.cursor->topic_name == name;
    const base::PartitionIndex first =
        at_cursor ? request.cursor->partition_index : base::PartitionIndex(0);
    for (const auto& [index, partition] : topic->partitions) {
      if (index < first) continue;
      if (left == 0) {
        response.next_cursor.emplace();
        response.next_cursor->topic_name = name;
        response.next_cursor->partition_index = index;
        co_return response;
      }
      --left;
      auto& described = entry.partitions.emplace_back();
      describe(*image, context.listener->name, index, partition, described);
      described.eligible_leader_replicas = partition.eligible_leader_replicas.to_vector();
      described.last_known_elr = partition.last_known_elr.to_vector();
    }
  }
  co_return response;
}

namespace {

constexpr std::int8_t kBrokerEndpoints = 1;
constexpr std::int8_t kControllerEndpoints = 2;

template <class Registration>
void add_node(wire::DescribeClusterResponse& response, const Registration& node,
              const std::string& listener) {
  for (const metadata::Endpoint& endpoint : node.endpoints) {
    if (endpoint.name != listener) continue;
    auto& entry = response.brokers.emplace_back();
    entry.broker_id = node.id;
    entry.host = endpoint.host;
    entry.port = endpoint.port;
    return;
  }
}

}  // namespace

rt::Task<wire::DescribeClusterResponse> handle_describe_cluster(
    Shard& shard, RequestContext context, wire::DescribeClusterRequest request) {
  wire::DescribeClusterResponse response;
  const bool for_controllers = context.listener->kind == ListenerKind::kController;
  const std::int8_t here = for_controllers ? kControllerEndpoints : kBrokerEndpoints;
  if (request.endpoint_type != here) {
    const bool known =
        request.endpoint_type == kBrokerEndpoints || request.endpoint_type == kControllerEndpoints;
    // Version 0 has neither the types nor their errors.
    response.error_code = context.api_version == 0 ? wire::ErrorCode::kInvalidRequest
                          : known                  ? wire::ErrorCode::kMismatchedEndpointType
                                                   : wire::ErrorCode::kUnsupportedEndpointType;
    response.error_message =
        "The request was sent to an endpoint of the wrong type: this one is for " +
        std::string(for_controllers ? "controllers." : "brokers.");
    co_return response;
  }
  response.endpoint_type = here;
  const ImagePtr image = shard.image();
  response.cluster_id = shard.broker().cluster_id();
  const std::string& listener = context.listener->name;
  if (for_controllers) {
    for (const auto& [id, node] : image->controllers()) add_node(response, node, listener);
    response.controller_id =
        co_await rt::call(shard.loop(), shard.broker().loop0(), active_controller(shard.broker()));
    const bool listed = std::ranges::any_of(response.brokers, [&](const auto& node) {
      return node.broker_id == response.controller_id;
    });
    if (!listed) response.controller_id = base::kNoBroker;
  } else {
    for (const auto& [id, node] : image->brokers()) {
      if (node.fenced && !request.include_fenced_brokers) continue;
      const std::size_t before = response.brokers.size();
      add_node(response, node, listener);
      if (response.brokers.size() == before) continue;
      response.brokers.back().rack = node.rack;
      response.brokers.back().is_fenced = node.fenced;
      if (response.controller_id == base::kNoBroker && !node.fenced) response.controller_id = id;
    }
  }
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = cluster_operations(shard, context);
  }
  co_return response;
}

}  // namespace moldau::broker
