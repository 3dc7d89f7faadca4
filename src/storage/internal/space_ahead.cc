#include "storage/internal/space_ahead.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/result.h"
#include "storage/internal/log_files.h"
#include "storage/internal/store_state.h"

namespace moldau::storage::internal {

namespace {

constexpr std::uint64_t kFraction = 4;

constexpr std::array<std::byte, kFillBytesMax> kZeros{};

bool is_filled(const Segment& segment) { return segment.filled > segment.written; }

rt::Task<> reserve(LogState& log, SegmentRef segment, rt::FileRef file, std::uint64_t from,
                   std::uint64_t upto) {
  const Gate::Pass pass(log.gate);
  const auto reserved = co_await log.store->loop->disk().preallocate(file, from, upto - from, true);
  segment->reserving = false;
  if (reserved) {
    segment->reserved = upto;
    log.store->stats.reserved_bytes += upto - from;
  } else {
    // The disk is full, or the file system cannot: the writes find their blocks themselves.
    segment->reserve_refused = true;
  }
  log.wake();
}

}  // namespace

std::uint64_t space_ahead_from(const LogState& log) {
  const auto segment_bytes = static_cast<std::uint64_t>(log.options->segment_bytes);
  return std::min(log.store->options.space_ahead_from, segment_bytes / kFraction);
}

void reserve_ahead(LogState& log, const SegmentRef& segment) {
  const std::uint64_t least = space_ahead_from(log);
  if (segment->written < least || segment->reserving || segment->reserve_refused) return;
  if (log.is_metadata || segment->file == nullptr || log.committer->disk_full()) return;
  const std::uint64_t ahead =
      std::clamp(segment->written / kFraction, least, std::max(least, kSpaceAheadBytesMax));
  const auto segment_bytes = static_cast<std::uint64_t>(log.options->segment_bytes);
  const std::uint64_t upto = std::min(segment->written + ahead, segment_bytes);
  const std::uint64_t from = std::max(segment->reserved, segment->written);
  if (upto <= from || segment->written + ahead / 2 <= from || !log.gate.try_enter()) return;
  segment->reserving = true;
  log.store->scope.spawn(reserve(log, segment, segment->file, from, upto));
}

void expect_space_ahead(const LogState& log, Segment& segment) {
  if (segment.written >= space_ahead_from(log)) {
    segment.reserved = segment.written + 1;
  }
}

base::Bytes fill_behind(const LogState& log, const Segment& segment, std::uint64_t end) {
  const std::uint64_t unit = std::min(log.store->options.fill_bytes, kFillBytesMax);
  if (unit == 0) return {};
  const std::uint64_t upto = (end + unit - 1) / unit * unit;
  if (end <= segment.filled || upto > segment.reserved) return {};
  if (&segment != log.segments.back().get()) return {};
  return base::Bytes(kZeros).first(static_cast<std::size_t>(upto - end));
}

bool has_filled_rolled(const LogState& log) {
  return std::ranges::any_of(
      log.rolled, [](const RolledSegment& rolled) { return is_filled(*rolled.segment); });
}

rt::Task<Result<void>> cut_filled_rolled(LogState& log) {
  const auto rolled = log.rolled;  // The list may change meanwhile.
  for (const RolledSegment& one : rolled) {
    if (!is_filled(*one.segment)) continue;
    const auto cut = co_await give_space_back(log, one.segment);
    if (!cut && !one.segment->deleted) co_return cut;  // Retention may take it meanwhile.
  }
  co_return Result<void>();
}

rt::Task<Result<void>> give_space_back(LogState& log, SegmentRef segment) {
  while (segment->reserving) co_await log.changed.wait();
  if (segment->reserved <= segment->written && !is_filled(*segment)) co_return Result<void>();
  const auto file = CO_TRY(co_await open_segment(log, segment));
  // To the size that it has: that frees the blocks behind it.
  const auto cut = co_await log.store->loop->disk().truncate(file, segment->written);
  if (!cut) co_return io_error("truncate", file->path(), cut.error());
  segment->reserved = 0;
  if (!is_filled(*segment)) co_return Result<void>();
  const auto synced = co_await log.store->loop->disk().sync(file);
  log.sync_failed = log.sync_failed || !synced;
  if (!synced) co_return io_error("sync", file->path(), synced.error());
  segment->filled = 0;
  log.store->loop->mark("zeros behind a segment cut");
  co_return Result<void>();
}

}  // namespace moldau::storage::internal
