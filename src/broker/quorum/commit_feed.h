// CommitFeed brings what is committed to the listeners: batches in log order, each once, snapshots
// where the log does not reach back, and changes of leader in their place between them. It reads
// from the log at its own pace, so a long catch-up at start does not hold up the quorum. It also
// finishes whoever waits for a commit, after the listeners were told. One loop.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "broker/quorum/metadata_log.h"
#include "broker/quorum/raft_listener.h"
#include "raft/raft.h"
#include "rt/loop.h"
#include "rt/sync.h"
#include "rt/task.h"

namespace moldau::broker {

class CommitFeed {
 public:
  struct Hooks {
    // A batch was told; for counting towards the next snapshot.
    std::function<void(const raft::CommittedBatch&)> told;
    std::function<void(std::string)> failed;
  };

  CommitFeed(rt::Loop& loop, MetadataLog& log, Hooks hooks)
      : loop_(&loop), log_(&log), hooks_(std::move(hooks)), changed_(loop), told_(loop) {}

  void add_listener(RaftListener& listener) { listeners_.push_back(&listener); }

  // From the driver, in the order of the core's outputs. `snapshot` is the newest that there is.
  void committed(base::Offset high_watermark, std::optional<raft::SnapshotId> snapshot);
  void leader(const raft::LeaderAndEpoch& leader);

  // Runs until stopped.
  [[nodiscard]] rt::Task<> run(rt::StopToken token);

  // The offset after the last batch that was told.
  [[nodiscard]] base::Offset next_offset() const { return next_; }
  // Wakes after each batch told; whoever waits looks at next_offset() again.
  [[nodiscard]] rt::Signal& told() { return told_; }

 private:
  struct LeaderChange {
    base::Offset after;  // told when everything below is
    raft::LeaderAndEpoch leader;
  };

  rt::Task<LogResult<void>> advance(rt::StopToken token);
  rt::Task<LogResult<void>> load_snapshot(raft::SnapshotId id);
  LogResult<void> tell(const base::ByteChain& batches);
  void tell_leaders();

  rt::Loop* loop_;
  MetadataLog* log_;
  Hooks hooks_;
  std::vector<RaftListener*> listeners_;
  rt::Signal changed_;
  rt::Signal told_;
  base::Offset high_watermark_{0};
  std::optional<raft::SnapshotId> snapshot_;
  bool begun_ = false;  // the first snapshot, if there is one, was looked at
  base::Offset next_{0};
  std::deque<LeaderChange> leaders_;  // at most one for each offset
};

}  // namespace moldau::broker
