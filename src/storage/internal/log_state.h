// Everything a log is, as plain data with the few operations that keep it consistent; the work on
// it is spread over files by subject: append, commit rounds (committer), reading, lookup, recovery,
// maintenance. Owned by its LogStore's loop. Order of the offsets: log_start <= durable_end <=
// written_end <= end; recovery_point <= written_end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "logstate/leader_epoch_cache.h"
#include "logstate/producer_state.h"
#include "rt/disk.h"
#include "rt/sync.h"
#include "storage/error.h"
#include "storage/internal/gate.h"
#include "storage/internal/segment.h"
#include "storage/internal/tail_cache.h"
#include "storage/log.h"
#include "storage/log_store.h"

namespace moldau::storage::internal {

struct StoreState;
class Committer;

// A segment that was rolled and whose files are not finished yet.
struct RolledSegment {
  SegmentRef segment;
  base::Offset next_base{0};
  base::SharedBytes producer_snapshot;  // at next_base
};

// Where a reader will go on: saves it the index.
struct ReadCursor {
  base::Offset offset{-1};
  base::Offset segment_base{0};
  std::uint64_t position = 0;
};

enum class CommitPhase : std::uint8_t {
  kIdle,
  kQueued,   // in the committer's queue
  kOpening,  // files are being opened for the next round
  kBusy,     // in a round
};

struct LogState : TailOwner {
  static constexpr std::size_t kCursorsMax = 4;

  LogState(StoreState& owner, Committer& commits, LogSpec wanted);

  [[nodiscard]] bool failed() const { return failure != nullptr; }
  [[nodiscard]] bool synced_writes() const { return is_metadata || options->sync == LogSync::kAck; }
  [[nodiscard]] const std::string& topic() const { return partition.topic.value(); }
  [[nodiscard]] base::TopicIdPartition key() const {
    return {.topic_id = topic_id, .partition = partition.partition};
  }
  [[nodiscard]] std::string file_path(base::Offset offset, std::string_view suffix) const;

  [[nodiscard]] Segment& active() { return *segments.back(); }
  // The segment that holds `offset` or would; null when it is below all of them.
  [[nodiscard]] SegmentRef segment_for(base::Offset offset) const;
  [[nodiscard]] logstate::ProducerState& producer_state();
  [[nodiscard]] std::uint64_t size_bytes() const;
  [[nodiscard]] bool has_unwritten() const { return next_to_write < tail().end_number(); }

  void set_durable_end(base::Offset offset);
  // The log ends at `offset` now, which is below its end.
  void lower_end(base::Offset offset);
  // The log is empty and goes on at `offset`.
  void restart_offsets(base::Offset offset);
  // Stops acknowledging; the listener hears of it once.
  void fail(Error cause);
  // What a failed log appended and cannot write any more; not while a round uses it.
  void drop_failed_tail();
  void wake() { changed.notify_all(); }
  void remember_cursor(const ReadCursor& cursor);

  StoreState* store;
  Committer* committer;
  Log* log = nullptr;
  LogListener* listener = nullptr;
  base::TopicPartition partition;
  base::TopicId topic_id;
  std::shared_ptr<const LogOptions> options;  // shared by logs with the same ones
  std::string path;

  base::Offset log_start{0};
  base::Offset end{0};
  base::Offset written_end{0};
  base::Offset durable_end{0};
  base::Offset recovery_point{0};
  base::Offset high_watermark{0};
  base::Offset recovered_end{0};  // what is below was there at start

  bool is_metadata = false;
  bool prepared = false;
  bool wanted = false;         // somebody counts on its staying prepared
  bool closing = false;        // appends are refused: it is about to be closed or removed
  bool changing_past = false;  // appends are refused: it is being truncated
  bool sync_failed = false;    // nothing written since the last good sync can be trusted
  bool directory_exists = false;
  std::uint64_t epochs_version = 0;  // grows with each change of `epochs`
  std::uint64_t epochs_saved = 0;
  std::unique_ptr<Error> failure;  // what stopped the log

  // Names in the directory that changed, and how far those changes are durable.
  std::uint64_t names_version = 0;
  std::uint64_t names_synced = 0;
  bool metadata_unsynced = false;  // partition.metadata may not be durable

  std::vector<SegmentRef>
      segments;  // ascending; the last one is active; none: nothing written ever
  std::vector<RolledSegment> rolled;
  // While it is not prepared: no retention before this, and what its segments take.
  base::Timestamp retention_due{0};
  std::optional<std::uint64_t> bytes_on_disk;
  logstate::LeaderEpochCache epochs;
  std::unique_ptr<logstate::ProducerState> producers;
  std::vector<base::Offset> producer_snapshots;      // files there are, ascending
  base::Offset unsynced_snapshot = base::kNoOffset;  // the newest one, while it may not be durable
  std::uint64_t bytes_since_checkpoint = 0;

  // The commit side.
  CommitPhase phase = CommitPhase::kIdle;
  std::uint64_t next_to_write = 0;  // number in the tail
  std::size_t pending_bytes = 0;    // appended, not durable
  std::uint64_t listed_region = 0;  // 1 + the newest journal region whose list has this log
  std::size_t listed_at = 0;        // where in that list

  std::uint32_t reads = 0;          // tasks of callers that use the log
  std::uint64_t truncations = 0;    // a read that waited compares
  std::uint32_t moving_start = 0;   // tasks that have moved log_start, perhaps not durably yet
  bool maintaining = false;         // a background task works on the rolled segments
  std::vector<ReadCursor> cursors;  // at most kCursorsMax
  std::uint8_t next_cursor = 0;
  Gate gate;
  rt::Mutex epochs_mutex;  // one writer of leader-epoch-checkpoint
  rt::Signal changed;      // durable_end, failure, users
};

// A task that uses the log: removal waits for it. Also where the gate is closed to it.
class UseOfLog {
 public:
  explicit UseOfLog(LogState& log) : log_(&log) { ++log_->reads; }
  UseOfLog(const UseOfLog&) = delete;
  UseOfLog& operator=(const UseOfLog&) = delete;
  ~UseOfLog() {
    if (--log_->reads == 0) log_->changed.notify_all();
  }

 private:
  LogState* log_;
};

}  // namespace moldau::storage::internal
