#include "wire/frame.h"

#include "base/assert.h"
#include "wire/registry.h"

namespace moldau::wire {

std::optional<std::int16_t> request_header_version(std::int16_t api_key, std::int16_t version) {
  const ApiInfo* api = find_api(api_key);
  if (api == nullptr) return std::nullopt;
  return static_cast<std::int16_t>(version >= api->first_flexible ? 2 : 1);
}

std::int16_t response_header_version(ApiKey key, std::int16_t version) {
  // A client must be able to read the answer before it knows which versions the broker has.
  if (key == ApiKey::kApiVersions) return 0;
  const ApiInfo* api = find_api(key);
  ASSERT(api != nullptr);
  return static_cast<std::int16_t>(version >= api->first_flexible ? 1 : 0);
}

std::expected<void, WireError> decode_request_header(RequestHeader& header, Reader& in) {
  // All header versions begin alike; version 2 only adds tagged fields at the end.
  header = RequestHeader{};
  header.request_api_key = in.i16();
  header.request_api_version = in.i16();
  header.correlation_id = base::CorrelationId(in.i32());
  const auto version = request_header_version(header.request_api_key, header.request_api_version);
  if (!version) in.fail(WireError::kUnknownKey);
  const auto client_id = in.string(false, true);
  if (client_id) header.client_id = std::string(*client_id);
  if (version == 2) {
    for (std::uint32_t left = in.tag_count(); left > 0 && in.ok(); --left) {
      in.unknown_tag(in.begin_tag(), header.unknown_tags);
    }
  }
  return in.status();
}

std::expected<base::CorrelationId, WireError> decode_response_header(ApiKey key,
                                                                     std::int16_t version,
                                                                     Reader& in) {
  ResponseHeader header;
  if (auto read = decode(header, response_header_version(key, version), in); !read) {
    return std::unexpected(read.error());
  }
  return header.correlation_id;
}

void begin_request(Writer& out, ApiKey key, std::int16_t version, base::CorrelationId id,
                   const std::optional<std::string>& client_id) {
  const auto header_version = request_header_version(static_cast<std::int16_t>(key), version);
  ASSERT(header_version.has_value());
  ASSERT(out.size() == 0);
  out.i32(0);
  const RequestHeader header{.request_api_key = static_cast<std::int16_t>(key),
                             .request_api_version = version,
                             .correlation_id = id,
                             .client_id = client_id};
  encode(header, *header_version, out);
}

void begin_response(Writer& out, ApiKey key, std::int16_t version, base::CorrelationId id) {
  ASSERT(out.size() == 0);
  out.i32(0);
  encode(ResponseHeader{.correlation_id = id}, response_header_version(key, version), out);
}

std::expected<base::ByteChain, WireError> end_frame(Writer& out) {
  constexpr std::size_t kSizeBytes = 4;
  if (out.size() > kMessageBytesMax) out.fail(WireError::kTooLarge);
  if (out.ok()) out.patch_i32(0, static_cast<std::int32_t>(out.size() - kSizeBytes));
  return out.finish();
}

}  // namespace moldau::wire
