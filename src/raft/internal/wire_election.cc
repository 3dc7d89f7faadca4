// Vote, BeginQuorumEpoch and EndQuorumEpoch.
#include <utility>

#include "raft/internal/wire_common.h"
#include "raft/wire_messages.h"

namespace moldau::raft {

using namespace internal;
using wire::ErrorCode;

namespace {

// Checks that each request of an election passes; the error is the whole answer.
template <class Answer, class Request>
std::optional<Answer> refused(const Request& request, std::string_view cluster_id) {
  Answer answer;
  if (!same_cluster(request.cluster_id, cluster_id)) {
    answer.error_code = ErrorCode::kInconsistentClusterId;
    return answer;
  }
  if (!is_metadata_log(request.topics)) {
    answer.error_code = ErrorCode::kInvalidRequest;
    return answer;
  }
  return std::nullopt;
}

std::optional<ReplicaKey> voter_key(base::BrokerId id, const base::DirectoryId& directory) {
  if (id.value() < 0) return std::nullopt;
  return ReplicaKey{.id = id, .directory = directory};
}

template <class Message, class Response>
Message epoch_response(const Response& response, const RpcOrigin& origin) {
  Message message;
  typename Message::PartitionData partition;
  partition.error_code = response.error;
  partition.leader_id = id_or_none(response.view.leader);
  partition.leader_epoch = response.view.epoch;
  set_partition(message, std::move(partition));
  add_leader_endpoint(response.view, origin, 1, message.node_endpoints);
  return message;
}

template <class Response, class Message>
std::expected<Response, RpcFailure> taken(const Message& message, std::string_view listener) {
  if (message.error_code != ErrorCode::kNone)
    return std::unexpected(failure_of(message.error_code));
  if (!is_metadata_log(message.topics)) return std::unexpected(RpcFailure::kRefused);
  const auto& partition = message.topics[0].partitions[0];
  Response response;
  response.error = partition.error_code;
  response.view =
      view_of(partition.leader_id, partition.leader_epoch, message.node_endpoints, listener);
  return response;
}

}  // namespace

// ---- Vote

std::expected<VoteRequest, wire::VoteResponse> take_request(const wire::VoteRequest& request,
                                                            std::string_view cluster_id) {
  if (auto answer = refused<wire::VoteResponse>(request, cluster_id)) {
    return std::unexpected(std::move(*answer));
  }
  const auto& partition = request.topics[0].partitions[0];
  return VoteRequest{
      .candidate = {.id = partition.replica_id, .directory = partition.replica_directory_id},
      .voter = voter_key(request.voter_id, partition.voter_directory_id),
      .epoch = partition.replica_epoch,
      .last = {.offset = partition.last_offset, .epoch = partition.last_offset_epoch},
      .pre_vote = partition.pre_vote};
}

wire::VoteResponse give_response(const VoteResponse& response, const RpcOrigin& origin) {
  auto message = epoch_response<wire::VoteResponse>(response, origin);
  message.topics[0].partitions[0].vote_granted = response.granted;
  return message;
}

wire::VoteRequest give_request(const VoteRequest& request, std::string_view cluster_id) {
  wire::VoteRequest message;
  message.cluster_id = std::string(cluster_id);
  wire::VoteRequest::PartitionData partition;
  partition.replica_epoch = request.epoch;
  partition.replica_id = request.candidate.id;
  partition.replica_directory_id = request.candidate.directory;
  if (request.voter) {
    message.voter_id = request.voter->id;
    partition.voter_directory_id = request.voter->directory;
  }
  partition.last_offset_epoch = request.last.epoch;
  partition.last_offset = request.last.offset;
  partition.pre_vote = request.pre_vote;
  set_partition(message, std::move(partition));
  return message;
}

std::expected<VoteResponse, RpcFailure> take_response(const wire::VoteResponse& response,
                                                      std::string_view listener) {
  auto vote = taken<VoteResponse>(response, listener);
  if (vote) vote->granted = response.topics[0].partitions[0].vote_granted;
  return vote;
}

// ---- BeginQuorumEpoch

std::expected<BeginQuorumEpochRequest, wire::BeginQuorumEpochResponse> take_request(
    const wire::BeginQuorumEpochRequest& request, std::string_view cluster_id) {
  if (auto answer = refused<wire::BeginQuorumEpochResponse>(request, cluster_id)) {
    return std::unexpected(std::move(*answer));
  }
  const auto& partition = request.topics[0].partitions[0];
  return BeginQuorumEpochRequest{.leader = partition.leader_id,
                                 .epoch = partition.leader_epoch,
                                 .voter = voter_key(request.voter_id, partition.voter_directory_id),
                                 .leader_endpoints = endpoints_of(request.leader_endpoints)};
}

wire::BeginQuorumEpochResponse give_response(const BeginQuorumEpochResponse& response,
                                             const RpcOrigin& origin) {
  return epoch_response<wire::BeginQuorumEpochResponse>(response, origin);
}

wire::BeginQuorumEpochRequest give_request(const BeginQuorumEpochRequest& request,
                                           std::string_view cluster_id) {
  wire::BeginQuorumEpochRequest message;
  message.cluster_id = std::string(cluster_id);
  wire::BeginQuorumEpochRequest::PartitionData partition;
  partition.leader_id = request.leader;
  partition.leader_epoch = request.epoch;
  if (request.voter) {
    message.voter_id = request.voter->id;
    partition.voter_directory_id = request.voter->directory;
  }
  set_partition(message, std::move(partition));
  message.leader_endpoints =
      list_of<wire::BeginQuorumEpochRequestLeaderEndpoint>(request.leader_endpoints);
  return message;
}

std::expected<BeginQuorumEpochResponse, RpcFailure> take_response(
    const wire::BeginQuorumEpochResponse& response, std::string_view listener) {
  return taken<BeginQuorumEpochResponse>(response, listener);
}

// ---- EndQuorumEpoch

std::expected<EndQuorumEpochRequest, wire::EndQuorumEpochResponse> take_request(
    const wire::EndQuorumEpochRequest& request, std::string_view cluster_id) {
  if (auto answer = refused<wire::EndQuorumEpochResponse>(request, cluster_id)) {
    return std::unexpected(std::move(*answer));
  }
  const auto& partition = request.topics[0].partitions[0];
  EndQuorumEpochRequest taken_request{.leader = partition.leader_id,
                                      .epoch = partition.leader_epoch,
                                      .preferred = {},
                                      .leader_endpoints = endpoints_of(request.leader_endpoints)};
  for (const auto& candidate : partition.preferred_candidates) {
    taken_request.preferred.push_back(
        {.id = candidate.candidate_id, .directory = candidate.candidate_directory_id});
  }
  if (partition.preferred_candidates.empty()) {  // version 0
    for (const base::BrokerId id : partition.preferred_successors) {
      taken_request.preferred.push_back({.id = id, .directory = {}});
    }
  }
  return taken_request;
}

wire::EndQuorumEpochResponse give_response(const EndQuorumEpochResponse& response,
                                           const RpcOrigin& origin) {
  return epoch_response<wire::EndQuorumEpochResponse>(response, origin);
}

wire::EndQuorumEpochRequest give_request(const EndQuorumEpochRequest& request,
                                         std::string_view cluster_id) {
  wire::EndQuorumEpochRequest message;
  message.cluster_id = std::string(cluster_id);
  wire::EndQuorumEpochRequest::PartitionData partition;
  partition.leader_id = request.leader;
  partition.leader_epoch = request.epoch;
  for (const ReplicaKey& key : request.preferred) {
    wire::EndQuorumEpochRequestReplicaInfo info;
    info.candidate_id = key.id;
    info.candidate_directory_id = key.directory;
    partition.preferred_candidates.push_back(std::move(info));
    partition.preferred_successors.push_back(key.id);
  }
  set_partition(message, std::move(partition));
  message.leader_endpoints =
      list_of<wire::EndQuorumEpochRequestLeaderEndpoint>(request.leader_endpoints);
  return message;
}

std::expected<EndQuorumEpochResponse, RpcFailure> take_response(
    const wire::EndQuorumEpochResponse& response, std::string_view listener) {
  return taken<EndQuorumEpochResponse>(response, listener);
}

}  // namespace moldau::raft
