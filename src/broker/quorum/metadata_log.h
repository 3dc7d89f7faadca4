// MetadataLog is the disk of one raft replica: the log __cluster_metadata-0, the file quorum-state
// beside it, and the snapshots. It does what the core orders, one operation at a time and in order,
// and tells how far the log is durable. open() recovers: storage checks the whole log again and
// cuts a torn end (no recovery point is trusted for it), then every batch is read here. Refused,
// with nothing changed, are damage where the log is known to have been durable, a snapshot that
// cannot be read, and batches that do not fit together; a log that the newest snapshot is ahead of
// is emptied. What was durable is known since a new epoch begins, and a snapshot gets its name,
// only when all before is. Every error is a sentence; after one of a write the replica must stop.
// One loop. Source: raft/.../internals/KafkaRaftLog.java, FileQuorumStateStore.java.
#pragma once

#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "raft/election_state.h"
#include "raft/log_summary.h"
#include "raft/raft.h"
#include "rt/loop.h"
#include "rt/stop.h"
#include "rt/task.h"
#include "storage/journal_evidence.h"
#include "storage/log.h"
#include "storage/snapshot_files.h"
#include "storage/storage.h"

namespace moldau::broker {

template <class T>
using LogResult = std::expected<T, std::string>;

// What recovery found; all of it is durable.
struct RecoveredLog {
  raft::LogSummary log;
  std::optional<raft::ElectionState> election;
  // The newest registration of each broker, committed or not.
  std::map<base::BrokerId, storage::Registration> registrations;
};

// A snapshot that came from the leader, whole and checked.
struct FetchedSnapshot {
  raft::SnapshotId id;
  std::optional<raft::SnapshotInfo> info;  // nothing when it cannot be read; it was removed
  raft::SnapshotControl control;
};

class MetadataLog final : public storage::LogListener {
 public:
  struct Events {
    // Everything up to and including that operation is durable.
    std::function<void(raft::LogSequence)> durable;
    std::function<void(std::string)> failed;
    rt::StopToken token;  // ends a wait for room in the log
  };

  [[nodiscard]] static rt::Task<LogResult<std::unique_ptr<MetadataLog>>> open(
      rt::Loop& loop, storage::Storage& storage, storage::LogOptions options);

  // Once, after open().
  [[nodiscard]] RecoveredLog take_recovered() { return std::move(recovered_); }
  void set_events(Events events) { events_ = std::move(events); }

  [[nodiscard]] rt::Task<LogResult<void>> write_election(raft::ElectionState state,
                                                         raft::KRaftVersion version);
  // Yields a snapshot when the operation completed one.
  [[nodiscard]] rt::Task<LogResult<std::optional<FetchedSnapshot>>> perform(
      raft::LogOperation operation);

  // Whole batches from `from` on, below `upto`: at least one.
  [[nodiscard]] rt::Task<LogResult<base::ByteChain>> read(raft::ReadLog what);
  [[nodiscard]] rt::Task<LogResult<base::SharedBytes>> read(raft::ReadSnapshot what);
  [[nodiscard]] rt::Task<LogResult<base::SharedBytes>> read_whole(raft::SnapshotId id);
  // Whether a batch starts at the offset, or the log ends there: where a snapshot may end.
  [[nodiscard]] rt::Task<LogResult<bool>> is_batch_border(base::Offset offset);

  // A snapshot must not get its name before the log below its end is on disk.
  [[nodiscard]] rt::Task<LogResult<void>> wait_durable(base::Offset upto);

  void set_high_watermark(base::Offset offset) { log_->set_high_watermark(offset); }
  [[nodiscard]] std::uint64_t size_bytes() const { return log_->size_bytes(); }
  [[nodiscard]] base::Offset start_offset() const { return log_->log_start_offset(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  // storage::LogListener
  void durable_end_moved(storage::Log& log, base::Offset durable_end) override;
  void log_failed(storage::Log& log, const storage::Error& error) override;

 private:
  using Done = LogResult<std::optional<FetchedSnapshot>>;

  MetadataLog(rt::Loop& loop, storage::Storage& storage);

  rt::Task<LogResult<void>> recover();
  rt::Task<LogResult<void>> recover_snapshots();
  // Checks the whole of it.
  rt::Task<LogResult<void>> read_snapshot(raft::SnapshotId id);
  [[nodiscard]] std::string unreadable(const storage::SnapshotName& name,
                                       const std::string& why) const;
  rt::Task<LogResult<void>> recover_batches();
  rt::Task<LogResult<void>> read_election();
  LogResult<void> note_registrations(const std::vector<base::SharedBytes>& values);

  rt::Task<Done> run(raft::LogSequence sequence, raft::log_op::Append what);
  rt::Task<Done> run(raft::LogSequence sequence, raft::log_op::TruncateTo what);
  rt::Task<Done> run(raft::LogSequence sequence, raft::log_op::TruncateFully what);
  rt::Task<Done> run(raft::LogSequence sequence, raft::log_op::StartAt what);
  rt::Task<Done> run(raft::LogSequence sequence, raft::log_op::RemoveSnapshots what);
  rt::Task<Done> run(raft::LogSequence sequence, raft::log_op::SnapshotChunk what);
  rt::Task<Done> run(raft::LogSequence sequence, raft::log_op::DropPartialSnapshot what);
  rt::Task<Done> finish_snapshot(raft::SnapshotId id);
  void wrote(raft::LogSequence sequence, base::Offset end);
  void tell_durable();

  rt::Loop* loop_;
  storage::Storage* storage_;
  storage::Log* log_ = nullptr;
  std::string path_;
  RecoveredLog recovered_;
  Events events_;
  // Operations whose end the disk has not reached yet, oldest first.
  std::deque<std::pair<raft::LogSequence, base::Offset>> written_;
  std::optional<storage::SnapshotWriter> fetching_;
  base::LeaderEpoch known_epoch_{-1};  // that Storage was told of
};

}  // namespace moldau::broker
