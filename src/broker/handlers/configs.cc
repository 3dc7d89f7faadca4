// DescribeConfigs: the config table's answer for each resource, in the form of the wire.
#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "broker/broker.h"
#include "broker/handlers/handlers.h"
#include "broker/shard.h"
#include "config/describe.h"
#include "controller/topic_name.h"

namespace moldau::broker {
namespace {

using Result = wire::DescribeConfigsResponse::DescribeConfigsResult;
using ConfigType = metadata::ResourceType;

constexpr std::int16_t kDocumentationVersion = 3;

config::Values values_of(const metadata::ConfigValues& stored) {
  return {stored.begin(), stored.end()};
}

// The node's file under what is stored in the cluster for this node and for all.
config::Layers layers_of(const Shard& shard, const metadata::Image& image) {
  config::Layers layers = shard.broker().config().layers;
  layers.dynamic_default = values_of(image.configs(ConfigType::kBroker, ""));
  layers.dynamic_broker =
      values_of(image.configs(ConfigType::kBroker, std::to_string(shard.node_id().value())));
  return layers;
}

void fill(Result& result, const std::vector<config::Entry>& entries,
          const wire::DescribeConfigsRequest& request,
          const std::optional<std::vector<std::string>>& keys, std::int16_t version) {
  for (const config::Entry& entry : entries) {
    // An empty list means all, as in Kafka.
    const bool asked =
        !keys || keys->empty() || std::ranges::find(*keys, entry.name) != keys->end();
    if (!asked) continue;
    auto& row = result.configs.emplace_back();
    row.name = entry.name;
    row.value = entry.value;
    row.read_only = entry.read_only;
    row.config_source = static_cast<std::int8_t>(entry.source);
    row.is_sensitive = entry.sensitive;
    row.documentation = std::nullopt;
    if (version >= kDocumentationVersion) row.config_type = static_cast<std::int8_t>(entry.type);
    if (version >= kDocumentationVersion && request.include_documentation) {
      row.documentation = std::string(entry.documentation);
    }
    if (!request.include_synonyms) continue;
    for (const config::Synonym& synonym : entry.synonyms) {
      auto& listed = row.synonyms.emplace_back();
      listed.name = synonym.name;
      listed.value = synonym.value;
      listed.source = static_cast<std::int8_t>(synonym.source);
    }
  }
}

void refuse(Result& result, wire::ErrorCode error, std::string message) {
  result.error_code = error;
  result.error_message = std::move(message);
}

void describe_topic(Result& result, const Shard& shard, const RequestContext& context,
                    const wire::DescribeConfigsRequest& request,
                    const wire::DescribeConfigsRequest::DescribeConfigsResource& resource) {
  const ImagePtr image = shard.image();
  if (!shard.authorizer().authorize(context, Operation::kDescribeConfigs, ResourceType::kTopic,
                                    resource.resource_name)) {
    return refuse(result, wire::ErrorCode::kTopicAuthorizationFailed, "");
  }
  if (auto problem = controller::topic_name_problem(resource.resource_name)) {
    return refuse(result, wire::ErrorCode::kInvalidTopicException, std::move(*problem));
  }
  if (image->topic(resource.resource_name) == nullptr) {
    return refuse(result, wire::ErrorCode::kUnknownTopicOrPartition,
                  "There is no topic named '" + resource.resource_name + "'.");
  }
  fill(
      result,
      config::describe_topic(layers_of(shard, *image),
                             values_of(image->configs(ConfigType::kTopic, resource.resource_name))),
      request, resource.configuration_keys, context.api_version);
}

void describe_broker(Result& result, const Shard& shard, const RequestContext& context,
                     const wire::DescribeConfigsRequest& request,
                     const wire::DescribeConfigsRequest::DescribeConfigsResource& resource) {
  if (!shard.authorizer().authorize(context, Operation::kDescribeConfigs, ResourceType::kCluster,
                                    kClusterResource)) {
    return refuse(result, wire::ErrorCode::kClusterAuthorizationFailed, "");
  }
  const config::Layers layers = layers_of(shard, *shard.image());
  if (resource.resource_name.empty()) {
    return fill(result, config::describe_broker_defaults(layers), request,
                resource.configuration_keys, context.api_version);
  }
  std::int32_t id = 0;
  const std::string& name = resource.resource_name;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc{} || end != name.data() + name.size()) {
    return refuse(result, wire::ErrorCode::kInvalidRequest,
                  "Node id must be an integer, but it is: " + name);
  }
  if (base::BrokerId(id) != shard.node_id()) {
    return refuse(result, wire::ErrorCode::kInvalidRequest,
                  "Unexpected broker id, expected " + std::to_string(shard.node_id().value()) +
                      " or empty string, but received " + name);
  }
  fill(result, config::describe_broker(layers), request, resource.configuration_keys,
       context.api_version);
}

void describe_group(Result& result, const Shard& shard, const RequestContext& context,
                    const wire::DescribeConfigsRequest& request,
                    const wire::DescribeConfigsRequest::DescribeConfigsResource& resource) {
  if (!shard.authorizer().authorize(context, Operation::kDescribeConfigs, ResourceType::kGroup,
                                    resource.resource_name)) {
    return refuse(result, wire::ErrorCode::kGroupAuthorizationFailed, "");
  }
  if (resource.resource_name.empty()) {
    return refuse(result, wire::ErrorCode::kInvalidRequest, "The group has no name.");
  }
  const ImagePtr image = shard.image();
  fill(
      result,
      config::describe_group(layers_of(shard, *image),
                             values_of(image->configs(ConfigType::kGroup, resource.resource_name))),
      request, resource.configuration_keys, context.api_version);
}

void describe_client_metrics(
    Result& result, const Shard& shard, const RequestContext& context,
    const wire::DescribeConfigsRequest& request,
    const wire::DescribeConfigsRequest::DescribeConfigsResource& resource) {
  if (!shard.authorizer().authorize(context, Operation::kDescribeConfigs, ResourceType::kCluster,
                                    kClusterResource)) {
    return refuse(result, wire::ErrorCode::kClusterAuthorizationFailed, "");
  }
  if (resource.resource_name.empty()) {
    return refuse(result, wire::ErrorCode::kInvalidRequest, "The subscription has no name.");
  }
  const ImagePtr image = shard.image();
  fill(result,
       config::describe_client_metrics(
           values_of(image->configs(ConfigType::kClientMetrics, resource.resource_name))),
       request, resource.configuration_keys, context.api_version);
}

}  // namespace

rt::Task<wire::DescribeConfigsResponse> handle_describe_configs(
    Shard& shard, RequestContext context, wire::DescribeConfigsRequest request) {
  wire::DescribeConfigsResponse response;
  // A resource is answered once: the answer is much larger than the question.
  std::set<std::pair<std::int8_t, std::string_view>> seen;
  for (const auto& resource : request.resources) {
    if (!seen.emplace(resource.resource_type, resource.resource_name).second) continue;
    Result& result = response.results.emplace_back();
    result.error_message = std::nullopt;
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    switch (static_cast<ConfigType>(resource.resource_type)) {
      case ConfigType::kTopic:
        describe_topic(result, shard, context, request, resource);
        break;
      case ConfigType::kBroker:
        describe_broker(result, shard, context, request, resource);
        break;
      case ConfigType::kGroup:
        describe_group(result, shard, context, request, resource);
        break;
      case ConfigType::kClientMetrics:
        describe_client_metrics(result, shard, context, request, resource);
        break;
      case ConfigType::kBrokerLogger:
        refuse(result, wire::ErrorCode::kInvalidRequest,
               "This node has no loggers of their own; its level is set with --log-level.");
        break;
      default:
        refuse(result, wire::ErrorCode::kInvalidRequest,
               "Unsupported resource type: " + std::to_string(resource.resource_type));
    }
  }
  co_return response;
}

}  // namespace moldau::broker
