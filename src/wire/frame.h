// Frames: int32 size, header, body. Which header version goes with which request and response
// (KIP-482, KIP-511), and whole frames from a message. Sizes of incoming frames are the
// connection's business; these functions see what follows the size. Source:
// clients/.../protocol/ApiKeys.java, requests/RequestHeader.java. Pure; any loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "wire/api_key.h"
#include "wire/reader.h"
#include "wire/request_header.h"
#include "wire/response_header.h"
#include "wire/writer.h"

namespace moldau::wire {

// 1, or 2 for a flexible version. Holds for versions above the known ones too, so that an
// ApiVersions request from the future can be answered. Nothing for an unknown key.
[[nodiscard]] std::optional<std::int16_t> request_header_version(std::int16_t api_key,
                                                                 std::int16_t version);
// 0, or 1 for a flexible version; always 0 for ApiVersions.
[[nodiscard]] std::int16_t response_header_version(ApiKey key, std::int16_t version);

// Reads a request's header and leaves the Reader at the body. kUnknownKey: no such api; then the
// fields before the client id are set.
[[nodiscard]] std::expected<void, WireError> decode_request_header(RequestHeader& header,
                                                                   Reader& in);
[[nodiscard]] std::expected<base::CorrelationId, WireError> decode_response_header(
    ApiKey key, std::int16_t version, Reader& in);

// The size is a placeholder until end_frame() sets it.
void begin_request(Writer& out, ApiKey key, std::int16_t version, base::CorrelationId id,
                   const std::optional<std::string>& client_id);
void begin_response(Writer& out, ApiKey key, std::int16_t version, base::CorrelationId id);
[[nodiscard]] std::expected<base::ByteChain, WireError> end_frame(Writer& out);

// Room for the size and any header but a long client id, so that the block need not grow.
inline constexpr std::size_t kHeaderBytesUsual = 64;

template <class Request>
[[nodiscard]] std::expected<base::ByteChain, WireError> request_frame(
    const Request& request, std::int16_t version, base::CorrelationId id,
    const std::optional<std::string>& client_id) {
  Writer out(kHeaderBytesUsual);
  begin_request(out, Request::kApiKey, version, id, client_id);
  encode(request, version, out);
  return end_frame(out);
}

template <class Response>
[[nodiscard]] std::expected<base::ByteChain, WireError> response_frame(const Response& response,
                                                                       std::int16_t version,
                                                                       base::CorrelationId id) {
  Writer out(kHeaderBytesUsual);
  begin_response(out, Response::kApiKey, version, id);
  encode(response, version, out);
  return end_frame(out);
}

// Encodes a message alone: a record's key or value, a body without frame.
template <class Message>
[[nodiscard]] std::expected<base::ByteChain, WireError> encoded(const Message& message,
                                                                std::int16_t version) {
  Writer out;
  encode(message, version, out);
  return out.finish();
}

// Decodes a message that must be all of the bytes.
template <class Message>
[[nodiscard]] std::expected<Message, WireError> decoded(base::SharedBytes bytes,
                                                        std::int16_t version) {
  Reader in(std::move(bytes));
  Message message;
  if (auto read = decode(message, version, in); !read) return std::unexpected(read.error());
  if (auto end = in.done(); !end) return std::unexpected(end.error());
  return message;
}

}  // namespace moldau::wire
