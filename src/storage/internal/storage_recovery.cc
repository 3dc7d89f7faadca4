// Opening the directories, and what becomes of their journals.
#include <algorithm>
#include <set>
#include <utility>

#include "base/result.h"
#include "rt/call.h"
#include "storage/internal/storage_state.h"

namespace moldau::storage::internal {

rt::Task<Result<void>> StorageState::open_directory(std::string path, bool for_partitions) {
  auto directory = CO_TRY(co_await DataDirectory::open(
      loop(), {.path = path,
               .cluster_id = cluster_id,
               .node_id = options.node_id,
               .is_metadata_directory = path == options.metadata_log_dir}));
  if (cluster_id.empty()) cluster_id = directory->meta().cluster_id.value_or("");
  rt::Loop& journal_loop = *loops[directories.size() % loops.size()];
  auto state =
      std::make_unique<DirectoryState>(loop(), journal_loop,
                                       JournalOptions{.directory = path,
                                                      .directory_id = directory->id(),
                                                      .bytes_max = options.journal_bytes_max});
  state->for_partitions = for_partitions;
  state->partition_count = directory->partitions().size();
  CO_TRY(co_await rt::call(loop(), journal_loop, state->journal.open()));
  directories.push_back(std::move(directory));
  states.push_back(std::move(state));
  co_return Result<void>();
}

rt::Task<Result<void>> StorageState::open_directories() {
  cluster_id = options.cluster_id;
  if (options.metadata_log_dir.empty()) options.metadata_log_dir = options.log_dirs.front();
  for (const std::string& path : options.log_dirs) {
    if (path == options.metadata_log_dir) metadata_index = directories.size();
    CO_TRY(co_await open_directory(path, true));
  }
  if (std::ranges::count(options.log_dirs, options.metadata_log_dir) == 0) {
    metadata_index = directories.size();
    CO_TRY(co_await open_directory(options.metadata_log_dir, false));
  }
  co_return Result<void>();
}

// Two directories with one id are copies of each other.
Result<void> StorageState::check_identities() const {
  std::set<base::DirectoryId> ids;
  for (const auto& directory : directories) {
    if (!ids.insert(directory->id()).second) {
      return error(ErrorCode::kKafkaStorageError,
                   "data directory " + directory->path() + " has directory.id " +
                       directory->id().to_string() + " of another one in log.dirs: one is a copy");
    }
  }
  return {};
}

rt::Task<> StorageState::make_stores() {
  for (rt::Loop* on : loops) {
    std::unique_ptr<LogStore> store(new LogStore(*on, options.store));
    store->state_->checkpoints = this;
    for (std::size_t i = 0; i < directories.size(); ++i) {
      store->state_->committers.push_back(
          std::make_unique<Committer>(*store->state_, *directories[i], states[i]->journal));
      states[i]->journal.add_participant(*store->state_->committers.back());
    }
    co_await rt::call(loop(), *on, store->start());
    stores.push_back(std::move(store));
  }
}

std::size_t StorageState::index_of(const DataDirectory& directory) const {
  const auto at =
      std::ranges::find_if(directories, [&](const auto& one) { return one.get() == &directory; });
  ASSERT(at != directories.end());
  return static_cast<std::size_t>(at - directories.begin());
}

// --- The journal's fate -------------------------------------------------------------------------

std::string StorageState::objection(std::size_t index, const JournalEvidence& evidence) const {
  const DataDirectory& directory = *directories[index];
  const JournalHeader& header = *states[index]->journal.found();
  if (header.directory_id != directory.id()) {
    return "it was written for directory " + header.directory_id.to_string();
  }
  const auto& registration = evidence.latest_registration;
  if (registration.has_value() && registration->incarnation != header.incarnation &&
      registration->epoch > header.broker_epoch) {
    return "this node was registered by another process since, at broker epoch " +
           std::to_string(registration->epoch.value());
  }
  if (evidence.quorum_epoch > header.quorum_epoch) {
    return "the quorum is at epoch " + std::to_string(evidence.quorum_epoch.value()) +
           ", its writer knew " + std::to_string(header.quorum_epoch.value());
  }
  if (directory.clean_shutdown().has_value() && !header.sealed) {
    return "another process stopped cleanly on this directory since";
  }
  return {};
}

rt::Task<Result<JournalOutcome>> StorageState::recover_one(std::size_t index,
                                                           JournalEvidence evidence) {
  const Journal& journal = states[index]->journal;
  if (!journal.found().has_value()) {
    co_return co_await discard_one(index, evidence, {});
  }
  const std::string reason = objection(index, evidence);
  if (journal.found()->sealed) {
    // Nothing counts in it. That it is sealed and nobody came since makes the checkpoints exact.
    directories[index]->stopped_by_us_ =
        reason.empty() && directories[index]->clean_shutdown().has_value();
    co_return co_await discard_one(index, evidence, {});
  }
  if (!reason.empty()) co_return co_await discard_one(index, evidence, reason);
  co_return co_await replay_one(index, evidence);
}

rt::Task<Result<JournalOutcome>> StorageState::discard_one(std::size_t index,
                                                           JournalEvidence evidence,
                                                           std::string reason) {
  Journal& journal = states[index]->journal;
  JournalOutcome outcome{.directory = directories[index]->path(),
                         .discarded = !reason.empty(),
                         .reason = std::move(reason)};
  if (outcome.discarded) {
    LOG_WARN(journal.loop().log(), "storage", "the journal of {} is discarded: {}",
             outcome.directory, outcome.reason);
    journal.loop().mark("journal discarded");
  }
  CO_TRY(co_await journal.discard(evidence));
  co_return std::move(outcome);
}

rt::Task<Result<JournalOutcome>> StorageState::replay_one(std::size_t index,
                                                          JournalEvidence evidence) {
  Journal& journal = states[index]->journal;
  JournalReplay replay(journal.loop(), journal, *directories[index]);
  ReplayOutcome outcome = CO_TRY(co_await replay.run());
  take_over(index, outcome);
  if (outcome.entries > 0) {
    LOG_INFO(
        journal.loop().log(), "storage",
        "replayed the journal of {}: {} entries with {} bytes, {} of them were not in the logs",
        directories[index]->path(), outcome.entries, outcome.bytes, outcome.bytes_written);
    journal.loop().mark("journal replayed");
    if (outcome.bytes_written > 0) journal.loop().mark("journal filled a gap");
  }
  CO_TRY(co_await journal.adopt(evidence, std::move(outcome.adopted)));
  co_return JournalOutcome{.directory = directories[index]->path(),
                           .discarded = false,
                           .reason = {},
                           .entries_replayed = outcome.entries,
                           .bytes_replayed = outcome.bytes};
}

// What the replay learnt about the directory's logs.
void StorageState::take_over(std::size_t index, const ReplayOutcome& outcome) {
  auto& partitions = directories[index]->partitions_;
  for (const auto& [name, log] : outcome.logs) {
    if (!log.created && !partitions.contains(name)) continue;
    FoundPartition& found = partitions[name];
    // Until it is in the checkpoints the journal is the only one that knows.
    if (log.log_start.has_value() || log.truncated_to.has_value()) {
      states[index]->checkpoints_behind = true;
    }
    if (log.log_start.has_value()) {
      found.log_start_offset =
          std::max(found.log_start_offset.value_or(*log.log_start), *log.log_start);
    }
    if (log.truncated_to.has_value() && found.recovery_point.has_value()) {
      found.recovery_point = std::min(*found.recovery_point, *log.truncated_to);
    }
  }
}

rt::Task<Result<void>> StorageState::remove_marker(const DataDirectory& directory) {
  if (!directory.clean_shutdown().has_value()) co_return Result<void>();
  const std::string path = directory.path() + "/" + std::string(kCleanShutdownName);
  const auto removed = co_await loop().disk().remove(path);
  if (!removed && removed.error().code != rt::IoErrorCode::kNotFound) {
    co_return io_error("remove", path, removed.error());
  }
  const auto synced = co_await loop().disk().sync_directory(directory.path());
  if (!synced) co_return io_error("sync", directory.path(), synced.error());
  co_return Result<void>();
}

rt::Task<> StorageState::start_journal(std::size_t index) {
  struct Start {
    static rt::Task<> of(Journal& journal, bool writing) {
      journal.start(writing);
      co_return;
    }
  };
  const bool writing = options.sync == LogSync::kAck && states[index]->for_partitions;
  Journal& journal = states[index]->journal;
  co_await rt::call(loop(), journal.loop(), Start::of(journal, writing));
}

}  // namespace moldau::storage::internal
