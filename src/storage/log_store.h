// LogStore holds the logs of one loop: it opens and removes them, runs the commit rounds that make
// their appends durable, keeps the tail cache and the open files within their budgets, and applies
// retention. While one round syncs the next gathers. Limits (LogStoreOptions) are hard: at
// pending_bytes_max a caller waits for room before it appends. Lives on its loop; made by Storage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "rt/loop.h"
#include "rt/stop.h"
#include "rt/task.h"
#include "storage/data_directory.h"
#include "storage/error.h"
#include "storage/log.h"
#include "storage/log_options.h"

namespace moldau::storage {

struct LogStoreOptions {
  // Appended and not yet durable.
  std::size_t pending_bytes_max = std::size_t{64} << 20;
  std::size_t tail_cache_bytes_max = std::size_t{64} << 20;
  std::size_t index_cache_bytes_max = std::size_t{8} << 20;
  // Written and synced bytes that stay in the page cache; what is older is given back to the
  // kernel. Nothing: the kernel decides by itself.
  std::optional<std::size_t> page_cache_bytes_max;
  std::size_t open_files_max = 4096;
  // Bytes of one partition in one round from which on its own file is synced instead of the
  // journal.
  std::size_t in_place_bytes = std::size_t{96} << 10;
  // Size of a segment from which on blocks are reserved ahead of its end.
  std::uint64_t space_ahead_from = std::uint64_t{1} << 20;
  // Small appends write zeros into such blocks behind themselves, up to the next multiple of this;
  // at most internal::kFillBytesMax.
  std::uint64_t fill_bytes = std::uint64_t{32} << 10;
  // Appended bytes after which a producer snapshot is taken, so that recovery reads no more than
  // this.
  std::uint64_t checkpoint_bytes = std::uint64_t{16} << 20;
  // Synced bytes of a directory's logs on one loop after which the recovery points are written
  // without waiting for their interval: so much more a start after a crash reads at most.
  std::uint64_t recovery_point_bytes = std::uint64_t{64} << 20;
  // Opening and recovery of logs that run at one time.
  std::size_t opening_max = 32;
};

struct LogSpec {
  base::TopicPartition partition;
  base::TopicId topic_id;
  LogOptions options;
  // The metadata log: synced in its own files, never through the journal, opened before recovery
  // of the journal; its epochs and end decide the journal's fate.
  bool is_metadata = false;
};

struct LogSize {
  base::TopicPartition partition;
  base::DirectoryId directory;
  std::uint64_t bytes = 0;
};

struct LogStoreStats {
  std::size_t logs = 0;
  std::size_t open_files = 0;
  std::size_t pending_bytes = 0;
  std::size_t tail_cache_bytes = 0;
  std::uint64_t rounds = 0;
  std::uint64_t journaled_bytes = 0;
  std::uint64_t in_place_bytes = 0;
  std::uint64_t in_place_syncs = 0;
  std::uint64_t forgotten_bytes = 0;  // given back to the kernel's page cache
  std::uint64_t reserved_bytes = 0;   // blocks that segments got ahead of their end
  std::uint64_t reads_cached = 0;
  std::uint64_t reads_disk = 0;
};

namespace internal {
struct LogOffsets;
struct StoreState;
struct StorageState;
}  // namespace internal

class LogStore {
 public:
  ~LogStore();
  LogStore(const LogStore&) = delete;
  LogStore& operator=(const LogStore&) = delete;

  [[nodiscard]] rt::Loop& loop() const;

  // Opens the log in the directory, whether there are files or not. After an unclean stop it is
  // recovered first: tail scanned past the recovery point, torn end cut, producers restored. Fails
  // with kInconsistentTopicId when the files are another topic's of the same name (the caller makes
  // it stray), with kKafkaStorageError when they cannot be read; the log is then not open.
  // The reference stays valid until remove() or close().
  [[nodiscard]] rt::Task<Result<Log*>> open(DataDirectory& directory, LogSpec spec,
                                            LogListener* listener);
  // Ends the log and deletes its files: the directory is renamed at once, its files go in the
  // background after file.delete.delay.ms. Durable when it returns.
  [[nodiscard]] rt::Task<Result<void>> remove(Log& log);
  // Renames the files of a partition that is not open and that the cluster does not know away
  // ("-stray"), as Kafka does: neither a replay nor a checkpoint brings anything of it back to a
  // later topic of its name. Durable when it returns.
  [[nodiscard]] rt::Task<Result<void>> set_aside(DataDirectory& directory,
                                                 base::TopicPartition partition);
  // Ends the log and keeps its files, flushed.
  [[nodiscard]] rt::Task<Result<void>> close(Log& log);

  // Back-pressure: append when has_room(); else await room() and look again.
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] rt::Task<void> room(rt::StopToken token);

  [[nodiscard]] LogStoreStats stats() const;
  // Of all logs but the metadata log. Those that were not used since the start are looked at on
  // disk, once.
  [[nodiscard]] rt::Task<std::vector<LogSize>> sizes();

 private:
  friend class Storage;
  friend struct internal::StorageState;
  LogStore(rt::Loop& loop, LogStoreOptions options);
  [[nodiscard]] rt::Task<> retire(Log& log);
  void drop(Log& log, bool files_whole);
  // For Storage; `directory` selects the logs that lie in it.
  [[nodiscard]] rt::Task<> start();
  [[nodiscard]] rt::Task<> stop();
  [[nodiscard]] rt::Task<std::vector<internal::LogOffsets>> offsets(const DataDirectory* directory);
  [[nodiscard]] rt::Task<std::vector<base::TopicPartition>> left(const DataDirectory* directory);
  [[nodiscard]] rt::Task<> apply_retention();
  [[nodiscard]] rt::Task<> close_idle_files();
  [[nodiscard]] rt::Task<> set_disk_full(const DataDirectory* directory, bool full);
  [[nodiscard]] rt::Task<> close_one(Log& log, std::vector<const DataDirectory*>& failed);
  // Closes all logs; the directories where that failed for one are in the result.
  [[nodiscard]] rt::Task<std::vector<const DataDirectory*>> close_all();

  std::unique_ptr<internal::StoreState> state_;
};

}  // namespace moldau::storage
