// One segment of a log: a file of batches and its two indexes, as memory knows them. Sizes are
// bytes of the log file: `size` is what was appended, `written` what the page cache has, `synced`
// what a crash cannot take back. Entries of the index up to offsets_saved / times_saved are in the
// index files. The file is opened when needed; OpenFiles closes what was not used for long. Owned
// by its log's loop; shared so that a read can go on while retention removes the segment. Source:
// storage/.../log/LogSegment.java.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/ids.h"
#include "base/time.h"
#include "rt/disk.h"
#include "storage/internal/sparse_index.h"

namespace moldau::storage::internal {

class OpenFiles;

struct Segment {
  explicit Segment(base::Offset base) : base_offset(base), index(base) {}
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment();

  base::Offset base_offset;
  std::uint64_t size = 0;
  std::uint64_t written = 0;
  std::uint64_t synced = 0;
  std::uint64_t written_back = 0;         // upto where the kernel was told to begin
  std::optional<std::uint64_t> windowed;  // upto where the PageWindow took it over
  std::uint64_t reserved = 0;             // upto where it has blocks, when that is beyond `written`
  std::uint64_t filled = 0;               // upto where the file has zeros behind `written`
  bool reserving = false;                 // a task reserves more
  bool reserve_refused = false;           // it does not try again
  bool exists = false;                    // there is a file
  bool creating = false;                  // a task is about to make it
  bool has_txn_index = false;             // there is a .txnindex
  bool deleted = false;                   // renamed away or truncated: nobody may open it again
  bool index_loaded = false;              // `index` is what the files say, and goes on from there
  bool index_dirty = false;  // the index files are behind `index`, or lack its last time entry
  std::size_t offsets_saved = 0;
  std::size_t times_saved = 0;
  SegmentIndex index;

  // Of a segment that is not active: its largest timestamp and where, once known.
  bool largest_known = false;
  base::Timestamp largest_timestamp{-1};
  base::Offset largest_timestamp_offset{-1};

  // Rolling by time counts from the first batch's largest timestamp, or from the creation.
  std::optional<base::Timestamp> first_timestamp;
  base::Timestamp created{0};
  // When a batch without a timestamp came last, or the file's time: retention goes by it when no
  // record has one.
  base::Timestamp modified{0};
  std::int64_t jitter_ms = 0;

  // Lets go of the index, which the files hold.
  void unload_index() {
    index = SegmentIndex(base_offset);
    index_loaded = false;
  }

  rt::FileRef file;
  OpenFiles* open_in = nullptr;  // while the file is open
  std::uint32_t used_in = 0;     // OpenFiles' period
  Segment* newer = nullptr;
  Segment* older = nullptr;
};

using SegmentRef = std::shared_ptr<Segment>;

// The open segment files of one loop, least recently used first to go. Closing is letting go of the
// reference: an operation in flight keeps its file open until it is done.
class OpenFiles {
 public:
  explicit OpenFiles(std::size_t files_max) : files_max_(files_max) {}

  void add(Segment& segment, rt::FileRef file);
  void touch(Segment& segment);
  void close(Segment& segment);
  // Closes what was not used since the call before the last one.
  void close_idle();
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  void unlink(Segment& segment);
  void link_newest(Segment& segment);

  std::size_t files_max_;
  std::size_t count_ = 0;
  std::uint32_t period_ = 2;
  Segment* newest_ = nullptr;
  Segment* oldest_ = nullptr;
};

}  // namespace moldau::storage::internal
