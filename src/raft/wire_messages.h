// Between Kafka's requests and responses of the raft RPCs and the core's own (messages.h). take_*()
// checks what is the same for each of them: the cluster id, exactly one topic and partition, the
// metadata log's. A request that fails there is answered at once with the response in the error. A
// response names the leader's address on the listener that its request came on.
// Version differences end here. Pure; any loop. Source: raft/.../RaftUtil.java,
// KafkaRaftClient.java.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "raft/messages.h"
#include "wire/begin_quorum_epoch_request.h"
#include "wire/begin_quorum_epoch_response.h"
#include "wire/describe_quorum_request.h"
#include "wire/describe_quorum_response.h"
#include "wire/end_quorum_epoch_request.h"
#include "wire/end_quorum_epoch_response.h"
#include "wire/fetch_request.h"
#include "wire/fetch_response.h"
#include "wire/fetch_snapshot_request.h"
#include "wire/fetch_snapshot_response.h"
#include "wire/vote_request.h"
#include "wire/vote_response.h"

namespace moldau::raft {

inline constexpr std::string_view kMetadataTopicName = "__cluster_metadata";

// ---- a peer's request, and our response

[[nodiscard]] std::expected<VoteRequest, wire::VoteResponse> take_request(
    const wire::VoteRequest& request, std::string_view cluster_id);
[[nodiscard]] std::expected<BeginQuorumEpochRequest, wire::BeginQuorumEpochResponse> take_request(
    const wire::BeginQuorumEpochRequest& request, std::string_view cluster_id);
[[nodiscard]] std::expected<EndQuorumEpochRequest, wire::EndQuorumEpochResponse> take_request(
    const wire::EndQuorumEpochRequest& request, std::string_view cluster_id);
[[nodiscard]] std::expected<FetchRequest, wire::FetchResponse> take_request(
    const wire::FetchRequest& request, std::string_view cluster_id);
[[nodiscard]] std::expected<FetchSnapshotRequest, wire::FetchSnapshotResponse> take_request(
    const wire::FetchSnapshotRequest& request, std::string_view cluster_id);
[[nodiscard]] std::expected<DescribeQuorumRequest, wire::DescribeQuorumResponse> take_request(
    const wire::DescribeQuorumRequest& request, std::string_view cluster_id);

// Of the connection that the request came on.
struct RpcOrigin {
  std::string listener;
  std::int16_t api_version = 0;
};

[[nodiscard]] wire::VoteResponse give_response(const VoteResponse& response,
                                               const RpcOrigin& origin);
[[nodiscard]] wire::BeginQuorumEpochResponse give_response(const BeginQuorumEpochResponse& response,
                                                           const RpcOrigin& origin);
[[nodiscard]] wire::EndQuorumEpochResponse give_response(const EndQuorumEpochResponse& response,
                                                         const RpcOrigin& origin);
[[nodiscard]] wire::FetchResponse give_response(const FetchResponse& response,
                                                const RpcOrigin& origin);
[[nodiscard]] wire::FetchSnapshotResponse give_response(const FetchSnapshotResponse& response,
                                                        const RpcOrigin& origin);
[[nodiscard]] wire::DescribeQuorumResponse give_response(const DescribeQuorumResponse& response,
                                                         const RpcOrigin& origin);

// ---- our request, and a peer's response

[[nodiscard]] wire::VoteRequest give_request(const VoteRequest& request,
                                             std::string_view cluster_id);
[[nodiscard]] wire::BeginQuorumEpochRequest give_request(const BeginQuorumEpochRequest& request,
                                                         std::string_view cluster_id);
[[nodiscard]] wire::EndQuorumEpochRequest give_request(const EndQuorumEpochRequest& request,
                                                       std::string_view cluster_id);
[[nodiscard]] wire::FetchRequest give_request(const FetchRequest& request,
                                              std::string_view cluster_id);
[[nodiscard]] wire::FetchSnapshotRequest give_request(const FetchSnapshotRequest& request,
                                                      std::string_view cluster_id);

// `listener` is the one that we dial: the leader's address in the response is its address there.
[[nodiscard]] std::expected<VoteResponse, RpcFailure> take_response(
    const wire::VoteResponse& response, std::string_view listener);
[[nodiscard]] std::expected<BeginQuorumEpochResponse, RpcFailure> take_response(
    const wire::BeginQuorumEpochResponse& response, std::string_view listener);
[[nodiscard]] std::expected<EndQuorumEpochResponse, RpcFailure> take_response(
    const wire::EndQuorumEpochResponse& response, std::string_view listener);
[[nodiscard]] std::expected<FetchResponse, RpcFailure> take_response(
    const wire::FetchResponse& response, std::string_view listener);
[[nodiscard]] std::expected<FetchSnapshotResponse, RpcFailure> take_response(
    const wire::FetchSnapshotResponse& response, std::string_view listener);

}  // namespace moldau::raft
