#include "storage/internal/log_change.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/result.h"
#include "logstate/producer_snapshot.h"
#include "rt/call.h"
#include "rt/sleep.h"
#include "storage/internal/file_names.h"
#include "storage/internal/log_append.h"
#include "storage/internal/log_files.h"
#include "storage/internal/log_loader.h"
#include "storage/internal/space_ahead.h"
#include "storage/internal/store_state.h"

namespace moldau::storage::internal {

namespace {

constexpr std::string_view kSegmentSuffixes[] = {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix,
                                                 kTxnIndexSuffix};

rt::Disk& disk_of(const LogState& log) { return log.store->loop->disk(); }

// Refuses appends from its construction to its end.
class PastChange {
 public:
  explicit PastChange(LogState& log) : log_(&log) { log_->changing_past = true; }
  PastChange(const PastChange&) = delete;
  PastChange& operator=(const PastChange&) = delete;
  ~PastChange() {
    log_->changing_past = false;
    log_->committer->resume(*log_);
    log_->wake();
  }

 private:
  LogState* log_;
};

rt::Task<Result<void>> sync_directory_of(LogState& log) {
  const auto synced = co_await disk_of(log).sync_directory(log.path);
  if (!synced) co_return io_error("sync", log.path, synced.error());
  co_return Result<void>();
}

rt::Task<Result<void>> remove_if_there(LogState& log, std::string path) {
  const auto removed = co_await disk_of(log).remove(path);
  if (!removed && removed.error().code != rt::IoErrorCode::kNotFound) {
    co_return io_error("remove", path, removed.error());
  }
  co_return Result<void>();
}

void forget_segment(LogState& log, const SegmentRef& segment) {
  log.store->open_files.close(*segment);
  segment->deleted = true;
  std::erase(log.segments, segment);
  std::erase_if(log.rolled, [&](const RolledSegment& one) { return one.segment == segment; });
}

// Removes a segment's files at once: what is cut off the end must not come back.
rt::Task<Result<void>> remove_segment(LogState& log, SegmentRef segment) {
  forget_segment(log, segment);
  for (const std::string_view suffix : kSegmentSuffixes) {
    CO_TRY(co_await remove_if_there(log, log.file_path(segment->base_offset, suffix)));
  }
  co_return Result<void>();
}

class FindBatch final : public BatchVisitor {
 public:
  explicit FindBatch(base::Offset offset) : offset_(offset) {}
  bool visit(const ScannedBatch& batch) override { return batch.header.last_offset() < offset_; }

 private:
  base::Offset offset_;
};

// Where the batch that holds `offset`, or the first one behind it, begins.
rt::Task<Result<std::uint64_t>> batch_position(LogState& log, SegmentRef segment,
                                               base::Offset offset) {
  const std::uint64_t from = CO_TRY(co_await position_for(log, segment, offset));
  const auto file = CO_TRY(co_await open_segment(log, segment));
  FindBatch find(offset);
  const ScanEnd end = CO_TRY(co_await scan_segment(*log.store->loop, file,
                                                   {.from = from,
                                                    .upto = segment->written,
                                                    .crc_from = kNoCrc,
                                                    .offset_min = segment->base_offset},
                                                   find));
  co_return end.position;
}

rt::Task<Result<void>> truncate_file(LogState& log, std::string path, std::uint64_t size,
                                     bool sync) {
  const auto file = co_await disk_of(log).open(path, rt::OpenMode::kReadWrite);
  if (!file && file.error().code == rt::IoErrorCode::kNotFound) co_return Result<void>();
  if (!file) co_return io_error("open", path, file.error());
  const auto now = co_await disk_of(log).size(*file);
  if (!now) co_return io_error("look at", path, now.error());
  if (*now > size) {
    const auto cut = co_await disk_of(log).truncate(*file, size);
    if (!cut) co_return io_error("truncate", path, cut.error());
  }
  if (!sync) co_return Result<void>();
  const auto synced = co_await disk_of(log).sync(*file);
  log.sync_failed = log.sync_failed || !synced;
  if (!synced) co_return io_error("sync", path, synced.error());
  co_return Result<void>();
}

// Cuts the index files behind what the index in memory has.
rt::Task<Result<void>> truncate_index_files(LogState& log, SegmentRef segment) {
  CO_TRY(co_await truncate_file(log, log.file_path(segment->base_offset, kOffsetIndexSuffix),
                                segment->offsets_saved * kOffsetEntryBytes, false));
  co_return co_await truncate_file(log, log.file_path(segment->base_offset, kTimeIndexSuffix),
                                   segment->times_saved * kTimeEntryBytes, false);
}

// Offsets, tail and readers after everything at and above `offset` is gone.
void forget_from(LogState& log, base::Offset offset) {
  log.store->tail_cache.drop_from(log, offset);
  log.next_to_write = log.tail().end_number();
  log.lower_end(offset);
  log.cursors.clear();
  if (log.epochs.truncate_from_end(offset)) ++log.epochs_version;
}

rt::Task<Result<void>> truncate_files(LogState& log, base::Offset offset) {
  ++log.truncations;
  while (log.segments.back()->base_offset > offset) {
    CO_TRY(co_await remove_segment(log, log.segments.back()));
  }
  CO_TRY(co_await sync_directory_of(log));
  const SegmentRef segment = log.segments.back();
  if (segment->exists) {
    const std::uint64_t position = CO_TRY(co_await batch_position(log, segment, offset));
    // The index first: an entry must never point behind the end of the log.
    CO_TRY(co_await truncate_index(log, segment, offset, position));
    CO_TRY(co_await truncate_index_files(log, segment));
    CO_TRY(co_await truncate_file(log, log.file_path(segment->base_offset, kLogSuffix), position,
                                  true));
    segment->size = position;
    segment->written = position;
    segment->synced = position;
    segment->reserved = 0;
    segment->filled = 0;
    segment->largest_known = false;
    if (position == 0) segment->first_timestamp.reset();
  }
  std::erase_if(log.rolled, [&](const RolledSegment& one) { return one.segment == segment; });
  forget_from(log, offset);
  LogLoader loader(log, {}, true);
  CO_TRY(co_await loader.reload_producers(offset));
  // All names, too: the log may be one that only the journal had so far, and a producer snapshot of
  // what was cut off must not come back.
  co_return co_await sync_log(log);
}

rt::Task<Result<void>> restart_files(LogState& log, base::Offset offset) {
  ++log.truncations;
  while (!log.segments.empty()) CO_TRY(co_await remove_segment(log, log.segments.back()));
  co_await remove_producer_snapshots(log, base::Offset(0), base::Offset(INT64_MAX));
  log.store->tail_cache.drop_all(log);
  log.next_to_write = log.tail().end_number();
  log.log_start = offset;
  log.restart_offsets(offset);
  log.cursors.clear();
  log.epochs.clear();
  ++log.epochs_version;
  log.producer_state().clear(offset);
  roll_to(log, offset);
  if (!log.directory_exists && offset == base::Offset(0)) co_return Result<void>();
  // The first segment's name says where the log begins.
  CO_TRY(co_await open_for_append(log));
  CO_TRY(co_await open_segment(log, log.segments.back()));
  co_return co_await sync_log(log);
}

// The recovery point in the checkpoint must not lie above what the log has now.
rt::Task<Result<void>> write_offsets_now(LogState& log) {
  if (log.is_metadata) co_return Result<void>();
  co_return co_await log.store->write_checkpoints(log.committer->directory());
}

// Segments whose files are still being finished cannot be renamed away.
rt::Task<> finish_maintenance(LogState& log) {
  while (!log.failed() && !log.rolled.empty()) {
    start_maintenance(log);
    if (!log.maintaining) co_return;
    co_await log.changed.wait();
  }
}

bool is_unfinished(const LogState& log, const SegmentRef& segment) {
  return std::ranges::any_of(log.rolled,
                             [&](const RolledSegment& one) { return one.segment == segment; });
}

rt::Task<> delete_later(StoreState& store, std::vector<std::string> paths, base::Duration delay) {
  // A stop ends the wait, not the removal.
  co_await rt::sleep_for(*store.loop, delay, store.scope.token());
  for (const std::string& path : paths) {
    const auto removed = co_await store.loop->disk().remove(path);
    if (!removed && removed.error().code != rt::IoErrorCode::kNotFound) {
      LOG_WARN(store.loop->log(), "storage", "cannot remove {}: {}", path,
               removed.error().to_string());
    }
  }
}

// How many of the oldest segments lie below `upto` and are finished.
std::size_t retirable(const LogState& log, base::Offset upto) {
  std::size_t count = 0;
  while (count < log.segments.size() && log.segments[count]->base_offset < upto &&
         !is_unfinished(log, log.segments[count])) {
    ++count;
  }
  return count;
}

// Renames the segments below `upto` away, durably; their files go after file.delete.delay.ms.
rt::Task<Result<void>> retire_segments(LogState& log, base::Offset upto) {
  // The name of the first one that stays tells where the log begins, and where it ends when it has
  // no record.
  if (const SegmentRef kept = log.segment_for(upto); !kept->exists) {
    CO_TRY(co_await cut_filled_rolled(log));
    CO_TRY(co_await open_segment(log, kept));
    CO_TRY(co_await sync_log(log));
  }
  std::vector<std::string> retired;
  // DeleteRecords and retention may be here at the same time.
  while (retirable(log, upto) > 0) {
    const SegmentRef segment = log.segments.front();
    forget_segment(log, segment);
    for (const std::string_view suffix : kSegmentSuffixes) {
      const std::string path = log.file_path(segment->base_offset, suffix);
      const std::string target = path + std::string(kDeletedSuffix);
      const auto renamed = co_await disk_of(log).rename(path, target);
      if (!renamed && renamed.error().code != rt::IoErrorCode::kNotFound) {
        co_return io_error("rename", path, renamed.error());
      }
      if (renamed) retired.push_back(target);
    }
  }
  co_await remove_producer_snapshots(log, base::Offset(0), log.segments.front()->base_offset);
  log.store->scope.spawn(
      delete_later(*log.store, std::move(retired), log.options->file_delete_delay));
  ++log.names_version;
  co_return co_await sync_log(log);
}

}  // namespace

rt::Task<> settle(LogState& log) {
  while (!log.failed() &&
         (log.phase != CommitPhase::kIdle || log.has_unwritten() || log.maintaining)) {
    co_await log.changed.wait();
  }
}

rt::Task<Result<void>> note_in_journal(LogState& log, EntryKind kind, base::Offset offset,
                                       base::Offset segment_base) {
  if (log.is_metadata) co_return Result<void>();
  Journal& journal = log.committer->journal();
  const EntryHeader header{
      .kind = kind, .log = log.key(), .end_offset = offset, .segment_base = segment_base};
  co_return co_await rt::call(*log.store->loop, journal.loop(), journal.note(header, log.topic()));
}

rt::Task<Result<bool>> truncate(LogState& log, base::Offset offset) {
  if (offset >= log.end) {
    if (log.epochs.truncate_from_end(offset)) ++log.epochs_version;
    co_return false;
  }
  if (log.segments.empty() || offset <= log.segments.front()->base_offset ||
      offset < log.log_start) {
    // Nothing that anybody may read is left; the log start comes down with the end.
    CO_TRY(co_await restart_at(log, offset));
    co_return true;
  }
  while (log.changing_past) co_await log.changed.wait();
  const PastChange change(log);
  co_await settle(log);
  if (log.failed()) co_return std::unexpected(*log.failure);
  CO_TRY(co_await note_in_journal(log, EntryKind::kTruncate, offset));
  const bool below_recovery_point = offset < log.recovery_point;
  co_await log.gate.close();
  const auto done = co_await truncate_files(log, offset);
  log.gate.reopen();
  if (!done) {
    log.fail(done.error());
    co_return std::unexpected(done.error());
  }
  if (log.is_metadata) log.store->loop->mark("metadata log truncated");
  if (below_recovery_point) CO_TRY(co_await write_offsets_now(log));
  co_return true;
}

rt::Task<Result<void>> restart_at(LogState& log, base::Offset offset) {
  while (log.changing_past) co_await log.changed.wait();
  const PastChange change(log);
  co_await settle(log);
  if (log.failed()) co_return std::unexpected(*log.failure);
  CO_TRY(co_await note_in_journal(log, EntryKind::kRestart, offset));
  co_await log.gate.close();
  const auto done = co_await restart_files(log, offset);
  log.gate.reopen();
  if (!done) {
    log.fail(done.error());
    co_return std::unexpected(done.error());
  }
  if (log.is_metadata) log.store->loop->mark("metadata log truncated");
  co_return co_await write_offsets_now(log);
}

namespace {

// While it lives the log start may not be durable.
class StartMove {
 public:
  explicit StartMove(LogState& log) : log_(log) { ++log_.moving_start; }
  ~StartMove() {
    --log_.moving_start;
    log_.changed.notify_all();
  }
  StartMove(const StartMove&) = delete;
  StartMove& operator=(const StartMove&) = delete;

 private:
  LogState& log_;
};

}  // namespace

rt::Task<Result<std::size_t>> move_log_start(LogState& log, base::Offset offset) {
  if (offset <= log.log_start) {
    // Somebody else has moved it there, perhaps not durably yet.
    while (log.moving_start > 0 && !log.failed()) co_await log.changed.wait();
    if (log.failed()) co_return std::unexpected(*log.failure);
    co_return std::size_t{0};
  }
  if (offset > log.durable_end) {
    co_return error(ErrorCode::kOffsetOutOfRange, "offset " + std::to_string(offset.value()) +
                                                      " of " + log.path + " is not durable yet");
  }
  if (offset == log.end && !log.segments.empty() && log.active().size > 0) {
    roll_to(log, log.end);
    start_maintenance(log);
  }
  const SegmentRef first_kept = log.segment_for(offset);
  const base::Offset first_base = first_kept == nullptr ? base::Offset(0) : first_kept->base_offset;
  CO_TRY(co_await note_in_journal(log, EntryKind::kLogStart, offset, first_base));
  const StartMove moving(log);
  log.log_start = std::max(log.log_start, offset);
  log.high_watermark = std::max(log.high_watermark, log.log_start);
  if (log.epochs.truncate_from_start(log.log_start)) ++log.epochs_version;
  log.producer_state().advance_log_start(log.log_start);
  co_await finish_maintenance(log);
  co_await log.gate.enter();
  const Gate::Pass pass(log.gate);
  const std::size_t count = retirable(log, first_base);
  // A start within a segment is known from the checkpoint only; and names may become durable in any
  // order, so that of several segments one in the middle may be missing after a power loss.
  if (log.log_start > first_base || count > 1) CO_TRY(co_await write_offsets_now(log));
  if (count == 0) co_return std::size_t{0};
  const auto retired = co_await retire_segments(log, first_base);
  if (!retired) {
    log.fail(retired.error());
    co_return std::unexpected(retired.error());
  }
  co_return count;
}

rt::Task<Result<void>> close_files(LogState& log) {
  if (log.failed()) co_return std::unexpected(*log.failure);
  if (!log.prepared || log.segments.empty() || !log.directory_exists) co_return Result<void>();
  CO_TRY(co_await sync_log(log));
  CO_TRY(co_await finish_rolled(log));
  const SegmentRef active = log.segments.back();
  if (!active->exists) {
    CO_TRY(co_await open_segment(log, active));  // Rolled, and nothing came.
  }
  CO_TRY(co_await give_space_back(log, active));
  if (active->index_dirty) CO_TRY(co_await save_index(log, active, true));
  // One of a checkpoint may be there, not synced.
  if (log.unsynced_snapshot == log.end ||
      !std::ranges::binary_search(log.producer_snapshots, log.end)) {
    CO_TRY(co_await write_producer_snapshot(
        log, log.end, logstate::encode_producer_snapshot(log.producer_state()), true));
  }
  co_await remove_checkpoint_snapshots(log, log.end);
  CO_TRY(co_await sync_log(log));
  co_return co_await sync_directory_of(log);
}

}  // namespace moldau::storage::internal
