#include "storage/internal/log_state.h"

#include <algorithm>
#include <utility>

#include "storage/internal/file_names.h"
#include "storage/internal/store_state.h"

namespace moldau::storage::internal {

LogState::LogState(StoreState& owner, Committer& commits, LogSpec wanted)
    : store(&owner),
      committer(&commits),
      partition(std::move(wanted.partition)),
      topic_id(wanted.topic_id),
      options(owner.share(wanted.options)),
      path(commits.directory().partition_path(partition)),
      is_metadata(wanted.is_metadata),
      gate(*owner.loop),
      epochs_mutex(*owner.loop),
      changed(*owner.loop) {}

std::string LogState::file_path(base::Offset offset, std::string_view suffix) const {
  return path + "/" + file_name(offset, suffix);
}

SegmentRef LogState::segment_for(base::Offset offset) const {
  // Mostly the newest.
  if (!segments.empty() && segments.back()->base_offset <= offset) return segments.back();
  const auto above = std::ranges::upper_bound(
      segments, offset, {}, [](const SegmentRef& segment) { return segment->base_offset; });
  return above == segments.begin() ? nullptr : *(above - 1);
}

logstate::ProducerState& LogState::producer_state() {
  if (producers == nullptr) {
    producers = std::make_unique<logstate::ProducerState>();
    producers->set_end_offset(end);
  }
  return *producers;
}

std::uint64_t LogState::size_bytes() const {
  std::uint64_t bytes = 0;
  for (const SegmentRef& segment : segments) bytes += segment->size;
  return bytes;
}

void LogState::set_durable_end(base::Offset offset) {
  if (offset <= durable_end) return;
  durable_end = offset;
  evictable_below_ = offset;
  changed.notify_all();
  if (listener != nullptr) listener->durable_end_moved(*log, offset);
}

void LogState::lower_end(base::Offset offset) {
  end = offset;
  written_end = offset;
  durable_end = std::min(durable_end, offset);
  recovery_point = std::min(recovery_point, offset);
  high_watermark = std::min(high_watermark, offset);
  recovered_end = std::min(recovered_end, offset);
  evictable_below_ = durable_end;
}

void LogState::restart_offsets(base::Offset offset) {
  log_start = offset;
  end = offset;
  written_end = offset;
  durable_end = offset;
  recovery_point = offset;
  high_watermark = offset;
  recovered_end = offset;
  evictable_below_ = offset;
}

void LogState::fail(Error cause) {
  if (failed()) return;
  failure = std::make_unique<Error>(std::move(cause));
  LOG_ERROR(store->loop->log(), "storage", "{}; {} accepts no more records until a restart",
            failure->message, path);
  store->loop->mark("log failed");
  store->pending_bytes -= pending_bytes;
  pending_bytes = 0;
  store->room.notify_all();
  if (phase != CommitPhase::kBusy) drop_failed_tail();
  changed.notify_all();
  if (listener != nullptr) listener->log_failed(*log, *failure);
}

void LogState::drop_failed_tail() {
  store->tail_cache.drop_from(*this, durable_end);
  next_to_write = tail().end_number();
}

void LogState::remember_cursor(const ReadCursor& cursor) {
  if (cursors.size() < kCursorsMax) {
    cursors.push_back(cursor);
    return;
  }
  cursors[next_cursor] = cursor;
  next_cursor = static_cast<std::uint8_t>((next_cursor + 1) % kCursorsMax);
}

}  // namespace moldau::storage::internal
