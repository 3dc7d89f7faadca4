#include "storage/storage.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "rt/call.h"
#include "storage/internal/storage_state.h"

namespace moldau::storage {

using internal::DirectoryState;
using internal::StorageState;

Storage::Storage(std::unique_ptr<StorageState> state) : state_(std::move(state)) {}
Storage::~Storage() = default;

rt::Task<Result<std::unique_ptr<Storage>>> Storage::open(rt::Loops loops, StorageOptions options) {
  auto state = std::make_unique<StorageState>(loops, std::move(options));
  CO_TRY(co_await state->open_directories());
  CO_TRY(state->check_identities());
  co_await state->make_stores();
  co_return std::unique_ptr<Storage>(new Storage(std::move(state)));
}

const std::vector<std::unique_ptr<DataDirectory>>& Storage::directories() const {
  return state_->directories;
}
DataDirectory& Storage::metadata_directory() const {
  return *state_->directories[state_->metadata_index];
}
const std::string& Storage::cluster_id() const { return state_->cluster_id; }
LogStore& Storage::store(std::size_t loop_index) const { return *state_->stores[loop_index]; }

DataDirectory& Storage::directory_of(const base::TopicPartition& partition) const {
  std::size_t best = state_->directories.size();
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    const DirectoryState& candidate = *state_->states[i];
    if (!candidate.for_partitions) continue;
    if (state_->directories[i]->partitions().contains(partition)) return *state_->directories[i];
    if (best == state_->directories.size() ||
        candidate.partition_count < state_->states[best]->partition_count) {
      best = i;
    }
  }
  ASSERT(best < state_->directories.size());
  ++state_->states[best]->partition_count;
  return *state_->directories[best];
}

DataDirectory* Storage::find_directory(const base::DirectoryId& id) const {
  const auto at =
      std::ranges::find_if(state_->directories, [&](const auto& one) { return one->id() == id; });
  return at == state_->directories.end() ? nullptr : at->get();
}

rt::Task<Result<Log*>> Storage::open_metadata_log(LogOptions options, LogListener* listener) {
  const LogSpec spec{.partition = {base::TopicName("__cluster_metadata"), base::PartitionIndex(0)},
                     .topic_id = base::kMetadataTopicId,
                     .options = options,
                     .is_metadata = true};
  co_return co_await store(0).open(metadata_directory(), spec, listener);
}

rt::Task<Result<std::vector<JournalOutcome>>> Storage::recover(JournalEvidence evidence) {
  std::vector<JournalOutcome> outcomes;
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    outcomes.push_back(CO_TRY(co_await rt::call(state_->loop(), state_->states[i]->journal.loop(),
                                                state_->recover_one(i, evidence))));
  }
  for (const auto& directory : state_->directories) {
    CO_TRY(co_await state_->remove_marker(*directory));
  }
  for (std::size_t i = 0; i < state_->directories.size(); ++i) {
    CO_TRY(co_await state_->clean_checkpoints(i));
  }
  co_return std::move(outcomes);
}

void Storage::start() {
  StorageState& state = *state_;
  for (std::size_t i = 0; i < state.directories.size(); ++i) {
    state.scope.spawn(state.start_journal(i));
    state.scope.spawn(state.delete_leftovers(i));
    state.scope.spawn(state.watch_space(i));
  }
  const StorageOptions& options = state.options;
  state.scope.spawn(
      state.checkpoint_every(options.recovery_point_interval, {.recovery_points = true}));
  state.scope.spawn(
      state.checkpoint_every(options.high_watermark_interval, {.high_watermarks = true}));
  state.scope.spawn(state.checkpoint_every(options.log_start_interval, {.log_starts = true}));
  state.scope.spawn(state.retention_every(options.retention_interval));
  state.scope.spawn(state.close_idle_files());
}

rt::Task<Result<void>> Storage::raise_quorum_epoch(base::LeaderEpoch epoch) {
  for (const auto& directory : state_->states) {
    internal::Journal& journal = directory->journal;
    CO_TRY(co_await rt::call(state_->loop(), journal.loop(), journal.raise_quorum_epoch(epoch)));
  }
  co_return Result<void>();
}

rt::Task<Result<void>> Storage::close(base::BrokerEpoch broker_epoch) {
  co_return co_await state_->close(broker_epoch);
}

}  // namespace moldau::storage
