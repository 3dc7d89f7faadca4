// Journal makes small appends of many partitions durable with one sync. One per data directory, on
// one loop; the loops' committers hand in what a round gathered (commit), and while one sync runs
// the next submissions gather. Space is taken in regions; a region is free again when every log
// with entries in it has synced its own files, which the journal asks the committers for before it
// runs out. It never makes a submission wait for space: it refuses, and the committer syncs in
// place.
//
// Whatever takes back what an entry says (truncation, deletion, a moved log start) is noted here
// before it happens, so that a replay cannot bring it back. A failed write or sync ends the
// journal: nothing of it is trusted any more, the logs are synced in their own files, the file is
// removed. Limits: journal_bytes_max; submissions are bounded by the loops' rounds.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/uuid.h"
#include "rt/disk.h"
#include "rt/loop.h"
#include "rt/scope.h"
#include "rt/sync.h"
#include "storage/error.h"
#include "storage/internal/journal_format.h"
#include "storage/journal_evidence.h"

namespace moldau::storage::internal {

// An entry whose header the journal completes (number, checksum) where it lies among the slices.
struct PendingEntry {
  EntryHeader header;
  std::string_view name;
  std::byte* to = nullptr;
};

// The memory behind it stays untouched until commit() returns.
struct JournalSubmission {
  std::span<const base::Bytes> slices;
  std::span<PendingEntry> entries;
  std::size_t bytes = 0;
};

struct JournalReceipt {
  bool durable = false;      // false: sync in place
  std::uint64_t region = 0;  // that holds the entries
};

// One loop's side, called through rt::call on its loop.
class JournalParticipant {
 public:
  virtual ~JournalParticipant() = default;
  [[nodiscard]] virtual rt::Loop& loop() = 0;
  // Syncs the files of all logs that have entries in the region or in earlier ones. False when that
  // failed: the region cannot be freed.
  [[nodiscard]] virtual rt::Task<bool> flush_region(std::uint64_t region) = 0;
};

struct JournalOptions {
  std::string directory;
  base::DirectoryId directory_id;
  std::size_t bytes_max = std::size_t{256} << 20;
};

// A file that a replay wrote or found to hold entries; it must be synced before they are free.
struct TouchedFiles {
  std::vector<std::string> files;
  std::vector<std::string> directories;
};

// What replaying left: regions that stay live until the touched files are synced.
struct AdoptedRegions {
  std::vector<std::pair<std::uint64_t, std::size_t>> regions;  // number and slot, ascending
  std::uint64_t next_region = 0;
  std::uint64_t next_entry = 0;
  TouchedFiles touched;
};

class Journal {
 public:
  Journal(rt::Loop& loop, JournalOptions options);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  [[nodiscard]] rt::Loop& loop() const { return *loop_; }
  void add_participant(JournalParticipant& participant) { participants_.push_back(&participant); }

  // --- Start, before anything else runs -----------------------------------------------------
  // Reads the header; found() stays empty when there is no file, or none that ever held an entry.
  // Refuses a file that may hold entries and whose header is damaged or of a later version.
  [[nodiscard]] rt::Task<Result<void>> open();
  [[nodiscard]] const std::optional<JournalHeader>& found() const { return found_; }
  [[nodiscard]] const rt::FileRef& file() const { return file_; }
  [[nodiscard]] std::size_t slot_count() const { return slot_count_; }
  [[nodiscard]] std::uint64_t slot_position(std::size_t slot) const;
  // Nothing in the file counts any more; durable when it returns.
  [[nodiscard]] rt::Task<Result<void>> discard(JournalEvidence evidence);
  // The entries were replayed; from now on we are the writer. Durable when it returns.
  [[nodiscard]] rt::Task<Result<void>> adopt(JournalEvidence evidence, AdoptedRegions adopted);

  // --- Running ------------------------------------------------------------------------------
  // `writing`: prepare the file in the background and take submissions. Else only see to it that
  // what was adopted is synced, then seal.
  void start(bool writing);
  // May be looked at from any loop: a hint that commit() will not refuse at once.
  [[nodiscard]] bool ready() const { return ready_.load(std::memory_order_acquire); }
  // The same for how much of it is taken.
  [[nodiscard]] std::uint32_t used_percent() const {
    return used_percent_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t submission_bytes_max() const {
    return submission_bytes_max_.load(std::memory_order_acquire);
  }
  [[nodiscard]] rt::Task<JournalReceipt> commit(JournalSubmission submission);
  // Durable when it returns without error; free when the journal holds nothing. Fails when the
  // journal stays full for long, or is about to be closed.
  [[nodiscard]] rt::Task<Result<void>> note(EntryHeader header, std::string name);
  // Notes that wait for room give up from now on: what waits for them would keep seal() from
  // coming.
  // Before participants go without a stop, as in a simulated crash: ends what uses them.
  void abandon() { freeing_.reset(); }
  [[nodiscard]] rt::Task<> end_waits();
  [[nodiscard]] rt::Task<Result<void>> raise_quorum_epoch(base::LeaderEpoch epoch);
  // Frees everything: all logs with entries are synced. Used before sealing.
  [[nodiscard]] rt::Task<bool> drain();
  // The end; no submission comes any more. When everything was closed cleanly the file is sealed,
  // durably, and made when there is none: it tells the next start that the checkpoints are exact.
  [[nodiscard]] rt::Task<Result<void>> seal(bool clean);

 private:
  struct Waiting {
    JournalSubmission submission;
    JournalReceipt receipt;
    bool done = false;
  };
  struct Region {
    std::uint64_t number = 0;
    std::size_t slot = 0;
  };

  [[nodiscard]] std::string path() const;
  [[nodiscard]] rt::Task<Result<void>> write_header();
  [[nodiscard]] rt::Task<Result<void>> create_file();
  [[nodiscard]] rt::Task<Result<void>> prepare_slot();
  [[nodiscard]] rt::Task<> prepare();
  [[nodiscard]] rt::Task<> drain_and_seal();
  [[nodiscard]] Result<void> check_version();
  void become_writer(const JournalEvidence& evidence);

  [[nodiscard]] rt::Task<> run();
  void take_round();
  [[nodiscard]] bool make_room(std::size_t bytes);
  void add_to_round(Waiting& waiting);
  void finish(Waiting& waiting, bool durable);
  [[nodiscard]] rt::Task<JournalReceipt> submit(JournalSubmission submission);

  [[nodiscard]] rt::Task<> recycle();
  [[nodiscard]] rt::Task<bool> free_oldest_region();
  [[nodiscard]] rt::Task<bool> flush_participants(std::uint64_t region);
  [[nodiscard]] rt::Task<> flush_participant(JournalParticipant& participant, std::uint64_t region,
                                             std::size_t& left, bool& ok, rt::Signal& changed);
  [[nodiscard]] rt::Task<bool> flush_touched();
  bool give_up_touched(const std::string& path_of_file, const rt::IoError& cause);
  void stop_growing(const Error& cause);
  void fail(Error cause);
  [[nodiscard]] rt::Task<> retire();

  [[nodiscard]] bool something_to_free() const { return live_.size() > (region_open_ ? 1U : 0U); }
  // Tells the committers anew, after each change of what is taken.
  void update_ready();

  rt::Loop* loop_;
  JournalOptions options_;
  rt::FileRef file_;
  std::optional<JournalHeader> found_;
  JournalHeader header_;  // as it is, or will be when the file is made

  std::size_t slot_count_ = 0;  // in the file
  std::size_t slot_count_max_ = 0;
  std::deque<std::size_t> free_slots_;
  std::deque<Region> live_;  // oldest first; the last one is being filled when region_open_
  bool region_open_ = false;
  std::size_t region_used_ = 0;
  std::uint64_t next_region_ = 0;
  std::uint64_t next_entry_ = 0;
  std::uint64_t adopted_upto_ = 0;  // regions below hold adopted entries
  TouchedFiles touched_;
  bool touched_failed_ = false;  // a sync failed: a later one that works proves nothing

  bool has_content_ = false;  // entries that a replay would look at may be in the file
  bool writing_ = false;
  bool prepared_ = false;
  bool closing_ = false;
  bool draining_ = false;
  bool waits_over_ = false;
  bool failed_ = false;
  bool gone_ = false;  // failed, and the file is removed
  std::atomic<bool> ready_{false};
  std::atomic<std::uint32_t> used_percent_{0};
  std::atomic<std::size_t> submission_bytes_max_{0};

  std::vector<JournalParticipant*> participants_;
  std::deque<Waiting*> queue_;
  std::vector<Waiting*> round_;
  std::vector<base::Bytes> slices_;
  std::array<std::byte, kRegionHeaderBytes> region_header_{};
  std::uint64_t round_position_ = 0;
  std::size_t round_bytes_ = 0;

  rt::Mutex header_mutex_;
  rt::Mutex free_mutex_;
  rt::Signal submitted_;
  rt::Signal finished_;
  rt::Signal space_changed_;
  rt::Scope scope_;
  std::optional<rt::Scope> freeing_;  // recycle() and retire(), which use the participants
};

}  // namespace moldau::storage::internal
