// How a handler of the controller listener reaches raft and the controller, which live on loop 0.
#pragma once

#include "broker/api.h"
#include "broker/broker.h"
#include "broker/controller_answers.h"
#include "broker/request_context.h"
#include "broker/shard.h"
#include "rt/call.h"

namespace moldau::broker {

[[nodiscard]] RaftRequestInfo raft_info(const RequestContext& context);

// Serves a request of the controller core that needs a right on the cluster (others: admin_checks).
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
          rt::Task<Response> (RaftDriver::*kMethod)(Request, RaftRequestInfo),
          Operation kOperation = Operation::kClusterAction>
rt::Task<Response> handle_by_raft(Shard& shard, RequestContext context, Request request) {
  if (!shard.authorizer().authorize(context, kOperation, ResourceType::kCluster,
                                    kClusterResource)) {
    Response refused;
    refused.error_code = wire::ErrorCode::kClusterAuthorizationFailed;
    co_return refused;
  }
  co_return co_await rt::call(
      shard.loop(), shard.broker().loop0(),
      (shard.broker().raft().*kMethod)(std::move(request), raft_info(context)));
}

// serve(), for what may come in an Envelope: the answer is marked when it says that this node is
// not the active controller.
template <class RequestType, class Response,
          rt::Task<Response> (*kHandle)(Shard&, RequestContext, RequestType)>
rt::Task<Answer> serve_forwarded(Shard& shard, Request request) {
  RequestType message;
  if (auto refused = read_body(shard, request, message)) co_return std::move(*refused);
  const Response response = co_await kHandle(shard, request.context, std::move(message));
  Answer answered = answer(shard, request.context, response);
  answered.not_controller = says_not_controller(response);
  co_return answered;
}

}  // namespace moldau::broker
