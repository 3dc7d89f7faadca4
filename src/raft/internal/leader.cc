// The leader: progress of the replicas, the high watermark, long polls, check quorum.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "raft/control_records.h"
#include "raft/raft.h"

namespace moldau::raft {

using internal::Leader;
using internal::ParkedFetch;
using internal::Progress;
using wire::ErrorCode;

bool Raft::poll_leader() {
  auto& leader = std::get<Leader>(state_);
  if (leader.voters.size() > 1) {
    if (now_.instant >= leader.check_quorum_deadline) {
      // Without a majority nothing can commit, and another may already lead (KIP-595).
      become_resigned();
      return true;
    }
    wake_by(leader.check_quorum_deadline);
    if (now_.instant >= leader.begin_epoch_at) {
      send_begin_epochs(leader);
      leader.begin_epoch_at = now_.instant + options_.timeouts.fetch / 2;
    }
    wake_by(leader.begin_epoch_at);
  }
  return false;
}

void Raft::send_begin_epochs(Leader& leader) {
  for (const auto& [id, voter] : leader.voters) {
    if (id == options_.self.id || !peers_.ready(id, now_.instant)) continue;
    const auto last = voter.progress.last_fetch;
    if (last && now_.instant - *last < options_.timeouts.fetch / 2) continue;
    const auto address = address_of(voter.node.endpoints, options_.default_listener);
    if (!address) continue;
    const base::CorrelationId correlation = next_correlation_;
    next_correlation_ += 1;
    peers_.sent(id, correlation, now_.instant);
    out_.send.push_back(
        {.to = id,
         .address = *address,
         .correlation = correlation,
         .request = BeginQuorumEpochRequest{.leader = options_.self.id,
                                            .epoch = epoch_,
                                            .voter = voter.node.key,
                                            .leader_endpoints = options_.listeners}});
  }
}

void Raft::append_start_of_epoch() {
  const auto& leader = std::get<Leader>(state_);
  EpochStartRecords records{
      .leader = options_.self.id, .voters = {}, .granted_by = leader.granted_by};
  for (const auto& [id, voter] : leader.voters) records.voters.push_back(id);
  if (log_.kraft_version() >= kKRaftVersion1) {
    // Voters that only the bootstrap snapshot names must get into the log, which replicas copy; so
    // must a change of our own addresses.
    const VoterNode self{.key = options_.self,
                         .endpoints = options_.listeners,
                         .supported = kSupportedKRaftVersions};
    const VoterNode* logged = voters().find(options_.self.id);
    const bool only_bootstrap = log_.voters_offset() == base::Offset(-1);
    if (only_bootstrap || (logged != nullptr && logged->is(options_.self) && *logged != self)) {
      VoterSet updated = voters();
      updated.put(self);
      records.kraft_version = log_.kraft_version();
      records.voter_set = std::move(updated);
    }
  }
  ControlBatch batch = epoch_start_batch(
      records, {.base_offset = log_.end_offset(), .epoch = epoch_, .time = now_.wall});
  log_.append(batch.summary);
  refresh_voters();
  log_operation(
      log_op::Append{.batches = {std::move(batch.summary)}, .bytes = std::move(batch.bytes)});
}

// ---- progress

void Raft::refresh_voters() {
  auto& leader = std::get<Leader>(state_);
  std::map<base::BrokerId, Leader::Voter> updated;
  for (const auto& [id, node] : voters().by_id()) {
    Progress progress;
    if (const auto found = leader.voters.find(id);
        found != leader.voters.end() && found->second.node.is(node.key)) {
      progress = found->second.progress;
    } else if (const auto observer = leader.observers.find(node.key);
               observer != leader.observers.end()) {
      progress = observer->second;
      leader.observers.erase(observer);
    }
    updated.emplace(id, Leader::Voter{.node = node, .progress = progress});
  }
  for (auto& [id, voter] : leader.voters) {
    const auto kept = updated.find(id);
    if (kept == updated.end() || !kept->second.node.is(voter.node.key)) {
      leader.observers.emplace(voter.node.key, voter.progress);
    }
  }
  leader.voters = std::move(updated);
}

void Raft::update_replica(const ReplicaKey& replica, base::Offset fetch_offset) {
  auto& leader = std::get<Leader>(state_);
  Progress* progress = nullptr;
  const auto voter = leader.voters.find(replica.id);
  const bool votes = voter != leader.voters.end() && voter->second.node.is(replica);
  if (votes) {
    progress = &voter->second.progress;
  } else if (leader.observers.size() < kObserversMax || leader.observers.contains(replica)) {
    progress = &leader.observers[replica];
  } else {
    return;
  }
  const base::Offset end = log_.end_offset();
  if (fetch_offset >= end) {
    progress->last_caught_up_wall = std::max(progress->last_caught_up_wall, now_.wall);
  } else if (progress->leader_end_at_last_fetch.value() > 0 &&
             fetch_offset >= progress->leader_end_at_last_fetch) {
    progress->last_caught_up_wall =
        std::max(progress->last_caught_up_wall, progress->last_fetch_wall);
  }
  progress->leader_end_at_last_fetch = end;
  progress->last_fetch_wall = std::max(progress->last_fetch_wall, now_.wall);
  progress->last_fetch = now_.instant;
  progress->end_offset = fetch_offset;
  count_for_check_quorum(replica);
  if (votes) update_leader_high_watermark();
}

void Raft::count_for_check_quorum(const ReplicaKey& replica) {
  auto& leader = std::get<Leader>(state_);
  const auto voter = leader.voters.find(replica.id);
  if (voter == leader.voters.end() || !voter->second.node.is(replica)) return;
  leader.fetched_since_check.insert(replica.id);
  std::size_t needed = leader.voters.size() / 2 + 1;
  if (leader.voters.contains(options_.self.id)) needed -= 1;
  if (leader.fetched_since_check.size() < needed) return;
  leader.fetched_since_check.clear();
  leader.check_quorum_deadline = now_.instant + options_.timeouts.fetch * 3 / 2;
}

void Raft::update_leader_high_watermark() {
  const auto& leader = std::get<Leader>(state_);
  std::vector<base::Offset> ends;
  for (const auto& [id, voter] : leader.voters) {
    const bool self = voter.node.is(options_.self);
    ends.push_back(self ? durable_end_ : voter.progress.end_offset.value_or(base::kNoOffset));
  }
  if (ends.empty()) return;
  std::ranges::sort(ends, std::ranges::greater{});
  const base::Offset majority_has = std::min(ends[ends.size() / 2], log_.end_offset());
  // Earlier epochs' records count only once one of this epoch does (raft paper, figure 8).
  if (majority_has > leader.epoch_start) raise_high_watermark(majority_has);
}

std::vector<ReplicaKey> Raft::successors() const {
  const auto& leader = std::get<Leader>(state_);
  std::vector<std::pair<base::Offset, ReplicaKey>> others;
  for (const auto& [id, voter] : leader.voters) {
    if (voter.node.is(options_.self)) continue;
    others.emplace_back(voter.progress.end_offset.value_or(base::kNoOffset), voter.node.key);
  }
  std::ranges::sort(others, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  std::vector<ReplicaKey> keys;
  keys.reserve(others.size());
  for (const auto& [end, key] : others) keys.push_back(key);
  return keys;
}

// ---- requests to the leader

std::optional<ErrorCode> Raft::check_leader_request(base::LeaderEpoch epoch) const {
  if (epoch < epoch_) return ErrorCode::kFencedLeaderEpoch;
  if (epoch > epoch_) return ErrorCode::kUnknownLeaderEpoch;
  if (role() != Role::kLeader) return ErrorCode::kNotLeaderOrFollower;
  return std::nullopt;
}

void Raft::fetch(RequestId id, const FetchRequest& request) {
  const auto refuse = [&](ErrorCode error) {
    out_.answer.push_back(
        {.id = id, .response = FetchResponse{.error = error, .view = view()}, .attach = {}});
  };
  if (request.wait_max.count() < 0 || request.fetch_offset.value() < 0 ||
      request.last_fetched_epoch.value() < 0 ||
      request.last_fetched_epoch > request.current_leader_epoch) {
    return refuse(ErrorCode::kInvalidRequest);
  }
  if (const auto error = check_leader_request(request.current_leader_epoch)) return refuse(*error);
  if (request.replica.id == options_.self.id) {
    fault("a fetch came with our own node id " + std::to_string(options_.self.id.value()));
    return refuse(ErrorCode::kUnknownServerError);
  }
  const bool valid = std::holds_alternative<ValidOffset>(
      log_.validate(request.fetch_offset, request.last_fetched_epoch));
  const bool empty_replica = request.fetch_offset == base::Offset(0) && log_.latest_snapshot() &&
                             *log_.latest_snapshot() != kBootstrapSnapshotId;
  if (valid && !empty_replica && request.replica.id.value() >= 0) {
    update_replica(request.replica, request.fetch_offset);
  }
  auto& leader = std::get<Leader>(state_);
  const bool nothing_new = valid && !empty_replica && request.fetch_offset >= log_.end_offset() &&
                           request.high_watermark >= high_watermark_.value_or(base::kNoOffset);
  if (nothing_new && request.wait_max.count() > 0 && leader.parked.size() < kParkedFetchesMax) {
    leader.parked.push_back({.id = id,
                             .request = request,
                             .deadline = now_.instant + std::min(request.wait_max, kFetchWaitMax)});
    return;
  }
  out_.answer.push_back(fetch_answer(id, request));
}

Answer Raft::fetch_answer(RequestId id, const FetchRequest& request) {
  FetchResponse response{.error = ErrorCode::kNone,
                         .view = view(),
                         .high_watermark = high_watermark_,
                         .log_start_offset = log_.start_offset(),
                         .diverging = {},
                         .snapshot = {},
                         .records = {}};
  Answer answer{.id = id, .response = {}, .attach = {}};
  const auto latest = log_.latest_snapshot();
  if (request.fetch_offset == base::Offset(0) && latest && *latest != kBootstrapSnapshotId) {
    response.snapshot = latest;  // quicker than the log from its beginning
  } else {
    const auto validation = log_.validate(request.fetch_offset, request.last_fetched_epoch);
    if (const auto* diverging = std::get_if<DivergingAt>(&validation)) {
      response.diverging = diverging->end;
    } else if (const auto* needs = std::get_if<NeedsSnapshot>(&validation)) {
      response.snapshot = needs->id;
    } else if (request.fetch_offset < log_.end_offset()) {
      answer.attach = ReadLog{.from = request.fetch_offset,
                              .upto = log_.end_offset(),
                              .bytes_max = std::min(request.bytes_max, options_.fetch_bytes_max)};
    }
  }
  answer.response = std::move(response);
  return answer;
}

void Raft::serve_parked_fetches() {
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) return;
  const base::Offset committed = high_watermark_.value_or(base::kNoOffset);
  std::vector<ParkedFetch> still;
  for (ParkedFetch& parked : std::exchange(leader->parked, {})) {
    const bool news = parked.request.fetch_offset < log_.end_offset() ||
                      parked.request.high_watermark < committed;
    if (!news && now_.instant < parked.deadline) {
      wake_by(parked.deadline);
      still.push_back(std::move(parked));
      continue;
    }
    out_.answer.push_back(fetch_answer(parked.id, parked.request));
  }
  leader->parked = std::move(still);
}

void Raft::fail_parked_fetches(ErrorCode error) {
  auto& leader = std::get<Leader>(state_);
  for (const ParkedFetch& parked : leader.parked) {
    out_.answer.push_back(
        {.id = parked.id, .response = FetchResponse{.error = error, .view = view()}, .attach = {}});
  }
  leader.parked.clear();
}

Answer Raft::fetch_snapshot(RequestId id, const FetchSnapshotRequest& request) {
  FetchSnapshotResponse response{.error = ErrorCode::kNone, .view = view(), .id = {}, .bytes = {}};
  const auto refuse = [&](ErrorCode error) {
    response.error = error;
    return Answer{.id = id, .response = response, .attach = {}};
  };
  if (const auto error = check_leader_request(request.current_leader_epoch)) return refuse(*error);
  const auto found = log_.snapshots().find(request.id);
  if (found == log_.snapshots().end() || request.id == kBootstrapSnapshotId) {
    return refuse(ErrorCode::kSnapshotNotFound);
  }
  const auto size = static_cast<std::int64_t>(found->second.bytes);
  if (request.position < 0 || request.position >= size) {
    return refuse(ErrorCode::kPositionOutOfRange);
  }
  count_for_check_quorum(request.replica);
  response.id = request.id;
  response.size = size;
  response.position = request.position;
  return {.id = id,
          .response = std::move(response),
          .attach = ReadSnapshot{
              .id = request.id,
              .position = static_cast<std::uint64_t>(request.position),
              // The peer's claim is not what we allocate.
              .bytes_max = std::min(request.bytes_max, options_.fetch_snapshot_bytes_max)}};
}

DescribeQuorumResponse Raft::describe() {
  DescribeQuorumResponse response;
  response.view = view();
  auto* leader = std::get_if<Leader>(&state_);
  if (leader == nullptr) {
    response.error = ErrorCode::kNotLeaderOrFollower;
    return response;
  }
  std::erase_if(leader->observers, [this](const auto& entry) {
    const auto& last = entry.second.last_fetch;
    return !last || now_.instant - *last >= options_.timeouts.observer_session;
  });
  response.high_watermark = high_watermark_.value_or(base::kNoOffset);
  const auto row = [](const ReplicaKey& key, const Progress& progress) {
    return DescribedReplica{.key = key,
                            .log_end_offset = progress.end_offset.value_or(base::kNoOffset),
                            .last_fetch = progress.last_fetch_wall,
                            .last_caught_up = progress.last_caught_up_wall};
  };
  for (const auto& [id, voter] : leader->voters) {
    DescribedReplica described = row(voter.node.key, voter.progress);
    if (voter.node.is(options_.self)) {
      described.log_end_offset = log_.end_offset();
      described.last_fetch = now_.wall;
      described.last_caught_up = now_.wall;
    }
    response.voters.push_back(described);
    response.nodes.push_back(voter.node);
  }
  for (const auto& [key, progress] : leader->observers) {
    response.observers.push_back(row(key, progress));
  }
  return response;
}

}  // namespace moldau::raft
