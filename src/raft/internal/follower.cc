// A replica that follows: what it asks for, what it appends, where it cuts its log.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "raft/control_records.h"
#include "raft/raft.h"

namespace moldau::raft {

using internal::Follower;

bool Raft::poll_follower() {
  const auto& follower = std::get<Follower>(state_);
  if (shutting_down_) return false;
  if (is_voter()) {
    if (now_.instant >= follower.fetch_deadline) {
      become_prospective();
      return true;
    }
    wake_by(follower.fetch_deadline);
  }
  fetch_from_best(follower);
  return false;
}

bool Raft::may_fetch() const {
  // The leader takes a voter's fetch offset for durable.
  const bool counts = options_.can_become_voter || is_voter();
  return !counts || durable_end_ == log_.end_offset();
}

void Raft::fetch_from_best(const Follower& follower) {
  if (!may_fetch()) return;                                      // Durable comes
  if (follower.download && follower.download->complete) return;  // SnapshotFetched comes
  if (peers_.timed_out(follower.leader, now_.instant)) {
    peers_.reset(follower.leader);
    fetch_from_any_bootstrap();
    return;
  }
  if (peers_.backing_off(follower.leader, now_.instant)) {
    fetch_from_any_bootstrap();
    return;
  }
  if (peers_.any_in_flight(now_.instant)) return;
  const auto address = address_of(follower.leader_endpoints, options_.default_listener);
  if (!address) return;
  if (!follower.download) {
    send_fetch(follower.leader, *address);
    return;
  }
  const base::CorrelationId correlation = next_correlation_;
  next_correlation_ += 1;
  peers_.sent(follower.leader, correlation, now_.instant);
  out_.send.push_back({.to = follower.leader,
                       .address = *address,
                       .correlation = correlation,
                       .request = FetchSnapshotRequest{
                           .replica = options_.self,
                           .current_leader_epoch = epoch_,
                           .id = follower.download->id,
                           .position = static_cast<std::int64_t>(follower.download->position),
                           .bytes_max = options_.fetch_snapshot_bytes_max}});
}

// Any node may know the leader: its answer to a fetch says so.
void Raft::fetch_from_any_bootstrap() {
  if (!may_fetch() || peers_.any_in_flight(now_.instant)) return;
  struct Target {
    base::BrokerId id;
    HostPort address;
  };
  std::vector<Target> targets;
  std::int32_t made_up = -2;
  for (const HostPort& address : options_.bootstrap_servers) {
    targets.push_back({.id = base::BrokerId(made_up--), .address = address});
  }
  if (targets.empty()) {
    for (const auto& [id, node] : voters().by_id()) {
      if (id == options_.self.id) continue;
      if (const auto address = address_of(node.endpoints, options_.default_listener)) {
        targets.push_back({.id = id, .address = *address});
      }
    }
  }
  if (targets.empty()) return;
  const std::size_t first = rng_.below(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Target& target = targets[(first + i) % targets.size()];
    if (!peers_.ready(target.id, now_.instant)) continue;
    send_fetch(target.id, target.address);
    return;
  }
}

void Raft::send_fetch(base::BrokerId to, const HostPort& address) {
  const base::CorrelationId correlation = next_correlation_;
  next_correlation_ += 1;
  peers_.sent(to, correlation, now_.instant);
  const OffsetAndEpoch end = log_.end();
  out_.send.push_back(
      {.to = to,
       .address = address,
       .correlation = correlation,
       .request = FetchRequest{.replica = options_.self,
                               .current_leader_epoch = epoch_,
                               .fetch_offset = end.offset,
                               .last_fetched_epoch = end.epoch,
                               .high_watermark = high_watermark_.value_or(base::kNoOffset),
                               .wait_max = options_.timeouts.fetch_wait_max,
                               .bytes_max = options_.fetch_bytes_max}});
}

void Raft::fetched(Follower& follower) {
  follower.has_fetched = true;
  follower.fetch_deadline = now_.instant + options_.timeouts.fetch;
}

bool Raft::append_fetched(const FetchResponse& response) {
  if (response.records.empty()) return true;
  auto scan = scan_batches(
      response.records.flatten(),
      {.next_offset = log_.end_offset(), .epoch_min = log_.last_epoch(), .epoch_max = epoch_});
  if (!scan.problem.empty()) fault("of what the leader sent: " + scan.problem);
  if (scan.batches.empty()) return scan.problem.empty();
  for (const BatchSummary& batch : scan.batches) log_.append(batch);
  log_operation(log_op::Append{.batches = std::move(scan.batches), .bytes = std::move(scan.bytes)});
  return scan.problem.empty();
}

bool Raft::truncate_diverging(const OffsetAndEpoch& leader_end) {
  const base::Offset to = log_.truncation_offset(leader_end);
  const base::Offset kept =
      std::max(high_watermark_.value_or(base::Offset(0)), log_.start_offset());
  if (to < kept) {
    fault("the leader's log diverges at offset " + std::to_string(to.value()) + ", below the " +
          std::to_string(kept.value()) + " records that are committed here: nothing is cut");
    return false;
  }
  if (to == log_.end_offset()) return true;
  log_.truncate_to(to);
  log_operation(log_op::TruncateTo{to});
  return true;
}

void Raft::start_download(SnapshotId id) {
  if (log_.snapshots().contains(id)) return;
  auto& follower = std::get<Follower>(state_);
  if (follower.download && follower.download->id == id) return;
  if (follower.download) log_operation(log_op::DropPartialSnapshot{follower.download->id});
  follower.download = Follower::Download{.id = id};
}

void Raft::raise_high_watermark(base::Offset offset) {
  if (offset.value() < 0) return;
  if (!high_watermark_ || offset > *high_watermark_) high_watermark_ = offset;
}

}  // namespace moldau::raft
