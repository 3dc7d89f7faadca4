// Replaying a journal: what its entries say is put where it belongs in the segment files, unless a
// later entry took it back or it is there already (after kill -9 the page cache has everything,
// after a power loss the journal fills the gaps). Nothing is synced here: the journal's regions
// stay live until that has happened (AdoptedRegions). A second replay does the same again.
//
// What does not fit is left alone and reported by name: a batch on disk that is whole and not ours
// (somebody else wrote there), bytes missing before an entry, an entry with a wrong checksum, a
// region that the disk cannot read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rt/disk.h"
#include "rt/loop.h"
#include "storage/data_directory.h"
#include "storage/error.h"
#include "storage/internal/journal.h"

namespace moldau::storage::internal {

struct ReplayedLog {
  base::TopicIdPartition key;
  bool created = false;  // its directory was not there
  std::optional<base::Offset> log_start;
  std::optional<base::Offset> truncated_to;  // the recovery point is not above
};

struct ReplayOutcome {
  AdoptedRegions adopted;
  std::map<base::TopicPartition, ReplayedLog> logs;
  std::uint64_t entries = 0;  // that counted
  std::uint64_t bytes = 0;
  std::uint64_t bytes_written = 0;  // were not in the files
  std::uint64_t refused = 0;        // entries that did not fit
};

class JournalReplay {
 public:
  JournalReplay(rt::Loop& loop, Journal& journal, const DataDirectory& directory)
      : loop_(&loop), journal_(&journal), directory_(&directory) {}

  [[nodiscard]] rt::Task<Result<ReplayOutcome>> run();

 private:
  struct Region {
    RegionHeader header;
    std::size_t slot = 0;
    std::uint64_t end_entry = 0;  // number of the first one that is not whole
  };
  struct LiveEntry {
    std::uint64_t number = 0;
    base::Offset segment_base{0};
    base::Offset base_offset{0};
    base::Offset keep_upto{0};
  };
  struct Plan {
    std::string topic;
    std::vector<LiveEntry> entries;  // ascending
    std::optional<base::Offset> log_start;
    std::optional<base::Offset> truncated_to;
    bool removed = false;  // the last word
    bool stopped = false;  // something did not fit
    bool prepared = false;
  };

  [[nodiscard]] rt::Task<> find_regions();
  [[nodiscard]] rt::Task<base::SharedBytes> read_region(std::size_t slot);
  void report_unreadable(std::size_t slot, const rt::IoError& cause);
  [[nodiscard]] rt::Task<> plan_all();
  void plan_entry(const ParsedEntry& entry);
  [[nodiscard]] rt::Task<Result<void>> apply_all();
  [[nodiscard]] rt::Task<Result<void>> apply_entry(const ParsedEntry& entry,
                                                   base::SharedBytes body);
  [[nodiscard]] rt::Task<Result<void>> publish();
  // The topic id in the partition's directory; nothing when there is none.
  [[nodiscard]] rt::Task<Result<std::optional<base::TopicId>>> id_in_directory(
      base::TopicPartition name);
  [[nodiscard]] rt::Task<Result<void>> prepare_log(base::TopicIdPartition key, Plan& plan);
  [[nodiscard]] rt::Task<Result<void>> write_missing(const EntryHeader& header, Plan& plan,
                                                     base::SharedBytes body);
  [[nodiscard]] rt::Task<Result<rt::FileRef>> open_file(std::string path, bool create);
  [[nodiscard]] rt::Task<Result<base::SharedBytes>> read_batch(rt::FileRef file,
                                                               std::uint64_t position,
                                                               std::uint64_t file_bytes,
                                                               base::SharedBytes begin);
  void refuse(Plan& plan, const EntryHeader& header, std::string_view reason);
  [[nodiscard]] base::TopicPartition name_of(const EntryHeader& header, const Plan& plan) const;

  rt::Loop* loop_;
  Journal* journal_;
  const DataDirectory* directory_;
  std::vector<Region> regions_;  // ascending
  std::map<base::TopicIdPartition, Plan> plans_;
  std::map<std::string, rt::FileRef> open_files_;
  std::set<std::string> touched_files_;
  std::set<std::string> touched_directories_;
  ReplayOutcome outcome_;
};

}  // namespace moldau::storage::internal
