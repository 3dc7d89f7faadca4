// The APIs that a listener serves: one row per api key with the versions we advertise and the
// function that serves it. What has no row is neither advertised nor answered. A handler is a
// coroutine from a decoded request to a response; the glue around it (decode, header, encode) is
// here, once. Handlers run on the loop of the connection.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "broker/network/frame_budget.h"
#include "broker/request_context.h"
#include "rt/task.h"
#include "wire/api_key.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::broker {

class Shard;

// What goes back to the client.
struct Answer {
  // Response header and body, without the size; nothing when the request wants no answer (acks=0).
  std::optional<base::ByteChain> frame;
  // The request was unreadable, or the protocol asks to hang up.
  bool close = false;
  // Says that this node is not the active controller: who forwarded the request looks for the one
  // that is.
  bool not_controller = false;
  // How long the connection is not read after this (quotas).
  base::Milliseconds32 throttle{0};
};

// A request as it came: `body_from` is where the request's body starts in the frame.
struct Request {
  RequestContext context;
  base::SharedBytes frame;
  std::size_t body_from = 0;
  // What the frame holds of the loop's budget, until the answer is sent; null in some tests.
  FrameBudget::Share* share = nullptr;
};

using Serve = rt::Task<Answer> (*)(Shard& shard, Request request);

struct Api {
  wire::ApiKey key;
  std::int16_t min_version;
  std::int16_t max_version;
  Serve on_broker = nullptr;  // null: not served on that kind of listener
  Serve on_controller = nullptr;
  // Later requests of the connection start before this one is answered; answers keep their order.
  bool pipelined = false;

  [[nodiscard]] Serve on(ListenerKind listener) const {
    return listener == ListenerKind::kBroker ? on_broker : on_controller;
  }
};

// All rows, by key.
[[nodiscard]] std::span<const Api> apis();
// Null when the listener does not serve the key.
[[nodiscard]] const Api* find_api(std::int16_t key, ListenerKind listener);

// Writes the response header; the body follows.
void encode_response_header(const RequestContext& context, wire::Writer& out);

// The frame of a response; closes the connection when the response cannot be encoded, which is a
// bug of ours that the log names.
template <class Response>
Answer answer(Shard& shard, const RequestContext& context, const Response& response);

// An answer's block takes at most this much at once; it grows when more has to be copied into it.
inline constexpr std::size_t kAnswerBlockBytes = std::size_t{64} << 10;

// Decodes, handles, encodes: the `serve` of a row.
template <class RequestType, class Response,
          rt::Task<Response> (*kHandle)(Shard&, RequestContext, RequestType)>
rt::Task<Answer> serve(Shard& shard, Request request);

// A decoded request may take this many times its frame, or what is free in the loop's budget if
// that is more. The densest honest requests (topics with names of a few bytes) stay well below.
inline constexpr std::size_t kDecodedBytesPerFrameByte = 32;
inline constexpr std::size_t kDecodedBytesMin = std::size_t{64} << 10;

// The budget of decoded bytes of one request.
[[nodiscard]] std::size_t decoded_bytes_max(const Request& request);
// Asks the quotas. Requests of controllers and brokers are not slowed down.
[[nodiscard]] base::Milliseconds32 throttle_of(const Shard& shard, const RequestContext& context,
                                               std::size_t request_bytes);

// A frame that is not what its header claims: logged once with the peer; the connection is closed,
// as Kafka does.
[[nodiscard]] Answer refuse_malformed(Shard& shard, const RequestContext& context,
                                      const wire::Reader& in);
[[nodiscard]] Answer refuse_unencodable(Shard& shard, const RequestContext& context,
                                        wire::WireError error);

// Decodes the body; nothing, or the answer that refuses it when it is malformed. What it took
// counts against the loop's budget like the frame, so that many connections cannot grow without
// end. Bytes that are left over are ignored, as Kafka does.
template <class RequestType>
[[nodiscard]] std::optional<Answer> read_body(Shard& shard, const Request& request,
                                              RequestType& message) {
  wire::Reader in(request.frame.slice(request.body_from), decoded_bytes_max(request));
  if (!decode(message, request.context.api_version, in)) {
    return refuse_malformed(shard, request.context, in);
  }
  if (request.share != nullptr) request.share->add(in.decoded_bytes());
  return std::nullopt;
}

template <class Response>
Answer answer(Shard& shard, const RequestContext& context, const Response& response) {
  // Records are not copied into the block: most of a large answer needs no room in it.
  const std::size_t size = encoded_size(response, context.api_version) + sizeof(std::int64_t);
  wire::Writer out(std::min(size, kAnswerBlockBytes));
  encode_response_header(context, out);
  encode(response, context.api_version, out);
  auto frame = out.finish();
  if (!frame) return refuse_unencodable(shard, context, frame.error());
  return {.frame = std::move(*frame), .close = false, .not_controller = false};
}

// The answer to a request of so many bytes, with what the quotas say to it.
template <class Response>
Answer throttled_answer(Shard& shard, const RequestContext& context, std::size_t request_bytes,
                        Response& response) {
  const base::Milliseconds32 throttle = throttle_of(shard, context, request_bytes);
  if constexpr (requires { response.throttle_time_ms; }) {
    if (throttle.count() > 0) response.throttle_time_ms = throttle;
  }
  Answer answered = answer(shard, context, response);
  answered.throttle = throttle;
  return answered;
}

template <class RequestType, class Response,
          rt::Task<Response> (*kHandle)(Shard&, RequestContext, RequestType)>
rt::Task<Answer> serve(Shard& shard, Request request) {
  RequestType message;
  if (auto refused = read_body(shard, request, message)) co_return std::move(*refused);
  Response response = co_await kHandle(shard, request.context, std::move(message));
  co_return throttled_answer(shard, request.context, request.frame.size(), response);
}

}  // namespace moldau::broker
