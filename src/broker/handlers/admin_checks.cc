#include "broker/handlers/admin_checks.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace moldau::broker {
namespace {

using wire::ErrorCode;
using Type = ResourceType;

constexpr std::string_view kDenied = "Authorization failed.";

bool may_all(const Shard& shard, const RequestContext& context, Operation operation) {
  return shard.authorizer().authorize(context, operation, Type::kCluster, kClusterResource);
}
bool may(const Shard& shard, const RequestContext& context, Operation operation,
         const base::TopicName& topic) {
  return shard.authorizer().authorize(context, operation, Type::kTopic, topic.view());
}

template <class List>
void append(List& to, List from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// How often each name is in the request, however the request names topics.
class Names {
 public:
  void add(const base::TopicName& name) { ++count_[name]; }
  [[nodiscard]] bool once(const base::TopicName& name) const { return count_.at(name) == 1; }

 private:
  std::map<base::TopicName, int> count_;
};

template <class Request>
Names names_of(const Request& request) {
  Names names;
  for (const auto& topic : request.topics) names.add(topic.name);
  return names;
}

void deny(wire::DeleteTopicsResponse& refused, std::optional<base::TopicName> name,
          const base::TopicId& id) {
  auto& entry = refused.responses.emplace_back();
  entry.name = std::move(name);
  entry.topic_id = id;
  entry.error_code = ErrorCode::kTopicAuthorizationFailed;
}

}  // namespace

wire::CreateTopicsResponse take_refused(const Shard& shard, const RequestContext& context,
                                        wire::CreateTopicsRequest& request) {
  wire::CreateTopicsResponse refused;
  if (may_all(shard, context, Operation::kCreate)) return refused;
  const Names names = names_of(request);
  std::erase_if(request.topics, [&](const auto& topic) {
    if (!names.once(topic.name) || may(shard, context, Operation::kCreate, topic.name)) {
      return false;
    }
    auto& entry = refused.topics.emplace_back();
    entry.name = topic.name;
    entry.error_code = ErrorCode::kTopicAuthorizationFailed;
    entry.error_message = std::string(kDenied);
    return true;
  });
  return refused;
}

void add_refused(const Shard& shard, const RequestContext& context,
                 wire::CreateTopicsResponse& response, wire::CreateTopicsResponse refused) {
  for (auto& topic : response.topics) {
    if (topic.error_code != ErrorCode::kNone) continue;
    if (may(shard, context, Operation::kDescribeConfigs, topic.name)) continue;
    topic.topic_config_error_code = ErrorCode::kTopicAuthorizationFailed;
    topic.num_partitions = -1;
    topic.replication_factor = -1;
    topic.configs.emplace();
  }
  append(response.topics, std::move(refused.topics));
}

// A topic that may be seen and does not exist is left to the core, which says so.
wire::DeleteTopicsResponse take_refused(const Shard& shard, const RequestContext& context,
                                        wire::DeleteTopicsRequest& request) {
  wire::DeleteTopicsResponse refused;
  if (may_all(shard, context, Operation::kDelete)) return refused;
  const ImagePtr image = shard.image();
  Names names;
  for (const base::TopicName& name : request.topic_names) names.add(name);
  for (const auto& topic : request.topics) {
    if (topic.name && topic.topic_id.is_zero()) names.add(*topic.name);
  }
  const auto denied = [&](const base::TopicName& name) {
    if (!may(shard, context, Operation::kDescribe, name)) return true;
    return image->topic(name.view()) != nullptr && !may(shard, context, Operation::kDelete, name);
  };
  const auto deny_name = [&](const base::TopicName& name) {
    if (!names.once(name) || !denied(name)) return false;
    deny(refused, name, {});
    return true;
  };
  std::erase_if(request.topic_names, deny_name);
  std::erase_if(request.topics, [&](const auto& topic) {
    if (topic.name) return topic.topic_id.is_zero() && deny_name(*topic.name);
    const metadata::Topic* found = image->topic(topic.topic_id);
    if (found == nullptr || may(shard, context, Operation::kDelete, found->name)) return false;
    // Only who may see the topic learns the name behind the id.
    const bool visible = may(shard, context, Operation::kDescribe, found->name);
    deny(refused, visible ? std::optional(found->name) : std::nullopt, topic.topic_id);
    return true;
  });
  return refused;
}

void add_refused(const Shard&, const RequestContext&, wire::DeleteTopicsResponse& response,
                 wire::DeleteTopicsResponse refused) {
  append(response.responses, std::move(refused.responses));
}

wire::CreatePartitionsResponse take_refused(const Shard& shard, const RequestContext& context,
                                            wire::CreatePartitionsRequest& request) {
  wire::CreatePartitionsResponse refused;
  const Names names = names_of(request);
  std::erase_if(request.topics, [&](const auto& topic) {
    if (!names.once(topic.name) || may(shard, context, Operation::kAlter, topic.name)) return false;
    auto& entry = refused.results.emplace_back();
    entry.name = topic.name;
    entry.error_code = ErrorCode::kTopicAuthorizationFailed;
    return true;
  });
  return refused;
}

void add_refused(const Shard&, const RequestContext&, wire::CreatePartitionsResponse& response,
                 wire::CreatePartitionsResponse refused) {
  append(response.results, std::move(refused.results));
}

wire::IncrementalAlterConfigsResponse take_refused(const Shard& shard,
                                                   const RequestContext& context,
                                                   wire::IncrementalAlterConfigsRequest& request) {
  wire::IncrementalAlterConfigsResponse refused;
  const Authorizer& authorizer = shard.authorizer();
  std::erase_if(request.resources, [&](const auto& resource) {
    Type type = Type::kCluster;
    std::string_view name = kClusterResource;
    ErrorCode error = ErrorCode::kClusterAuthorizationFailed;
    const auto kind = static_cast<metadata::ResourceType>(resource.resource_type);
    if (kind == metadata::ResourceType::kTopic) {
      type = Type::kTopic;
      name = resource.resource_name;
      error = ErrorCode::kTopicAuthorizationFailed;
    } else if (kind == metadata::ResourceType::kGroup) {
      type = Type::kGroup;
      name = resource.resource_name;
      error = ErrorCode::kGroupAuthorizationFailed;
    }
    if (authorizer.authorize(context, Operation::kAlterConfigs, type, name)) return false;
    auto& entry = refused.responses.emplace_back();
    entry.error_code = error;
    entry.error_message = std::nullopt;
    entry.resource_type = resource.resource_type;
    entry.resource_name = resource.resource_name;
    return true;
  });
  return refused;
}

void add_refused(const Shard&, const RequestContext&,
                 wire::IncrementalAlterConfigsResponse& response,
                 wire::IncrementalAlterConfigsResponse refused) {
  append(response.responses, std::move(refused.responses));
}

}  // namespace moldau::broker
