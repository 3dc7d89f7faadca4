// How a handler of the controller listener reaches raft and the controller, which live on loop 0.
#pragma once

#include "broker/broker.h"
#include "broker/controller_answers.h"
#include "broker/request_context.h"
#include "broker/shard.h"
#include "rt/call.h"

namespace moldau::broker {

[[nodiscard]] RaftRequestInfo raft_info(const RequestContext& context);

// Serves a request of the controller core. What it needs is checked against the cluster resource;
// checks by topic name come with the authorizer that has them.
template <class Request, Operation kOperation>
rt::Task<ResponseOf<Request>> handle_by_controller(Shard& shard, RequestContext context,
                                                   Request request) {
  if (!shard.authorizer().authorize(context, kOperation, ResourceType::kCluster,
                                    kClusterResource)) {
    co_return refuse_all(request, wire::ErrorCode::kClusterAuthorizationFailed);
  }
  co_return co_await rt::call(
      shard.loop(), shard.broker().loop0(),
      shard.broker().controller().template serve<Request>(std::move(request)));
}

// Serves a request of the raft driver.
template <class Request, class Response,
          rt::Task<Response> (RaftDriver::*kMethod)(Request, RaftRequestInfo)>
rt::Task<Response> handle_by_raft(Shard& shard, RequestContext context, Request request) {
  if (!shard.authorizer().authorize(context, Operation::kClusterAction, ResourceType::kCluster,
                                    kClusterResource)) {
    Response refused;
    refused.error_code = wire::ErrorCode::kClusterAuthorizationFailed;
    co_return refused;
  }
  co_return co_await rt::call(
      shard.loop(), shard.broker().loop0(),
      (shard.broker().raft().*kMethod)(std::move(request), raft_info(context)));
}

}  // namespace moldau::broker
