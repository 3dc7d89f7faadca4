#include "storage/internal/log_files.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "storage/internal/file_names.h"
#include "storage/internal/space_ahead.h"
#include "storage/internal/store_state.h"
#include "storage/internal/text.h"

namespace moldau::storage::internal {

namespace {

// Segments synced at one time for one log; there are seldom more than two.
constexpr std::size_t kSyncedSegmentsMax = 8;

rt::Disk& disk_of(const LogState& log) { return log.store->loop->disk(); }

std::string metadata_path(const LogState& log) {
  return log.path + "/" + std::string(kPartitionMetadataName);
}

// Not synced: the first sync of the log does that, or the journal can make it again.
rt::Task<Result<void>> create_directory(LogState& log) {
  const auto made = co_await disk_of(log).make_directories(log.path);
  if (!made) co_return io_error("create", log.path, made.error());
  const std::string path = metadata_path(log);
  auto file = co_await disk_of(log).open(path, rt::OpenMode::kCreateTruncate);
  if (!file) co_return io_error("create", path, file.error());
  const std::string text = partition_metadata_text(log.topic_id);
  const auto written = co_await disk_of(log).write_at(*file, 0, base::as_bytes(text));
  if (!written) co_return io_error("write", path, written.error());
  log.directory_exists = true;
  doubt_names(log);
  co_return Result<void>();
}

rt::Task<Result<void>> sync_metadata(LogState& log) {
  const std::string path = metadata_path(log);
  const auto file = co_await disk_of(log).open(path, rt::OpenMode::kReadWrite);
  if (!file && file.error().code == rt::IoErrorCode::kNotFound) co_return Result<void>();
  if (!file) co_return io_error("open", path, file.error());
  const auto synced = co_await disk_of(log).sync(*file);
  log.sync_failed = log.sync_failed || !synced;
  if (!synced) co_return io_error("sync", path, synced.error());
  co_return Result<void>();
}

rt::Task<Result<void>> sync_names(LogState& log) {
  if (log.names_synced == log.names_version) co_return Result<void>();
  const std::uint64_t version = log.names_version;
  const bool name_is_new = log.metadata_unsynced;
  if (log.metadata_unsynced) CO_TRY(co_await sync_metadata(log));
  std::vector<std::string> directories{log.path};
  // The log's own name, which does not change any more once it is durable.
  if (name_is_new) directories.push_back(log.path.substr(0, log.path.rfind('/')));
  for (const std::string& directory : directories) {
    const auto synced = co_await disk_of(log).sync_directory(directory);
    log.sync_failed = log.sync_failed || !synced;
    if (!synced) co_return io_error("sync", directory, synced.error());
  }
  if (log.names_version == version) log.metadata_unsynced = false;
  log.names_synced = std::max(log.names_synced, version);
  co_return Result<void>();
}

}  // namespace

void doubt_names(LogState& log) {
  log.metadata_unsynced = true;
  ++log.names_version;
}

std::string partition_metadata_text(const base::TopicId& id) {
  return "version: 0\ntopic_id: " + id.to_string();
}

std::optional<base::TopicId> parse_partition_metadata(std::string_view text) {
  constexpr std::string_view kVersionKey = "version: ";
  constexpr std::string_view kTopicIdKey = "topic_id: ";
  std::string_view version = take_line(text);
  if (!version.starts_with(kVersionKey)) return std::nullopt;
  if (parse_number<std::int32_t>(version.substr(kVersionKey.size())).value_or(-1) < 0) {
    return std::nullopt;
  }
  std::string_view id = take_line(text);
  if (!id.starts_with(kTopicIdKey)) return std::nullopt;
  const auto parsed = base::Uuid::parse(trimmed(id.substr(kTopicIdKey.size())));
  if (!parsed.has_value() || parsed->is_zero()) return std::nullopt;
  return base::TopicId(*parsed);
}

bool files_open(const LogState& log) {
  for (auto at = log.segments.rbegin(); at != log.segments.rend(); ++at) {
    if ((*at)->written == (*at)->size && (*at)->exists) break;
    if ((*at)->written < (*at)->size && (*at)->file == nullptr) return false;
  }
  return true;
}

rt::Task<Result<void>> open_for_append(LogState& log) {
  if (!log.directory_exists) CO_TRY(co_await create_directory(log));
  CO_TRY(co_await cut_filled_rolled(log));
  const auto segments = log.segments;  // The list may grow while a file is opened.
  for (const SegmentRef& segment : segments) {
    if (segment->written == segment->size) continue;
    CO_TRY(co_await open_segment(log, segment));
  }
  co_return Result<void>();
}

rt::Task<Result<rt::FileRef>> open_segment(LogState& log, SegmentRef segment) {
  // Of two that make the file the second might empty it after the first has written to it.
  while (segment->creating) co_await log.changed.wait();
  if (segment->file != nullptr) {
    log.store->open_files.touch(*segment);
    co_return segment->file;
  }
  const std::string path = log.file_path(segment->base_offset, kLogSuffix);
  const bool create = !segment->exists;
  const auto mode = create ? rt::OpenMode::kCreateTruncate : rt::OpenMode::kReadWrite;
  segment->creating = create;
  auto file = co_await disk_of(log).open(path, mode);
  segment->creating = false;
  if (create) log.wake();
  if (!file) co_return io_error(create ? "create" : "open", path, file.error());
  if (segment->deleted) co_return error(ErrorCode::kKafkaStorageError, path + " was deleted");
  if (create && !segment->exists) {
    segment->exists = true;
    ++log.names_version;
  }
  if (segment->file == nullptr) log.store->open_files.add(*segment, *file);
  co_return std::move(*file);
}

void note_synced(LogState& log, const SegmentRef& segment, std::uint64_t upto) {
  const std::uint64_t before = std::exchange(segment->synced, std::max(segment->synced, upto));
  if (log.is_metadata) return;
  log.committer->count_synced(segment->synced - before);
  log.store->page_window.synced(segment);
  log.store->forget_pages();
}

rt::Task<Result<void>> sync_log(LogState& log) {
  CO_TRY(co_await write_epochs(log));
  struct Target {
    SegmentRef segment;
    std::uint64_t written;
  };
  std::vector<Target> targets;
  const base::Offset upto = log.written_end;
  for (auto at = log.segments.rbegin(); at != log.segments.rend(); ++at) {
    if ((*at)->synced < (*at)->written) targets.push_back({*at, (*at)->written});
    if ((*at)->base_offset <= log.recovery_point || targets.size() == kSyncedSegmentsMax) break;
  }
  const bool complete = targets.size() < kSyncedSegmentsMax;
  for (const Target& target : targets) {
    const auto file = co_await open_segment(log, target.segment);
    if (target.segment->deleted) continue;  // Retention took it meanwhile.
    if (!file) co_return std::unexpected(file.error());
    const auto synced = co_await disk_of(log).sync(*file);
    if (!synced) {
      log.sync_failed = true;
      co_return io_error("sync", (*file)->path(), synced.error());
    }
    note_synced(log, target.segment, target.written);
  }
  CO_TRY(co_await sync_names(log));
  if (complete && upto > log.recovery_point) log.recovery_point = upto;
  if (!complete) co_return co_await sync_log(log);
  co_return Result<void>();
}

rt::Task<Result<void>> write_epochs(LogState& log) {
  if (!log.directory_exists || log.epochs_saved == log.epochs_version) co_return Result<void>();
  auto guard = co_await log.epochs_mutex.lock();
  const std::uint64_t version = log.epochs_version;
  if (log.epochs_saved == version) co_return Result<void>();
  const std::string path = log.path + "/" + std::string(kLeaderEpochName);
  const auto written = co_await rt::write_file_atomically(
      disk_of(log), path,
      base::SharedBytes::copy_of(logstate::encode_leader_epochs(log.epochs.entries())));
  if (!written) co_return io_error("write", path, written.error());
  log.epochs_saved = version;
  co_return Result<void>();
}

// --- Producer snapshots -------------------------------------------------------------------------

rt::Task<Result<void>> write_producer_snapshot(LogState& log, base::Offset offset,
                                               base::SharedBytes content, bool sync) {
  const std::string path = log.file_path(offset, kProducerSnapshotSuffix);
  const auto file = co_await disk_of(log).open(path, rt::OpenMode::kCreateTruncate);
  if (!file) co_return io_error("create", path, file.error());
  const auto written = co_await disk_of(log).write_at(*file, 0, content.span());
  if (!written) co_return io_error("write", path, written.error());
  if (sync) {
    const auto synced = co_await disk_of(log).sync(*file);
    if (!synced) co_return io_error("sync", path, synced.error());
    ++log.names_version;  // One that is not synced may be lost: recovery walks from the one before.
  }
  log.unsynced_snapshot = sync ? base::kNoOffset : offset;
  const auto at = std::ranges::lower_bound(log.producer_snapshots, offset);
  if (at == log.producer_snapshots.end() || *at != offset)
    log.producer_snapshots.insert(at, offset);
  co_return Result<void>();
}

// Removes the snapshots with from <= offset < upto. What cannot be removed is no harm: an older or
// stray snapshot is dropped at the next start.
rt::Task<> remove_producer_snapshots(LogState& log, base::Offset from, base::Offset upto) {
  std::vector<base::Offset> going;
  std::erase_if(log.producer_snapshots, [&](base::Offset offset) {
    const bool goes = offset >= from && offset < upto;
    if (goes) going.push_back(offset);
    return goes;
  });
  if (!going.empty()) ++log.names_version;
  for (const base::Offset offset : going) {
    const std::string path = log.file_path(offset, kProducerSnapshotSuffix);
    const auto removed = co_await disk_of(log).remove(path);
    if (!removed && removed.error().code != rt::IoErrorCode::kNotFound) {
      LOG_WARN(log.store->loop->log(), "storage", "cannot remove {}: {}", path,
               removed.error().to_string());
    }
  }
}

}  // namespace moldau::storage::internal
