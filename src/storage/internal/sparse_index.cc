#include "storage/internal/sparse_index.h"

#include <algorithm>
#include <utility>

#include "base/endian.h"

namespace moldau::storage::internal {

base::SharedBytes encode_offset_entries(const std::vector<OffsetEntry>& entries, std::size_t from) {
  base::ByteBuffer buffer((entries.size() - from) * kOffsetEntryBytes);
  for (std::size_t i = from; i < entries.size(); ++i) {
    std::byte* to = buffer.extend(kOffsetEntryBytes).data();
    base::store_be(to, entries[i].relative_offset);
    base::store_be(to + 4, entries[i].position);
  }
  return buffer.freeze();
}

base::SharedBytes encode_time_entries(const std::vector<TimeEntry>& entries, std::size_t from) {
  base::ByteBuffer buffer((entries.size() - from) * kTimeEntryBytes);
  for (std::size_t i = from; i < entries.size(); ++i) {
    std::byte* to = buffer.extend(kTimeEntryBytes).data();
    base::store_be(to, entries[i].timestamp);
    base::store_be(to + 8, entries[i].relative_offset);
  }
  return buffer.freeze();
}

std::expected<std::vector<OffsetEntry>, std::string> decode_offset_entries(
    base::Bytes file, std::uint64_t log_bytes) {
  std::vector<OffsetEntry> entries;
  entries.reserve(file.size() / kOffsetEntryBytes);
  for (std::size_t at = 0; at + kOffsetEntryBytes <= file.size(); at += kOffsetEntryBytes) {
    const OffsetEntry entry{.relative_offset = base::load_be<std::int32_t>(file.data() + at),
                            .position = base::load_be<std::int32_t>(file.data() + at + 4)};
    const bool first = entries.empty();
    const bool grows = first ? entry.relative_offset >= 0 && entry.position >= 0
                             : entry.relative_offset > entries.back().relative_offset &&
                                   entry.position > entries.back().position;
    if (!grows || std::cmp_greater_equal(entry.position, log_bytes)) {
      return std::unexpected("entry " + std::to_string(entries.size()) + " is out of order");
    }
    entries.push_back(entry);
  }
  return entries;
}

std::expected<std::vector<TimeEntry>, std::string> decode_time_entries(base::Bytes file) {
  std::vector<TimeEntry> entries;
  entries.reserve(file.size() / kTimeEntryBytes);
  for (std::size_t at = 0; at + kTimeEntryBytes <= file.size(); at += kTimeEntryBytes) {
    const TimeEntry entry{.timestamp = base::load_be<std::int64_t>(file.data() + at),
                          .relative_offset = base::load_be<std::int32_t>(file.data() + at + 8)};
    const bool first = entries.empty();
    const bool grows = first ? entry.relative_offset >= 0 && entry.timestamp >= 0
                             : entry.relative_offset >= entries.back().relative_offset &&
                                   entry.timestamp > entries.back().timestamp;
    if (!grows)
      return std::unexpected("entry " + std::to_string(entries.size()) + " is out of order");
    entries.push_back(entry);
  }
  return entries;
}

std::optional<std::size_t> find_offset(const std::vector<OffsetEntry>& entries,
                                       std::int64_t relative_offset) {
  const auto above = std::ranges::upper_bound(
      entries, relative_offset, {},
      [](const OffsetEntry& entry) { return std::int64_t{entry.relative_offset}; });
  if (above == entries.begin()) return std::nullopt;
  return static_cast<std::size_t>(above - entries.begin()) - 1;
}

std::optional<std::size_t> find_time(const std::vector<TimeEntry>& entries,
                                     std::int64_t timestamp) {
  const auto above = std::ranges::upper_bound(entries, timestamp, {}, &TimeEntry::timestamp);
  if (above == entries.begin()) return std::nullopt;
  return static_cast<std::size_t>(above - entries.begin()) - 1;
}

void SegmentIndex::add(const IndexedBatch& batch, std::uint64_t interval_bytes) {
  if (batch.max_timestamp > max_timestamp_) {
    max_timestamp_ = batch.max_timestamp;
    max_timestamp_offset_ = batch.last_offset;
  }
  if (bytes_since_entry_ > interval_bytes) {
    offsets_.push_back(
        {.relative_offset = static_cast<std::int32_t>(batch.last_offset - base_offset_),
         .position = static_cast<std::int32_t>(batch.position)});
    add_time_entry();
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += batch.size;
}

void SegmentIndex::add_time_entry() {
  if (max_timestamp_ <= last_entry_timestamp_) return;
  times_.push_back(
      {.timestamp = max_timestamp_.value(),
       .relative_offset = static_cast<std::int32_t>(max_timestamp_offset_ - base_offset_)});
  last_entry_timestamp_ = max_timestamp_;
}

void SegmentIndex::load(std::vector<OffsetEntry> offsets, std::vector<TimeEntry> times) {
  clear();
  offsets_ = std::move(offsets);
  times_ = std::move(times);
  if (times_.empty()) return;
  last_entry_timestamp_ = base::Timestamp(times_.back().timestamp);
  set_max_timestamp(last_entry_timestamp_, base_offset_ + times_.back().relative_offset);
}

void SegmentIndex::finish() { add_time_entry(); }

void SegmentIndex::truncate_to(base::Offset offset) {
  const std::int64_t relative = offset - base_offset_;
  const auto at_or_above = [&](const auto& entry) { return entry.relative_offset >= relative; };
  std::erase_if(offsets_, at_or_above);
  std::erase_if(times_, at_or_above);
  last_entry_timestamp_ =
      times_.empty() ? base::kNoTimestamp : base::Timestamp(times_.back().timestamp);
  max_timestamp_ = last_entry_timestamp_;
  max_timestamp_offset_ =
      times_.empty() ? base::kNoOffset : base_offset_ + times_.back().relative_offset;
  bytes_since_entry_ = 0;
}

void SegmentIndex::clear() { *this = SegmentIndex(base_offset_); }

void SegmentIndex::drop_oldest(std::size_t keep) {
  const auto drop = [keep](auto& entries, std::size_t& dropped) {
    if (entries.size() <= keep) return;
    const std::size_t count = entries.size() - keep;
    entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(count));
    entries.shrink_to_fit();
    dropped += count;
  };
  drop(offsets_, offsets_dropped_);
  drop(times_, times_dropped_);
}

std::optional<std::uint64_t> SegmentIndex::position_for(base::Offset offset) const {
  const auto at = find_offset(offsets_, offset - base_offset_);
  if (at.has_value()) return static_cast<std::uint64_t>(offsets_[*at].position);
  if (offsets_dropped_ > 0) return std::nullopt;
  return 0;
}

}  // namespace moldau::storage::internal
