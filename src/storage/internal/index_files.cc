// The index files of a segment: saving, loading, rebuilding, and lookups that may need them.
#include <algorithm>
#include <utility>

#include "base/result.h"
#include "storage/internal/file_names.h"
#include "storage/internal/log_files.h"
#include "storage/internal/segment_scan.h"
#include "storage/internal/store_state.h"

namespace moldau::storage::internal {

namespace {

// Entries of an active segment that stay in memory after they were saved.
constexpr std::size_t kEntriesKept = 1024;
// An index file is never larger: segment.index.bytes is at most this, and it bounds a lookup.
constexpr std::size_t kIndexFileBytesMax = std::size_t{64} << 20;

rt::Disk& disk_of(const LogState& log) { return log.store->loop->disk(); }

// Writes `entries` behind what the file has; with `cut_at`, the file ends there and is durable.
rt::Task<Result<void>> write_entries(LogState& log, std::string path, std::uint64_t position,
                                     base::SharedBytes entries, bool final) {
  const auto file = co_await disk_of(log).open(path, rt::OpenMode::kCreate);
  if (!file) co_return io_error("open", path, file.error());
  if (!entries.empty()) {
    const auto written = co_await disk_of(log).write_at(*file, position, entries.span());
    if (!written) co_return io_error("write", path, written.error());
  }
  if (!final) co_return Result<void>();
  const auto cut = co_await disk_of(log).truncate(*file, position + entries.size());
  if (!cut) co_return io_error("truncate", path, cut.error());
  const auto synced = co_await disk_of(log).sync(*file);
  if (!synced) co_return io_error("sync", path, synced.error());
  co_return Result<void>();
}

class IndexRebuild final : public BatchVisitor {
 public:
  IndexRebuild(SegmentIndex& index, std::uint64_t interval) : index_(&index), interval_(interval) {}
  bool visit(const ScannedBatch& batch) override {
    index_->add({.last_offset = batch.header.last_offset(),
                 .max_timestamp = batch.header.max_timestamp,
                 .position = batch.position,
                 .size = batch.size},
                interval_);
    return true;
  }

 private:
  SegmentIndex* index_;
  std::uint64_t interval_;
};

// Adds the batches in [from, upto) of the segment's file.
rt::Task<Result<void>> add_batches(LogState& log, SegmentRef segment, SegmentIndex& index,
                                   std::uint64_t from, std::uint64_t upto) {
  const rt::FileRef file = CO_TRY(co_await open_segment(log, segment));
  IndexRebuild rebuild(index, static_cast<std::uint64_t>(log.options->index_interval_bytes));
  const ScanEnd end = CO_TRY(co_await scan_segment(
      *log.store->loop, file,
      {.from = from, .upto = upto, .crc_from = kNoCrc, .offset_min = segment->base_offset},
      rebuild));
  if (!end.fault.empty()) {
    co_return error(ErrorCode::kCorruptMessage,
                    "log file " + file->path() + " is damaged at byte " +
                        std::to_string(end.position) + ": " + end.fault);
  }
  co_return Result<void>();
}

rt::Task<Result<void>> rebuild_index(LogState& log, SegmentRef segment) {
  SegmentIndex index(segment->base_offset);
  CO_TRY(co_await add_batches(log, segment, index, 0, segment->written));
  index.finish();
  segment->index = std::move(index);
  segment->offsets_saved = 0;
  segment->times_saved = 0;
  segment->index_loaded = true;
  segment->index_dirty = true;
  log.store->loop->mark("index rebuilt");
  co_return Result<void>();
}

}  // namespace

rt::Task<Result<void>> save_index(LogState& log, SegmentRef segment, bool final) {
  if (!segment->index_loaded) co_return Result<void>();
  SegmentIndex& index = segment->index;
  if (final) index.finish();
  const std::size_t offsets = index.offset_count();
  const std::size_t times = index.time_count();
  const base::SharedBytes offset_bytes =
      encode_offset_entries(index.offsets(), segment->offsets_saved - index.offsets_dropped());
  const base::SharedBytes time_bytes =
      encode_time_entries(index.times(), segment->times_saved - index.times_dropped());
  if (!final && offset_bytes.empty() && time_bytes.empty()) co_return Result<void>();
  const std::uint64_t truncations = log.truncations;
  CO_TRY(co_await write_entries(log, log.file_path(segment->base_offset, kOffsetIndexSuffix),
                                segment->offsets_saved * kOffsetEntryBytes, offset_bytes, final));
  CO_TRY(co_await write_entries(log, log.file_path(segment->base_offset, kTimeIndexSuffix),
                                segment->times_saved * kTimeEntryBytes, time_bytes, final));
  if (truncations != log.truncations) co_return Result<void>();
  if (final) ++log.names_version;  // Before that the files may be lost: they are rebuilt.
  segment->offsets_saved = offsets;
  segment->times_saved = times;
  segment->index_dirty = !final || index.offset_count() != offsets || index.time_count() != times;
  if (!final && offsets > 2 * kEntriesKept) index.drop_oldest(kEntriesKept);
  co_return Result<void>();
}

rt::Task<Result<void>> load_index(LogState& log, SegmentRef segment) {
  if (segment->index_loaded) co_return Result<void>();
  const auto offsets_file = co_await rt::read_file(
      disk_of(log), log.file_path(segment->base_offset, kOffsetIndexSuffix), kIndexFileBytesMax);
  const auto times_file = co_await rt::read_file(
      disk_of(log), log.file_path(segment->base_offset, kTimeIndexSuffix), kIndexFileBytesMax);
  if (segment->index_loaded) co_return Result<void>();  // Another reader was faster.
  if (offsets_file && times_file) {
    auto offsets = decode_offset_entries(offsets_file->span(), segment->written);
    auto times = decode_time_entries(times_file->span());
    if (offsets && times) {
      segment->offsets_saved = offsets->size();
      segment->times_saved = times->size();
      segment->index.load(std::move(*offsets), std::move(*times));
      segment->index_loaded = true;
      co_return Result<void>();
    }
  }
  LOG_WARN(log.store->loop->log(), "storage", "rebuilding the index of {}: it is {}",
           log.file_path(segment->base_offset, kLogSuffix),
           offsets_file && times_file ? "damaged" : "missing");
  co_return co_await rebuild_index(log, segment);
}

rt::Task<Result<void>> truncate_index(LogState& log, SegmentRef segment, base::Offset offset,
                                      std::uint64_t position) {
  if (segment->index.offsets_dropped() > 0) segment->unload_index();
  CO_TRY(co_await load_index(log, segment));
  SegmentIndex& index = segment->index;
  index.truncate_to(offset);
  segment->index_dirty = true;
  segment->offsets_saved = std::min(segment->offsets_saved, index.offset_count());
  segment->times_saved = std::min(segment->times_saved, index.time_count());
  // The entries that are left do not tell the largest timestamp of the batches behind them.
  const std::uint64_t last_entry =
      index.offsets().empty() ? 0 : static_cast<std::uint64_t>(index.offsets().back().position);
  co_return co_await add_batches(log, segment, index, last_entry, position);
}

rt::Task<Result<std::uint64_t>> position_for(LogState& log, SegmentRef segment,
                                             base::Offset offset) {
  if (!segment->index_loaded) {
    CO_TRY(co_await load_index(log, segment));
    log.store->keep_index(segment);
  }
  if (const auto position = segment->index.position_for(offset); position.has_value()) {
    co_return *position;
  }
  const std::string path = log.file_path(segment->base_offset, kOffsetIndexSuffix);
  const auto file = co_await rt::read_file(disk_of(log), path, kIndexFileBytesMax);
  if (!file) co_return io_error("read", path, file.error());
  const auto entries = decode_offset_entries(file->span(), segment->size);
  if (!entries) co_return std::uint64_t{0};  // Damaged: look from the front.
  const auto at = find_offset(*entries, offset - segment->base_offset);
  co_return at.has_value() ? static_cast<std::uint64_t>((*entries)[*at].position) : 0;
}

rt::Task<Result<base::Offset>> offset_before_timestamp(LogState& log, SegmentRef segment,
                                                       base::Timestamp timestamp) {
  if (!segment->index_loaded) {
    CO_TRY(co_await load_index(log, segment));
    log.store->keep_index(segment);
  }
  const auto in_memory = find_time(segment->index.times(), timestamp.value());
  if (in_memory.has_value()) {
    co_return segment->base_offset + segment->index.times()[*in_memory].relative_offset;
  }
  if (segment->index.times_dropped() == 0) co_return segment->base_offset;
  const std::string path = log.file_path(segment->base_offset, kTimeIndexSuffix);
  const auto file = co_await rt::read_file(disk_of(log), path, kIndexFileBytesMax);
  if (!file) co_return io_error("read", path, file.error());
  const auto entries = decode_time_entries(file->span());
  if (!entries) co_return segment->base_offset;
  const auto at = find_time(*entries, timestamp.value());
  co_return at.has_value() ? segment->base_offset + (*entries)[*at].relative_offset
                           : segment->base_offset;
}

}  // namespace moldau::storage::internal
