// The two seams between the metadata log and what is built from it. RaftListener is told of
// committed batches, loaded snapshots and leaders; SnapshotSource gives the content of the next
// snapshot. All calls come on the driver's loop, one at a time, in log order, and do not suspend.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "raft/committed_batch.h"
#include "raft/raft.h"

namespace moldau::broker {

class RaftListener {
 public:
  virtual ~RaftListener() = default;

  // Each committed batch once, in order, without gaps.
  virtual void handle_commit(const raft::CommittedBatch& batch) = 0;

  // A snapshot replaces everything told so far: at start, or when this replica was too far behind.
  // Then the records in pieces, then end_snapshot(). Commits go on at id.offset.
  virtual void begin_snapshot(raft::SnapshotId id, base::Timestamp last_contained_log_time) = 0;
  virtual void handle_snapshot_records(std::span<const base::SharedBytes> records) = 0;
  virtual void end_snapshot() = 0;

  // We are the leader named: every batch before our epoch has been told; append() works. Otherwise
  // whatever we appended and is not committed may be lost, and its waiters were failed.
  virtual void handle_leader_change(const raft::LeaderAndEpoch& leader) = 0;
};

// The records of one snapshot, cut into pieces so that no piece holds the loop for long. It owns an
// immutable image; the image may be replaced meanwhile.
class SnapshotContent {
 public:
  virtual ~SnapshotContent() = default;
  // Appends the next record values (each framed, non-empty); false when there are none left.
  virtual bool next(std::vector<base::SharedBytes>& records) = 0;
};

// A snapshot to be written, and what it covers: everything below id.offset, which is the end of a
// batch, and nothing above.
struct OpenedSnapshot {
  std::unique_ptr<SnapshotContent> content;
  raft::SnapshotId id;
  base::Timestamp last_contained_log_time;
};

class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  // The state as of now: at most as new as the batch that was last told (it can be older while a
  // metadata transaction is open). Nothing when there is nothing to write yet.
  virtual std::optional<OpenedSnapshot> open_snapshot() = 0;
};

}  // namespace moldau::broker
