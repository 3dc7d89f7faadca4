// What replicas of the quorum say to each other, as the core takes it: one topic, one partition,
// the cluster id already checked. wire_messages.h turns Kafka's requests and responses into these
// and back, so that the core knows neither versions nor listener names of a connection. Errors are
// Kafka's codes. Value types; any loop. Source: KIP-595, KIP-630, KIP-853, KIP-996.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "raft/offset_and_epoch.h"
#include "raft/voter_set.h"
#include "wire/error_code.h"

namespace moldau::raft {

// The caller's name for a request of a peer that is not answered yet.
using RequestId = base::Strong<struct RequestIdTag, std::uint64_t>;

// The sender's view of who leads; every answer carries it.
struct LeaderView {
  std::optional<base::BrokerId> leader;
  base::LeaderEpoch epoch{0};
  Endpoints endpoints;
  friend bool operator==(const LeaderView&, const LeaderView&) = default;
};

struct VoteRequest {
  ReplicaKey candidate;
  std::optional<ReplicaKey> voter;  // whom it is meant for; older candidates do not say
  base::LeaderEpoch epoch;
  OffsetAndEpoch last;  // end of the candidate's log
  bool pre_vote = false;
};
struct VoteResponse {
  wire::ErrorCode error = wire::ErrorCode::kNone;
  LeaderView view;
  bool granted = false;
};

struct BeginQuorumEpochRequest {
  base::BrokerId leader;
  base::LeaderEpoch epoch;
  std::optional<ReplicaKey> voter;
  Endpoints leader_endpoints;
};
struct BeginQuorumEpochResponse {
  wire::ErrorCode error = wire::ErrorCode::kNone;
  LeaderView view;
};

struct EndQuorumEpochRequest {
  base::BrokerId leader;
  base::LeaderEpoch epoch;
  std::vector<ReplicaKey> preferred;  // most up to date first
  Endpoints leader_endpoints;
};
struct EndQuorumEpochResponse {
  wire::ErrorCode error = wire::ErrorCode::kNone;
  LeaderView view;
};

struct FetchRequest {
  ReplicaKey replica;  // id -1: not a replica
  base::LeaderEpoch current_leader_epoch;
  base::Offset fetch_offset;
  base::LeaderEpoch last_fetched_epoch;
  // Unknown to senders of old versions: then the largest number, so that it never counts as behind.
  base::Offset high_watermark{0x7FFFFFFFFFFFFFFF};
  base::Duration wait_max{0};
  std::uint32_t bytes_max = 0;
};
struct FetchResponse {
  wire::ErrorCode error = wire::ErrorCode::kNone;
  LeaderView view;
  std::optional<base::Offset> high_watermark;
  base::Offset log_start_offset{0};
  std::optional<OffsetAndEpoch> diverging;  // truncate to it
  std::optional<SnapshotId> snapshot;       // fetch it
  base::ByteChain records;
};

struct FetchSnapshotRequest {
  ReplicaKey replica;
  base::LeaderEpoch current_leader_epoch;
  SnapshotId id;
  std::int64_t position = 0;
  std::uint32_t bytes_max = 0;
};
struct FetchSnapshotResponse {
  wire::ErrorCode error = wire::ErrorCode::kNone;
  LeaderView view;
  SnapshotId id;
  std::int64_t size = 0;
  std::int64_t position = 0;
  base::ByteChain bytes;
};

struct DescribeQuorumRequest {};
struct DescribedReplica {
  ReplicaKey key;
  base::Offset log_end_offset{-1};
  base::Timestamp last_fetch{-1};
  base::Timestamp last_caught_up{-1};
};
struct DescribeQuorumResponse {
  wire::ErrorCode error = wire::ErrorCode::kNone;
  LeaderView view;
  base::Offset high_watermark{-1};
  std::vector<DescribedReplica> voters;
  std::vector<DescribedReplica> observers;
  std::vector<VoterNode> nodes;  // the voters' endpoints
};

using Request = std::variant<VoteRequest, BeginQuorumEpochRequest, EndQuorumEpochRequest,
                             FetchRequest, FetchSnapshotRequest, DescribeQuorumRequest>;
using Response = std::variant<VoteResponse, BeginQuorumEpochResponse, EndQuorumEpochResponse,
                              FetchResponse, FetchSnapshotResponse, DescribeQuorumResponse>;

// Why a request of ours has no response.
enum class RpcFailure : std::uint8_t {
  kUnreachable,         // no connection, or it broke
  kUnsupportedVersion,  // the peer does not know the version that the request needs
  kRefused,             // the peer answered with an error for the whole request
};

}  // namespace moldau::raft
