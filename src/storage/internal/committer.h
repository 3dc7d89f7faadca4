// Committer makes the appends of one loop's logs in one data directory durable, in rounds: it takes
// all logs with unwritten batches, writes each one's batches to its segment in one gathered write,
// and makes them durable in one of two ways. Small ones go into the journal too, whose one sync
// covers the whole round; a log with more than the crossover in a round is synced in its own file,
// beside the rounds, and gathers meanwhile. The crossover falls as the journal fills, and to
// nothing when the journal cannot be used: then everything syncs in place. A log is in one round at
// a time. Nothing is allocated per log and round once the pools have grown. One loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "rt/loop.h"
#include "rt/scope.h"
#include "rt/sync.h"
#include "storage/internal/disk_batch.h"
#include "storage/internal/journal.h"
#include "storage/internal/log_state.h"

namespace moldau::storage::internal {

// One gathered write: the unwritten batches of a log that belong into one segment.
struct SegmentWrite {
  std::size_t log = 0;  // in Round::logs
  SegmentRef segment;
  rt::FileRef file;
  std::uint64_t position = 0;
  std::size_t bytes = 0;
  std::size_t first_slice = 0;
  std::size_t slice_count = 0;
  std::size_t fill_bytes = 0;  // zeros behind them, one slice more, for the segment only
  base::Offset base_offset{0};
  base::Offset end_offset{0};
};

struct LogCommit {
  LogState* log = nullptr;
  std::uint64_t end_number = 0;  // in the tail
  base::Offset end_offset{0};
  std::size_t bytes = 0;
};

struct Round {
  explicit Round(rt::Disk& disk) : writing(disk) {}

  std::vector<LogCommit> logs;
  std::vector<SegmentWrite> writes;
  std::vector<base::Bytes> slices;
  std::size_t bytes = 0;
  std::size_t journal_bytes = 0;  // with entry headers and names, rounded up
  DiskBatch writing;
  // For the journal.
  std::vector<PendingEntry> entries;
  std::vector<base::Bytes> journal_slices;
  std::vector<std::byte> entry_headers;
  std::size_t submitted_bytes = 0;
  JournalReceipt receipt;
  bool journal_answered = false;
};

class Committer final : public JournalParticipant {
 public:
  Committer(StoreState& store, DataDirectory& directory, Journal& journal);
  ~Committer() override;

  [[nodiscard]] DataDirectory& directory() const { return *directory_; }
  [[nodiscard]] Journal& journal() const { return *journal_; }
  void start();
  [[nodiscard]] rt::Task<> stop();

  // Less than the reserve is free on the directory's disk: appends are refused.
  void set_disk_full(bool full) { disk_full_ = full; }
  [[nodiscard]] bool disk_full() const { return disk_full_; }

  // The log has batches to write.
  void enqueue(LogState& log);
  // The log's gate was closed and is open again.
  void resume(LogState& log);
  // So many more bytes of a log are on the disk in its own files.
  void count_synced(std::uint64_t bytes);
  // The log is about to be destroyed. What it has in the journal is needed no more, unless its own
  // files could not be made whole: then the regions with it stay until the next start.
  void forget(LogState& log, bool files_whole);

  // JournalParticipant
  [[nodiscard]] rt::Loop& loop() override;
  [[nodiscard]] rt::Task<bool> flush_region(std::uint64_t region) override;

 private:
  // Whether a write goes to the page cache, or is synced in the same trip.
  enum class WriteKind : std::uint8_t { kCached, kSynced };
  // A log with entries in a region, which are in its files too once those are synced up to `end`.
  struct Listed {
    LogState* log = nullptr;  // null: gone
    base::Offset end{0};
  };
  struct RegionLogs {
    std::uint64_t region = 0;
    std::vector<Listed> logs;
  };

  [[nodiscard]] rt::Task<> run();
  [[nodiscard]] rt::Task<> write_recovery_points();
  void gather(Round& journaled, Round& written);
  [[nodiscard]] static std::size_t journal_cost(const LogState& log);
  [[nodiscard]] bool admit(LogState& log);
  [[nodiscard]] bool goes_in_place(const LogState& log, const Round& journaled) const;
  static void add(Round& round, LogState& log);
  static void add_small(Round& round, LogState& log);
  [[nodiscard]] rt::Task<> open_files(LogState& log);

  [[nodiscard]] rt::Task<> commit_journaled(Round& round);
  void start_in_place();
  [[nodiscard]] rt::Task<> commit_in_place(std::unique_ptr<Round> round, WriteKind kind);
  [[nodiscard]] rt::Task<> commit_written(std::unique_ptr<Round> round);
  [[nodiscard]] rt::Task<> finish_in_place(std::unique_ptr<Round> round);
  [[nodiscard]] rt::Task<> write_segments(Round& round, WriteKind kind = WriteKind::kCached);
  void note_written(Round& round, std::size_t index, WriteKind kind);
  void write_back(const SegmentRef& segment);
  void build_entries(Round& round);
  void append_entry(Round& round, const SegmentWrite& write, std::byte* header);
  [[nodiscard]] rt::Task<> send_to_journal(Round& round);
  void list_in_region(Round& round);
  [[nodiscard]] rt::Task<> sync_and_complete(LogCommit commit);
  void complete(const LogCommit& commit);
  void release(LogState& log);

  // What flush_region() has under way.
  struct Flushing {
    std::uint64_t region = 0;
    std::size_t running = 0;
    bool ok = true;
  };
  [[nodiscard]] std::optional<Listed> next_to_flush(std::uint64_t region);
  [[nodiscard]] rt::Task<> flush_log(Listed listed, Flushing& flushing);

  [[nodiscard]] std::unique_ptr<Round> take_round();
  void return_round(std::unique_ptr<Round> round);

  StoreState* store_;
  DataDirectory* directory_;
  Journal* journal_;
  std::vector<LogState*> queue_;
  std::vector<LogState*> gathering_;
  std::vector<LogState*> in_place_;
  std::vector<std::unique_ptr<Round>> free_rounds_;
  std::deque<RegionLogs> regions_;
  // The oldest region with entries of a log that was closed before its files were whole.
  std::uint64_t kept_from_ = std::numeric_limits<std::uint64_t>::max();
  bool disk_full_ = false;
  std::uint64_t synced_bytes_ = 0;  // since the recovery points were written
  bool writing_points_ = false;
  bool started_ = false;
  std::uint64_t submissions_started_ = 0;
  std::uint64_t submissions_finished_ = 0;
  rt::Signal work_;
  rt::Signal journal_answered_;
  rt::Signal submission_finished_;
  rt::Signal retry_;
  rt::Signal synced_;
  rt::Scope scope_;
};

}  // namespace moldau::storage::internal
