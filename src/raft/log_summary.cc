#include "raft/log_summary.h"

#include <algorithm>
#include <iterator>

#include "base/assert.h"

namespace moldau::raft {

base::LeaderEpoch LogSummary::last_epoch() const {
  if (!epochs_.empty()) return epochs_.back().epoch;
  // A log that a snapshot replaced goes on where that ends; a newer snapshot says nothing about a
  // log that is still being loaded.
  const auto latest = latest_snapshot();
  const bool replaced = latest && latest->offset == start_ && latest->offset == end_;
  return replaced ? latest->epoch : base::LeaderEpoch(0);
}

std::optional<SnapshotId> LogSummary::latest_snapshot() const {
  if (snapshots_.empty()) return std::nullopt;
  return snapshots_.rbegin()->first;
}

std::optional<SnapshotId> LogSummary::earliest_snapshot() const {
  if (snapshots_.empty()) return std::nullopt;
  return snapshots_.begin()->first;
}

const VoterSet* LogSummary::voters() const {
  return voters_.empty() ? nullptr : &voters_.rbegin()->second;
}

std::optional<base::Offset> LogSummary::voters_offset() const {
  if (voters_.empty()) return std::nullopt;
  return voters_.rbegin()->first;
}

KRaftVersion LogSummary::kraft_version() const {
  return kraft_versions_.empty() ? kKRaftVersion0 : kraft_versions_.rbegin()->second;
}

const VoterSet* LogSummary::voters_before(base::Offset end) const {
  const auto after = voters_.lower_bound(end);
  return after == voters_.begin() ? nullptr : &std::prev(after)->second;
}

KRaftVersion LogSummary::kraft_version_before(base::Offset end) const {
  const auto after = kraft_versions_.lower_bound(end);
  return after == kraft_versions_.begin() ? kKRaftVersion0 : std::prev(after)->second;
}

OffsetAndEpoch LogSummary::end_of_epoch(base::LeaderEpoch epoch) const {
  const auto higher =
      std::ranges::upper_bound(epochs_, epoch, std::ranges::less{}, &EpochStart::epoch);
  if (higher == epochs_.end()) return end();
  OffsetAndEpoch found{.offset = higher->start_offset, .epoch = epoch};
  if (higher != epochs_.begin()) {
    found.epoch = std::prev(higher)->epoch;
  } else if (const auto earliest = earliest_snapshot();
             earliest && earliest->offset == found.offset) {
    // Older than all that the log holds: the snapshot at its start says how that part ended.
    return *earliest;
  }
  return found;
}

OffsetValidation LogSummary::validate(base::Offset offset, base::LeaderEpoch epoch) const {
  if (start_ == base::Offset(0) && offset == base::Offset(0)) return ValidOffset{};
  const auto earliest = earliest_snapshot();
  if (earliest && (offset < start_ || (offset == start_ && epoch != earliest->epoch) ||
                   epoch < earliest->epoch)) {
    return NeedsSnapshot{*latest_snapshot()};
  }
  const OffsetAndEpoch end = end_of_epoch(epoch);
  if (end.epoch != epoch || end.offset < offset) return DivergingAt{end};
  return ValidOffset{};
}

base::Offset LogSummary::truncation_offset(const OffsetAndEpoch& leader_end) const {
  if (leader_end.epoch == base::LeaderEpoch(0)) return std::min(leader_end.offset, end_);
  const OffsetAndEpoch local = end_of_epoch(leader_end.epoch);
  if (local.epoch == leader_end.epoch) return std::min(local.offset, leader_end.offset);
  return local.offset;
}

void LogSummary::append(const BatchSummary& batch) {
  ASSERT(batch.base_offset == end_);
  ASSERT(batch.last_offset >= batch.base_offset);
  ASSERT(epochs_.empty() || batch.epoch >= epochs_.back().epoch);
  if (epochs_.empty() || epochs_.back().epoch < batch.epoch) {
    epochs_.push_back({.epoch = batch.epoch, .start_offset = batch.base_offset});
  }
  for (const auto& at : batch.voters) voters_.insert_or_assign(at.offset, at.voters);
  for (const auto& at : batch.kraft_versions) {
    kraft_versions_.insert_or_assign(at.offset, at.version);
  }
  end_ = batch.next_offset();
}

void LogSummary::truncate_to(base::Offset end) {
  ASSERT(end >= start_);
  ASSERT(end <= end_);
  end_ = end;
  while (!epochs_.empty() && epochs_.back().start_offset >= end) epochs_.pop_back();
  voters_.erase(voters_.lower_bound(end), voters_.end());
  kraft_versions_.erase(kraft_versions_.lower_bound(end), kraft_versions_.end());
}

void LogSummary::load_control(SnapshotId id, const SnapshotControl& control) {
  const base::Offset last_contained = id.offset - 1;
  voters_.erase(voters_.begin(), voters_.lower_bound(id.offset));
  kraft_versions_.erase(kraft_versions_.begin(), kraft_versions_.lower_bound(id.offset));
  if (control.voters) voters_.insert_or_assign(last_contained, *control.voters);
  if (control.kraft_version != kKRaftVersion0) {
    kraft_versions_.insert_or_assign(last_contained, control.kraft_version);
  }
}

std::vector<SnapshotId> LogSummary::truncate_fully(SnapshotId id) {
  ASSERT(snapshots_.contains(id));
  start_ = id.offset;
  end_ = id.offset;
  epochs_.clear();
  voters_.clear();
  kraft_versions_.clear();
  return forget_snapshots_before(id);
}

std::vector<SnapshotId> LogSummary::start_at(SnapshotId id) {
  ASSERT(snapshots_.contains(id));
  ASSERT(id.offset > start_);
  ASSERT(id.offset <= end_);
  start_ = id.offset;
  // The epoch that holds the new start goes on from there.
  const auto after =
      std::ranges::upper_bound(epochs_, start_, std::ranges::less{}, &EpochStart::start_offset);
  if (after != epochs_.begin()) {
    const auto holding = std::prev(after);
    holding->start_offset = start_;
    epochs_.erase(epochs_.begin(), holding);
  }
  const auto keep_last_before = [this](auto& history) {
    const auto from = history.lower_bound(start_);
    if (from != history.begin()) history.erase(history.begin(), std::prev(from));
  };
  keep_last_before(voters_);
  keep_last_before(kraft_versions_);
  return forget_snapshots_before(id);
}

std::vector<SnapshotId> LogSummary::forget_snapshots_before(SnapshotId id) {
  std::vector<SnapshotId> gone;
  for (auto at = snapshots_.begin(); at != snapshots_.end() && at->first < id;) {
    gone.push_back(at->first);
    at = snapshots_.erase(at);
  }
  return gone;
}

}  // namespace moldau::raft
