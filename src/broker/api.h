// The APIs that a listener serves: one row per api key with the versions we advertise and the
// function that serves it. What has no row is neither advertised nor answered. A handler is a
// coroutine from a decoded request to a response; the glue around it (decode, header, encode) is
// here, once. Handlers run on the loop of the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
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
};

// A request as it came: `body_from` is where the request's body starts in the frame.
struct Request {
  RequestContext context;
  base::SharedBytes frame;
  std::size_t body_from = 0;
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

// Decodes, handles, encodes: the `serve` of a row.
template <class RequestType, class Response,
          rt::Task<Response> (*kHandle)(Shard&, RequestContext, RequestType)>
rt::Task<Answer> serve(Shard& shard, Request request);

// A frame that is not what its header claims: logged once with the peer; the connection is closed,
// as Kafka does.
[[nodiscard]] Answer refuse_malformed(Shard& shard, const RequestContext& context,
                                      const wire::Reader& in);
[[nodiscard]] Answer refuse_unencodable(Shard& shard, const RequestContext& context,
                                        wire::WireError error);

template <class Response>
Answer answer(Shard& shard, const RequestContext& context, const Response& response) {
  wire::Writer out(encoded_size(response, context.api_version) + sizeof(std::int64_t));
  encode_response_header(context, out);
  encode(response, context.api_version, out);
  auto frame = out.finish();
  if (!frame) return refuse_unencodable(shard, context, frame.error());
  return {.frame = std::move(*frame), .close = false};
}

template <class RequestType, class Response,
          rt::Task<Response> (*kHandle)(Shard&, RequestContext, RequestType)>
rt::Task<Answer> serve(Shard& shard, Request request) {
  RequestType message;
  {
    wire::Reader in(request.frame.slice(request.body_from));
    if (!decode(message, request.context.api_version, in) || !in.done()) {
      co_return refuse_malformed(shard, request.context, in);
    }
  }
  const Response response = co_await kHandle(shard, request.context, std::move(message));
  co_return answer(shard, request.context, response);
}

}  // namespace moldau::broker
