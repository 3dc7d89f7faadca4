// Raft is the KRaft state machine of one replica of __cluster_metadata: elections with pre-vote,
// fetch-driven replication, the high watermark, snapshots, resignation. It decides and does
// nothing: step() takes one input and yields what is to be done.
//
// Order of an Output's effects, which the caller keeps, also across Outputs:
//   1. election: written and durable, before everything below;
//   2. log: done in order (into the page cache; what is durable comes back as input::Durable);
//   3. send, answer, notify.
// A leader may ship records before its own sync, but counts itself only after it; a voter asks for
// more only when what it has is durable. After a failed write the caller must stop: nothing here
// undoes. Inputs from peers are never trusted: they meet checks, not assertions.
// Sources: KIP-595, 630, 631, 853 (without voter changes), 996; raft/.../KafkaRaftClient.java,
// QuorumState.java, LeaderState.java of Kafka 4.4. One owner, one loop.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "raft/election_state.h"
#include "raft/internal/peers.h"
#include "raft/internal/states.h"
#include "raft/log_summary.h"
#include "raft/messages.h"
#include "raft/quorum_config.h"

namespace moldau::raft {

struct Now {
  base::Instant instant;
  base::Timestamp wall;  // for records and DescribeQuorum; never decides anything
};

using LogSequence = base::Strong<struct LogSequenceTag, std::uint64_t>;  // of a log operation

// ---- inputs

namespace input {

struct Tick {};
struct PeerRequest {
  RequestId id;
  Request request;
};
// To a request that Output::send asked for.
struct PeerResponse {
  base::BrokerId from;
  base::CorrelationId correlation;
  std::variant<Response, RpcFailure> result;
};
// A controller's records, built at end_offset() in epoch(): only while leading() (asserted).
struct LocalAppend {
  BatchSummary batch;
  base::ByteChain bytes;
};
// Everything up to and including that log operation is on the disk.
struct Durable {
  LogSequence sequence;
};
// A snapshot of our own state is whole and durable on the disk.
struct SnapshotWritten {
  SnapshotId id;
  SnapshotInfo info;
};
// A fetched snapshot is whole, durable, and readable; or it is not (then it was removed).
struct SnapshotFetched {
  SnapshotId id;
  std::optional<SnapshotInfo> info;
  SnapshotControl control;
};
// Time to look whether snapshots and the log before them can go (KIP-630).
struct Clean {
  std::uint64_t log_bytes = 0;
  std::int64_t retention_bytes = -1;  // metadata.log.max... negative: no limit
  std::chrono::milliseconds retention_time{-1};
};
// The controller above cannot go on leading.
struct Resign {
  base::LeaderEpoch epoch;
};
// Leave: a leader resigns and tells the voters. drained() says when that is done.
struct ShutDown {};

}  // namespace input

using Input = std::variant<input::Tick, input::PeerRequest, input::PeerResponse, input::LocalAppend,
                           input::Durable, input::SnapshotWritten, input::SnapshotFetched,
                           input::Clean, input::Resign, input::ShutDown>;

// ---- effects

namespace log_op {

// At the end of the log, as they are.
struct Append {
  std::vector<BatchSummary> batches;
  base::ByteChain bytes;
};
struct TruncateTo {
  base::Offset end;
};
// Empties the log; it starts at the end of the snapshot, which is on the disk.
struct TruncateFully {
  SnapshotId id;
};
// Records below the snapshot's end may go.
struct StartAt {
  SnapshotId id;
};
struct RemoveSnapshots {
  std::vector<SnapshotId> ids;
};
// A piece of a fetched snapshot, at `position` of its unfinished file. After the last one the
// caller syncs, renames, reads the control records and says SnapshotFetched.
struct SnapshotChunk {
  SnapshotId id;
  std::uint64_t position = 0;
  base::ByteChain bytes;
  bool last = false;
};
// An unfinished snapshot that is not wanted any more.
struct DropPartialSnapshot {
  SnapshotId id;
};

}  // namespace log_op

struct LogOperation {
  LogSequence sequence;
  std::variant<log_op::Append, log_op::TruncateTo, log_op::TruncateFully, log_op::StartAt,
               log_op::RemoveSnapshots, log_op::SnapshotChunk, log_op::DropPartialSnapshot>
      what;
};

struct Send {
  base::BrokerId to;  // below -1: a bootstrap server, whose id is not known
  HostPort address;
  base::CorrelationId correlation;
  Request request;
};

// The caller completes a fetch answer with the log's batches from `from` on, below `upto`, and a
// snapshot answer with the file's bytes.
struct ReadLog {
  base::Offset from;
  base::Offset upto;
  std::uint32_t bytes_max = 0;
};
struct ReadSnapshot {
  SnapshotId id;
  std::uint64_t position = 0;
  std::uint32_t bytes_max = 0;
};
struct Answer {
  RequestId id;
  Response response;
  std::variant<std::monostate, ReadLog, ReadSnapshot> attach;
};

struct LeaderAndEpoch {
  std::optional<base::BrokerId> leader;
  base::LeaderEpoch epoch{0};
  friend bool operator==(const LeaderAndEpoch&, const LeaderAndEpoch&) = default;
};

struct Output {
  std::optional<ElectionState> election;
  KRaftVersion election_version{0};  // picks the form of quorum-state
  std::vector<LogOperation> log;
  std::vector<Send> send;
  std::vector<Answer> answer;
  // Records below it are committed: tell the listeners, in order, then the change of leader.
  // Ourselves as leader is told only when everything before the epoch's start is committed.
  std::optional<base::Offset> high_watermark;
  std::optional<LeaderAndEpoch> leader;
  // Sentences for the log at error level: what a peer did that breaks the protocol.
  std::vector<std::string> faults;
  base::Instant wake_at = base::kNever;
};

enum class Role : std::uint8_t {
  kUnattached,
  kProspective,
  kCandidate,
  kLeader,
  kFollower,
  kResigned
};
[[nodiscard]] std::string_view to_string(Role role);

class Raft {
 public:
  // `log` is what recovery found; all of it is durable. `stored` is the content of quorum-state.
  Raft(RaftOptions options, LogSummary log, std::optional<ElectionState> stored, base::Rng rng);

  // First call. A sole voter leads in the Output it yields (in a new epoch, if it led the stored
  // one).
  [[nodiscard]] Output start(Now now);
  [[nodiscard]] Output step(Input input, Now now);

  [[nodiscard]] Role role() const;
  [[nodiscard]] base::LeaderEpoch epoch() const { return epoch_; }
  [[nodiscard]] LeaderAndEpoch leader_and_epoch() const { return {leader_id(), epoch_}; }
  [[nodiscard]] LeaderView view() const;
  [[nodiscard]] bool leading() const { return role() == Role::kLeader && !shutting_down_; }
  [[nodiscard]] const LogSummary& log() const [[clang::lifetimebound]] { return log_; }
  [[nodiscard]] std::optional<base::Offset> high_watermark() const { return high_watermark_; }
  [[nodiscard]] base::Offset durable_end() const { return durable_end_; }
  [[nodiscard]] const VoterSet& voters() const [[clang::lifetimebound]];
  [[nodiscard]] bool is_voter() const { return voters().is_voter(options_.self); }
  [[nodiscard]] const RaftOptions& options() const [[clang::lifetimebound]] { return options_; }
  // After ShutDown: nobody is left to be told.
  [[nodiscard]] bool drained() const;

 private:
  // raft.cc: inputs, timers, bookkeeping of an Output
  void handle(input::Tick) {}
  void handle(input::PeerRequest input);
  void handle(input::PeerResponse input);
  void handle(input::LocalAppend input);
  void handle(input::Durable input);
  void handle(input::SnapshotWritten input);
  void handle(input::SnapshotFetched input);
  void handle(const input::Clean& input);
  void handle(input::Resign input);
  void handle(input::ShutDown input);
  Output finish();
  void poll();
  // One look at the state's timers; true when the state changed and must be looked at again.
  bool poll_once();
  void wake_by(base::Instant at);
  [[nodiscard]] ElectionState election_state() const;
  [[nodiscard]] std::optional<base::BrokerId> leader_id() const;
  [[nodiscard]] Endpoints leader_endpoints() const;
  [[nodiscard]] std::optional<ReplicaKey> voted() const;
  void log_operation(decltype(LogOperation::what) what);
  void fault(std::string text) { out_.faults.push_back(std::move(text)); }

  // transitions.cc
  void initial_state(const ElectionState& stored);
  void become_unattached(base::LeaderEpoch epoch, std::optional<base::BrokerId> leader);
  void become_prospective();
  void become_candidate();
  void become_leader();
  void become_follower(base::LeaderEpoch epoch, base::BrokerId leader, Endpoints endpoints);
  void become_resigned();
  void enter(internal::State state);
  void prospective_lost();
  bool poll_unattached();
  bool poll_prospective();
  bool poll_candidate();
  bool poll_resigned();
  void send_votes(const internal::Votes& votes, bool pre_vote);
  [[nodiscard]] internal::Votes new_votes() const;
  [[nodiscard]] base::Instant election_deadline();
  [[nodiscard]] base::Instant remaining_or_new_deadline();

  // election_rpcs.cc
  [[nodiscard]] VoteResponse vote(const VoteRequest& request);
  [[nodiscard]] bool can_grant(const VoteRequest& request) const;
  [[nodiscard]] BeginQuorumEpochResponse begin_epoch(const BeginQuorumEpochRequest& request);
  [[nodiscard]] EndQuorumEpochResponse end_epoch(const EndQuorumEpochRequest& request);
  [[nodiscard]] base::Duration backoff_after_resignation(
      const std::vector<ReplicaKey>& preferred) const;
  [[nodiscard]] bool is_for_us(const std::optional<ReplicaKey>& voter) const;
  [[nodiscard]] std::optional<wire::ErrorCode> check_voter_request(base::BrokerId sender,
                                                                   base::LeaderEpoch epoch) const;
  // False when the leader named is not the one we know for this epoch: a broken peer.
  [[nodiscard]] bool follow_if_newer(std::optional<base::BrokerId> leader, base::LeaderEpoch epoch,
                                     Endpoints endpoints);

  // responses.cc
  enum class Handled : std::uint8_t { kDone, kBackOff, kGoOn };
  [[nodiscard]] Handled common_response(wire::ErrorCode error, const LeaderView& view);
  [[nodiscard]] bool on_response(base::BrokerId from, const VoteResponse& response);
  [[nodiscard]] bool on_response(base::BrokerId from, const BeginQuorumEpochResponse& response);
  [[nodiscard]] bool on_response(base::BrokerId from, const EndQuorumEpochResponse& response);
  [[nodiscard]] bool on_response(base::BrokerId from, const FetchResponse& response);
  [[nodiscard]] bool on_response(base::BrokerId from, const FetchSnapshotResponse& response);
  [[nodiscard]] bool on_response(base::BrokerId from, const DescribeQuorumResponse& response);
  [[nodiscard]] bool on_failure(RpcFailure failure);
  void count_vote(base::BrokerId from, bool granted);

  // follower.cc
  bool poll_follower();
  void fetch_from_best(const internal::Follower& follower);
  void fetch_from_any_bootstrap();
  void send_fetch(base::BrokerId to, const HostPort& address);
  [[nodiscard]] bool may_fetch() const;
  [[nodiscard]] bool append_fetched(const FetchResponse& response);
  [[nodiscard]] bool truncate_diverging(const OffsetAndEpoch& leader_end);
  void start_download(SnapshotId id);
  void raise_high_watermark(base::Offset offset);
  void fetched(internal::Follower& follower);

  // leader.cc
  bool poll_leader();
  void send_begin_epochs(internal::Leader& leader);
  void append_start_of_epoch();
  void fetch(RequestId id, const FetchRequest& request);
  [[nodiscard]] Answer fetch_answer(RequestId id, const FetchRequest& request);
  void serve_parked_fetches();
  void fail_parked_fetches(wire::ErrorCode error);
  [[nodiscard]] Answer fetch_snapshot(RequestId id, const FetchSnapshotRequest& request);
  [[nodiscard]] DescribeQuorumResponse describe();
  [[nodiscard]] std::optional<wire::ErrorCode> check_leader_request(base::LeaderEpoch epoch) const;
  void update_replica(const ReplicaKey& replica, base::Offset fetch_offset);
  void count_for_check_quorum(const ReplicaKey& replica);
  void update_leader_high_watermark();
  void refresh_voters();
  [[nodiscard]] std::vector<ReplicaKey> successors() const;

  RaftOptions options_;
  LogSummary log_;
  std::optional<ElectionState> stored_;
  base::Rng rng_;
  internal::Peers peers_;

  base::LeaderEpoch epoch_{0};
  internal::State state_;
  // Known since this replica follows or leads; a new leader starts without (KIP-595).
  std::optional<base::Offset> high_watermark_;
  base::Offset durable_end_{0};
  // Ends of the log after operations that are not yet durable, clamped by later truncations.
  std::map<LogSequence, base::Offset> pending_ends_;
  LogSequence next_sequence_{1};
  base::CorrelationId next_correlation_{1};
  bool shutting_down_ = false;

  // Of the step at hand.
  Now now_{};
  Output out_;
  // What was last told.
  std::optional<LeaderAndEpoch> told_leader_;
  std::optional<base::Offset> told_high_watermark_;
};

}  // namespace moldau::raft
