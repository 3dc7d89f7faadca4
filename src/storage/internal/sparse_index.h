// The two sparse indexes of a segment, byte for byte Kafka's. The offset index has 8-byte entries
// (relative last offset of a batch, file position where the batch starts), the time index 12-byte
// ones (largest timestamp so far, relative last offset of the batch that has it). An entry is due
// when more than index.interval.bytes lie before the batch since the last one. Offset entries grow
// strictly in both columns, time entries in the first column strictly and in the second weakly.
//
// SegmentIndex is the index of one segment in memory: complete, or without its oldest entries when
// those are already in the file (active segments let go of them). IndexBuilder decides when an
// entry is due; recovery and appends use the same one. Files are read as data from a disk: what
// breaks an order is an error, and the index is then rebuilt from the log. Pure; owned by a log's
// loop. Source: storage/.../log/{OffsetIndex,TimeIndex,AbstractIndex,LogSegment}.java.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"

namespace moldau::storage::internal {

inline constexpr std::size_t kOffsetEntryBytes = 8;  // frozen
inline constexpr std::size_t kTimeEntryBytes = 12;   // frozen

struct OffsetEntry {
  std::int32_t relative_offset = 0;
  std::int32_t position = 0;

  friend bool operator==(const OffsetEntry&, const OffsetEntry&) = default;
};

struct TimeEntry {
  std::int64_t timestamp = -1;
  std::int32_t relative_offset = 0;

  friend bool operator==(const TimeEntry&, const TimeEntry&) = default;
};

[[nodiscard]] base::SharedBytes encode_offset_entries(const std::vector<OffsetEntry>& entries,
                                                      std::size_t from = 0);
[[nodiscard]] base::SharedBytes encode_time_entries(const std::vector<TimeEntry>& entries,
                                                    std::size_t from = 0);
// A partial last entry is left out. `log_bytes`: no position may reach it.
[[nodiscard]] std::expected<std::vector<OffsetEntry>, std::string> decode_offset_entries(
    base::Bytes file, std::uint64_t log_bytes);
[[nodiscard]] std::expected<std::vector<TimeEntry>, std::string> decode_time_entries(
    base::Bytes file);

// The last entry that is not above; nothing when all are.
[[nodiscard]] std::optional<std::size_t> find_offset(const std::vector<OffsetEntry>& entries,
                                                     std::int64_t relative_offset);
[[nodiscard]] std::optional<std::size_t> find_time(const std::vector<TimeEntry>& entries,
                                                   std::int64_t timestamp);

// What an index needs to know of a batch.
struct IndexedBatch {
  base::Offset last_offset{0};
  base::Timestamp max_timestamp{-1};
  std::uint64_t position = 0;
  std::uint64_t size = 0;
};

class SegmentIndex {
 public:
  explicit SegmentIndex(base::Offset base_offset) : base_offset_(base_offset) {}

  // Adds the batch, and entries when they are due. `time_entries_max` bounds the time index
  // (its last slot is for finish()).
  void add(const IndexedBatch& batch, std::uint64_t interval_bytes);
  // Takes over what a file held; add() goes on from there.
  void load(std::vector<OffsetEntry> offsets, std::vector<TimeEntry> times);
  // The entry that a roll or a clean close forces: the largest timestamp of the segment.
  void finish();
  // Drops the entries at and above `offset`, as Kafka's truncateTo.
  void truncate_to(base::Offset offset);
  void clear();

  // Full as Kafka sees it, with index files of this size.
  [[nodiscard]] bool full(std::size_t index_bytes_max) const {
    return offset_count() >= index_bytes_max / kOffsetEntryBytes ||
           time_count() + 1 >= index_bytes_max / kTimeEntryBytes;
  }
  [[nodiscard]] bool offset_fits(base::Offset offset) const {
    const std::int64_t relative = offset - base_offset_;
    return relative >= 0 && relative <= INT32_MAX;
  }

  [[nodiscard]] base::Offset base_offset() const { return base_offset_; }
  // Entries of the whole index, those no longer in memory included.
  [[nodiscard]] std::size_t offset_count() const { return offsets_dropped_ + offsets_.size(); }
  [[nodiscard]] std::size_t time_count() const { return times_dropped_ + times_.size(); }
  // Those in memory: the newest ones.
  [[nodiscard]] const std::vector<OffsetEntry>& offsets() const { return offsets_; }
  [[nodiscard]] const std::vector<TimeEntry>& times() const { return times_; }
  [[nodiscard]] std::size_t offsets_dropped() const { return offsets_dropped_; }
  [[nodiscard]] std::size_t times_dropped() const { return times_dropped_; }
  [[nodiscard]] std::size_t memory_bytes() const {
    return offsets_.capacity() * sizeof(OffsetEntry) + times_.capacity() * sizeof(TimeEntry);
  }
  // Lets go of the oldest entries, which the caller has written to the files.
  void drop_oldest(std::size_t keep);

  // The largest timestamp of the segment and the last offset of its batch; -1 when there is none.
  [[nodiscard]] base::Timestamp max_timestamp() const { return max_timestamp_; }
  [[nodiscard]] base::Offset max_timestamp_offset() const { return max_timestamp_offset_; }
  void set_max_timestamp(base::Timestamp timestamp, base::Offset offset) {
    max_timestamp_ = timestamp;
    max_timestamp_offset_ = offset;
  }

  // The position from which to look for `offset` in the log; nothing when the entry that would tell
  // is no longer in memory.
  [[nodiscard]] std::optional<std::uint64_t> position_for(base::Offset offset) const;

 private:
  void add_time_entry();

  base::Offset base_offset_;
  std::vector<OffsetEntry> offsets_;
  std::vector<TimeEntry> times_;
  std::size_t offsets_dropped_ = 0;
  std::size_t times_dropped_ = 0;
  std::uint64_t bytes_since_entry_ = 0;
  base::Timestamp last_entry_timestamp_{-1};
  base::Timestamp max_timestamp_{-1};
  base::Offset max_timestamp_offset_{-1};
};

}  // namespace moldau::storage::internal
