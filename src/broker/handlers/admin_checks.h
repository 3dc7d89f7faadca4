// Admin requests that the controller executes: what the principal may change is asked name by name,
// in Kafka's order, before the core sees the request; what is refused is taken out of it and
// answered beside the rest. Names that appear twice stay, since that error comes first. Runs on the
// loop of the connection. Source: core/.../server/ControllerApis.scala (4.4).
#pragma once

#include "broker/broker.h"
#include "broker/controller_answers.h"
#include "broker/request_context.h"
#include "broker/shard.h"
#include "rt/call.h"

namespace moldau::broker {

// Takes what is not allowed out of the request, and yields the answers for it.
wire::CreateTopicsResponse take_refused(const Shard& shard, const RequestContext& context,
                                        wire::CreateTopicsRequest& request);
wire::DeleteTopicsResponse take_refused(const Shard& shard, const RequestContext& context,
                                        wire::DeleteTopicsRequest& request);
wire::CreatePartitionsResponse take_refused(const Shard& shard, const RequestContext& context,
                                            wire::CreatePartitionsRequest& request);
wire::IncrementalAlterConfigsResponse take_refused(const Shard& shard,
                                                   const RequestContext& context,
                                                   wire::IncrementalAlterConfigsRequest& request);

// Puts the core's answer together with that, and hides what the principal may not read.
void add_refused(const Shard& shard, const RequestContext& context,
                 wire::CreateTopicsResponse& response, wire::CreateTopicsResponse refused);
void add_refused(const Shard& shard, const RequestContext& context,
                 wire::DeleteTopicsResponse& response, wire::DeleteTopicsResponse refused);
void add_refused(const Shard& shard, const RequestContext& context,
                 wire::CreatePartitionsResponse& response, wire::CreatePartitionsResponse refused);
void add_refused(const Shard& shard, const RequestContext& context,
                 wire::IncrementalAlterConfigsResponse& response,
                 wire::IncrementalAlterConfigsResponse refused);

template <class Request>
rt::Task<ResponseOf<Request>> handle_admin(Shard& shard, RequestContext context, Request request) {
  ResponseOf<Request> refused = take_refused(shard, context, request);
  auto response =
      co_await rt::call(shard.loop(), shard.broker().loop0(),
                        shard.broker().controller().template serve<Request>(std::move(request)));
  add_refused(shard, context, response, std::move(refused));
  co_return response;
}

}  // namespace moldau::broker
