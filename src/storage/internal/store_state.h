// What the logs of one loop share: budgets, the committers (one for each data directory), the logs
// themselves. Owned by LogStore.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rt/loop.h"
#include "rt/scope.h"
#include "rt/sync.h"
#include "storage/internal/committer.h"
#include "storage/internal/log_state.h"
#include "storage/internal/page_window.h"
#include "storage/internal/segment.h"
#include "storage/internal/tail_cache.h"
#include "storage/log.h"
#include "storage/log_store.h"

namespace moldau::storage::internal {

// Writes the checkpoints of a directory now: for changes that must not wait for the next interval.
class CheckpointWriter {
 public:
  virtual ~CheckpointWriter() = default;
  [[nodiscard]] virtual rt::Loop& loop() = 0;
  [[nodiscard]] virtual rt::Task<Result<void>> write_offsets(const DataDirectory& directory) = 0;
};

// A log's offsets for the checkpoints.
struct LogOffsets {
  base::TopicPartition partition;
  base::Offset recovery_point{0};
  base::Offset high_watermark{0};
  base::Offset log_start{0};
};

[[nodiscard]] LogOffsets offsets_of(const LogState& log);

// Index of the directory's committer, and the partition.
using LogKey = std::pair<std::size_t, base::TopicPartition>;

struct StoreState {
  StoreState(rt::Loop& on, LogStoreOptions with)
      : loop(&on),
        options(with),
        tail_cache(with.tail_cache_bytes_max),
        open_files(with.open_files_max),
        page_window(with.page_cache_bytes_max),
        opening(on, with.opening_max),
        maintenance(on, kMaintenanceMax),
        room(on),
        scope(on) {}

  // Logs whose rolled segments are finished at one time.
  static constexpr std::size_t kMaintenanceMax = 8;

  [[nodiscard]] Committer& committer_for(const DataDirectory& directory);
  [[nodiscard]] LogKey key_of(const DataDirectory& directory,
                              const base::TopicPartition& partition) const;
  // The same values in one place: thousands of logs have the same options.
  [[nodiscard]] std::shared_ptr<const LogOptions> share(const LogOptions& wanted);
  // Remembers that the segment's index was loaded for a reader; lets go of the oldest such index.
  void keep_index(const SegmentRef& segment);
  // Gives back what is beyond the page window's budget, in the background.
  void forget_pages();
  // Of the logs that close_all() has closed.
  [[nodiscard]] std::vector<LogOffsets> closed_offsets(const DataDirectory* directory) const;
  // Writes the directory's checkpoints now.
  [[nodiscard]] rt::Task<Result<void>> write_checkpoints(const DataDirectory& directory);

  rt::Loop* loop;
  LogStoreOptions options;
  TailCache tail_cache;
  OpenFiles open_files;
  PageWindow page_window;
  bool forgetting = false;  // a task gives pages back
  std::deque<std::weak_ptr<Segment>> loaded_indexes;
  std::size_t loaded_index_bytes = 0;
  CheckpointWriter* checkpoints = nullptr;
  std::size_t pending_bytes = 0;
  LogStoreStats stats;
  rt::Semaphore opening;
  rt::Semaphore maintenance;
  rt::Signal room;
  std::vector<std::shared_ptr<const LogOptions>> shared_options;  // the newest few
  // In order of directory and name, so that whatever walks them does so in the same order each
  // time.
  std::map<LogKey, std::unique_ptr<Log>> logs;
  std::vector<std::pair<const DataDirectory*, LogOffsets>> closed;
  // Closed, removed or set aside by this process.
  std::set<LogKey> opened_before;
  // After the logs: a killed process destroys its rounds in flight while their logs still are.
  std::vector<std::unique_ptr<Committer>> committers;
  rt::Scope scope;
};

}  // namespace moldau::storage::internal
