// Answers of the controller that refuse a request as a whole, with the code in each place where the
// message has room for it: kNotController sends clients to the leader. Any loop.
#pragma once

#include "wire/allocate_producer_ids_request.h"
#include "wire/allocate_producer_ids_response.h"
#include "wire/alter_partition_request.h"
#include "wire/alter_partition_response.h"
#include "wire/broker_heartbeat_request.h"
#include "wire/broker_heartbeat_response.h"
#include "wire/broker_registration_request.h"
#include "wire/broker_registration_response.h"
#include "wire/controller_registration_request.h"
#include "wire/controller_registration_response.h"
#include "wire/create_partitions_request.h"
#include "wire/create_partitions_response.h"
#include "wire/create_topics_request.h"
#include "wire/create_topics_response.h"
#include "wire/delete_topics_request.h"
#include "wire/delete_topics_response.h"
#include "wire/describe_quorum_response.h"
#include "wire/incremental_alter_configs_request.h"
#include "wire/incremental_alter_configs_response.h"
#include "wire/update_features_request.h"
#include "wire/update_features_response.h"

namespace moldau::broker {

template <class Request>
struct ResponseFor;
template <class Request>
using ResponseOf = typename ResponseFor<Request>::Type;

#define MOLDAU_RESPONSE(name)               \
  template <>                               \
  struct ResponseFor<wire::name##Request> { \
    using Type = wire::name##Response;      \
  }
MOLDAU_RESPONSE(AllocateProducerIds);
MOLDAU_RESPONSE(AlterPartition);
MOLDAU_RESPONSE(BrokerHeartbeat);
MOLDAU_RESPONSE(BrokerRegistration);
MOLDAU_RESPONSE(ControllerRegistration);
MOLDAU_RESPONSE(CreatePartitions);
MOLDAU_RESPONSE(CreateTopics);
MOLDAU_RESPONSE(DeleteTopics);
MOLDAU_RESPONSE(IncrementalAlterConfigs);
MOLDAU_RESPONSE(UpdateFeatures);
#undef MOLDAU_RESPONSE

// For answers with a code of their own.
template <class Request>
ResponseOf<Request> refuse_all(const Request&, wire::ErrorCode error) {
  ResponseOf<Request> response;
  response.error_code = error;
  return response;
}
wire::CreateTopicsResponse refuse_all(const wire::CreateTopicsRequest& request,
                                      wire::ErrorCode error);
wire::DeleteTopicsResponse refuse_all(const wire::DeleteTopicsRequest& request,
                                      wire::ErrorCode error);
wire::CreatePartitionsResponse refuse_all(const wire::CreatePartitionsRequest& request,
                                          wire::ErrorCode error);
wire::IncrementalAlterConfigsResponse refuse_all(
    const wire::IncrementalAlterConfigsRequest& request, wire::ErrorCode error);

// Whether the answer says, anywhere, that this node is not the active controller.
template <class Response>
[[nodiscard]] bool says_not_controller(const Response& response) {
  return response.error_code == wire::ErrorCode::kNotController;
}
[[nodiscard]] bool says_not_controller(const wire::CreateTopicsResponse& response);
[[nodiscard]] bool says_not_controller(const wire::DeleteTopicsResponse& response);
[[nodiscard]] bool says_not_controller(const wire::CreatePartitionsResponse& response);
[[nodiscard]] bool says_not_controller(const wire::IncrementalAlterConfigsResponse& response);
// Here it is the leader of the quorum that is asked.
[[nodiscard]] bool says_not_controller(const wire::DescribeQuorumResponse& response);

}  // namespace moldau::broker
