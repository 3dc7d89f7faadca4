// Forwarding (KIP-590): a request for the controller travels as it came, in an Envelope that names
// the client's principal and address; the controller's answer comes back as the client will see it.
// It is read here first, so that a malformed one ends where its connection is, and quotas are asked
// here: controllers slow nobody down. On the loop of the connection.
#pragma once

#include <algorithm>
#include <optional>

#include "broker/api.h"
#include "broker/request_context.h"
#include "broker/shard.h"
#include "rt/task.h"
#include "wire/frame.h"

namespace moldau::broker {

// The controller's answer to a frame, header and body. Nothing when there is none, which the log
// tells: then the connection is closed, and the client looks for the cluster again, as it does when
// Kafka loses its controller.
rt::Task<std::optional<base::SharedBytes>> ask_controller(Shard& shard, RequestContext context,
                                                          base::SharedBytes frame);

// Says in an answer how long the client is slowed down: the longer of the controller's time and
// ours. An answer that we cannot read goes to the client as it is.
template <class Response>
Answer tell_throttle(Shard& shard, const RequestContext& context, base::SharedBytes frame,
                     base::Milliseconds32 throttle) {
  wire::Reader in(frame);
  Response response;
  if (wire::decode_response_header(context.api_key, context.api_version, in) &&
      decode(response, context.api_version, in)) {
    response.throttle_time_ms = std::max(response.throttle_time_ms, throttle);
    return answer(shard, context, response);
  }
  return {.frame = base::ByteChain(std::move(frame))};
}

// The `serve` of a row whose requests the controller executes.
template <class RequestType, class Response>
rt::Task<Answer> forward(Shard& shard, Request request) {
  {
    RequestType message;
    if (auto refused = read_body(shard, request, message)) co_return std::move(*refused);
  }
  auto frame = co_await ask_controller(shard, request.context, request.frame);
  if (!frame) co_return Answer{.frame = std::nullopt, .close = true};
  const base::Milliseconds32 throttle = throttle_of(shard, request.context, request.frame.size());
  Answer answered;
  if constexpr (requires(Response response) { response.throttle_time_ms; }) {
    if (throttle.count() > 0) {
      answered = tell_throttle<Response>(shard, request.context, std::move(*frame), throttle);
      answered.throttle = throttle;
      co_return answered;
    }
  }
  answered.frame = base::ByteChain(std::move(*frame));
  answered.throttle = throttle;
  co_return answered;
}

}  // namespace moldau::broker
