// The inside of Storage: directories with their journals, stores, and the background work on the
// node's first loop (checkpoints, retention, watching the space left).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rt/loop.h"
#include "rt/scope.h"
#include "rt/sync.h"
#include "storage/data_directory.h"
#include "storage/internal/checkpoint_file.h"
#include "storage/internal/journal.h"
#include "storage/internal/journal_replay.h"
#include "storage/internal/store_state.h"
#include "storage/log_store.h"
#include "storage/storage.h"

namespace moldau::storage::internal {

// Which checkpoint files to write.
struct CheckpointFiles {
  bool recovery_points = false;
  bool high_watermarks = false;
  bool log_starts = false;
};

struct DirectoryState {
  DirectoryState(rt::Loop& first_loop, rt::Loop& journal_loop, JournalOptions journal_options)
      : journal(journal_loop, std::move(journal_options)), mutex(first_loop) {}

  bool for_partitions = true;                    // false: only the metadata log lives here
  std::atomic<std::size_t> partition_count = 0;  // raised on any loop: see directory_of()
  bool disk_full = false;
  bool checkpoints_behind = false;  // a replay learnt what the checkpoint files do not say
  Journal journal;
  rt::Mutex mutex;  // one writer of the checkpoint files
  std::uint64_t writes_requested = 0;
  std::uint64_t writes_done = 0;
  std::map<std::string, std::string> written;  // what each file has, to leave it alone
};

struct StorageState final : CheckpointWriter {
  StorageState(rt::Loops on, StorageOptions with)
      : loops(on), options(std::move(with)), scope(*on.front()) {}
  // Regression: in a crash the journals' tasks went after the logs that they were syncing.
  ~StorageState() override {
    for (const auto& state : states) state->journal.abandon();
  }

  [[nodiscard]] rt::Loop& loop() override { return *loops.front(); }
  [[nodiscard]] rt::Task<Result<void>> write_offsets(const DataDirectory& directory) override;

  [[nodiscard]] rt::Task<Result<void>> open_directories();
  [[nodiscard]] rt::Task<Result<void>> open_directory(std::string path, bool for_partitions);
  [[nodiscard]] Result<void> check_identities() const;
  [[nodiscard]] rt::Task<> make_stores();

  [[nodiscard]] std::size_t index_of(const DataDirectory& directory) const;
  // Why the journal must not be replayed; empty when it may be.
  [[nodiscard]] std::string objection(std::size_t index, const JournalEvidence& evidence) const;
  [[nodiscard]] rt::Task<Result<JournalOutcome>> recover_one(std::size_t index,
                                                             JournalEvidence evidence);
  [[nodiscard]] rt::Task<Result<JournalOutcome>> replay_one(std::size_t index,
                                                            JournalEvidence evidence);
  [[nodiscard]] rt::Task<Result<JournalOutcome>> discard_one(std::size_t index,
                                                             JournalEvidence evidence,
                                                             std::string reason);
  void take_over(std::size_t index, const ReplayOutcome& outcome);
  [[nodiscard]] rt::Task<Result<void>> remove_marker(const DataDirectory& directory);
  [[nodiscard]] rt::Task<> start_journal(std::size_t index);

  [[nodiscard]] rt::Task<Result<void>> write_checkpoints(std::size_t index, CheckpointFiles files);
  [[nodiscard]] rt::Task<Result<void>> write_locked(std::size_t index, CheckpointFiles files);
  [[nodiscard]] rt::Task<Result<void>> clean_checkpoints(std::size_t index);
  [[nodiscard]] rt::Task<OffsetCheckpoint> collect(std::size_t index, OffsetCheckpoint& high,
                                                   OffsetCheckpoint& starts);
  [[nodiscard]] rt::Task<Result<void>> write_file(std::size_t index, std::string_view name,
                                                  std::string content);
  [[nodiscard]] rt::Task<> checkpoint_every(base::Duration interval, CheckpointFiles files);
  [[nodiscard]] rt::Task<> close_idle_files();
  [[nodiscard]] rt::Task<> retention_every(base::Duration interval);
  [[nodiscard]] rt::Task<> watch_space(std::size_t index);
  [[nodiscard]] rt::Task<> delete_leftovers(std::size_t index);

  // A partition that an unclean stop left and nobody has opened, and so recovered, since.
  [[nodiscard]] rt::Task<std::optional<base::TopicPartition>> not_recovered(std::size_t index);
  [[nodiscard]] rt::Task<Result<void>> close(base::BrokerEpoch broker_epoch);
  [[nodiscard]] rt::Task<Result<void>> close_directory(std::size_t index,
                                                       base::BrokerEpoch broker_epoch);

  rt::Loops loops;
  StorageOptions options;
  std::string cluster_id;
  std::vector<std::unique_ptr<DataDirectory>> directories;
  std::vector<std::unique_ptr<DirectoryState>> states;  // of the same index
  std::size_t metadata_index = 0;
  std::vector<std::unique_ptr<LogStore>> stores;
  rt::Scope scope;
};

}  // namespace moldau::storage::internal
