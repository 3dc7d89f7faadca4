// Storage is everything of a node that lies on its disks: the data directories with one journal
// each, and one LogStore for each loop. Its life:
//   1. open(): locks and reads the directories. No partition is opened.
//   2. The broker opens the metadata log (open_metadata_log) and learns its last registration and
//      quorum epoch, before any election.
//   3. recover(evidence): replays or discards the journals. From then on partitions may be opened
//      in any order and from any loop, each ready as soon as its own open() returns.
//   4. start(): background work begins: checkpoints, retention, preparing the journal. Until a
//      journal is ready (and whenever it cannot take more) commits sync in place.
//   5. raise_quorum_epoch() is awaited before a higher epoch is made durable in quorum-state.
//   6. close(): flushes and closes all logs, writes the checkpoints, seals the journals and leaves
//      the clean-shutdown marker. What could not be written leaves no marker, nor what was not
//      recovered after an unclean stop.
// Made and closed on the node's first loop; stores() are each used on their own.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "rt/loop.h"
#include "rt/task.h"
#include "storage/data_directory.h"
#include "storage/error.h"
#include "storage/journal_evidence.h"
#include "storage/log_store.h"

namespace moldau::storage {

struct StorageOptions {
  std::vector<std::string> log_dirs;
  std::string metadata_log_dir;  // may be one of log_dirs
  std::string cluster_id;        // empty: what the first directory says
  base::BrokerId node_id{-1};
  LogSync sync = LogSync::kAck;
  LogStoreOptions store;
  std::size_t journal_bytes_max = std::size_t{256} << 20;  // one per directory
  base::Milliseconds64 recovery_point_interval{60'000};  // log.flush.offset.checkpoint.interval.ms
  base::Milliseconds64 log_start_interval{60'000};  // log.flush.start.offset.checkpoint.interval.ms
  base::Milliseconds64 high_watermark_interval{5'000};  // replica.high.watermark.checkpoint...
  base::Milliseconds64 retention_interval{300'000};     // log.retention.check.interval.ms
  std::size_t reserve_bytes = std::size_t{64} << 20;    // appends stop when less than this is free
};

struct JournalOutcome {
  std::string directory;
  bool discarded = false;
  std::string reason;  // when discarded
  std::uint64_t entries_replayed = 0;
  std::uint64_t bytes_replayed = 0;
};

namespace internal {
struct StorageState;
}

class Storage {
 public:
  [[nodiscard]] static rt::Task<Result<std::unique_ptr<Storage>>> open(rt::Loops loops,
                                                                       StorageOptions options);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // In the order of log.dirs; the metadata directory is one of them or the last.
  [[nodiscard]] const std::vector<std::unique_ptr<DataDirectory>>& directories() const;
  [[nodiscard]] DataDirectory& metadata_directory() const;
  [[nodiscard]] const std::string& cluster_id() const;
  // The directory that holds a partition's files, or that shall (fewest partitions). Any
  // loop, as store().
  [[nodiscard]] DataDirectory& directory_of(const base::TopicPartition& partition) const;
  [[nodiscard]] DataDirectory* find_directory(const base::DirectoryId& id) const;
  [[nodiscard]] LogStore& store(std::size_t loop_index) const;

  [[nodiscard]] rt::Task<Result<Log*>> open_metadata_log(LogOptions options, LogListener* listener);
  [[nodiscard]] rt::Task<Result<std::vector<JournalOutcome>>> recover(JournalEvidence evidence);
  void start();
  [[nodiscard]] rt::Task<Result<void>> raise_quorum_epoch(base::LeaderEpoch epoch);
  // The broker epoch goes into the clean-shutdown marker.
  [[nodiscard]] rt::Task<Result<void>> close(base::BrokerEpoch broker_epoch);

 private:
  explicit Storage(std::unique_ptr<internal::StorageState> state);

  std::unique_ptr<internal::StorageState> state_;
};

}  // namespace moldau::storage
