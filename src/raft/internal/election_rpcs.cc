// Answers to Vote, BeginQuorumEpoch and EndQuorumEpoch. The checks come in Kafka's order.
#include <algorithm>
#include <utility>

#include "raft/raft.h"

namespace moldau::raft {

using internal::Candidate;
using internal::Follower;
using internal::Leader;
using internal::Prospective;
using internal::Unattached;
using wire::ErrorCode;

std::optional<ErrorCode> Raft::check_voter_request(base::BrokerId sender,
                                                   base::LeaderEpoch epoch) const {
  if (epoch < epoch_) return ErrorCode::kFencedLeaderEpoch;
  if (sender.value() < 0) return ErrorCode::kInvalidRequest;
  return std::nullopt;
}

bool Raft::is_for_us(const std::optional<ReplicaKey>& voter) const {
  if (!voter) return true;
  if (voter->id != options_.self.id) return false;
  return voter->directory.is_zero() || voter->directory == options_.self.directory;
}

VoteResponse Raft::vote(const VoteRequest& request) {
  const auto refuse = [this](ErrorCode error) {
    return VoteResponse{.error = error, .view = view(), .granted = false};
  };
  // A candidate's epoch is new, so no record can be of it; before a pre-vote there may have been a
  // leader in the same epoch.
  const bool epoch_possible =
      request.pre_vote ? request.last.epoch <= request.epoch : request.last.epoch < request.epoch;
  if (request.last.offset.value() < 0 || request.last.epoch.value() < 0 || !epoch_possible) {
    return refuse(ErrorCode::kInvalidRequest);
  }
  if (const auto error = check_voter_request(request.candidate.id, request.epoch)) {
    return refuse(*error);
  }
  if (request.epoch > epoch_) become_unattached(request.epoch, std::nullopt);
  if (!is_for_us(request.voter)) return refuse(ErrorCode::kInvalidVoterKey);

  const bool granted = can_grant(request);
  if (granted && !request.pre_vote) {
    // The candidate is at least as good as we are: give it a whole timeout.
    if (auto* state = std::get_if<Unattached>(&state_); state != nullptr && !state->voted) {
      state->voted = request.candidate;
      state->election_deadline = election_deadline();
    } else if (auto* nominee = std::get_if<Prospective>(&state_);
               nominee != nullptr && !nominee->voted) {
      nominee->voted = request.candidate;
      nominee->votes = new_votes();
      nominee->election_deadline = election_deadline();
    }
  }
  return {.error = ErrorCode::kNone, .view = view(), .granted = granted};
}

bool Raft::can_grant(const VoteRequest& request) const {
  if (request.candidate.id == options_.self.id) return false;  // a second node with our id
  const bool up_to_date = request.last >= log_.end();
  if (request.pre_vote) {
    if (std::holds_alternative<Leader>(state_)) return false;
    const auto* follower = std::get_if<Follower>(&state_);
    if (follower != nullptr && follower->has_fetched) return false;
    return up_to_date;
  }
  if (!std::holds_alternative<Unattached>(state_) && !std::holds_alternative<Prospective>(state_)) {
    return false;
  }
  if (const auto before = voted()) {
    return before->id == request.candidate.id &&
           (before->directory.is_zero() || before->directory == request.candidate.directory);
  }
  if (leader_id()) return false;  // one leader an epoch, and there is one already
  return up_to_date;
}

bool Raft::follow_if_newer(std::optional<base::BrokerId> leader, base::LeaderEpoch epoch,
                           Endpoints endpoints) {
  const auto known = leader_id();
  if (leader == options_.self.id) {
    if (role() == Role::kLeader && epoch == epoch_) return true;
    fault("a peer says that we lead epoch " + std::to_string(epoch.value()) +
          ", which we do not: is our directory an old copy?");
    return false;
  }
  if (epoch == epoch_ && leader && known && *leader != *known) {
    fault("a peer says that node " + std::to_string(leader->value()) + " leads epoch " +
          std::to_string(epoch.value()) + ", which node " + std::to_string(known->value()) +
          " leads");
    return false;
  }
  const bool dialable = address_of(endpoints, options_.default_listener).has_value();
  if (epoch > epoch_) {
    if (leader && dialable) {
      become_follower(epoch, *leader, std::move(endpoints));
    } else {
      become_unattached(epoch, leader);
    }
  } else if (epoch == epoch_ && leader && dialable) {
    if (auto* follower = std::get_if<Follower>(&state_)) {
      if (endpoints.size() > follower->leader_endpoints.size()) {
        follower->leader_endpoints = std::move(endpoints);
      }
    } else if (!known || std::holds_alternative<Unattached>(state_)) {
      become_follower(epoch, *leader, std::move(endpoints));
    }
  }
  return true;
}

BeginQuorumEpochResponse Raft::begin_epoch(const BeginQuorumEpochRequest& request) {
  const auto respond = [this](ErrorCode error) {
    return BeginQuorumEpochResponse{.error = error, .view = view()};
  };
  if (const auto error = check_voter_request(request.leader, request.epoch)) {
    return respond(*error);
  }
  Endpoints endpoints = request.leader_endpoints.empty() ? voters().endpoints_of(request.leader)
                                                         : request.leader_endpoints;
  if (!follow_if_newer(request.leader, request.epoch, std::move(endpoints))) {
    return respond(ErrorCode::kUnknownServerError);
  }
  return respond(is_for_us(request.voter) ? ErrorCode::kNone : ErrorCode::kInvalidVoterKey);
}

EndQuorumEpochResponse Raft::end_epoch(const EndQuorumEpochRequest& request) {
  const auto respond = [this](ErrorCode error) {
    return EndQuorumEpochResponse{.error = error, .view = view()};
  };
  if (const auto error = check_voter_request(request.leader, request.epoch)) {
    return respond(*error);
  }
  Endpoints endpoints = request.leader_endpoints.empty() ? voters().endpoints_of(request.leader)
                                                         : request.leader_endpoints;
  if (!follow_if_newer(request.leader, request.epoch, std::move(endpoints))) {
    return respond(ErrorCode::kUnknownServerError);
  }
  if (auto* follower = std::get_if<Follower>(&state_);
      follower != nullptr && follower->leader == request.leader) {
    follower->fetch_deadline = now_.instant + backoff_after_resignation(request.preferred);
  }
  return respond(ErrorCode::kNone);
}

// The best successor stands at once, the others later and later, so that their elections do not
// collide.
base::Duration Raft::backoff_after_resignation(const std::vector<ReplicaKey>& preferred) const {
  const base::Duration longest = options_.timeouts.election_backoff_max;
  const auto ours = std::ranges::find_if(preferred, [this](const ReplicaKey& key) {
    return key.id == options_.self.id &&
           (key.directory.is_zero() || key.directory == options_.self.directory);
  });
  const auto position = static_cast<std::size_t>(ours - preferred.begin());
  if (position == 0) return base::Duration(0);
  if (ours == preferred.end()) return longest;
  constexpr std::size_t kHalvingsMax = 30;
  const std::size_t halvings = std::min(preferred.size() - 1, kHalvingsMax);
  const base::Duration shortest = longest / (std::int64_t{1} << halvings);
  return std::min(longest, shortest * (std::int64_t{1} << std::min(position - 1, kHalvingsMax)));
}

}  // namespace moldau::raft
