#include "storage/internal/space_ahead.h"

#include <algorithm>

#include "base/result.h"
#include "storage/internal/log_files.h"
#include "storage/internal/store_state.h"

namespace moldau::storage::internal {

namespace {

constexpr std::uint64_t kFraction = 4;

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

void reserve_ahead(LogState& log, const SegmentRef& segment) {
  const std::uint64_t least = log.store->options.space_ahead_from;
  if (segment->written < least || segment->reserving || segment->reserve_refused) return;
  if (log.is_metadata || segment->file == nullptr || log.committer->disk_full()) return;
  const std::uint64_t ahead =
      std::clamp(segment->written / kFraction, least / kFraction, kSpaceAheadBytesMax);
  const auto segment_bytes = static_cast<std::uint64_t>(log.options->segment_bytes);
  const std::uint64_t upto = std::min(segment->written + ahead, segment_bytes);
  const std::uint64_t from = std::max(segment->reserved, segment->written);
  if (upto <= from || segment->written + ahead / 2 <= from || !log.gate.try_enter()) return;
  segment->reserving = true;
  log.store->scope.spawn(reserve(log, segment, segment->file, from, upto));
}

void expect_space_ahead(const LogState& log, Segment& segment) {
  if (segment.written >= log.store->options.space_ahead_from) {
    segment.reserved = segment.written + 1;
  }
}

rt::Task<Result<void>> give_space_back(LogState& log, SegmentRef segment) {
  while (segment->reserving) co_await log.changed.wait();
  if (segment->reserved <= segment->written) co_return Result<void>();
  const auto file = CO_TRY(co_await open_segment(log, segment));
  // To the size that it has: that frees the blocks behind it.
  const auto cut = co_await log.store->loop->disk().truncate(file, segment->written);
  if (!cut) co_return io_error("truncate", file->path(), cut.error());
  segment->reserved = 0;
  co_return Result<void>();
}

}  // namespace moldau::storage::internal
