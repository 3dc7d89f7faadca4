#include "broker/api.h"

#include <algorithm>

#include "broker/handlers/handlers.h"
#include "broker/shard.h"
#include "wire/frame.h"
#include "wire/response_header.h"

namespace moldau::broker {

void encode_response_header(const RequestContext& context, wire::Writer& out) {
  const wire::ResponseHeader header{.correlation_id = context.correlation_id};
  encode(header, wire::response_header_version(context.api_key, context.api_version), out);
}

const Api* find_api(std::int16_t key, ListenerKind listener) {
  const auto rows = apis();
  const auto found = std::ranges::lower_bound(
      rows, key, {}, [](const Api& api) { return static_cast<std::int16_t>(api.key); });
  if (found == rows.end() || static_cast<std::int16_t>(found->key) != key) return nullptr;
  return found->on(listener) != nullptr ? &*found : nullptr;
}

std::size_t decoded_bytes_max(const Request& request) {
  const std::size_t dense = kDecodedBytesPerFrameByte * request.frame.size();
  const std::size_t free = request.share == nullptr ? 0 : request.share->free_bytes();
  return std::min(std::max({dense, free, kDecodedBytesMin}), wire::kDecodedBytesDefault);
}

base::Milliseconds32 throttle_of(const Shard& shard, const RequestContext& context,
                                 std::size_t request_bytes) {
  if (context.listener->kind == ListenerKind::kController) return base::Milliseconds32(0);
  return shard.quotas().throttle(context, request_bytes);
}

Answer refuse_malformed(Shard& shard, const RequestContext& context, const wire::Reader& in) {
  LOG_WARN(shard.loop().log(), "network",
           "closing the connection from {}: malformed request, api key {} version {}, at byte {} "
           "of its body: {}",
           context.peer.to_string(), static_cast<std::int16_t>(context.api_key),
           context.api_version, in.error_position(), to_string(in.status().error()));
  return {.frame = std::nullopt, .close = true};
}

Answer refuse_unencodable(Shard& shard, const RequestContext& context, wire::WireError error) {
  LOG_ERROR(
      shard.loop().log(), "network",
      "closing the connection from {}: the answer to api key {} version {} cannot be encoded: "
      "{}; please report this",
      context.peer.to_string(), static_cast<std::int16_t>(context.api_key), context.api_version,
      to_string(error));
  return {.frame = std::nullopt, .close = true};
}

}  // namespace moldau::broker
