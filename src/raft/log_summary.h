// LogSummary is what the core knows of the metadata log without holding it: its bounds, where each
// epoch starts, which snapshots there are, and the voters and kraft.version by offset. It follows
// every append and truncation in the order in which the core asks for them, so it can be ahead of
// the disk. Uncommitted control records count (KIP-853: the last voters in the log hold).
// Invariants: start <= end; epochs and their starts grow; a start above 0 has a snapshot at or
// above it. Source: raft/.../KafkaRaftLog.java, KRaftControlRecordStateMachine.java,
// LeaderEpochFileCache. One owner, one loop.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "raft/offset_and_epoch.h"
#include "raft/voter_set.h"

namespace moldau::raft {

// A control record that the core acts on, and its offset.
struct VotersAt {
  base::Offset offset;
  VoterSet voters;
};
struct KRaftVersionAt {
  base::Offset offset;
  KRaftVersion version;
};

struct BatchSummary {
  base::Offset base_offset;
  base::Offset last_offset;
  base::LeaderEpoch epoch;
  base::Timestamp append_time;
  std::size_t bytes = 0;
  bool control = false;
  std::vector<VotersAt> voters;
  std::vector<KRaftVersionAt> kraft_versions;

  [[nodiscard]] base::Offset next_offset() const { return last_offset + 1; }
};

struct SnapshotInfo {
  std::uint64_t bytes = 0;
  base::Timestamp last_contained_log_time{-1};
};

// The control state of a snapshot, which replaces what the log says.
struct SnapshotControl {
  std::optional<VoterSet> voters;
  KRaftVersion kraft_version{0};
};

struct EpochStart {
  base::LeaderEpoch epoch;
  base::Offset start_offset;
};

// How the end of a peer's log relates to ours.
struct ValidOffset {};
struct DivergingAt {
  OffsetAndEpoch end;
};
struct NeedsSnapshot {
  SnapshotId id;
};
using OffsetValidation = std::variant<ValidOffset, DivergingAt, NeedsSnapshot>;

class LogSummary {
 public:
  // An empty log that starts at `start`. Snapshots are added before batches.
  LogSummary() = default;
  explicit LogSummary(base::Offset start) : start_(start), end_(start) {}

  [[nodiscard]] base::Offset start_offset() const { return start_; }
  [[nodiscard]] base::Offset end_offset() const { return end_; }
  [[nodiscard]] base::LeaderEpoch last_epoch() const;
  [[nodiscard]] OffsetAndEpoch end() const { return {end_, last_epoch()}; }
  [[nodiscard]] const std::map<SnapshotId, SnapshotInfo>& snapshots() const
      [[clang::lifetimebound]] {
    return snapshots_;
  }
  [[nodiscard]] std::optional<SnapshotId> latest_snapshot() const;
  [[nodiscard]] std::optional<SnapshotId> earliest_snapshot() const;

  // The last voters in log or snapshot, else nothing (then the static ones hold).
  [[nodiscard]] const VoterSet* voters() const [[clang::lifetimebound]];
  // Where they stand; -1 when they are those of the bootstrap snapshot.
  [[nodiscard]] std::optional<base::Offset> voters_offset() const;
  [[nodiscard]] KRaftVersion kraft_version() const;
  // As of an offset (exclusive), for snapshots.
  [[nodiscard]] const VoterSet* voters_before(base::Offset end) const [[clang::lifetimebound]];
  [[nodiscard]] KRaftVersion kraft_version_before(base::Offset end) const;

  // Compares a fetch position with the log (KIP-595 truncation, KIP-630 snapshots).
  [[nodiscard]] OffsetValidation validate(base::Offset offset, base::LeaderEpoch epoch) const;
  // The end of `epoch`, or of the largest epoch below it; the end of the log when it is above all.
  [[nodiscard]] OffsetAndEpoch end_of_epoch(base::LeaderEpoch epoch) const;
  // Where a follower cuts its log when the leader's diverges at `leader_end`.
  [[nodiscard]] base::Offset truncation_offset(const OffsetAndEpoch& leader_end) const;

  // The batch starts at end_offset().
  void append(const BatchSummary& batch);
  void truncate_to(base::Offset end);
  void add_snapshot(SnapshotId id, SnapshotInfo info) { snapshots_.insert_or_assign(id, info); }
  // Takes the voters and kraft.version of a snapshot that the log continues, or that replaces it.
  void load_control(SnapshotId id, const SnapshotControl& control);
  // The log becomes empty, starting at the end of the snapshot; yields the snapshots that go.
  [[nodiscard]] std::vector<SnapshotId> truncate_fully(SnapshotId id);
  // The log starts at the end of the snapshot; yields the snapshots before it, which go.
  [[nodiscard]] std::vector<SnapshotId> start_at(SnapshotId id);

 private:
  std::vector<SnapshotId> forget_snapshots_before(SnapshotId id);

  base::Offset start_{0};
  base::Offset end_{0};
  std::vector<EpochStart> epochs_;
  std::map<SnapshotId, SnapshotInfo> snapshots_;
  // Keys are offsets; the content of a snapshot counts as its last contained offset.
  std::map<base::Offset, VoterSet> voters_;
  std::map<base::Offset, KRaftVersion> kraft_versions_;
};

}  // namespace moldau::raft
