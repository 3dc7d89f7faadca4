// Checkpoints, retention, space, and the clean stop.
#include <algorithm>
#include <utility>

#include "base/result.h"
#include "rt/call.h"
#include "rt/sleep.h"
#include "storage/internal/storage_state.h"

namespace moldau::storage::internal {

namespace {

// How often the free space is looked at, far from the reserve and near it.
constexpr base::Duration kSpaceIntervalFar = std::chrono::seconds(5);
constexpr base::Duration kSpaceIntervalNear = std::chrono::milliseconds(500);
constexpr std::uint64_t kNearFactor = 16;

constexpr CheckpointFiles kAllCheckpoints{
    .recovery_points = true, .high_watermarks = true, .log_starts = true};

}  // namespace

// --- Checkpoints --------------------------------------------------------------------------------

// The recovery points of all logs in the directory; what was found at start stands for logs that
// nobody has opened.
rt::Task<OffsetCheckpoint> StorageState::collect(std::size_t index, OffsetCheckpoint& high,
                                                 OffsetCheckpoint& starts) {
  OffsetCheckpoint points;
  for (const auto& [partition, found] : directories[index]->partitions()) {
    if (found.recovery_point.has_value()) points[partition] = *found.recovery_point;
    if (found.high_watermark.has_value()) high[partition] = *found.high_watermark;
    if (found.log_start_offset.has_value()) starts[partition] = *found.log_start_offset;
  }
  const DataDirectory* directory = directories[index].get();
  for (const auto& store : stores) {
    const auto left = co_await rt::call(loop(), store->loop(), store->left(directory));
    for (const base::TopicPartition& partition : left) {
      points.erase(partition);
      high.erase(partition);
      starts.erase(partition);
    }
  }
  for (const auto& store : stores) {
    const auto offsets = co_await rt::call(loop(), store->loop(), store->offsets(directory));
    for (const LogOffsets& log : offsets) {
      points[log.partition] = log.recovery_point;
      high[log.partition] = log.high_watermark;
      starts.erase(log.partition);
      if (log.log_start > base::Offset(0)) starts[log.partition] = log.log_start;
    }
  }
  co_return points;
}

rt::Task<Result<void>> StorageState::write_file(std::size_t index, std::string_view name,
                                                std::string content) {
  std::string& written = states[index]->written[std::string(name)];
  if (written == content) co_return Result<void>();
  const std::string path = directories[index]->path() + "/" + std::string(name);
  const auto outcome =
      co_await rt::write_file_atomically(loop().disk(), path, base::SharedBytes::copy_of(content));
  if (!outcome) co_return io_error("write", path, outcome.error());
  written = std::move(content);
  co_return Result<void>();
}

rt::Task<Result<void>> StorageState::write_checkpoints(std::size_t index, CheckpointFiles files) {
  auto guard = co_await states[index]->mutex.lock();
  co_return co_await write_locked(index, files);
}

rt::Task<Result<void>> StorageState::write_locked(std::size_t index, CheckpointFiles files) {
  if (!states[index]->for_partitions) co_return Result<void>();
  OffsetCheckpoint high;
  OffsetCheckpoint starts;
  const OffsetCheckpoint points = co_await collect(index, high, starts);
  if (files.log_starts) {
    CO_TRY(co_await write_file(index, kLogStartName, encode_checkpoint(starts)));
  }
  if (files.recovery_points) {
    CO_TRY(co_await write_file(index, kRecoveryPointName, encode_checkpoint(points)));
  }
  if (files.high_watermarks) {
    CO_TRY(co_await write_file(index, kHighWatermarkName, encode_checkpoint(high)));
  }
  co_return Result<void>();
}

// Many logs may ask at once: one write that begins after they asked serves them all.
rt::Task<Result<void>> StorageState::write_offsets(const DataDirectory& directory) {
  const std::size_t index = index_of(directory);
  DirectoryState& state = *states[index];
  const std::uint64_t mine = ++state.writes_requested;
  auto guard = co_await state.mutex.lock();
  if (state.writes_done >= mine) co_return Result<void>();
  const std::uint64_t served = state.writes_requested;
  CO_TRY(co_await write_locked(index, kAllCheckpoints));
  state.writes_done = served;
  co_return Result<void>();
}

// A crash may have come after a partition's removal and before its checkpoints went: whoever has
// the name next must not inherit them. And what a replay learnt must not go with its regions.
rt::Task<Result<void>> StorageState::clean_checkpoints(std::size_t index) {
  if (!directories[index]->checkpoints_name_others_ && !states[index]->checkpoints_behind) {
    co_return Result<void>();
  }
  co_return co_await write_checkpoints(index, kAllCheckpoints);
}

rt::Task<> StorageState::close_idle_files() {
  constexpr base::Duration kPeriod = std::chrono::seconds(60);
  while (co_await rt::sleep_for(loop(), kPeriod, scope.token())) {
    for (const auto& store : stores) {
      co_await rt::call(loop(), store->loop(), store->close_idle_files());
    }
  }
}

rt::Task<> StorageState::checkpoint_every(base::Duration interval, CheckpointFiles files) {
  while (co_await rt::sleep_for(loop(), interval, scope.token())) {
    for (std::size_t i = 0; i < directories.size(); ++i) {
      const auto written = co_await write_checkpoints(i, files);
      if (!written) LOG_ERROR(loop().log(), "storage", "{}", written.error().message);
    }
  }
}

rt::Task<> StorageState::retention_every(base::Duration interval) {
  while (co_await rt::sleep_for(loop(), interval, scope.token())) {
    for (const auto& store : stores) {
      co_await rt::call(loop(), store->loop(), store->apply_retention());
    }
  }
}

rt::Task<> StorageState::watch_space(std::size_t index) {
  base::Duration pause = kSpaceIntervalNear;
  do {
    const auto space = co_await loop().disk().space(directories[index]->path());
    if (!space) continue;
    const bool full = space->free_bytes < options.reserve_bytes;
    pause = space->free_bytes > kNearFactor * options.reserve_bytes ? kSpaceIntervalFar
                                                                    : kSpaceIntervalNear;
    if (full == states[index]->disk_full) continue;
    states[index]->disk_full = full;
    if (full) {
      LOG_ERROR(loop().log(), "storage",
                "{} has only {} bytes left: appends are refused until more than {} are free",
                directories[index]->path(), space->free_bytes, options.reserve_bytes);
    } else {
      LOG_INFO(loop().log(), "storage", "{} has space again", directories[index]->path());
    }
    for (const auto& store : stores) {
      co_await rt::call(loop(), store->loop(),
                        store->set_disk_full(directories[index].get(), full));
    }
  } while (co_await rt::sleep_for(loop(), pause, scope.token()));
}

// Directories that were renamed away before the last stop.
rt::Task<> StorageState::delete_leftovers(std::size_t index) {
  if (!directories[index]->to_delete().empty()) loop().mark("crash during topic deletion");
  for (const std::string& path : directories[index]->to_delete()) {
    if (scope.stop_requested()) co_return;
    const auto removed = co_await loop().disk().remove_tree(path);
    if (!removed) {
      LOG_WARN(loop().log(), "storage", "cannot remove {}: {}", path, removed.error().to_string());
    }
  }
}

// --- The clean stop -----------------------------------------------------------------------------

rt::Task<std::optional<base::TopicPartition>> StorageState::not_recovered(std::size_t index) {
  const DataDirectory* directory = directories[index].get();
  if (directory->clean_shutdown().has_value()) co_return std::nullopt;
  auto partitions = directory->partitions();
  for (const auto& store : stores) {
    const auto opened = co_await rt::call(loop(), store->loop(), store->left(directory));
    for (const base::TopicPartition& partition : opened) partitions.erase(partition);
  }
  for (const auto& [partition, found] : partitions) {
    // A metadata log that was moved to another directory lies where it was.
    if (partition.to_string() != kMetadataLogName) co_return partition;
  }
  co_return std::nullopt;
}

rt::Task<Result<void>> StorageState::close(base::BrokerEpoch broker_epoch) {
  for (const auto& state : states) {
    co_await rt::call(loop(), state->journal.loop(), state->journal.end_waits());
  }
  co_await scope.stop_and_join();
  std::vector<const DataDirectory*> failed;
  for (const auto& store : stores) {
    const auto here = co_await rt::call(loop(), store->loop(), store->close_all());
    failed.insert(failed.end(), here.begin(), here.end());
    co_await rt::call(loop(), store->loop(), store->stop());
  }
  Result<void> outcome;
  for (std::size_t i = 0; i < directories.size(); ++i) {
    Result<void> closed;
    if (std::ranges::count(failed, directories[i].get()) > 0) {
      closed = error(ErrorCode::kKafkaStorageError,
                     directories[i]->path() + " could not be closed cleanly");
    }
    Journal& journal = states[i]->journal;
    const auto left_out = co_await not_recovered(i);
    const bool clean = closed.has_value() && !left_out.has_value();
    const auto sealed = co_await rt::call(loop(), journal.loop(), journal.seal(clean));
    if (closed && !sealed) closed = std::unexpected(sealed.error());
    if (closed && left_out.has_value()) {
      LOG_WARN(loop().log(), "storage",
               "{} was not recovered whole before this stop ({} is left): the next start does that",
               directories[i]->path(), left_out->to_string());
      closed = co_await write_checkpoints(i, kAllCheckpoints);
    } else if (closed) {
      closed = co_await close_directory(i, broker_epoch);
    }
    if (!closed) {
      LOG_ERROR(loop().log(), "storage", "{}; the next start recovers", closed.error().message);
      outcome = closed;
    }
  }
  co_return outcome;
}

rt::Task<Result<void>> StorageState::close_directory(std::size_t index,
                                                     base::BrokerEpoch broker_epoch) {
  if (!states[index]->for_partitions) co_return Result<void>();
  CO_TRY(co_await write_checkpoints(index, kAllCheckpoints));
  const std::string path = directories[index]->path() + "/" + std::string(kCleanShutdownName);
  const std::string marker =
      "{\"version\":0,\"brokerEpoch\":" + std::to_string(broker_epoch.value()) + "}";
  const auto written =
      co_await rt::write_file_atomically(loop().disk(), path, base::SharedBytes::copy_of(marker));
  if (!written) co_return io_error("write", path, written.error());
  co_return Result<void>();
}

}  // namespace moldau::storage::internal
