#include "replica/replica.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace moldau::replica {
namespace {

using wire::ErrorCode;

constexpr std::int16_t kAcksAll = -1;
constexpr std::int16_t kAcksLeader = 1;

bool contains(const std::vector<base::BrokerId>& ids, base::BrokerId id) {
  return std::ranges::find(ids, id) != ids.end();
}

}  // namespace

Replica::Replica(const ReplicaOptions& options, const LogOffsets& log)
    : options_(options),
      log_start_(log.log_start),
      log_end_(log.log_end),
      durable_end_(log.durable_end),
      high_watermark_(std::clamp(log.high_watermark, log.log_start, log.log_end)) {
  ASSERT(log.log_start <= log.log_end);
  ASSERT(log.durable_end <= log.log_end);
}

// --- Steps

Output Replica::step(const Registration& registration, base::Instant now) {
  Output out;
  // Metadata may lag behind what an AlterPartition answer has already told.
  if (registration.partition_epoch < partition_epoch_) return out;
  if (registration.leader == options_.self) {
    become_leader(registration, now, out);
  } else {
    become_follower(registration, out);
  }
  return out;
}

void Replica::become_leader(const Registration& registration, base::Instant now, Output& out) {
  const bool was_leader = is_leader();
  const bool new_epoch = registration.leader_epoch > leader_epoch_;
  role_ = Role::kLeader;
  leader_ = options_.self;
  leader_epoch_ = std::max(leader_epoch_, registration.leader_epoch);
  partition_epoch_ = registration.partition_epoch;
  isr_ = registration.isr;
  pending_.reset();
  set_peers(registration);
  out.role_changed = !was_leader || new_epoch;
  if (out.role_changed) {
    // The epoch is announced even before its first record, so that a follower which holds records
    // of a later lost epoch finds where to cut.
    epoch_start_ = log_end_;
    out.epoch_started = logstate::EpochEntry{.epoch = leader_epoch_, .start_offset = epoch_start_};
    for (Peer& peer : peers_) {
      const bool in_sync = contains(isr_, peer.id);
      const auto since = in_sync ? std::optional(now) : std::nullopt;
      // A member that is out of the ISR must not hold back the high watermark.
      if (was_leader) {
        peer.last_fetch_leader_end = log_end_;
        peer.last_fetch = since;
      } else {
        peer = Peer{.id = peer.id, .status = peer.status};
      }
      peer.last_caught_up = since;
    }
    schedule_isr_check(now);
  }
  advance_high_watermark(now, out);
}

void Replica::become_follower(const Registration& registration, Output& out) {
  out.role_changed = role_ != Role::kFollower || registration.leader_epoch > leader_epoch_;
  role_ = Role::kFollower;
  leader_ = registration.leader;
  leader_epoch_ = std::max(leader_epoch_, registration.leader_epoch);
  partition_epoch_ = registration.partition_epoch;
  epoch_start_ = base::kNoOffset;
  isr_.clear();
  peers_.clear();
  pending_.reset();
  isr_check_at_ = base::kNever;
  release_all(ErrorCode::kNotLeaderOrFollower, out);
}

void Replica::set_peers(const Registration& registration) {
  std::vector<Peer> peers;
  for (const base::BrokerId id : registration.replicas) {
    if (id == options_.self) continue;
    const Peer* known = find_peer(id);
    peers.push_back(known != nullptr ? *known : Peer{.id = id});
  }
  std::ranges::sort(peers, {}, &Peer::id);
  peers_ = std::move(peers);
}

Output Replica::step(const BrokersChanged& input, base::Instant now) {
  Output out;
  for (Peer& peer : peers_) {
    const auto found = std::ranges::find(input.brokers, peer.id, &BrokerStatus::id);
    peer.status = found == input.brokers.end() ? std::nullopt : std::optional(*found);
  }
  advance_high_watermark(now, out);
  return out;
}

Output Replica::step(const Appended& input, base::Instant) {
  ASSERT(is_leader());
  ASSERT(input.log_end >= log_end_);
  log_end_ = input.log_end;
  return {};
}

Output Replica::step(const Synced& input, base::Instant now) {
  ASSERT(input.durable_end <= log_end_);
  Output out;
  if (input.durable_end <= durable_end_) return out;
  durable_end_ = input.durable_end;
  if (!is_leader()) return out;
  advance_high_watermark(now, out);
  release_reached(out);
  return out;
}

Output Replica::step(const ParkProduce& input, base::Instant) {
  ASSERT(input.acks == kAcksAll || input.acks == kAcksLeader);
  Output out;
  if (!is_leader()) {
    out.released.push_back({input.token, ErrorCode::kNotLeaderOrFollower});
    return out;
  }
  if (parked() >= kParkedProducesMax) {
    // Its records are appended; as after a time-out, the producer has to ask again.
    out.released.push_back({input.token, ErrorCode::kRequestTimedOut});
    return out;
  }
  auto& queue = input.acks == kAcksAll ? parked_all_ : parked_leader_;
  const auto at = std::ranges::upper_bound(queue, input.required, {}, &Parked::required);
  queue.insert(at, {.required = input.required, .token = input.token, .deadline = input.deadline});
  parked_deadline_ = std::min(parked_deadline_, input.deadline);
  release_reached(out);
  return out;
}

Output Replica::step(const FollowerFetched& input, base::Instant now) {
  Output out;
  Peer* peer = find_peer(input.id);
  if (peer == nullptr ||
      check_follower(input.id, input.broker_epoch, base::kNoLeaderEpoch) != ErrorCode::kNone) {
    return out;
  }
  if (input.fetch_offset >= input.leader_end) {
    peer->last_caught_up = now;
  } else if (peer->last_fetch && input.fetch_offset >= peer->last_fetch_leader_end) {
    // It has by now all that we had at its last fetch: so it was caught up then.
    peer->last_caught_up = std::max(peer->last_caught_up, peer->last_fetch);
  }
  peer->log_end = input.fetch_offset;
  peer->log_start = input.log_start;
  peer->last_fetch_leader_end = std::max(peer->last_fetch_leader_end, input.leader_end);
  peer->last_fetch = now;
  peer->fetch_epoch = input.broker_epoch;
  expand_isr(*peer, out);
  advance_high_watermark(now, out);
  return out;
}

Output Replica::step(const AlterPartitionAnswer& input, base::Instant now) {
  Output out;
  // An answer to an earlier change says nothing about the present one.
  if (!is_leader() || !pending_ || pending_->change_id != input.change_id) return out;
  switch (input.error) {
    case ErrorCode::kNone:
      if (input.leader_epoch != leader_epoch_ || input.partition_epoch < partition_epoch_) break;
      isr_ = input.isr;
      partition_epoch_ = input.partition_epoch;
      pending_.reset();
      advance_high_watermark(now, out);
      break;
    case ErrorCode::kOperationNotAttempted:
    case ErrorCode::kIneligibleReplica:
      // The controller says that it has not applied it, and neither will a later one.
      pending_.reset();
      break;
    case ErrorCode::kUnknownTopicOrPartition:
    case ErrorCode::kUnknownTopicId:
    case ErrorCode::kFencedLeaderEpoch:
    case ErrorCode::kInvalidUpdateVersion:
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kNewLeaderElected:
      // Our view is old, or the change was applied after all: the metadata will tell.
      break;
    default:
      pending_->retry_at = now + kAlterPartitionBackoff;
      break;
  }
  return out;
}

Output Replica::step(const LogStartAdvanced& input, base::Instant) {
  ASSERT(input.log_start <= log_end_);
  Output out;
  log_start_ = std::max(log_start_, input.log_start);
  if (high_watermark_ < log_start_) {
    high_watermark_ = log_start_;
    out.high_watermark_moved = true;
    release_reached(out);
  }
  return out;
}

Output Replica::step(const MinIsrChanged& input, base::Instant now) {
  Output out;
  options_.min_insync_replicas = input.min_insync_replicas;
  advance_high_watermark(now, out);
  return out;
}

Output Replica::step(Tick, base::Instant now) {
  Output out;
  if (now >= parked_deadline_) expire_parked(now, out);
  if (!is_leader()) return out;
  if (now >= isr_check_at_) {
    shrink_isr(now, out);
    // A lagging replica outside of the ISR no longer holds back the high watermark.
    advance_high_watermark(now, out);
    schedule_isr_check(now);
  }
  if (pending_ && pending_->retry_at && now >= *pending_->retry_at) {
    pending_->retry_at.reset();
    out.alter_partition = alter_request();
  }
  return out;
}

Output Replica::stop(ErrorCode error) {
  Output out;
  out.role_changed = role_ != Role::kNone;
  role_ = Role::kNone;
  leader_ = base::kNoBroker;
  isr_.clear();
  peers_.clear();
  pending_.reset();
  isr_check_at_ = base::kNever;
  release_all(error, out);
  return out;
}

base::Instant Replica::wake_at() const {
  base::Instant at = std::min(parked_deadline_, isr_check_at_);
  if (pending_ && pending_->retry_at) at = std::min(at, *pending_->retry_at);
  return at;
}

// --- High watermark and what waits for it

Replica::Peer* Replica::find_peer(base::BrokerId id) {
  const auto found = std::ranges::find(peers_, id, &Peer::id);
  return found == peers_.end() ? nullptr : &*found;
}

const Replica::Peer* Replica::find_peer(base::BrokerId id) const {
  const auto found = std::ranges::find(peers_, id, &Peer::id);
  return found == peers_.end() ? nullptr : &*found;
}

std::int32_t Replica::effective_min_isr() const {
  return std::min(options_.min_insync_replicas, static_cast<std::int32_t>(peers_.size()) + 1);
}

bool Replica::under_min_isr() const {
  return is_leader() && static_cast<std::int32_t>(isr_.size()) < effective_min_isr();
}

const std::vector<base::BrokerId>& Replica::maximal_isr() const {
  return pending_ ? pending_->maximal : isr_;
}

bool Replica::caught_up(const Peer& peer, base::Instant now) const {
  if (peer.log_end == log_end_) return true;
  return peer.last_caught_up && now - *peer.last_caught_up <= options_.replica_lag_time_max;
}

bool Replica::eligible(const Peer& peer) {
  if (!peer.status || !peer.status->alive || !peer.fetch_epoch) return false;
  return *peer.fetch_epoch == base::kNoBrokerEpoch || *peer.fetch_epoch == peer.status->epoch;
}

void Replica::advance_high_watermark(base::Instant now, Output& out) {
  if (!is_leader() || under_min_isr()) return;
  base::Offset reached = durable_end_;
  for (const Peer& peer : peers_) {
    if (peer.log_end >= reached) continue;
    // A replica about to join counts too: else it could fall behind just by our moving on.
    if (contains(maximal_isr(), peer.id) || (caught_up(peer, now) && eligible(peer))) {
      reached = peer.log_end;
    }
  }
  if (reached <= high_watermark_) return;
  high_watermark_ = reached;
  out.high_watermark_moved = true;
  release_reached(out);
}

void Replica::release_reached(Output& out) {
  const auto release_upto = [&](std::vector<Parked>& queue, base::Offset reached, ErrorCode error) {
    if (queue.empty() || queue.front().required > reached) return;
    const auto end = std::ranges::upper_bound(queue, reached, {}, &Parked::required);
    for (auto it = queue.begin(); it != end; ++it) out.released.push_back({it->token, error});
    queue.erase(queue.begin(), end);
  };
  release_upto(parked_leader_, durable_end_, ErrorCode::kNone);
  const bool enough = static_cast<std::int32_t>(maximal_isr().size()) >= effective_min_isr();
  release_upto(parked_all_, high_watermark_,
               enough ? ErrorCode::kNone : ErrorCode::kNotEnoughReplicasAfterAppend);
  if (parked_all_.empty() && parked_leader_.empty()) parked_deadline_ = base::kNever;
}

void Replica::release_all(ErrorCode error, Output& out) {
  for (auto* queue : {&parked_leader_, &parked_all_}) {
    for (const Parked& parked : *queue) out.released.push_back({parked.token, error});
    queue->clear();
  }
  parked_deadline_ = base::kNever;
}

void Replica::expire_parked(base::Instant now, Output& out) {
  parked_deadline_ = base::kNever;
  for (auto* queue : {&parked_leader_, &parked_all_}) {
    std::erase_if(*queue, [&](const Parked& parked) {
      if (parked.deadline > now) {
        parked_deadline_ = std::min(parked_deadline_, parked.deadline);
        return false;
      }
      out.released.push_back({parked.token, ErrorCode::kRequestTimedOut});
      return true;
    });
  }
}

// --- ISR

void Replica::expand_isr(const Peer& peer, Output& out) {
  if (pending_ || contains(isr_, peer.id) || !eligible(peer)) return;
  if (peer.log_end < high_watermark_ || peer.log_end < epoch_start_) return;
  std::vector<base::BrokerId> isr = isr_;
  isr.push_back(peer.id);
  // It counts from now on; if the change fails, we have only been stricter than needed.
  propose_isr(isr, isr, out);
}

void Replica::shrink_isr(base::Instant now, Output& out) {
  if (pending_) return;
  std::vector<base::BrokerId> isr;
  for (const base::BrokerId id : isr_) {
    const Peer* peer = find_peer(id);
    if (id == options_.self || (peer != nullptr && caught_up(*peer, now))) isr.push_back(id);
  }
  if (isr.size() == isr_.size()) return;
  // Until the controller agrees the old members count: they may be elected.
  propose_isr(std::move(isr), isr_, out);
}

void Replica::propose_isr(std::vector<base::BrokerId> isr, std::vector<base::BrokerId> maximal,
                          Output& out) {
  ASSERT(!pending_);
  pending_ = PendingIsr{.change_id = next_change_id_++,
                        .isr = std::move(isr),
                        .maximal = std::move(maximal),
                        .retry_at = std::nullopt};
  out.alter_partition = alter_request();
}

AlterPartition Replica::alter_request() const {
  AlterPartition request{.change_id = pending_->change_id,
                         .leader_epoch = leader_epoch_,
                         .partition_epoch = partition_epoch_,
                         .new_isr = {}};
  for (const base::BrokerId id : pending_->isr) {
    const Peer* peer = find_peer(id);
    const bool known = peer != nullptr && peer->fetch_epoch.has_value();
    request.new_isr.push_back(
        {.id = id, .epoch = known ? *peer->fetch_epoch : base::kNoBrokerEpoch});
  }
  return request;
}

void Replica::schedule_isr_check(base::Instant now) {
  // Kafka's period: a follower is noticed at the latest half a lag time too late.
  isr_check_at_ = peers_.empty() ? base::kNever : now + options_.replica_lag_time_max / 2;
}

// --- Queries

ErrorCode Replica::check_append(std::int16_t acks) const {
  if (!is_leader()) return ErrorCode::kNotLeaderOrFollower;
  if (acks == kAcksAll && under_min_isr()) return ErrorCode::kNotEnoughReplicas;
  if (parked() >= kParkedProducesMax) return ErrorCode::kRequestTimedOut;
  return ErrorCode::kNone;
}

ErrorCode Replica::check_read(base::LeaderEpoch current_leader_epoch, bool leader_only) const {
  if (current_leader_epoch != base::kNoLeaderEpoch) {
    if (current_leader_epoch < leader_epoch_) return ErrorCode::kFencedLeaderEpoch;
    if (current_leader_epoch > leader_epoch_) return ErrorCode::kUnknownLeaderEpoch;
  }
  if (role_ == Role::kNone || (leader_only && !is_leader())) {
    return ErrorCode::kNotLeaderOrFollower;
  }
  return ErrorCode::kNone;
}

ErrorCode Replica::check_follower(base::BrokerId id, base::BrokerEpoch broker_epoch,
                                  base::LeaderEpoch current_leader_epoch) const {
  const Peer* peer = find_peer(id);
  if (peer == nullptr) {
    // With the epoch right, the follower may know of a reassignment before we do: it retries.
    return current_leader_epoch == base::kNoLeaderEpoch ? ErrorCode::kNotLeaderOrFollower
                                                        : ErrorCode::kUnknownLeaderEpoch;
  }
  const bool stale = broker_epoch != base::kNoBrokerEpoch && peer->status && peer->status->alive &&
                     peer->status->epoch > broker_epoch;
  return stale ? ErrorCode::kNotLeaderOrFollower : ErrorCode::kNone;
}

FetchDecision Replica::check_fetch(const FetchPosition& position,
                                   const logstate::LeaderEpochCache& epochs,
                                   std::optional<base::Offset> first_unstable) const {
  FetchDecision decision{.upto = position.fetch_offset,
                         .high_watermark = high_watermark_,
                         .last_stable_offset = fetchable_end(Isolation::kCommitted, first_unstable),
                         .log_start = log_start_,
                         .log_end = log_end_};
  const bool follower = position.replica >= base::BrokerId(0);
  decision.error = check_read(position.current_leader_epoch, position.leader_only || follower);
  if (decision.error == ErrorCode::kNone && follower) {
    decision.error =
        check_follower(position.replica, position.broker_epoch, position.current_leader_epoch);
  }
  if (decision.error != ErrorCode::kNone) return decision;

  const bool in_range = position.fetch_offset >= log_start_;
  if (position.last_fetched_epoch != base::kNoLeaderEpoch) {
    const auto end = epochs.end_offset_for(position.last_fetched_epoch, log_end_);
    if (end.end_offset == base::kNoOffset || end.epoch == base::kNoLeaderEpoch || !in_range) {
      decision.error = ErrorCode::kOffsetOutOfRange;
      return decision;
    }
    if (end.epoch < position.last_fetched_epoch || end.end_offset < position.fetch_offset) {
      decision.diverging = end;
      return decision;
    }
  }
  if (!in_range || position.fetch_offset > log_end_) {
    decision.error = ErrorCode::kOffsetOutOfRange;
    return decision;
  }
  decision.upto = fetchable_end(follower ? Isolation::kLogEnd : position.isolation, first_unstable);
  return decision;
}

logstate::EpochEndOffset Replica::end_offset_for(base::LeaderEpoch requested,
                                                 const logstate::LeaderEpochCache& epochs) const {
  return epochs.end_offset_for(requested, log_end_);
}

bool Replica::high_watermark_lags() const { return is_leader() && epoch_start_ > high_watermark_; }

base::Offset Replica::fetchable_end(Isolation isolation,
                                    std::optional<base::Offset> first_unstable) const {
  switch (isolation) {
    case Isolation::kLogEnd:
      return log_end_;
    case Isolation::kHighWatermark:
      return high_watermark_;
    case Isolation::kCommitted:
      return first_unstable ? std::min(high_watermark_, *first_unstable) : high_watermark_;
  }
  UNREACHABLE();
}

}  // namespace moldau::replica
