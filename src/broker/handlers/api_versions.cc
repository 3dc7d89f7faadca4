// ApiVersions (KIP-35, 511, 584): what this listener serves, and the cluster's features. An unknown
// newer version is answered in version 0 with UNSUPPORTED_VERSION and the range of ApiVersions
// itself, so that any client can step down.
#include <algorithm>

#include "broker/broker.h"
#include "broker/handlers/handlers.h"
#include "broker/shard.h"
#include "metadata/metadata_version.h"

namespace moldau::broker {
namespace {

// Older Java clients cannot read a supported feature whose lowest level is 0.
constexpr std::int16_t kZeroMinVersionsFrom = 4;
constexpr std::int16_t kSoftwareNameVersion = 3;
// KIP-1242: from here on a client says which cluster and node it means to reach.
constexpr std::int16_t kTargetVersion = 5;

void list_apis(wire::ApiVersionsResponse& response, ListenerKind listener) {
  for (const Api& api : apis()) {
    if (api.on(listener) == nullptr) continue;
    auto& row = response.api_keys.emplace_back();
    row.api_key = static_cast<std::int16_t>(api.key);
    row.min_version = api.min_version;
    row.max_version = api.max_version;
    // librdkafka does not produce at all unless version 0 is listed, although nobody serves it any
    // more; Kafka lists it on its broker listeners too (KAFKA-18659).
    if (api.key == wire::ApiKey::kProduce) row.min_version = 0;
  }
}

void list_features(wire::ApiVersionsResponse& response, const Broker& broker,
                   std::int16_t version) {
  const ImagePtr image = broker.image();
  for (const metadata::SupportedFeature& feature : metadata::supported_features()) {
    if (feature.range.min == 0 && version < kZeroMinVersionsFrom) continue;
    auto& supported = response.supported_features.emplace_back();
    supported.name = feature.name;
    supported.min_version = feature.range.min;
    supported.max_version = feature.range.max;
  }
  const auto finalize = [&](std::string_view name, std::int16_t level) {
    auto& finalized = response.finalized_features.emplace_back();
    finalized.name = name;
    finalized.max_version_level = level;
    finalized.min_version_level = level;
  };
  if (const auto level = image->metadata_version()) {
    finalize(metadata::kMetadataVersionFeature, level->level());
  }
  for (const auto& [name, level] : image->features()) finalize(name, level);
  if (broker.kraft_level() > 0) finalize(metadata::kKraftVersionFeature, broker.kraft_level());
  response.finalized_features_epoch = broker.image_offset().value();
}

// Kafka's rule for the client's software name and version (KIP-511).
bool is_valid_software_text(std::string_view text) {
  if (text.empty()) return false;
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (!alphanumeric(text.front()) || !alphanumeric(text.back())) return false;
  return std::ranges::all_of(text, [&](char c) { return alphanumeric(c) || c == '-' || c == '.'; });
}

wire::ErrorCode check(const Shard& shard, const RequestContext& context,
                      const wire::ApiVersionsRequest& request) {
  if (context.api_version >= kSoftwareNameVersion &&
      (!is_valid_software_text(request.client_software_name) ||
       !is_valid_software_text(request.client_software_version))) {
    return wire::ErrorCode::kInvalidRequest;
  }
  if (context.api_version < kTargetVersion) return wire::ErrorCode::kNone;
  // As Kafka: nothing is judged without a cluster id, nor on a controller listener.
  const bool judged = context.listener->kind == ListenerKind::kBroker && request.cluster_id;
  const bool right = judged && *request.cluster_id == shard.broker().cluster_id() &&
                     request.node_id == shard.node_id();
  return judged && !right ? wire::ErrorCode::kRebootstrapRequired : wire::ErrorCode::kNone;
}

}  // namespace

rt::Task<Answer> serve_api_versions(Shard& shard, Request request) {
  RequestContext& context = request.context;
  wire::ApiVersionsResponse response;
  const Api* self =
      find_api(static_cast<std::int16_t>(wire::ApiKey::kApiVersions), context.listener->kind);
  if (context.api_version < self->min_version || context.api_version > self->max_version) {
    context.api_version = 0;
    response.error_code = wire::ErrorCode::kUnsupportedVersion;
    auto& row = response.api_keys.emplace_back();
    row.api_key = static_cast<std::int16_t>(self->key);
    row.min_version = self->min_version;
    row.max_version = self->max_version;
    co_return answer(shard, context, response);
  }
  wire::ApiVersionsRequest message;
  if (auto refused = read_body(shard, request, message)) co_return std::move(*refused);
  response.error_code = check(shard, context, message);
  if (response.error_code == wire::ErrorCode::kNone) {
    list_apis(response, context.listener->kind);
    list_features(response, shard.broker(), context.api_version);
  }
  co_return throttled_answer(shard, context, request.frame.size(), response);
}

}  // namespace moldau::broker
