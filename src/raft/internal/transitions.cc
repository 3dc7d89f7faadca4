// Changes of state and the timers of the states without a leader.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "raft/raft.h"

namespace moldau::raft {

using internal::Candidate;
using internal::Follower;
using internal::Leader;
using internal::Prospective;
using internal::Resigned;
using internal::Unattached;
using internal::Votes;

void Raft::initial_state(const ElectionState& stored) {
  epoch_ = stored.epoch;
  if (stored.epoch < log_.last_epoch()) {
    // The file is older than the log (lost or restored): nothing it says about that epoch counts.
    epoch_ = log_.last_epoch();
    state_ = Unattached{.election_deadline = election_deadline()};
    return;
  }
  if (stored.leader == options_.self.id) {
    state_ = Resigned{.successors = {}, .untold = {}, .election_deadline = election_deadline()};
    for (const auto& [id, node] : voters().by_id()) {
      if (id != options_.self.id) std::get<Resigned>(state_).untold.insert(id);
    }
  } else if (stored.voted && stored.voted->id == options_.self.id &&
             (stored.voted->directory.is_zero() ||
              stored.voted->directory == options_.self.directory)) {
    state_ = Candidate{.votes = new_votes(), .election_deadline = election_deadline()};
  } else if (Endpoints endpoints =
                 stored.leader ? voters().endpoints_of(*stored.leader) : Endpoints{};
             address_of(endpoints, options_.default_listener)) {
    state_ = Follower{.leader = *stored.leader,
                      .leader_endpoints = std::move(endpoints),
                      .voted = stored.voted,
                      .fetch_deadline = now_.instant + options_.timeouts.fetch,
                      .has_fetched = false,
                      .download = {}};
  } else {
    state_ = Unattached{
        .leader = stored.leader, .voted = stored.voted, .election_deadline = election_deadline()};
  }
  // Nobody else could win: do not wait for a timeout. The new election bumps the epoch.
  const bool may_stand = role() != Role::kCandidate;
  if (may_stand && voters().is_only_voter(options_.self)) become_prospective();
}

base::Instant Raft::election_deadline() {
  if (!is_voter()) return base::kNever;
  const auto base = options_.timeouts.election.count();
  if (base <= 0) return now_.instant;
  const auto extra = static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(base)));
  return now_.instant + options_.timeouts.election + base::Duration(extra);
}

// A replica that only learns of a higher epoch goes on waiting: otherwise a candidate that cannot
// win would keep the others from standing.
base::Instant Raft::remaining_or_new_deadline() {
  if (!is_voter()) return base::kNever;
  if (const auto* state = std::get_if<Candidate>(&state_)) return state->election_deadline;
  if (const auto* state = std::get_if<Unattached>(&state_)) return state->election_deadline;
  if (const auto* state = std::get_if<Resigned>(&state_)) return state->election_deadline;
  if (const auto* state = std::get_if<Prospective>(&state_);
      state != nullptr && !state->votes.lost()) {
    return state->election_deadline;
  }
  return election_deadline();
}

void Raft::enter(internal::State state) {
  if (role() == Role::kLeader) fail_parked_fetches(wire::ErrorCode::kNotLeaderOrFollower);
  if (const auto* follower = std::get_if<Follower>(&state_);
      follower != nullptr && follower->download && !follower->download->complete) {
    log_operation(log_op::DropPartialSnapshot{follower->download->id});
  }
  state_ = std::move(state);
  peers_.reset_all();
}

void Raft::become_unattached(base::LeaderEpoch epoch, std::optional<base::BrokerId> leader) {
  ASSERT(epoch >= epoch_);
  ASSERT(epoch > epoch_ || role() == Role::kProspective);
  Unattached state{.leader = leader,
                   .voted = epoch == epoch_ ? voted() : std::nullopt,
                   .election_deadline = remaining_or_new_deadline()};
  enter(std::move(state));
  epoch_ = epoch;
}

void Raft::become_prospective() {
  ASSERT(is_voter());
  ASSERT(role() != Role::kLeader);
  Prospective state{.leader = leader_id(),
                    .leader_endpoints = leader_endpoints(),
                    .voted = voted(),
                    .votes = new_votes(),
                    .election_deadline = election_deadline()};
  enter(std::move(state));
}

void Raft::become_candidate() {
  ASSERT(role() == Role::kProspective);
  enter(Candidate{.votes = new_votes(), .election_deadline = election_deadline()});
  epoch_ += 1;
}

void Raft::become_leader() {
  const auto& candidate = std::get<Candidate>(state_);
  ASSERT(candidate.votes.won());
  Leader leader{.epoch_start = log_.end_offset(),
                .granted_by = candidate.votes.with(Votes::Vote::kGranted),
                .voters = {},
                .observers = {},
                .fetched_since_check = {},
                .check_quorum_deadline = now_.instant + options_.timeouts.fetch * 3 / 2,
                .begin_epoch_at = now_.instant,
                .parked = {}};
  for (const auto& [id, node] : voters().by_id()) {
    leader.voters.emplace(id, Leader::Voter{.node = node, .progress = {}});
  }
  enter(std::move(leader));
  // What earlier leaders committed is known again only when something of this epoch is (KIP-595).
  high_watermark_.reset();
  append_start_of_epoch();
}

void Raft::become_follower(base::LeaderEpoch epoch, base::BrokerId leader, Endpoints endpoints) {
  ASSERT(epoch >= epoch_);
  ASSERT(leader != options_.self.id);
  ASSERT(epoch > epoch_ || role() != Role::kLeader);
  Follower state{.leader = leader,
                 .leader_endpoints = std::move(endpoints),
                 // One vote an epoch, also for one who met its leader.
                 .voted = epoch == epoch_ ? voted() : std::nullopt,
                 .fetch_deadline = now_.instant + options_.timeouts.fetch,
                 .has_fetched = false,
                 .download = {}};
  enter(std::move(state));
  epoch_ = epoch;
}

void Raft::become_resigned() {
  ASSERT(role() == Role::kLeader);
  Resigned state{
      .successors = successors(), .untold = {}, .election_deadline = election_deadline()};
  for (const auto& [id, node] : voters().by_id()) {
    if (id != options_.self.id) state.untold.insert(id);
  }
  enter(std::move(state));
}

void Raft::prospective_lost() {
  auto& state = std::get<Prospective>(state_);
  const auto leader = state.leader;
  if (leader && leader != options_.self.id &&
      address_of(state.leader_endpoints, options_.default_listener)) {
    become_follower(epoch_, *leader, std::move(state.leader_endpoints));
  } else {
    become_unattached(epoch_, leader);
  }
}

Votes Raft::new_votes() const {
  Votes votes(voters());
  votes.record(options_.self.id, true);
  return votes;
}

void Raft::send_votes(const Votes& votes, bool pre_vote) {
  if (votes.lost()) return;
  for (const base::BrokerId id : votes.with(Votes::Vote::kUnknown)) {
    const VoterNode* node = voters().find(id);
    if (node == nullptr || !peers_.ready(id, now_.instant)) continue;
    const auto address = address_of(node->endpoints, options_.default_listener);
    if (!address) continue;
    const base::CorrelationId correlation = next_correlation_;
    next_correlation_ += 1;
    peers_.sent(id, correlation, now_.instant);
    out_.send.push_back({.to = id,
                         .address = *address,
                         .correlation = correlation,
                         .request = VoteRequest{.candidate = options_.self,
                                                .voter = node->key,
                                                .epoch = epoch_,
                                                .last = log_.end(),
                                                .pre_vote = pre_vote}});
  }
}

bool Raft::poll_unattached() {
  const auto& state = std::get<Unattached>(state_);
  if (is_voter() && !shutting_down_ && now_.instant >= state.election_deadline) {
    become_prospective();
    return true;
  }
  if (!shutting_down_) {
    if (is_voter()) wake_by(state.election_deadline);
    fetch_from_any_bootstrap();
  }
  return false;
}

bool Raft::poll_prospective() {
  const auto& state = std::get<Prospective>(state_);
  if (shutting_down_) return false;
  if (state.votes.won()) {
    become_candidate();
    return true;
  }
  if (state.votes.lost() || now_.instant >= state.election_deadline) {
    prospective_lost();
    return true;
  }
  wake_by(state.election_deadline);
  send_votes(state.votes, true);
  return false;
}

bool Raft::poll_candidate() {
  const auto& state = std::get<Candidate>(state_);
  if (shutting_down_) return false;
  if (state.votes.won()) {
    become_leader();
    return true;
  }
  if (now_.instant >= state.election_deadline) {
    become_prospective();
    return true;
  }
  wake_by(state.election_deadline);
  send_votes(state.votes, false);
  return false;
}

bool Raft::poll_resigned() {
  const auto& state = std::get<Resigned>(state_);
  if (!shutting_down_ && now_.instant >= state.election_deadline) {
    // A new epoch, since in this one we are known as leader.
    become_unattached(epoch_ + 1, std::nullopt);
    return true;
  }
  if (!shutting_down_) wake_by(state.election_deadline);
  for (const base::BrokerId id : state.untold) {
    const VoterNode* node = voters().find(id);
    if (node == nullptr || !peers_.ready(id, now_.instant)) continue;
    const auto address = address_of(node->endpoints, options_.default_listener);
    if (!address) continue;
    const base::CorrelationId correlation = next_correlation_;
    next_correlation_ += 1;
    peers_.sent(id, correlation, now_.instant);
    out_.send.push_back({.to = id,
                         .address = *address,
                         .correlation = correlation,
                         .request = EndQuorumEpochRequest{.leader = options_.self.id,
                                                          .epoch = epoch_,
                                                          .preferred = state.successors,
                                                          .leader_endpoints = options_.listeners}});
  }
  return false;
}

}  // namespace moldau::raft
