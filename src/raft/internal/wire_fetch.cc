// Fetch, FetchSnapshot and DescribeQuorum.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/uuid.h"
#include "raft/internal/wire_common.h"
#include "raft/wire_messages.h"

namespace moldau::raft {

using namespace internal;
using wire::ErrorCode;

namespace {

// By id only: versions before 13 have the name alone, and Kafka answers them INVALID_REQUEST.
template <class Topic>
bool is_metadata_topic(const Topic& topic) {
  return topic.topic_id == base::kMetadataTopicId;
}

}  // namespace

// ---- Fetch

std::expected<FetchRequest, wire::FetchResponse> take_request(const wire::FetchRequest& request,
                                                              std::string_view cluster_id) {
  wire::FetchResponse answer;
  if (!same_cluster(request.cluster_id, cluster_id)) {
    answer.error_code = ErrorCode::kInconsistentClusterId;
    return std::unexpected(std::move(answer));
  }
  if (request.topics.size() != 1 || !is_metadata_topic(request.topics[0]) ||
      request.topics[0].partitions.size() != 1 ||
      request.topics[0].partitions[0].partition != base::PartitionIndex(0)) {
    answer.error_code = ErrorCode::kInvalidRequest;
    return std::unexpected(std::move(answer));
  }
  const auto& partition = request.topics[0].partitions[0];
  // The id moved into a tagged struct in version 15.
  const base::BrokerId replica = request.replica_state.replica_id.value() >= 0
                                     ? request.replica_state.replica_id
                                     : request.replica_id;
  return FetchRequest{.replica = {.id = replica, .directory = partition.replica_directory_id},
                      .current_leader_epoch = partition.current_leader_epoch,
                      .fetch_offset = partition.fetch_offset,
                      .last_fetched_epoch = partition.last_fetched_epoch,
                      .high_watermark = partition.high_watermark,
                      .wait_max = request.max_wait_ms,
                      .bytes_max = bytes_max_of(request.max_bytes)};
}

wire::FetchResponse give_response(const FetchResponse& response, const RpcOrigin& origin) {
  wire::FetchResponse message;
  wire::FetchResponse::PartitionData partition;
  partition.error_code = response.error;
  partition.high_watermark = response.high_watermark.value_or(base::kNoOffset);
  partition.log_start_offset = response.log_start_offset;
  partition.current_leader.leader_id = id_or_none(response.view.leader);
  partition.current_leader.leader_epoch = response.view.epoch;
  if (response.diverging) {
    partition.diverging_epoch.epoch = response.diverging->epoch;
    partition.diverging_epoch.end_offset = response.diverging->offset;
  }
  if (response.snapshot) {
    partition.snapshot_id.end_offset = response.snapshot->offset;
    partition.snapshot_id.epoch = response.snapshot->epoch;
  }
  partition.records = response.records;
  wire::FetchResponseFetchableTopicResponse topic;
  topic.topic = base::TopicName(kMetadataTopicName);
  topic.topic_id = base::kMetadataTopicId;
  topic.partitions.push_back(std::move(partition));
  message.responses.push_back(std::move(topic));
  add_leader_endpoint(response.view, origin, 17, message.node_endpoints);
  return message;
}

wire::FetchRequest give_request(const FetchRequest& request, std::string_view cluster_id) {
  wire::FetchRequest message;
  message.cluster_id = std::string(cluster_id);
  message.replica_state.replica_id = request.replica.id;
  message.max_wait_ms = std::chrono::duration_cast<base::Milliseconds32>(request.wait_max);
  message.max_bytes = static_cast<std::int32_t>(request.bytes_max);
  wire::FetchRequest::FetchPartition partition;
  partition.current_leader_epoch = request.current_leader_epoch;
  partition.fetch_offset = request.fetch_offset;
  partition.last_fetched_epoch = request.last_fetched_epoch;
  partition.replica_directory_id = request.replica.directory;
  partition.high_watermark = request.high_watermark;
  wire::FetchRequest::FetchTopic topic;
  topic.topic = base::TopicName(kMetadataTopicName);
  topic.topic_id = base::kMetadataTopicId;
  topic.partitions.push_back(std::move(partition));
  message.topics.push_back(std::move(topic));
  return message;
}

std::expected<FetchResponse, RpcFailure> take_response(const wire::FetchResponse& response,
                                                       std::string_view listener) {
  if (response.error_code != ErrorCode::kNone)
    return std::unexpected(failure_of(response.error_code));
  if (response.responses.size() != 1 || !is_metadata_topic(response.responses[0]) ||
      response.responses[0].partitions.size() != 1) {
    return std::unexpected(RpcFailure::kRefused);
  }
  const auto& partition = response.responses[0].partitions[0];
  FetchResponse taken{
      .error = partition.error_code,
      .view = view_of(partition.current_leader.leader_id, partition.current_leader.leader_epoch,
                      response.node_endpoints, listener),
      .high_watermark = std::nullopt,
      .log_start_offset = partition.log_start_offset,
      .diverging = std::nullopt,
      .snapshot = std::nullopt,
      .records = partition.records.value_or(base::ByteChain{})};
  if (partition.high_watermark.value() >= 0) taken.high_watermark = partition.high_watermark;
  if (partition.diverging_epoch.epoch.value() >= 0) {
    taken.diverging = OffsetAndEpoch{.offset = partition.diverging_epoch.end_offset,
                                     .epoch = partition.diverging_epoch.epoch};
  }
  if (partition.snapshot_id.end_offset.value() >= 0 || partition.snapshot_id.epoch.value() >= 0) {
    taken.snapshot = SnapshotId{.offset = partition.snapshot_id.end_offset,
                                .epoch = partition.snapshot_id.epoch};
  }
  return taken;
}

// ---- FetchSnapshot

std::expected<FetchSnapshotRequest, wire::FetchSnapshotResponse> take_request(
    const wire::FetchSnapshotRequest& request, std::string_view cluster_id) {
  wire::FetchSnapshotResponse answer;
  if (!same_cluster(request.cluster_id, cluster_id)) {
    answer.error_code = ErrorCode::kInconsistentClusterId;
    return std::unexpected(std::move(answer));
  }
  if (request.topics.size() != 1 || request.topics[0].partitions.size() != 1) {
    answer.error_code = ErrorCode::kInvalidRequest;
    return std::unexpected(std::move(answer));
  }
  const auto& topic = request.topics[0];
  const auto& partition = topic.partitions[0];
  if (topic.name.view() != kMetadataTopicName || partition.partition != base::PartitionIndex(0)) {
    wire::FetchSnapshotResponseTopicSnapshot unknown;
    unknown.name = topic.name;
    wire::FetchSnapshotResponsePartitionSnapshot refused;
    refused.index = partition.partition;
    refused.error_code = ErrorCode::kUnknownTopicOrPartition;
    refused.unaligned_records = base::ByteChain{};
    unknown.partitions.push_back(std::move(refused));
    answer.topics.push_back(std::move(unknown));
    return std::unexpected(std::move(answer));
  }
  return FetchSnapshotRequest{
      .replica = {.id = request.replica_id, .directory = partition.replica_directory_id},
      .current_leader_epoch = partition.current_leader_epoch,
      .id = {.offset = partition.snapshot_id.end_offset, .epoch = partition.snapshot_id.epoch},
      .position = partition.position,
      .bytes_max = bytes_max_of(request.max_bytes)};
}

wire::FetchSnapshotResponse give_response(const FetchSnapshotResponse& response,
                                          const RpcOrigin& origin) {
  wire::FetchSnapshotResponse message;
  wire::FetchSnapshotResponsePartitionSnapshot partition;
  partition.error_code = response.error;
  partition.snapshot_id.end_offset = response.id.offset;
  partition.snapshot_id.epoch = response.id.epoch;
  partition.current_leader.leader_id = id_or_none(response.view.leader);
  partition.current_leader.leader_epoch = response.view.epoch;
  partition.size = response.size;
  partition.position = response.position;
  partition.unaligned_records = response.bytes;
  wire::FetchSnapshotResponseTopicSnapshot topic;
  topic.name = base::TopicName(kMetadataTopicName);
  topic.partitions.push_back(std::move(partition));
  message.topics.push_back(std::move(topic));
  add_leader_endpoint(response.view, origin, 1, message.node_endpoints);
  return message;
}

wire::FetchSnapshotRequest give_request(const FetchSnapshotRequest& request,
                                        std::string_view cluster_id) {
  wire::FetchSnapshotRequest message;
  message.cluster_id = std::string(cluster_id);
  message.replica_id = request.replica.id;
  message.max_bytes = static_cast<std::int32_t>(request.bytes_max);
  wire::FetchSnapshotRequestPartitionSnapshot partition;
  partition.current_leader_epoch = request.current_leader_epoch;
  partition.snapshot_id.end_offset = request.id.offset;
  partition.snapshot_id.epoch = request.id.epoch;
  partition.position = request.position;
  partition.replica_directory_id = request.replica.directory;
  wire::FetchSnapshotRequestTopicSnapshot topic;
  topic.name = base::TopicName(kMetadataTopicName);
  topic.partitions.push_back(std::move(partition));
  message.topics.push_back(std::move(topic));
  return message;
}

std::expected<FetchSnapshotResponse, RpcFailure> take_response(
    const wire::FetchSnapshotResponse& response, std::string_view listener) {
  if (response.error_code != ErrorCode::kNone)
    return std::unexpected(failure_of(response.error_code));
  if (response.topics.size() != 1 || response.topics[0].name.view() != kMetadataTopicName ||
      response.topics[0].partitions.size() != 1) {
    return std::unexpected(RpcFailure::kRefused);
  }
  const auto& partition = response.topics[0].partitions[0];
  return FetchSnapshotResponse{
      .error = partition.error_code,
      .view = view_of(partition.current_leader.leader_id, partition.current_leader.leader_epoch,
                      response.node_endpoints, listener),
      .id = {.offset = partition.snapshot_id.end_offset, .epoch = partition.snapshot_id.epoch},
      .size = partition.size,
      .position = partition.position,
      .bytes = partition.unaligned_records.value_or(base::ByteChain{})};
}

// ---- DescribeQuorum

std::expected<DescribeQuorumRequest, wire::DescribeQuorumResponse> take_request(
    const wire::DescribeQuorumRequest& request, std::string_view) {
  if (is_metadata_log(request.topics)) return DescribeQuorumRequest{};
  // Each partition that was asked for is unknown.
  wire::DescribeQuorumResponse answer;
  for (const auto& topic : request.topics) {
    wire::DescribeQuorumResponseTopicData unknown;
    unknown.topic_name = topic.topic_name;
    for (const auto& partition : topic.partitions) {
      wire::DescribeQuorumResponsePartitionData refused;
      refused.partition_index = partition.partition_index;
      refused.error_code = ErrorCode::kUnknownTopicOrPartition;
      unknown.partitions.push_back(std::move(refused));
    }
    answer.topics.push_back(std::move(unknown));
  }
  return std::unexpected(std::move(answer));
}

namespace {

// KIP-853: directories, and where the nodes are; not to be written in older versions.
constexpr std::int16_t kDescribesNodesFrom = 2;

std::vector<wire::DescribeQuorumResponseReplicaState> rows_of(
    const std::vector<DescribedReplica>& replicas, const RpcOrigin& origin) {
  std::vector<wire::DescribeQuorumResponseReplicaState> rows;
  for (const DescribedReplica& replica : replicas) {
    wire::DescribeQuorumResponseReplicaState row;
    row.replica_id = replica.key.id;
    if (origin.api_version >= kDescribesNodesFrom) {
      row.replica_directory_id = replica.key.directory;
    }
    row.log_end_offset = replica.log_end_offset;
    row.last_fetch_timestamp = replica.last_fetch;
    row.last_caught_up_timestamp = replica.last_caught_up;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

wire::DescribeQuorumResponse give_response(const DescribeQuorumResponse& response,
                                           const RpcOrigin& origin) {
  wire::DescribeQuorumResponse message;
  wire::DescribeQuorumResponse::PartitionData partition;
  partition.error_code = response.error;
  if (response.error != ErrorCode::kNone) {
    partition.error_message = "This node does not lead the metadata quorum.";
  } else {
    partition.leader_id = id_or_none(response.view.leader);
    partition.leader_epoch = response.view.epoch;
    partition.high_watermark = response.high_watermark;
    partition.current_voters = rows_of(response.voters, origin);
    partition.observers = rows_of(response.observers, origin);
  }
  set_partition(message, std::move(partition));
  if (origin.api_version >= kDescribesNodesFrom) {
    for (const VoterNode& voter : response.nodes) {
      wire::DescribeQuorumResponseNode node;
      node.node_id = voter.key.id;
      node.listeners = list_of<wire::DescribeQuorumResponseListener>(voter.endpoints);
      message.nodes.push_back(std::move(node));
    }
  }
  return message;
}

}  // namespace moldau::raft
