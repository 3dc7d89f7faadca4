#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>
#include <utility>

#include "config/table.h"
#include "config/topic_config.h"
#include "controller/internal/decisions.h"
#include "controller/topic_name.h"

namespace moldau::controller {
namespace {

using metadata::ConfigResource;
using metadata::ConfigValues;
using metadata::ResourceType;
using wire::ErrorCode;

// As Kafka's strings, which have an int16 length.
constexpr std::size_t kStoredValueBytesMax = 32'767;
constexpr std::string_view kMinIsr = "min.insync.replicas";
constexpr std::string_view kCordonedDirs = "cordoned.log.dirs";

enum class Operation : std::int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };

// What a request does to one resource: the new value of each key it names, nothing for removed.
using Changed = std::map<std::string, std::optional<std::string>>;

ApiError invalid(std::string message) {
  return {.code = ErrorCode::kInvalidConfig, .message = std::move(message)};
}
ApiError bad_request(std::string message) {
  return {.code = ErrorCode::kInvalidRequest, .message = std::move(message)};
}

std::optional<config::Scope> scope_of(ResourceType type) {
  switch (type) {
    case ResourceType::kTopic:
      return config::Scope::kTopic;
    case ResourceType::kBroker:
      return config::Scope::kBroker;
    case ResourceType::kGroup:
      return config::Scope::kGroup;
    case ResourceType::kClientMetrics:
      return config::Scope::kClientMetrics;
    default:
      return std::nullopt;
  }
}

ApiError check_broker_name(std::string_view name) {
  if (name.empty()) return {};
  std::int32_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc() || end != name.data() + name.size()) {
    return bad_request("Unable to parse broker name as a base 10 number.");
  }
  return id < 0 ? bad_request("Invalid negative broker ID.") : ApiError();
}

ApiError check_name(const View& view, const ConfigResource& resource) {
  switch (resource.type) {
    case ResourceType::kTopic:
      if (resource.name.empty()) return bad_request("Default topic resources are not allowed.");
      if (auto problem = topic_name_problem(resource.name)) {
        return {.code = ErrorCode::kInvalidTopicException, .message = std::move(*problem)};
      }
      if (view.image().topic(resource.name) == nullptr) {
        return {.code = ErrorCode::kUnknownTopicOrPartition,
                .message = "The topic '" + resource.name + "' does not exist."};
      }
      return {};
    case ResourceType::kBroker: {
      if (auto error = check_broker_name(resource.name); error.failed()) return error;
      if (resource.name.empty()) return {};
      std::int32_t id = 0;
      std::from_chars(resource.name.data(), resource.name.data() + resource.name.size(), id);
      const base::BrokerId broker(id);
      const bool known = view.image().broker(broker) != nullptr ||
                         view.image().controllers().contains(broker) ||
                         broker == view.settings.node_id;
      if (!known) {
        return {.code = ErrorCode::kBrokerIdNotRegistered,
                .message = "No node with id " + resource.name + " found."};
      }
      return {};
    }
    case ResourceType::kGroup:
      return resource.name.empty() ? bad_request("Default group resources are not allowed.")
                                   : ApiError();
    case ResourceType::kClientMetrics:
      return resource.name.empty() ? bad_request("Subscription name can't be empty") : ApiError();
    default:
      return bad_request("Unexpected resource type.");
  }
}

ApiError check_values(const View& view, const ConfigResource& resource, const Changed& changed,
                      const ConfigValues& next, const ConfigValues& before) {
  std::expected<void, std::string> valid;
  switch (resource.type) {
    case ResourceType::kTopic:
      return check_topic_configs(view.layers(), next, before);
    case ResourceType::kGroup:
      valid = config::check_group(view.layers(), next);
      break;
    case ResourceType::kClientMetrics:
      valid = config::check_client_metrics(next);
      break;
    case ResourceType::kBroker: {
      // What is stored already may come from another Kafka: only what is set now is judged.
      config::Values set;
      for (const auto& [key, value] : changed) {
        if (value) set[key] = *value;
      }
      valid = config::check_dynamic_broker(set, resource.name.empty());
      return valid ? ApiError() : bad_request(valid.error());
    }
    default:
      break;
  }
  return valid ? ApiError() : invalid(valid.error());
}

// With ELR the cluster has one min.insync.replicas; cordons need records of a later level.
ApiError check_guarded(const View& view, const ConfigResource& resource, const Changed& changed) {
  if (resource.type != ResourceType::kBroker) return {};
  const auto min_isr = changed.find(std::string(kMinIsr));
  if (view.image().elr_enabled() && min_isr != changed.end()) {
    if (!resource.name.empty()) {
      return invalid("Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
    }
    if (!min_isr->second) {
      return invalid("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
    }
  }
  if (changed.contains(std::string(kCordonedDirs)) && !view.version().cordoned_log_dirs()) {
    return invalid(
        "The cordoned.log.dirs configuration value cannot be set because it requires "
        "metadata.version >= 4.3-IV0");
  }
  return {};
}

ApiError check_change(const View& view, const ConfigResource& resource, const Changed& changed) {
  const ConfigValues& before = view.image().configs(resource.type, resource.name);
  if (auto error = check_guarded(view, resource, changed); error.failed()) return error;
  ConfigValues next = before;
  for (const auto& [key, value] : changed) {
    if (!value) {
      next.erase(key);
    } else if (value->size() > kStoredValueBytesMax) {
      return invalid(
          "The configuration value cannot be added because it exceeds the maximum value size of " +
          std::to_string(kStoredValueBytesMax) + " bytes.");
    } else {
      next[key] = *value;
    }
  }
  if (auto error = check_values(view, resource, changed, next, before); error.failed())
    return error;
  return check_name(view, resource);
}

void add_records(const View& view, const ConfigResource& resource, const Changed& changed,
                 std::vector<metadata::Record>& records) {
  const ConfigValues& before = view.image().configs(resource.type, resource.name);
  bool min_isr_changed = false;
  for (const auto& [key, value] : changed) {
    const auto now = before.find(key);
    const bool same = value ? now != before.end() && now->second == *value : now == before.end();
    // A broker reads its files again when it sees a record, even one that changes nothing.
    if (same && resource.type != ResourceType::kBroker) continue;
    wire::ConfigRecord record;
    record.resource_type = static_cast<std::int8_t>(resource.type);
    record.resource_name = resource.name;
    record.name = key;
    record.value = value;
    records.push_back(view.record(std::move(record)));
    min_isr_changed = min_isr_changed || key == kMinIsr;
  }
  if (!min_isr_changed || !view.image().elr_enabled()) return;
  // Who is eligible was decided with the old minimum.
  wire::ClearElrRecord clear;
  if (resource.type == ResourceType::kTopic) clear.topic_name = base::TopicName(resource.name);
  records.push_back(view.record(std::move(clear)));
}

std::vector<std::string> parts_of(const std::string& value) {
  std::vector<std::string> parts;
  std::string_view left = value;
  while (!left.empty()) {
    const auto comma = left.find(',');
    if (comma != 0) parts.emplace_back(left.substr(0, comma));
    if (comma == std::string_view::npos) break;
    left.remove_prefix(comma + 1);
  }
  return parts;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += ",";
    out += part;
  }
  return out;
}

// The value after APPEND or SUBTRACT: parts that are there are not added again.
std::expected<std::string, ApiError> edit_list(const ConfigResource& resource,
                                               const std::string& key, Operation operation,
                                               const std::optional<std::string>& now,
                                               const std::string& operand) {
  const auto scope = scope_of(resource.type);
  const config::Key* known = scope ? config::find_key(*scope, key) : nullptr;
  if (known == nullptr || known->type != config::Type::kList) {
    return std::unexpected(invalid(std::string("Can't ") +
                                   (operation == Operation::kAppend ? "APPEND" : "SUBTRACT") +
                                   " to key " + key + " because its type is not LIST."));
  }
  auto parts = parts_of(now.value_or(std::string(known->default_text().value_or(""))));
  for (const auto& part : parts_of(operand)) {
    const auto at = std::ranges::find(parts, part);
    if (operation == Operation::kAppend && at == parts.end()) parts.push_back(part);
    if (operation == Operation::kSubtract && at != parts.end()) parts.erase(at);
  }
  return joined(parts);
}

using Incremental = wire::IncrementalAlterConfigsRequest::AlterConfigsResource;
using Legacy = wire::AlterConfigsRequest::AlterConfigsResource;

std::expected<Changed, ApiError> changes_of(const View& view, const ConfigResource& resource,
                                            const Incremental& request) {
  const ConfigValues& before = view.image().configs(resource.type, resource.name);
  Changed changed;
  for (const auto& config : request.configs) {
    if (changed.contains(config.name)) {
      return std::unexpected(bad_request("Error due to duplicate config keys"));
    }
    if (config.config_operation < 0 || config.config_operation > 3) {
      return std::unexpected(bad_request("Unknown operation type " +
                                         std::to_string(config.config_operation) +
                                         " is not supported."));
    }
    const auto operation = static_cast<Operation>(config.config_operation);
    if (operation == Operation::kDelete) {
      changed[config.name] = std::nullopt;
      continue;
    }
    if (!config.value) {
      return std::unexpected(bad_request("Null value not supported for : " + config.name));
    }
    if (operation == Operation::kSet) {
      changed[config.name] = *config.value;
      continue;
    }
    const auto at = before.find(config.name);
    const auto now = at == before.end() ? std::nullopt : std::optional(at->second);
    auto value = edit_list(resource, config.name, operation, now, *config.value);
    if (!value) return std::unexpected(value.error());
    changed[config.name] = std::move(*value);
  }
  return changed;
}

// The older request replaces everything: what it does not name is removed.
std::expected<Changed, ApiError> changes_of(const View& view, const ConfigResource& resource,
                                            const Legacy& request) {
  Changed changed;
  for (const auto& [key, value] : view.image().configs(resource.type, resource.name)) {
    changed[key] = std::nullopt;
  }
  for (const auto& config : request.configs) {
    if (!config.value)
      return std::unexpected(invalid("Null value not supported for configs: " + config.name));
    changed[config.name] = *config.value;
  }
  return changed;
}

template <class Response, class Resource>
auto answer_of(const Resource& resource, ApiError error) {
  typename Response::AlterConfigsResourceResponse answer;
  answer.error_code = error.code;
  answer.error_message = std::move(error.message);
  answer.resource_type = resource.resource_type;
  answer.resource_name = resource.resource_name;
  return answer;
}

template <class Response, class Request>
Decision<Response> alter(const View& view, const Request& request) {
  Decision<Response> decision;
  std::set<std::pair<std::int8_t, std::string>> seen;
  std::set<std::pair<std::int8_t, std::string>> twice;
  for (const auto& resource : request.resources) {
    const std::pair key(resource.resource_type, resource.resource_name);
    if (!seen.insert(key).second) twice.insert(key);
  }
  std::set<std::pair<std::int8_t, std::string>> answered;
  for (const auto& wanted : request.resources) {
    const std::pair key(wanted.resource_type, wanted.resource_name);
    if (twice.contains(key)) {
      if (answered.insert(key).second) {
        decision.response.responses.push_back(
            answer_of<Response>(wanted, bad_request("Duplicate resource.")));
      }
      continue;
    }
    const ConfigResource resource{.type = static_cast<ResourceType>(wanted.resource_type),
                                  .name = wanted.resource_name};
    ApiError error;
    if (!scope_of(resource.type)) {
      error = {.code = ErrorCode::kUnsupportedVersion,
               .message = "Unknown resource type " + std::to_string(wanted.resource_type) + "."};
    } else if (auto changed = changes_of(view, resource, wanted); !changed) {
      error = changed.error();
    } else {
      error = check_change(view, resource, *changed);
      if (!error.failed()) add_records(view, resource, *changed, decision.records);
    }
    decision.response.responses.push_back(answer_of<Response>(wanted, std::move(error)));
  }
  if (decision.records.size() > kRecordsInDecisionMax) {
    decision.records.clear();
    for (auto& answer : decision.response.responses) {
      answer.error_code = ErrorCode::kPolicyViolation;
      answer.error_message = "Unable to perform excessively large batch operation.";
    }
  }
  if (request.validate_only) decision.records.clear();
  return decision;
}

}  // namespace

ApiError check_topic_configs(const config::Layers& layers, const config::Values& overrides,
                             const config::Values& before) {
  const auto valid = config::check_topic(layers, overrides, before);
  return valid ? ApiError() : invalid(valid.error());
}

Decision<wire::IncrementalAlterConfigsResponse> incremental_alter_configs(
    const View& view, const wire::IncrementalAlterConfigsRequest& request) {
  return alter<wire::IncrementalAlterConfigsResponse>(view, request);
}

Decision<wire::AlterConfigsResponse> alter_configs(const View& view,
                                                   const wire::AlterConfigsRequest& request) {
  return alter<wire::AlterConfigsResponse>(view, request);
}

}  // namespace moldau::controller
