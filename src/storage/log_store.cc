#include "storage/log_store.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "rt/call.h"
#include "rt/sleep.h"
#include "storage/internal/file_names.h"
#include "storage/internal/log_change.h"
#include "storage/internal/log_files.h"
#include "storage/internal/log_loader.h"
#include "storage/internal/random_id.h"
#include "storage/internal/store_state.h"

namespace moldau::storage {

namespace internal {

Committer& StoreState::committer_for(const DataDirectory& directory) {
  const auto at = std::ranges::find_if(
      committers, [&](const auto& committer) { return &committer->directory() == &directory; });
  ASSERT(at != committers.end());
  return **at;
}

LogKey StoreState::key_of(const DataDirectory& directory,
                          const base::TopicPartition& partition) const {
  std::size_t index = 0;
  while (&committers[index]->directory() != &directory) ++index;
  return {index, partition};
}

std::shared_ptr<const LogOptions> StoreState::share(const LogOptions& wanted) {
  constexpr std::size_t kKept = 16;
  for (const auto& known : shared_options) {
    if (*known == wanted) return known;
  }
  if (shared_options.size() == kKept) shared_options.erase(shared_options.begin());
  shared_options.push_back(std::make_shared<const LogOptions>(wanted));
  return shared_options.back();
}

namespace {

rt::Task<> forget_beyond_budget(StoreState& store) {
  while (const auto range = store.page_window.next()) {
    co_await store.loop->disk().forget(range->segment->file, range->position, range->length);
    store.stats.forgotten_bytes += range->length;
  }
  store.forgetting = false;
}

}  // namespace

void StoreState::forget_pages() {
  if (forgetting || !page_window.over_budget()) return;
  forgetting = true;
  scope.spawn(forget_beyond_budget(*this));
}

void StoreState::keep_index(const SegmentRef& segment) {
  loaded_indexes.push_back(segment);
  loaded_index_bytes += segment->index.memory_bytes();
  while (loaded_index_bytes > options.index_cache_bytes_max && loaded_indexes.size() > 1) {
    if (const SegmentRef oldest = loaded_indexes.front().lock(); oldest != nullptr) {
      loaded_index_bytes -= std::min(loaded_index_bytes, oldest->index.memory_bytes());
      // An index that was rebuilt and not saved is worth its memory.
      if (oldest->index_loaded && !oldest->index_dirty) oldest->unload_index();
    }
    loaded_indexes.pop_front();
  }
}

LogOffsets offsets_of(const LogState& log) {
  return {.partition = log.partition,
          .recovery_point = log.prepared ? log.recovery_point : log.end,
          .high_watermark = log.high_watermark,
          .log_start = log.log_start};
}

std::vector<LogOffsets> StoreState::closed_offsets(const DataDirectory* directory) const {
  std::vector<LogOffsets> offsets;
  for (const auto& [in, of] : closed) {
    if (in == directory) offsets.push_back(of);
  }
  return offsets;
}

rt::Task<Result<void>> StoreState::write_checkpoints(const DataDirectory& directory) {
  if (checkpoints == nullptr) co_return Result<void>();
  co_return co_await rt::call(*loop, checkpoints->loop(), checkpoints->write_offsets(directory));
}

}  // namespace internal

namespace {

using internal::LogState;
using internal::StoreState;

// The topic id in partition.metadata; zero when the file is missing or holds none.
rt::Task<Result<base::TopicId>> read_topic_id(rt::Disk& disk, std::string directory) {
  const std::string path = directory + "/" + std::string(internal::kPartitionMetadataName);
  const auto content = co_await rt::read_file(disk, path);
  if (!content && content.error().code == rt::IoErrorCode::kNotFound) co_return base::TopicId();
  if (!content) co_return io_error("read", path, content.error());
  co_return internal::parse_partition_metadata(content->text()).value_or(base::TopicId());
}

// False when there is no directory.
rt::Task<Result<bool>> check_topic_id(LogState& log) {
  const base::TopicId found = CO_TRY(co_await read_topic_id(log.store->loop->disk(), log.path));
  if (found == log.topic_id) co_return true;
  if (found.is_zero()) {
    if (const auto info = co_await log.store->loop->disk().info(log.path); !info) {
      if (info.error().code == rt::IoErrorCode::kNotFound) co_return false;
      co_return io_error("look at", log.path, info.error());
    }
    // A crash came before the file was on disk. Nothing in here was promised, and it may be from an
    // earlier topic of this name; the metadata log has no other.
    if (!log.is_metadata) {
      co_return error(ErrorCode::kInconsistentTopicId, log.path + " has no topic id");
    }
    const std::string path = log.path + "/" + std::string(internal::kPartitionMetadataName);
    const auto written = co_await rt::write_file_atomically(
        log.store->loop->disk(), path,
        base::SharedBytes::copy_of(internal::partition_metadata_text(log.topic_id)));
    if (!written) co_return io_error("write", path, written.error());
    co_return true;
  }
  co_return error(ErrorCode::kInconsistentTopicId, log.path + " belongs to topic id " +
                                                       found.to_string() + ", not to " +
                                                       log.topic_id.to_string());
}

// What a log without files is: empty, at offset 0.
void begin_empty(LogState& log) { log.prepared = true; }

rt::Task<Result<void>> load_log(LogState& log, const FoundPartition* found, bool clean,
                                bool trusted) {
  if (found == nullptr && !log.is_metadata) {
    begin_empty(log);
    co_return Result<void>();
  }
  if (!CO_TRY(co_await check_topic_id(log))) {
    begin_empty(log);
    co_return Result<void>();
  }
  const FoundPartition offsets = found == nullptr ? FoundPartition{} : *found;
  if (trusted && offsets.recovery_point.has_value() && !log.is_metadata) {
    // We left it ourselves: the checkpoints say all that is needed until somebody uses it.
    log.directory_exists = true;
    log.log_start = offsets.log_start_offset.value_or(base::Offset(0));
    log.restart_offsets(*offsets.recovery_point);
    log.log_start = offsets.log_start_offset.value_or(base::Offset(0));
    log.high_watermark =
        std::clamp(offsets.high_watermark.value_or(log.log_start), log.log_start, log.end);
    co_return Result<void>();
  }
  internal::LogLoader loader(log, offsets, clean && !log.is_metadata, clean);
  co_return co_await loader.load();
}

// Deletes a directory that was renamed away, after the delay.
rt::Task<> delete_directory_later(StoreState& store, std::string path, base::Duration delay) {
  co_await rt::sleep_for(*store.loop, delay, store.scope.token());
  const auto removed = co_await store.loop->disk().remove_tree(path);
  if (!removed && removed.error().code != rt::IoErrorCode::kNotFound) {
    LOG_WARN(store.loop->log(), "storage", "cannot remove {}: {}", path,
             removed.error().to_string());
  }
}

// Bytes of the log's segments; as far as they can be known when the disk does not answer.
rt::Task<std::uint64_t> bytes_of(LogState& log) {
  if (log.prepared || !log.directory_exists || log.failed()) co_return log.size_bytes();
  if (log.bytes_on_disk.has_value()) co_return *log.bytes_on_disk;
  const internal::UseOfLog use(log);
  rt::Disk& disk = log.store->loop->disk();
  const auto entries = co_await disk.list(log.path);
  if (!entries) co_return 0;
  std::uint64_t bytes = 0;
  for (const auto& entry : *entries) {
    if (!entry.name.ends_with(internal::kLogSuffix)) continue;
    const auto info = co_await disk.info(log.path + "/" + entry.name);
    if (info) bytes += info->size;
  }
  log.bytes_on_disk = bytes;
  co_return bytes;
}

// Returns the new path.
rt::Task<Result<std::string>> rename_away(StoreState& store, const DataDirectory& directory,
                                          base::TopicPartition partition, std::string_view suffix) {
  const std::string& parent = directory.path();
  const std::string path = directory.partition_path(partition);
  const std::string target =
      parent + "/" + suffixed_directory_name(partition, internal::random_id(*store.loop), suffix);
  const auto renamed = co_await store.loop->disk().rename(path, target);
  if (!renamed) co_return io_error("rename", path, renamed.error());
  const auto synced = co_await store.loop->disk().sync_directory(parent);
  if (!synced) co_return io_error("sync", parent, synced.error());
  co_return target;
}

}  // namespace

LogStore::LogStore(rt::Loop& loop, LogStoreOptions options)
    : state_(std::make_unique<StoreState>(loop, options)) {}

LogStore::~LogStore() = default;

rt::Loop& LogStore::loop() const { return *state_->loop; }

rt::Task<Result<Log*>> LogStore::open(DataDirectory& directory, LogSpec spec,
                                      LogListener* listener) {
  ASSERT(state_->loop->is_current());
  const auto key = state_->key_of(directory, spec.partition);
  ASSERT(!state_->logs.contains(key));
  auto log = std::make_unique<LogState>(*state_, state_->committer_for(directory), std::move(spec));
  const auto& partitions = directory.partitions();
  const auto at = partitions.find(log->partition);
  const FoundPartition* found = at == partitions.end() ? nullptr : &at->second;
  // The checkpoints of the start say nothing about a log that was used or set aside since.
  const FoundPartition unknown;
  const bool reopened = state_->opened_before.contains(key);
  if (reopened) found = &unknown;
  const bool clean = directory.clean_shutdown().has_value() && !reopened;
  co_await state_->opening.acquire(1);
  const auto loaded = co_await load_log(*log, found, clean, directory.stopped_by_us() && !reopened);
  state_->opening.release(1);
  if (!loaded) {
    for (const auto& segment : log->segments) state_->open_files.close(*segment);
    LOG_ERROR(state_->loop->log(), "storage", "{}", loaded.error().message);
    co_return std::unexpected(loaded.error());
  }
  // Recovery is over for this log; whether anybody will use it is another question.
  for (const auto& segment : log->segments) state_->open_files.close(*segment);
  log->listener = listener;
  std::unique_ptr<Log> opened(new Log(std::move(log)));
  Log* const result = opened.get();
  ASSERT(!state_->logs.contains(key));
  state_->logs.emplace(key, std::move(opened));
  co_return result;
}

rt::Task<> LogStore::retire(Log& log) {
  LogState& state = *log.state_;
  state.closing = true;
  state.changed.notify_all();
  co_await internal::settle(state);
  while (state.reads > 0) co_await state.changed.wait();
  co_await state.gate.close();
}

void LogStore::drop(Log& log, bool files_whole) {
  LogState& state = *log.state_;
  state_->pending_bytes -= state.pending_bytes;
  state.committer->forget(state, files_whole);
  const auto key = state_->key_of(state.committer->directory(), state.partition);
  state_->opened_before.insert(key);
  state_->logs.erase(key);
}

rt::Task<Result<void>> LogStore::remove(Log& log) {
  LogState& state = *log.state_;
  const DataDirectory& directory = state.committer->directory();
  state.closing = true;
  state.listener = nullptr;
  co_await internal::settle(state);
  // Before the files move: a replay must not make them again.
  auto outcome = co_await internal::note_in_journal(state, internal::EntryKind::kRemove, state.end);
  co_await retire(log);
  Result<std::string> renamed;
  if (outcome && state.directory_exists) {
    renamed = co_await rename_away(*state_, directory, state.partition, "-delete");
    if (!renamed) outcome = std::unexpected(renamed.error());
  }
  if (outcome && !renamed->empty()) {
    state_->scope.spawn(
        delete_directory_later(*state_, *renamed, state.options->file_delete_delay));
  }
  drop(log, outcome.has_value());
  // Checkpoints go by name: what they say of this log would be taken for the next one's.
  const auto forgotten = co_await state_->write_checkpoints(directory);
  if (outcome && !forgotten) outcome = forgotten;
  co_return outcome;
}

rt::Task<Result<void>> LogStore::set_aside(DataDirectory& directory,
                                           base::TopicPartition partition) {
  ASSERT(state_->loop->is_current());
  const auto key = state_->key_of(directory, partition);
  ASSERT(!state_->logs.contains(key));
  const std::string path = directory.partition_path(partition);
  const base::TopicId found = CO_TRY(co_await read_topic_id(state_->loop->disk(), path));
  if (!found.is_zero()) {
    // As for remove(): the journal may hold entries of it.
    internal::Journal& journal = state_->committer_for(directory).journal();
    const internal::EntryHeader header{
        .kind = internal::EntryKind::kRemove,
        .log = {.topic_id = found, .partition = partition.partition}};
    CO_TRY(co_await rt::call(*state_->loop, journal.loop(),
                             journal.note(header, partition.topic.value())));
  }
  const std::string target = CO_TRY(co_await rename_away(*state_, directory, partition, "-stray"));
  LOG_WARN(state_->loop->log(), "storage", "{} is not known to the cluster: renamed to {}", path,
           target);
  state_->loop->mark("directory set aside");
  state_->opened_before.insert(key);
  co_return co_await state_->write_checkpoints(directory);
}

rt::Task<Result<void>> LogStore::close(Log& log) {
  co_await retire(log);
  auto closed = co_await internal::close_files(*log.state_);
  drop(log, closed.has_value());
  co_return closed;
}

bool LogStore::has_room() const {
  return state_->pending_bytes < state_->options.pending_bytes_max;
}

rt::Task<void> LogStore::room(rt::StopToken token) {
  while (!has_room() && !token.stop_requested()) co_await state_->room.wait(token);
}

LogStoreStats LogStore::stats() const {
  LogStoreStats stats = state_->stats;
  stats.logs = state_->logs.size();
  stats.open_files = state_->open_files.count();
  stats.pending_bytes = state_->pending_bytes;
  stats.tail_cache_bytes = state_->tail_cache.bytes();
  return stats;
}

rt::Task<std::vector<LogSize>> LogStore::sizes() {
  std::vector<LogSize> sizes;
  // Logs may come and go while one is looked at: walk by key.
  auto at = state_->logs.begin();
  while (at != state_->logs.end()) {
    const auto key = at->first;
    LogState& log = *at->second->state_;
    if (!log.is_metadata) {
      LogSize size{.partition = log.partition, .directory = log.committer->directory().id()};
      size.bytes = co_await bytes_of(log);
      sizes.push_back(std::move(size));
    }
    at = state_->logs.upper_bound(key);
  }
  co_return sizes;
}

// --- For Storage --------------------------------------------------------------------------------

rt::Task<> LogStore::start() {
  for (const auto& committer : state_->committers) committer->start();
  co_return;
}

rt::Task<> LogStore::stop() {
  co_await state_->scope.stop_and_join();
  for (const auto& committer : state_->committers) co_await committer->stop();
}

rt::Task<std::vector<internal::LogOffsets>> LogStore::offsets(const DataDirectory* directory) {
  std::vector<internal::LogOffsets> all = state_->closed_offsets(directory);
  for (const auto& [key, log] : state_->logs) {
    const LogState& state = *log->state_;
    if (&state.committer->directory() != directory || state.is_metadata) continue;
    if (state.directory_exists) all.push_back(internal::offsets_of(state));
  }
  co_return all;
}

rt::Task<std::vector<base::TopicPartition>> LogStore::left(const DataDirectory* directory) {
  std::vector<base::TopicPartition> partitions;
  for (const auto& [index, partition] : state_->opened_before) {
    if (&state_->committers[index]->directory() == directory) partitions.push_back(partition);
  }
  co_return partitions;
}

rt::Task<> LogStore::apply_retention() {
  // Logs may come and go while one is looked at: walk by key.
  auto at = state_->logs.begin();
  while (at != state_->logs.end() && !state_->scope.stop_requested()) {
    const auto key = at->first;
    Log& log = *at->second;
    const auto removed = co_await log.apply_retention();
    if (!removed) {
      LOG_WARN(state_->loop->log(), "storage", "retention: {}", removed.error().message);
    }
    at = state_->logs.upper_bound(key);
  }
}

rt::Task<> LogStore::close_idle_files() {
  state_->open_files.close_idle();
  co_return;
}

rt::Task<> LogStore::set_disk_full(const DataDirectory* directory, bool full) {
  state_->committer_for(*directory).set_disk_full(full);
  co_return;
}

rt::Task<> LogStore::close_one(Log& log, std::vector<const DataDirectory*>& failed) {
  LogState& state = *log.state_;
  const DataDirectory* directory = &state.committer->directory();
  co_await state_->opening.acquire(1);
  co_await retire(log);
  const auto closed = co_await internal::close_files(state);
  state_->opening.release(1);
  if (!closed) {
    LOG_ERROR(state_->loop->log(), "storage", "cannot close {}: {}", state.path,
              closed.error().message);
    failed.push_back(directory);
  } else if (state.directory_exists && !state.is_metadata) {
    state_->closed.emplace_back(directory, internal::offsets_of(state));
  }
  drop(log, closed.has_value());
}

rt::Task<std::vector<const DataDirectory*>> LogStore::close_all() {
  std::vector<const DataDirectory*> failed;
  rt::Scope closing(*state_->loop);
  for (const auto& [key, log] : state_->logs) closing.spawn(close_one(*log, failed));
  co_await closing.join();
  co_return failed;
}

}  // namespace moldau::storage
