#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "config/describe.h"
#include "controller/internal/decisions.h"
#include "controller/topic_name.h"

namespace moldau::controller {
namespace {

using wire::ErrorCode;
using Request = wire::CreateTopicsRequest;
using Creatable = wire::CreateTopicsRequest::CreatableTopic;
using Response = wire::CreateTopicsResponse;
using Result = wire::CreateTopicsResponse::CreatableTopicResult;

constexpr std::string_view kMetadataTopic = "__cluster_metadata";

struct Plan {
  std::vector<Assignment> assignments;
  config::Values configs;
};

Result refusal(const base::TopicName& name, ApiError error) {
  Result result;
  result.name = name;
  result.error_code = error.code;
  result.error_message = std::move(error.message);
  result.configs = std::nullopt;
  return result;
}

ApiError check_new_name(const View& view, const std::string& name) {
  if (name == kMetadataTopic) {
    return {.code = ErrorCode::kInvalidRequest,
            .message = "Creation of internal topic __cluster_metadata is prohibited."};
  }
  if (view.image().topic(name) != nullptr) {
    return {.code = ErrorCode::kTopicAlreadyExists,
            .message = "Topic '" + name + "' already exists."};
  }
  if (auto problem = topic_name_problem(name)) {
    return {.code = ErrorCode::kInvalidTopicException, .message = std::move(*problem)};
  }
  if (!has_collision_characters(name)) return {};
  const auto* colliding = view.state.colliding_names.find(unified_topic_name(name));
  if (colliding == nullptr) return {};
  return {.code = ErrorCode::kInvalidTopicException,
          .message = "Topic '" + name + "' collides with existing topic: " + *colliding->begin()};
}

std::expected<config::Values, ApiError> new_configs(const config::Layers& layers,
                                                    const Creatable& topic) {
  config::Values values;
  std::string nulls;
  for (const auto& config : topic.configs) {
    if (config.value) {
      values[config.name] = *config.value;
    } else {
      nulls += (nulls.empty() ? "" : ",") + config.name;
    }
  }
  if (!nulls.empty()) {
    return std::unexpected(
        ApiError{.code = ErrorCode::kInvalidConfig,
                 .message = "Null value not supported for topic configs: " + nulls});
  }
  if (auto error = check_topic_configs(layers, values, {}); error.failed()) {
    return std::unexpected(std::move(error));
  }
  return values;
}

std::unexpected<ApiError> refuse(ErrorCode code, std::string message) {
  return std::unexpected(ApiError{.code = code, .message = std::move(message)});
}

std::expected<std::vector<Assignment>, ApiError> manual_assignments(const View& view,
                                                                    const Creatable& topic) {
  if (topic.replication_factor != -1) {
    return refuse(ErrorCode::kInvalidRequest,
                  "A manual partition assignment was specified, but replication factor was not set "
                  "to -1.");
  }
  if (topic.num_partitions != -1) {
    return refuse(ErrorCode::kInvalidRequest,
                  "A manual partition assignment was specified, but numPartitions was not set to "
                  "-1.");
  }
  std::map<std::int32_t, Assignment> by_index;
  std::optional<std::size_t> replication_factor;
  for (const auto& wanted : topic.assignments) {
    const std::int32_t index = wanted.partition_index.value();
    if (by_index.contains(index)) {
      return refuse(
          ErrorCode::kInvalidReplicaAssignment,
          "Found multiple manual partition assignments for partition " + std::to_string(index));
    }
    auto assignment = check_assignment(view, wanted.broker_ids, replication_factor, index);
    if (!assignment) return std::unexpected(assignment.error());
    replication_factor = wanted.broker_ids.size();
    by_index[index] = std::move(*assignment);
  }
  std::vector<Assignment> assignments;
  for (auto& [index, assignment] : by_index) {
    if (index != static_cast<std::int32_t>(assignments.size())) {
      return refuse(ErrorCode::kInvalidReplicaAssignment,
                    "partitions should be a consecutive 0-based integer sequence");
    }
    assignments.push_back(std::move(assignment));
  }
  return assignments;
}

std::expected<std::vector<Assignment>, ApiError> assignments_of(const View& view,
                                                                const Context& context,
                                                                const Creatable& topic) {
  if (!topic.assignments.empty()) return manual_assignments(view, topic);
  if (topic.replication_factor < -1 || topic.replication_factor == 0) {
    return refuse(ErrorCode::kInvalidReplicationFactor,
                  "Replication factor must be larger than 0, or -1 to use the default value.");
  }
  if (topic.num_partitions < -1 || topic.num_partitions == 0) {
    return refuse(ErrorCode::kInvalidPartitions,
                  "Number of partitions was set to an invalid non-positive value.");
  }
  const auto& defaults = view.settings.topics;
  const std::int32_t partitions =
      topic.num_partitions == -1 ? defaults.partitions : topic.num_partitions;
  const std::int32_t replication_factor =
      topic.replication_factor == -1 ? defaults.replication_factor : topic.replication_factor;
  return place(view, partitions, replication_factor, context.chance);
}

std::int64_t requested_partitions(const View& view, const Request& request) {
  std::int64_t total = 0;
  for (const auto& topic : request.topics) {
    if (!topic.assignments.empty()) {
      total += static_cast<std::int64_t>(topic.assignments.size());
    } else if (topic.num_partitions == -1) {
      total += view.settings.topics.partitions;
    } else if (topic.num_partitions > 0) {
      total += topic.num_partitions;
    }
  }
  return total;
}

Result success(const config::Layers& layers, const Creatable& topic, const base::TopicId& id,
               const Plan& plan) {
  Result result;
  result.name = topic.name;
  result.topic_id = id;
  result.error_message = std::nullopt;
  result.num_partitions = static_cast<std::int32_t>(plan.assignments.size());
  result.replication_factor = static_cast<std::int16_t>(plan.assignments.front().replicas.size());
  result.configs.emplace();
  for (auto& entry : config::describe_topic(layers, plan.configs)) {
    Response::CreatableTopicConfigs config;
    config.name = std::move(entry.name);
    config.value = std::move(entry.value);
    config.read_only = entry.read_only;
    config.config_source = static_cast<std::int8_t>(entry.source);
    config.is_sensitive = entry.sensitive;
    result.configs->push_back(std::move(config));
  }
  return result;
}

// TopicRecord, its configs, its partitions: in this order, so that a reader of a cut log is
// consistent.
void add_records(const View& view, const base::TopicName& name, const base::TopicId& id,
                 const Plan& plan, std::vector<metadata::Record>& records) {
  wire::TopicRecord topic;
  topic.name = name;
  topic.topic_id = id;
  records.push_back(view.record(std::move(topic)));
  for (const auto& [key, value] : plan.configs) {
    wire::ConfigRecord config;
    config.resource_type = static_cast<std::int8_t>(metadata::ResourceType::kTopic);
    config.resource_name = name.value();
    config.name = key;
    config.value = value;
    records.push_back(view.record(std::move(config)));
  }
  for (auto& record : partition_records(view, id, 0, plan.assignments)) {
    records.push_back(std::move(record));
  }
}

std::expected<Plan, ApiError> plan_topic(const View& view, const Context& context,
                                         const config::Layers& layers, const Creatable& topic) {
  if (auto error = check_new_name(view, topic.name.value()); error.failed()) {
    return std::unexpected(std::move(error));
  }
  auto configs = new_configs(layers, topic);
  if (!configs) return std::unexpected(configs.error());
  auto assignments = assignments_of(view, context, topic);
  if (!assignments) return std::unexpected(assignments.error());
  return Plan{.assignments = std::move(*assignments), .configs = std::move(*configs)};
}

std::set<std::string> names_given_twice(const Request& request) {
  std::set<std::string> once;
  std::set<std::string> twice;
  for (const auto& topic : request.topics) {
    if (!once.insert(topic.name.value()).second) twice.insert(topic.name.value());
  }
  return twice;
}

Response refuse_all(const Request& request, ErrorCode code, const std::string& message) {
  Response response;
  for (const auto& topic : request.topics) {
    response.topics.push_back(refusal(topic.name, {.code = code, .message = message}));
  }
  return response;
}

}  // namespace

Decision<Response> create_topics(const View& view, const Context& context, const Request& request) {
  Decision<Response> decision;
  if (requested_partitions(view, request) > kPartitionsInRequestMax) {
    decision.response = refuse_all(request, ErrorCode::kPolicyViolation,
                                   "Excessively large number of partitions per request.");
    return decision;
  }
  const config::Layers layers = view.layers();
  const std::set<std::string> twice = names_given_twice(request);
  for (const auto& topic : request.topics) {
    const std::string& name = topic.name.value();
    if (twice.contains(name)) continue;
    auto plan = plan_topic(view, context, layers, topic);
    if (!plan) {
      decision.response.topics.push_back(refusal(topic.name, std::move(plan.error())));
      continue;
    }
    const base::TopicId id(base::Uuid::random(context.chance));
    add_records(view, topic.name, id, *plan, decision.records);
    decision.response.topics.push_back(success(layers, topic, id, *plan));
  }
  for (const auto& name : twice) {
    decision.response.topics.push_back(
        refusal(base::TopicName(name),
                {.code = ErrorCode::kInvalidRequest, .message = "Duplicate topic name."}));
  }
  if (decision.records.size() > kRecordsInDecisionMax) {
    decision.records.clear();
    decision.response = refuse_all(request, ErrorCode::kPolicyViolation,
                                   "Unable to perform excessively large batch operation.");
  }
  if (request.validate_only) decision.records.clear();
  return decision;
}

}  // namespace moldau::controller
