// SnapshotJob decides when a snapshot of the metadata log is due (bytes or time since the last one,
// KIP-630), and writes it: piece by piece, so that neither the loop nor the quorum waits for it.
// One at a time. It tells the driver when a snapshot is durable. One loop. Source:
// metadata/.../image/publisher/SnapshotGenerator.java.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/time.h"
#include "broker/quorum/metadata_log.h"
#include "broker/quorum/raft_listener.h"
#include "raft/log_summary.h"
#include "rt/loop.h"
#include "rt/sync.h"
#include "rt/task.h"

namespace moldau::broker {

class SnapshotJob {
 public:
  struct Options {
    std::uint64_t record_bytes = 0;
    std::chrono::milliseconds interval{0};  // 0: never by time
  };
  struct Hooks {
    // Voters and kraft.version as of the snapshot, and whether it is newer than all there are.
    std::function<const raft::LogSummary&()> log;
    std::function<void(raft::SnapshotId, raft::SnapshotInfo)> written;
  };

  SnapshotJob(rt::Loop& loop, MetadataLog& log, Options options, Hooks hooks)
      : loop_(&loop),
        log_(&log),
        options_(options),
        hooks_(std::move(hooks)),
        due_(loop),
        since_(loop.now()) {}

  void set_source(SnapshotSource& source) { source_ = &source; }
  // A batch was told to the listeners.
  void told(const raft::CommittedBatch& batch);

  // Runs until stopped. A snapshot that cannot be written is reported and tried again later: the
  // log still holds everything.
  [[nodiscard]] rt::Task<> run(rt::StopToken token);

 private:
  rt::Task<LogResult<void>> write(OpenedSnapshot opened, rt::StopToken token);
  rt::Task<LogResult<void>> finish(storage::SnapshotWriter& writer, base::ByteChain last);
  [[nodiscard]] rt::Task<LogResult<bool>> usable(raft::SnapshotId id);

  rt::Loop* loop_;
  MetadataLog* log_;
  Options options_;
  Hooks hooks_;
  SnapshotSource* source_ = nullptr;
  rt::Event due_;
  std::uint64_t bytes_ = 0;
  base::Instant since_;
};

}  // namespace moldau::broker
