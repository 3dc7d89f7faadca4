// The table of served APIs: versions as advertised, handlers by kind of listener.
#include <algorithm>
#include <array>

#include "broker/handlers/admin_checks.h"
#include "broker/handlers/controller.h"
#include "broker/handlers/forward.h"
#include "broker/handlers/handlers.h"
#include "wire/produce_request.h"

namespace moldau::broker {
namespace {

using wire::ApiKey;

template <class Request>
constexpr Api row(Serve on_broker, Serve on_controller) {
  return {.key = Request::kApiKey,
          .min_version = Request::kMinVersion,
          .max_version = Request::kStableVersion,
          .on_broker = on_broker,
          .on_controller = on_controller,
          .pipelined = false};
}

template <class Request, Operation kOperation>
constexpr Serve by_controller() {
  return &serve_forwarded<Request, ResponseOf<Request>, &handle_by_controller<Request, kOperation>>;
}

template <class Request, class Response,
          rt::Task<Response> (RaftDriver::*kMethod)(Request, RaftRequestInfo),
          Operation kOperation = Operation::kClusterAction>
constexpr Serve by_raft() {
  return &serve<Request, Response, &handle_by_raft<Request, Response, kMethod, kOperation>>;
}

// Forwarded by brokers, executed by the controller.
template <class Request, Operation kOperation>
constexpr Api forwarded() {
  return row<Request>(&forward<Request, ResponseOf<Request>>, by_controller<Request, kOperation>());
}
// The same, with rights that are asked name by name.
template <class Request>
constexpr Api admin() {
  return row<Request>(&forward<Request, ResponseOf<Request>>,
                      &serve_forwarded<Request, ResponseOf<Request>, &handle_admin<Request>>);
}
template <class Request>
constexpr Api controller_only(Serve serve) {
  return row<Request>(nullptr, serve);
}

constexpr Serve kDescribeCluster =
    &serve<wire::DescribeClusterRequest, wire::DescribeClusterResponse, &handle_describe_cluster>;
constexpr Serve kDescribeConfigs =
    &serve<wire::DescribeConfigsRequest, wire::DescribeConfigsResponse, &handle_describe_configs>;
constexpr Serve kRaftFetch = by_raft<wire::FetchRequest, wire::FetchResponse, &RaftDriver::fetch>();
constexpr Serve kDescribeQuorum =
    &serve_forwarded<wire::DescribeQuorumRequest, wire::DescribeQuorumResponse,
                     &handle_by_raft<wire::DescribeQuorumRequest, wire::DescribeQuorumResponse,
                                     &RaftDriver::describe_quorum, Operation::kDescribe>>;

constexpr auto kRows = std::to_array<Api>({
    {.key = ApiKey::kProduce,
     .min_version = wire::ProduceRequest::kMinVersion,
     .max_version = wire::ProduceRequest::kStableVersion,
     .on_broker = &serve_produce,
     .on_controller = nullptr,
     .pipelined = true},
    row<wire::FetchRequest>(&serve<wire::FetchRequest, wire::FetchResponse, &handle_fetch>,
                            kRaftFetch),
    row<wire::ListOffsetsRequest>(
        &serve<wire::ListOffsetsRequest, wire::ListOffsetsResponse, &handle_list_offsets>, nullptr),
    row<wire::MetadataRequest>(
        &serve<wire::MetadataRequest, wire::MetadataResponse, &handle_metadata>, nullptr),
    row<wire::ApiVersionsRequest>(&serve_api_versions, &serve_api_versions),
    admin<wire::CreateTopicsRequest>(),
    admin<wire::DeleteTopicsRequest>(),
    row<wire::InitProducerIdRequest>(
        &serve<wire::InitProducerIdRequest, wire::InitProducerIdResponse, &handle_init_producer_id>,
        nullptr),
    row<wire::OffsetForLeaderEpochRequest>(
        &serve<wire::OffsetForLeaderEpochRequest, wire::OffsetForLeaderEpochResponse,
               &handle_offset_for_leader_epoch>,
        nullptr),
    row<wire::DescribeConfigsRequest>(kDescribeConfigs, kDescribeConfigs),
    row<wire::DescribeLogDirsRequest>(
        &serve<wire::DescribeLogDirsRequest, wire::DescribeLogDirsResponse,
               &handle_describe_log_dirs>,
        nullptr),
    admin<wire::CreatePartitionsRequest>(),
    admin<wire::IncrementalAlterConfigsRequest>(),
    controller_only<wire::VoteRequest>(
        by_raft<wire::VoteRequest, wire::VoteResponse, &RaftDriver::vote>()),
    controller_only<wire::BeginQuorumEpochRequest>(
        by_raft<wire::BeginQuorumEpochRequest, wire::BeginQuorumEpochResponse,
                &RaftDriver::begin_quorum_epoch>()),
    controller_only<wire::EndQuorumEpochRequest>(
        by_raft<wire::EndQuorumEpochRequest, wire::EndQuorumEpochResponse,
                &RaftDriver::end_quorum_epoch>()),
    row<wire::DescribeQuorumRequest>(
        &forward<wire::DescribeQuorumRequest, wire::DescribeQuorumResponse>, kDescribeQuorum),
    controller_only<wire::AlterPartitionRequest>(
        by_controller<wire::AlterPartitionRequest, Operation::kClusterAction>()),
    forwarded<wire::UpdateFeaturesRequest, Operation::kAlter>(),
    {.key = ApiKey::kEnvelope,
     .min_version = 0,
     .max_version = 0,
     .on_broker = nullptr,
     .on_controller = &serve_envelope,
     .pipelined = false},
    controller_only<wire::FetchSnapshotRequest>(
        by_raft<wire::FetchSnapshotRequest, wire::FetchSnapshotResponse,
                &RaftDriver::fetch_snapshot>()),
    row<wire::DescribeClusterRequest>(kDescribeCluster, kDescribeCluster),
    row<wire::DescribeProducersRequest>(
        &serve<wire::DescribeProducersRequest, wire::DescribeProducersResponse,
               &handle_describe_producers>,
        nullptr),
    controller_only<wire::BrokerRegistrationRequest>(
        by_controller<wire::BrokerRegistrationRequest, Operation::kClusterAction>()),
    controller_only<wire::BrokerHeartbeatRequest>(
        by_controller<wire::BrokerHeartbeatRequest, Operation::kClusterAction>()),
    controller_only<wire::AllocateProducerIdsRequest>(
        by_controller<wire::AllocateProducerIdsRequest, Operation::kClusterAction>()),
    controller_only<wire::ControllerRegistrationRequest>(
        by_controller<wire::ControllerRegistrationRequest, Operation::kClusterAction>()),
    row<wire::DescribeTopicPartitionsRequest>(
        &serve<wire::DescribeTopicPartitionsRequest, wire::DescribeTopicPartitionsResponse,
               &handle_describe_topic_partitions>,
        nullptr),
});

static_assert(std::ranges::is_sorted(kRows, {}, [](const Api& api) { return api.key; }));

}  // namespace

std::span<const Api> apis() { return kRows; }

}  // namespace moldau::broker
