// Background work of a log: finishing rolled segments (indexes, producer snapshot, sync), and the
// checkpoints that bound what recovery has to read.
#include <algorithm>
#include <utility>

#include "base/result.h"
#include "logstate/producer_snapshot.h"
#include "storage/internal/log_files.h"
#include "storage/internal/space_ahead.h"
#include "storage/internal/store_state.h"

namespace moldau::storage::internal {

namespace {

bool rolled_is_written(const LogState& log) {
  return !log.rolled.empty() &&
         log.rolled.front().segment->written == log.rolled.front().segment->size;
}

bool checkpoint_is_due(const LogState& log) {
  return log.bytes_since_checkpoint >= log.store->options.checkpoint_bytes;
}

rt::Task<Result<void>> finish_one(LogState& log) {
  const RolledSegment rolled = log.rolled.front();
  const SegmentRef segment = rolled.segment;
  if (!segment->deleted && segment->exists) {
    CO_TRY(co_await give_space_back(log, segment));
    CO_TRY(co_await save_index(log, segment, true));
    CO_TRY(co_await write_producer_snapshot(log, rolled.next_base, rolled.producer_snapshot, true));
    CO_TRY(co_await sync_log(log));
    segment->unload_index();
  }
  co_await remove_checkpoint_snapshots(log, rolled.next_base);
  std::erase_if(log.rolled, [&](const RolledSegment& one) { return one.segment == segment; });
  co_return Result<void>();
}

rt::Task<Result<void>> write_checkpoint(LogState& log) {
  log.bytes_since_checkpoint = 0;
  const base::Offset offset = log.end;
  const base::SharedBytes snapshot = logstate::encode_producer_snapshot(log.producer_state());
  const std::uint64_t truncations = log.truncations;
  while (log.durable_end < offset && !log.failed()) co_await log.changed.wait();
  if (log.failed() || truncations != log.truncations) co_return Result<void>();
  CO_TRY(co_await write_epochs(log));
  CO_TRY(co_await write_producer_snapshot(log, offset, snapshot, false));
  co_await remove_checkpoint_snapshots(log, offset);
  co_return co_await save_index(log, log.segments.back(), false);
}

rt::Task<> maintain(LogState& log) {
  const Gate::Pass pass(log.gate);
  rt::Semaphore& slots = log.store->maintenance;
  co_await slots.acquire(1);
  Result<void> outcome;
  while (outcome && !log.failed()) {
    if (rolled_is_written(log)) {
      outcome = co_await finish_one(log);
    } else if (checkpoint_is_due(log)) {
      outcome = co_await write_checkpoint(log);
    } else {
      break;
    }
  }
  slots.release(1);
  if (!outcome) log.fail(outcome.error());
  log.maintaining = false;
  log.wake();
}

}  // namespace

// Recovery walks from the one before the last.
rt::Task<> remove_checkpoint_snapshots(LogState& log, base::Offset upto) {
  std::vector<base::Offset> going;
  for (const base::Offset offset : log.producer_snapshots) {
    const bool at_segment =
        std::ranges::binary_search(log.segments, offset, {}, &Segment::base_offset);
    if (offset < upto && !at_segment) going.push_back(offset);
  }
  if (!going.empty()) going.pop_back();
  for (const base::Offset offset : going) {
    co_await remove_producer_snapshots(log, offset, offset + 1);
  }
}

void start_maintenance(LogState& log) {
  if (log.maintaining || log.failed()) return;
  if (!rolled_is_written(log) && !checkpoint_is_due(log)) return;
  if (log.changing_past || log.closing || !log.gate.try_enter()) return;
  log.maintaining = true;
  log.store->scope.spawn(maintain(log));
}

rt::Task<Result<void>> finish_rolled(LogState& log) {
  while (!log.rolled.empty()) CO_TRY(co_await finish_one(log));
  co_return Result<void>();
}

}  // namespace moldau::storage::internal
