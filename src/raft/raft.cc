#include "raft/raft.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/assert.h"

namespace moldau::raft {

using internal::Candidate;
using internal::Follower;
using internal::Leader;
using internal::Prospective;
using internal::Resigned;
using internal::Unattached;

std::string_view to_string(Role role) {
  switch (role) {
    case Role::kUnattached:
      return "unattached";
    case Role::kProspective:
      return "prospective";
    case Role::kCandidate:
      return "candidate";
    case Role::kLeader:
      return "leader";
    case Role::kFollower:
      return "follower";
    case Role::kResigned:
      return "resigned";
  }
  UNREACHABLE();
}

Raft::Raft(RaftOptions options, LogSummary log, std::optional<ElectionState> stored, base::Rng rng)
    : options_(std::move(options)),
      log_(std::move(log)),
      stored_(std::move(stored)),
      rng_(rng),
      peers_(options_.timeouts.request, options_.timeouts.retry_backoff),
      state_(Unattached{}),
      durable_end_(log_.end_offset()) {}

Output Raft::start(Now now) {
  now_ = now;
  initial_state(stored_.value_or(ElectionState{}));
  poll();
  return finish();
}

Output Raft::step(Input input, Now now) {
  now_ = now;
  std::visit([this](auto& each) { handle(std::move(each)); }, input);
  poll();
  return finish();
}

// ---- inputs

void Raft::handle(input::PeerRequest input) {
  const RequestId id = input.id;
  const auto answer = [&](Response response) {
    out_.answer.push_back({.id = id, .response = std::move(response), .attach = {}});
  };
  std::visit(
      [&](const auto& request) {
        using T = std::remove_cvref_t<decltype(request)>;
        if constexpr (std::is_same_v<T, VoteRequest>) {
          answer(vote(request));
        } else if constexpr (std::is_same_v<T, BeginQuorumEpochRequest>) {
          answer(begin_epoch(request));
        } else if constexpr (std::is_same_v<T, EndQuorumEpochRequest>) {
          answer(end_epoch(request));
        } else if constexpr (std::is_same_v<T, FetchRequest>) {
          fetch(id, request);
        } else if constexpr (std::is_same_v<T, FetchSnapshotRequest>) {
          out_.answer.push_back(fetch_snapshot(id, request));
        } else {
          answer(describe());
        }
      },
      input.request);
}

void Raft::handle(input::PeerResponse input) {
  if (!peers_.expects(input.from, input.correlation)) return;  // late: the state has moved on
  const bool success = std::visit(
      [&](const auto& result) {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(result)>, RpcFailure>) {
          return on_failure(result);
        } else {
          return std::visit([&](const auto& response) { return on_response(input.from, response); },
                            result);
        }
      },
      input.result);
  // A change of state has already freed all peers.
  if (peers_.expects(input.from, input.correlation)) {
    peers_.answered(input.from, success, now_.instant);
  }
}

void Raft::handle(input::LocalAppend input) {
  ASSERT(leading());
  ASSERT(input.batch.epoch == epoch_);
  log_.append(input.batch);
  log_operation(
      log_op::Append{.batches = {std::move(input.batch)}, .bytes = std::move(input.bytes)});
}

void Raft::handle(input::Durable input) {
  while (!pending_ends_.empty() && pending_ends_.begin()->first <= input.sequence) {
    durable_end_ = pending_ends_.begin()->second;
    pending_ends_.erase(pending_ends_.begin());
  }
  if (role() == Role::kLeader) update_leader_high_watermark();
}

void Raft::handle(input::SnapshotWritten input) {
  // Whatever became of the log meanwhile: what a snapshot below its start holds is not needed.
  if (input.id.offset < log_.start_offset()) {
    log_operation(log_op::RemoveSnapshots{{input.id}});
    return;
  }
  log_.add_snapshot(input.id, input.info);
}

void Raft::handle(input::SnapshotFetched input) {
  if (auto* follower = std::get_if<Follower>(&state_);
      follower != nullptr && follower->download && follower->download->id == input.id) {
    follower->download.reset();
    fetched(*follower);
  }
  if (!input.info) {
    fault("the snapshot that was fetched cannot be read; fetching again");
    return;
  }
  log_.add_snapshot(input.id, *input.info);
  if (input.id <= log_.end()) return;  // the log has all of it
  if (role() == Role::kLeader) {
    fault("a snapshot beyond the end of the leader's log was fetched; it is kept, not used");
    return;
  }
  auto gone = log_.truncate_fully(input.id);
  log_.load_control(input.id, input.control);
  log_operation(log_op::TruncateFully{input.id});
  if (!gone.empty()) log_operation(log_op::RemoveSnapshots{std::move(gone)});
  raise_high_watermark(input.id.offset);
}

void Raft::handle(const input::Clean& input) {
  // Oldest first, the newest stays: a snapshot goes while log and snapshots are over their size, or
  // while it is older than its time; the log then starts at the next one (KIP-630).
  std::uint64_t snapshot_bytes = 0;
  for (const auto& [id, info] : log_.snapshots()) snapshot_bytes += info.bytes;
  while (log_.snapshots().size() >= 2) {
    const auto oldest = log_.snapshots().begin();
    const SnapshotId next = std::next(oldest)->first;
    const SnapshotInfo info = oldest->second;
    const bool too_large =
        input.retention_bytes >= 0 &&
        input.log_bytes + snapshot_bytes > static_cast<std::uint64_t>(input.retention_bytes);
    const bool too_old = input.retention_time.count() >= 0 &&
                         info.last_contained_log_time.value() >= 0 &&
                         now_.wall - info.last_contained_log_time > input.retention_time.count();
    if (!too_large && !too_old) return;
    if (next.offset <= log_.start_offset() || next.offset > log_.end_offset()) return;
    snapshot_bytes -= info.bytes;
    auto gone = log_.start_at(next);
    log_operation(log_op::StartAt{next});
    log_operation(log_op::RemoveSnapshots{std::move(gone)});
  }
}

void Raft::handle(input::Resign input) {
  if (role() == Role::kLeader && input.epoch == epoch_) become_resigned();
}

void Raft::handle(input::ShutDown) {
  shutting_down_ = true;
  if (role() == Role::kLeader) become_resigned();
}

// ---- timers

void Raft::poll() {
  // Each look changes the state at most once, and no chain of changes is longer than this: a sole
  // voter goes from unattached to leader in three.
  constexpr int kLooksMax = 8;
  int looks = 0;
  while (poll_once()) {
    ++looks;
    ASSERT(looks < kLooksMax);
  }
  serve_parked_fetches();
  wake_by(peers_.next_change(now_.instant));
}

bool Raft::poll_once() {
  switch (role()) {
    case Role::kUnattached:
      return poll_unattached();
    case Role::kProspective:
      return poll_prospective();
    case Role::kCandidate:
      return poll_candidate();
    case Role::kLeader:
      return poll_leader();
    case Role::kFollower:
      return poll_follower();
    case Role::kResigned:
      return poll_resigned();
  }
  UNREACHABLE();
}

void Raft::wake_by(base::Instant at) { out_.wake_at = std::min(out_.wake_at, at); }

// ---- what an Output tells

Output Raft::finish() {
  if (auto state = election_state(); state != stored_) {
    stored_ = state;
    out_.election = std::move(state);
    out_.election_version = log_.kraft_version();
  }
  if (high_watermark_ && (!told_high_watermark_ || *high_watermark_ > *told_high_watermark_)) {
    told_high_watermark_ = high_watermark_;
    out_.high_watermark = high_watermark_;
  }
  LeaderAndEpoch told{.leader = leader_id(), .epoch = epoch_};
  if (role() == Role::kResigned) told.leader.reset();
  if (const auto* leader = std::get_if<Leader>(&state_);
      leader != nullptr && (!high_watermark_ || *high_watermark_ <= leader->epoch_start)) {
    told.leader.reset();
  }
  if (told != told_leader_) {
    told_leader_ = told;
    out_.leader = told;
  }
  return std::exchange(out_, {});
}

ElectionState Raft::election_state() const {
  ElectionState state{.epoch = epoch_, .leader = leader_id(), .voted = voted(), .voters = {}};
  if (log_.kraft_version() == kKRaftVersion0) {
    for (const auto& [id, node] : voters().by_id()) state.voters.push_back(id);
  }
  return state;
}

std::optional<ReplicaKey> Raft::voted() const {
  return std::visit(
      [this](const auto& state) -> std::optional<ReplicaKey> {
        using T = std::remove_cvref_t<decltype(state)>;
        if constexpr (std::is_same_v<T, Candidate>) {
          return options_.self;
        } else if constexpr (std::is_same_v<T, Leader> || std::is_same_v<T, Resigned>) {
          return std::nullopt;  // that we led says as much
        } else {
          return state.voted;
        }
      },
      state_);
}

std::optional<base::BrokerId> Raft::leader_id() const {
  return std::visit(
      [this](const auto& state) -> std::optional<base::BrokerId> {
        using T = std::remove_cvref_t<decltype(state)>;
        if constexpr (std::is_same_v<T, Candidate>) {
          return std::nullopt;
        } else if constexpr (std::is_same_v<T, Leader> || std::is_same_v<T, Resigned>) {
          return options_.self.id;
        } else {
          return state.leader;
        }
      },
      state_);
}

Endpoints Raft::leader_endpoints() const {
  return std::visit(
      [this](const auto& state) -> Endpoints {
        using T = std::remove_cvref_t<decltype(state)>;
        if constexpr (std::is_same_v<T, Leader> || std::is_same_v<T, Resigned>) {
          return options_.listeners;
        } else if constexpr (std::is_same_v<T, Follower> || std::is_same_v<T, Prospective>) {
          return state.leader_endpoints;
        } else {
          return {};
        }
      },
      state_);
}

LeaderView Raft::view() const {
  return {.leader = leader_id(), .epoch = epoch_, .endpoints = leader_endpoints()};
}

Role Raft::role() const { return static_cast<Role>(state_.index()); }

static_assert(std::is_same_v<
              std::variant_alternative_t<static_cast<std::size_t>(Role::kLeader), internal::State>,
              Leader>);
static_assert(std::is_same_v<std::variant_alternative_t<static_cast<std::size_t>(Role::kResigned),
                                                        internal::State>,
                             Resigned>);

const VoterSet& Raft::voters() const {
  const VoterSet* logged = log_.voters();
  return logged != nullptr ? *logged : options_.static_voters;
}

bool Raft::drained() const {
  if (!shutting_down_) return false;
  const auto* resigned = std::get_if<Resigned>(&state_);
  return resigned == nullptr || resigned->untold.empty();
}

void Raft::log_operation(decltype(LogOperation::what) what) {
  const LogSequence sequence = next_sequence_;
  next_sequence_ += 1;
  const bool moves_end = std::holds_alternative<log_op::Append>(what) ||
                         std::holds_alternative<log_op::TruncateTo>(what) ||
                         std::holds_alternative<log_op::TruncateFully>(what);
  if (moves_end) {
    // After a cut nothing above it counts as durable, whatever is reported late.
    const base::Offset end = log_.end_offset();
    durable_end_ = std::min(durable_end_, end);
    for (auto& [earlier, pending] : pending_ends_) pending = std::min(pending, end);
    if (std::holds_alternative<log_op::TruncateFully>(what)) {
      durable_end_ = end;  // the snapshot is on the disk
      pending_ends_.clear();
    }
    pending_ends_.emplace(sequence, end);
  }
  out_.log.push_back({.sequence = sequence, .what = std::move(what)});
}

}  // namespace moldau::raft
