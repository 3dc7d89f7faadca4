// Log is one partition's log on one loop: an ordered run of batches in segment files, with Kafka's
// indexes, leader epochs and producer state. Appends take effect in memory at once (end_offset
// moves, readers below their bound see them from the tail cache) and reach the disk in rounds
// shared by all logs of the loop; durable_end is how far a crash cannot take anything back, and the
// only offset that a leader may count itself for (design.md rule 2).
//
// Invariants: log_start_offset <= durable_end <= end_offset; recovery_point <= end_offset, and it
// may be ahead of durable_end while a round is under way; offsets of batches grow; what was
// reported durable is served again after any crash, in order, once. A log that cannot write or sync
// stops acknowledging: durable_end stays, the listener hears why, appends are refused with that
// error, reads go on; a restart recovers it.
//
// A log that has never been written to has no directory and costs a few hundred bytes. Files are
// opened when needed and closed when idle. Every call belongs to the log's loop; a Log lives until
// LogStore removes it, which waits for what is in flight. Sizes are bytes. Source: Kafka's
// UnifiedLog, LocalLog, LogSegment (behaviour and files).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "logstate/aborted_txn.h"
#include "logstate/leader_epoch_cache.h"
#include "logstate/producer_state.h"
#include "record/batch.h"
#include "rt/stop.h"
#include "rt/task.h"
#include "storage/error.h"
#include "storage/log_options.h"

namespace moldau::storage {

class Log;
class LogStore;
namespace internal {
struct LogState;
struct Segment;
}  // namespace internal

// Told on the log's loop, from the round that made the difference: do little, do not wait.
class LogListener {
 public:
  virtual ~LogListener() = default;
  virtual void durable_end_moved(Log& log, base::Offset durable_end) = 0;
  virtual void log_failed(Log& log, const Error& error) = 0;
};

struct AppendInfo {
  base::Offset base_offset{
      -1};  // of the first batch, or of the earlier copy when it is a duplicate
  base::Offset last_offset{-1};
  base::Timestamp timestamp{-1};  // max timestamp of the last batch; a duplicate's own
  base::Offset log_start_offset{0};
  bool duplicate = false;  // nothing was appended: wait for last_offset as if it had been
};

struct ReadRequest {
  base::Offset from{0};
  base::Offset upto{0};  // exclusive: high watermark, last stable offset or end offset
  std::size_t bytes_max = 0;
  // The first batch is returned whole even when it is larger than bytes_max.
  bool at_least_one_batch = true;
};
struct ReadResult {
  base::ByteChain batches;      // whole batches; the first may begin before `from`
  base::Offset next_offset{0};  // where to go on; equals `from` when nothing was there
  std::vector<logstate::AbortedTxn> aborted;  // only for read_committed()
  bool from_cache = false;
};

struct FoundOffset {
  base::Offset offset{-1};
  base::Timestamp timestamp{-1};
  base::LeaderEpoch leader_epoch{-1};
};

struct LogDescription {
  std::uint64_t size_bytes = 0;
  std::size_t segment_count = 0;
  std::size_t open_files = 0;
};

class Log {
 public:
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  [[nodiscard]] const base::TopicPartition& partition() const;
  [[nodiscard]] const base::TopicId& topic_id() const;
  [[nodiscard]] const base::DirectoryId& directory_id() const;
  [[nodiscard]] const std::string& path() const;  // its directory, which may not exist yet

  [[nodiscard]] base::Offset log_start_offset() const;
  [[nodiscard]] base::Offset end_offset() const;
  [[nodiscard]] base::Offset durable_end() const;
  [[nodiscard]] base::Offset recovery_point() const;
  // As the owner last said, at start as the checkpoint said; within [log start, end].
  [[nodiscard]] base::Offset high_watermark() const;
  // Bounds retention and is what the next checkpoint holds; never lowers below log start.
  void set_high_watermark(base::Offset offset);
  // The smaller of the high watermark and the first offset of an open transaction.
  [[nodiscard]] base::Offset last_stable_offset() const;
  // Bytes of batches in [from, end_offset), or in the whole log.
  [[nodiscard]] std::uint64_t size_bytes() const;
  // The error that stopped the log; null while it works.
  [[nodiscard]] const Error* failure() const;

  void set_listener(LogListener* listener);
  [[nodiscard]] const LogOptions& options() const;
  void set_options(const LogOptions& options);

  // --- Before the first append or read -------------------------------------------------------
  // After a clean stop only the offsets above are known; prepare() loads the rest (segments,
  // epochs, producers) and is free when that is done. Everything below needs it, except where
  // noted.
  [[nodiscard]] bool prepared() const;
  [[nodiscard]] rt::Task<Result<void>> prepare();

  // --- Appending -----------------------------------------------------------------------------
  // As leader: assigns offsets from end_offset() on and the epoch, checks the producer's sequence
  // (validation by record::validate comes first). Takes effect at once or not at all.
  [[nodiscard]] Result<AppendInfo> append_as_leader(std::vector<record::StoredBatch> batches,
                                                    base::LeaderEpoch leader_epoch,
                                                    logstate::AppendOrigin origin);
  // As follower, or when somebody else decided offsets and epochs (raft): they must start at or
  // after end_offset() and grow. The caller has checked the checksums.
  [[nodiscard]] Result<AppendInfo> append_as_follower(std::vector<record::StoredBatch> batches);
  // Returns when durable_end() >= upto, or with the error that keeps it from getting there; with
  // kUnknownServerError when the token stopped the wait.
  [[nodiscard]] rt::Task<Result<void>> wait_durable(base::Offset upto, rt::StopToken token = {});

  // --- Reading -------------------------------------------------------------------------------
  // What the tail cache can answer without waiting: nothing when the disk is needed. Also answers
  // from == end_offset() (empty) and offsets out of range (error). Needs no prepare().
  [[nodiscard]] std::optional<Result<ReadResult>> read_cached(const ReadRequest& request) const;
  [[nodiscard]] rt::Task<Result<ReadResult>> read(ReadRequest request);
  // As read(), with the aborted transactions that overlap the answer.
  [[nodiscard]] rt::Task<Result<ReadResult>> read_committed(ReadRequest request);

  // The first record at or after `timestamp` below `upto`; nothing when there is none.
  [[nodiscard]] rt::Task<Result<std::optional<FoundOffset>>> offset_for_timestamp(
      base::Timestamp timestamp, base::Offset upto);
  // The record with the largest timestamp (ListOffsets -3).
  [[nodiscard]] rt::Task<Result<std::optional<FoundOffset>>> offset_for_max_timestamp();
  // The first offset with a local segment (ListOffsets -4); without tiers the log start.
  [[nodiscard]] base::Offset local_log_start_offset() const;

  // --- Leader epochs -------------------------------------------------------------------------
  // A new leader's epoch starts at `start`; becomes durable with the first data of that epoch.
  void assign_epoch_start(base::LeaderEpoch epoch, base::Offset start);
  [[nodiscard]] std::optional<base::LeaderEpoch> latest_epoch() const;
  [[nodiscard]] std::optional<base::LeaderEpoch> epoch_for_offset(base::Offset offset) const;
  [[nodiscard]] logstate::EpochEndOffset end_offset_for_epoch(base::LeaderEpoch epoch) const;
  [[nodiscard]] const logstate::LeaderEpochCache& epochs() const;

  // --- Producers -----------------------------------------------------------------------------
  [[nodiscard]] const logstate::ProducerState& producers() const;

  // --- Changing the past; durable when they return ----------------------------------------------
  // Drops everything at and above `offset` (which lies on a batch border or inside the batch that
  // goes with it). True when something was dropped.
  [[nodiscard]] rt::Task<Result<bool>> truncate_to(base::Offset offset);
  // Drops everything; the log goes on at `offset`.
  [[nodiscard]] rt::Task<Result<void>> truncate_fully_and_start_at(base::Offset offset);
  // Moves the log start up (DeleteRecords, snapshots of the metadata log) and deletes whole
  // segments below. Above the high watermark: kOffsetOutOfRange. Returns the new log start.
  [[nodiscard]] rt::Task<Result<base::Offset>> delete_records_to(base::Offset offset);
  // Deletes segments that retention no longer wants, also those of a log that is not prepared, and
  // forgets idle producers. Returns how many segments.
  [[nodiscard]] rt::Task<Result<std::size_t>> apply_retention();
  // Starts a new segment unless the active one is empty.
  [[nodiscard]] Result<void> roll();
  // Makes everything appended so far durable in its own files and moves the recovery point there.
  [[nodiscard]] rt::Task<Result<void>> flush();

  [[nodiscard]] LogDescription describe() const;

 private:
  friend class LogStore;
  explicit Log(std::unique_ptr<internal::LogState> state);
  [[nodiscard]] rt::Task<Result<void>> load_unless_prepared();
  [[nodiscard]] rt::Task<Result<void>> load_files();
  [[nodiscard]] bool may_have_expired() const;
  void let_go();

  struct Lookup {
    base::Offset from{0};  // where reading begins; its batch may have what is looked for before it
    base::Offset upto{0};
    base::Timestamp timestamp{-1};  // the first record at or after it,
    bool largest = false;           // or the largest of the first batch that reaches it
  };
  [[nodiscard]] rt::Task<Result<std::optional<FoundOffset>>> find_record(Lookup lookup);
  [[nodiscard]] rt::Task<Result<std::size_t>> count_expired();
  [[nodiscard]] rt::Task<Result<void>> learn_largest(std::shared_ptr<internal::Segment> segment);

  std::unique_ptr<internal::LogState> state_;
};

}  // namespace moldau::storage
