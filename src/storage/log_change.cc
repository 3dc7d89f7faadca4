// The calls of Log that change the past, and retention.
#include "storage/internal/log_change.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "storage/internal/log_append.h"
#include "storage/internal/log_files.h"
#include "storage/internal/store_state.h"
#include "storage/log.h"

namespace moldau::storage {

rt::Task<Result<bool>> Log::truncate_to(base::Offset offset) {
  const internal::UseOfLog use(*state_);
  CO_TRY(co_await prepare());
  co_return co_await internal::truncate(*state_, offset);
}

rt::Task<Result<void>> Log::truncate_fully_and_start_at(base::Offset offset) {
  const internal::UseOfLog use(*state_);
  CO_TRY(co_await prepare());
  co_return co_await internal::restart_at(*state_, offset);
}

rt::Task<Result<base::Offset>> Log::delete_records_to(base::Offset offset) {
  const internal::UseOfLog use(*state_);
  CO_TRY(co_await prepare());
  if (offset > state_->high_watermark || offset < base::Offset(0)) {
    co_return error(ErrorCode::kOffsetOutOfRange,
                    "offset " + std::to_string(offset.value()) + " of " + state_->path +
                        " is above the high watermark " +
                        std::to_string(state_->high_watermark.value()));
  }
  CO_TRY(co_await internal::move_log_start(*state_, offset));
  co_return state_->log_start;
}

namespace {

base::Timestamp newest_of(const internal::LogState& log, const internal::Segment& segment) {
  const bool last = &segment == log.segments.back().get();
  const base::Timestamp newest = last ? segment.index.max_timestamp() : segment.largest_timestamp;
  return newest < base::Timestamp(0) ? segment.modified : newest;
}

// When the oldest segment is too old.
base::Timestamp due_time(const internal::LogState& log) {
  const std::int64_t kept = log.options->retention_time.count();
  const base::Timestamp newest = newest_of(log, *log.segments.front());
  if (kept < 0 || kept > INT64_MAX - newest.value()) return base::Timestamp(INT64_MAX);
  return newest + kept;
}

}  // namespace

// How many of the oldest segments retention gives up, by time, size and log start.
rt::Task<Result<std::size_t>> Log::count_expired() {
  internal::LogState& log = *state_;
  const base::Timestamp now = log.store->loop->wall_now();
  std::int64_t excess =
      log.options->retention_bytes < 0
          ? -1
          : static_cast<std::int64_t>(log.size_bytes()) - log.options->retention_bytes;
  const auto segments = log.segments;
  std::size_t count = 0;
  for (; count < segments.size(); ++count) {
    const auto& segment = segments[count];
    const bool last = count + 1 == segments.size();
    const base::Offset upper = last ? log.end : segments[count + 1]->base_offset;
    if (upper > log.high_watermark || (last && segment->size == 0)) break;
    CO_TRY(co_await learn_largest(segment));
    const auto size = static_cast<std::int64_t>(segment->size);
    const bool too_old = log.options->retention_time.count() >= 0 &&
                         now - newest_of(log, *segment) > log.options->retention_time.count();
    const bool too_much = excess >= 0 && excess - size >= 0;
    if (!too_old && !too_much && upper > log.log_start) break;
    if (too_much) excess -= size;
  }
  co_return count;
}

// Of a log that nobody has used since the start: whether to load it for a closer look.
bool Log::may_have_expired() const {
  const internal::LogState& log = *state_;
  const LogOptions& options = *log.options;
  return log.directory_exists && log.log_start < log.end &&
         (options.retention_time.count() >= 0 || options.retention_bytes >= 0) &&
         log.store->loop->wall_now() >= log.retention_due;
}

rt::Task<Result<std::size_t>> Log::apply_retention() {
  internal::LogState& log = *state_;
  if (log.producers != nullptr) {
    log.producers->remove_expired(log.store->loop->wall_now(),
                                  log.options->producer_id_expiration.count());
  }
  if (!log.options->cleanup_delete || log.is_metadata) co_return std::size_t{0};
  if (log.failed() || log.closing) co_return std::size_t{0};
  if (!log.prepared && !may_have_expired()) co_return std::size_t{0};
  const internal::UseOfLog use(log);
  const bool loaded_here = !log.prepared;
  CO_TRY(co_await load_unless_prepared());
  if (log.segments.empty()) co_return std::size_t{0};
  const std::size_t count = CO_TRY(co_await count_expired());
  if (log.closing || log.changing_past || log.failed()) co_return std::size_t{0};
  if (count == 0) {
    log.retention_due = due_time(log);
    if (loaded_here) let_go();
    co_return std::size_t{0};
  }
  const base::Offset start =
      count >= log.segments.size() ? log.end : log.segments[count]->base_offset;
  co_return co_await internal::move_log_start(log, std::min(start, log.durable_end));
}

Result<void> Log::roll() {
  internal::LogState& log = *state_;
  TRY(internal::check_appendable(log));
  if (log.segments.empty() || log.active().size == 0) return {};
  internal::roll_to(log, log.end);
  internal::start_maintenance(log);
  return {};
}

rt::Task<Result<void>> Log::flush() {
  internal::LogState& log = *state_;
  const internal::UseOfLog use(log);
  if (!log.prepared) co_return Result<void>();
  CO_TRY(co_await wait_durable(log.end));
  co_await log.gate.enter();
  const internal::Gate::Pass pass(log.gate);
  if (log.failed()) co_return std::unexpected(*log.failure);
  auto synced = co_await internal::sync_log(log);
  if (!synced) log.fail(synced.error());
  co_return synced;
}

}  // namespace moldau::storage
