#include "broker/quorum/metadata_log.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/result.h"
#include "metadata/record.h"
#include "raft/control_records.h"
#include "raft/snapshot.h"
#include "record/batch.h"
#include "rt/disk.h"

namespace moldau::broker {

namespace {

// Read at once by recovery: bounds its memory.
constexpr std::uint32_t kRecoveryReadBytes = 1 << 20;
// Enough for the first batch of a snapshot, which holds the voters.
constexpr std::uint32_t kSnapshotHeadBytes = 1 << 20;

storage::SnapshotName name_of(raft::SnapshotId id) {
  return {.end_offset = id.offset, .epoch = id.epoch};
}
raft::SnapshotId id_of(const storage::SnapshotName& name) {
  return {.offset = name.end_offset, .epoch = name.epoch};
}

template <class T>
LogResult<T> sentence(storage::Result<T> result) {
  if (!result) return std::unexpected(std::move(result.error().message));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*result);
  }
}

std::string io_sentence(std::string_view what, const std::string& path, const rt::IoError& error) {
  return "cannot " + std::string(what) + " " + path + ": " + error.to_string();
}

}  // namespace

MetadataLog::MetadataLog(rt::Loop& loop, storage::Storage& storage)
    : loop_(&loop),
      storage_(&storage),
      path_(storage.metadata_directory().path() + "/" + std::string(storage::kMetadataLogName)) {}

rt::Task<LogResult<std::unique_ptr<MetadataLog>>> MetadataLog::open(rt::Loop& loop,
                                                                    storage::Storage& storage,
                                                                    storage::LogOptions options) {
  std::unique_ptr<MetadataLog> opened(new MetadataLog(loop, storage));
  // quorum-state and snapshots lie there even before the first record.
  const std::string& path = opened->path_;
  if (const auto made = co_await loop.disk().make_directories(path); !made) {
    co_return std::unexpected(io_sentence("create", path, made.error()));
  }
  opened->log_ = CO_TRY(sentence(co_await storage.open_metadata_log(options, opened.get())));
  CO_TRY(sentence(co_await opened->log_->prepare()));
  CO_TRY(co_await opened->recover());
  co_return opened;
}

// ---- recovery

rt::Task<LogResult<void>> MetadataLog::recover() {
  CO_TRY(co_await recover_snapshots());
  CO_TRY(co_await recover_batches());
  CO_TRY(co_await read_election());
  known_epoch_ = recovered_.log.last_epoch();
  if (recovered_.election) known_epoch_ = std::max(known_epoch_, recovered_.election->epoch);
  co_return {};
}

rt::Task<LogResult<void>> MetadataLog::recover_snapshots() {
  const auto files = CO_TRY(sentence(co_await storage::list_snapshots(loop_->disk(), path_)));
  const base::Offset start = log_->log_start_offset();
  std::optional<raft::SnapshotId> latest;
  for (const storage::SnapshotFile& file : files) {
    if (file.name.end_offset >= start) latest = id_of(file.name);
  }
  if (start > base::Offset(0) && !latest) {
    co_return std::unexpected("the metadata log in " + path_ + " starts at offset " +
                              std::to_string(start.value()) +
                              ", but no snapshot holds what was before: restore a .checkpoint file "
                              "of that offset or a later one from a backup or another controller");
  }
  // Before the log, and older snapshots, may give way to it.
  if (latest) CO_TRY(co_await read_snapshot(*latest));
  const base::LeaderEpoch last_epoch = log_->latest_epoch().value_or(base::LeaderEpoch(0));
  if (latest && *latest > raft::OffsetAndEpoch{.offset = log_->end_offset(), .epoch = last_epoch}) {
    // We stopped between fetching a snapshot and dropping the log that it replaces.
    CO_TRY(sentence(co_await log_->truncate_fully_and_start_at(latest->offset)));
  }
  recovered_.log = raft::LogSummary(log_->log_start_offset());
  for (const storage::SnapshotFile& file : files) {
    if (file.name.end_offset < recovered_.log.start_offset()) {
      CO_TRY(sentence(co_await storage::remove_snapshot(loop_->disk(), path_, file.name)));
      continue;
    }
    const raft::SnapshotId id = id_of(file.name);
    const auto head = raft::read_snapshot_head(CO_TRY(co_await read(
        raft::ReadSnapshot{.id = id, .position = 0, .bytes_max = kSnapshotHeadBytes})));
    if (!head) co_return std::unexpected(unreadable(file.name, head.error()));
    recovered_.log.add_snapshot(
        id, {.bytes = file.size, .last_contained_log_time = head->last_contained_log_time});
    recovered_.log.load_control(id, head->control);
  }
  co_return {};
}

std::string MetadataLog::unreadable(const storage::SnapshotName& name,
                                    const std::string& why) const {
  return "the snapshot " + path_ + "/" + storage::to_file_name(name) + " cannot be read: " + why +
         "; nothing was changed: restore the file from a backup, or, if the log or an older "
         "snapshot with the log after it still holds the same, remove it";
}

rt::Task<LogResult<void>> MetadataLog::read_snapshot(raft::SnapshotId id) {
  raft::SnapshotReader reader(CO_TRY(co_await read_whole(id)));
  while (true) {
    const auto batch = reader.next();
    if (!batch) co_return std::unexpected(unreadable(name_of(id), batch.error()));
    if (!batch->has_value()) co_return {};
    CO_TRY(note_registrations((*batch)->values));
  }
}

rt::Task<LogResult<void>> MetadataLog::recover_batches() {
  const base::Offset end = log_->end_offset();
  raft::LogSummary& log = recovered_.log;
  while (log.end_offset() < end) {
    const auto part = CO_TRY(co_await read(
        raft::ReadLog{.from = log.end_offset(), .upto = end, .bytes_max = kRecoveryReadBytes}));
    const auto scan = raft::scan_batches(
        part.flatten(), {.next_offset = log.end_offset(),
                         .epoch_min = log.last_epoch(),
                         .epoch_max = base::LeaderEpoch(std::numeric_limits<std::int32_t>::max())});
    for (const raft::BatchSummary& batch : scan.batches) log.append(batch);
    record::BatchIterator batches(scan.bytes.flatten());
    while (true) {
      const auto next = batches.next();
      if (!next || !next->has_value()) break;
      const auto values = raft::data_values(**next);
      if (!values) {
        co_return std::unexpected("the metadata log in " + path_ + ": " + values.error());
      }
      CO_TRY(note_registrations(*values));
    }
    if (scan.problem.empty() && !scan.batches.empty()) continue;
    // Storage has already cut what was torn; what is left here is whole, and not right.
    co_return std::unexpected("the metadata log in " + path_ + " cannot be used: " + scan.problem +
                              "; restore the directory from a backup");
  }
  co_return {};
}

LogResult<void> MetadataLog::note_registrations(const std::vector<base::SharedBytes>& values) {
  // A framed record starts with its frame version and type, a byte each for registrations.
  constexpr std::byte kFrameVersion{wire::kMetadataFrameVersion};
  constexpr std::byte kRegisterBroker{0};
  for (const base::SharedBytes& value : values) {
    if (value.size() < 2 || value.data()[0] != kFrameVersion ||
        value.data()[1] != kRegisterBroker) {
      continue;
    }
    const auto record = metadata::decode_record(value);
    if (!record) {
      return std::unexpected("the metadata log in " + path_ + ": " + record.error().message);
    }
    const auto& registration = std::get<wire::RegisterBrokerRecord>(record->record);
    recovered_.registrations[registration.broker_id] = {.incarnation = registration.incarnation_id,
                                                        .epoch = registration.broker_epoch};
  }
  return {};
}

rt::Task<LogResult<void>> MetadataLog::read_election() {
  const std::string file = path_ + "/" + std::string(raft::kQuorumStateFile);
  const auto content = co_await rt::read_file(loop_->disk(), file, raft::kQuorumStateBytesMax);
  if (!content) {
    if (content.error().code == rt::IoErrorCode::kNotFound) co_return {};
    co_return std::unexpected(io_sentence("read", file, content.error()));
  }
  auto state = raft::decode_quorum_state(content->text());
  if (!state) {
    co_return std::unexpected(file + " cannot be read: " + state.error() +
                              "; a controller that forgets its vote may vote twice, so restore the "
                              "file rather than deleting it");
  }
  recovered_.election = std::move(*state);
  co_return {};
}

// ---- what the core orders

rt::Task<LogResult<void>> MetadataLog::write_election(raft::ElectionState state,
                                                      raft::KRaftVersion version) {
  if (state.epoch > known_epoch_) {
    CO_TRY(sentence(co_await storage_->raise_quorum_epoch(state.epoch)));
    known_epoch_ = state.epoch;
  }
  const std::string file = path_ + "/" + std::string(raft::kQuorumStateFile);
  const auto written = co_await rt::write_file_atomically(
      loop_->disk(), file, base::SharedBytes::copy_of(raft::encode_quorum_state(state, version)));
  if (!written) co_return std::unexpected(io_sentence("write", file, written.error()));
  co_return {};
}

rt::Task<LogResult<std::optional<FetchedSnapshot>>> MetadataLog::perform(
    raft::LogOperation operation) {
  const raft::LogSequence sequence = operation.sequence;
  auto& what = operation.what;
  if (auto* op = std::get_if<raft::log_op::Append>(&what)) {
    co_return co_await run(sequence, std::move(*op));
  }
  if (auto* op = std::get_if<raft::log_op::TruncateTo>(&what)) {
    co_return co_await run(sequence, std::move(*op));
  }
  if (auto* op = std::get_if<raft::log_op::TruncateFully>(&what)) {
    co_return co_await run(sequence, std::move(*op));
  }
  if (auto* op = std::get_if<raft::log_op::StartAt>(&what)) {
    co_return co_await run(sequence, std::move(*op));
  }
  if (auto* op = std::get_if<raft::log_op::RemoveSnapshots>(&what)) {
    co_return co_await run(sequence, std::move(*op));
  }
  if (auto* op = std::get_if<raft::log_op::SnapshotChunk>(&what)) {
    co_return co_await run(sequence, std::move(*op));
  }
  co_return co_await run(sequence, std::get<raft::log_op::DropPartialSnapshot>(what));
}

rt::Task<MetadataLog::Done> MetadataLog::run(raft::LogSequence sequence,
                                             raft::log_op::Append what) {
  std::vector<record::StoredBatch> batches;
  record::BatchIterator parts(what.bytes.flatten());
  while (true) {
    const auto next = parts.next();
    ASSERT(next.has_value());  // the core built or checked them
    if (!next->has_value()) break;
    batches.push_back((*next)->stored());
  }
  auto& store = storage_->store(loop_->index());
  while (!store.has_room()) {
    co_await store.room(events_.token);
    if (events_.token.stop_requested()) co_return std::unexpected(std::string("stopped"));
  }
  auto from = batches.begin();
  while (from != batches.end()) {
    const base::LeaderEpoch epoch = from->header.partition_leader_epoch;
    const auto upto = std::find_if(from, batches.end(), [&](const record::StoredBatch& batch) {
      return batch.header.partition_leader_epoch != epoch;
    });
    // Recovery takes the start of the newest epoch for a proof that all before it was on disk.
    if (epoch != log_->latest_epoch()) CO_TRY(co_await wait_durable(log_->end_offset()));
    CO_TRY(sentence(log_->append_as_follower(
        std::vector(std::make_move_iterator(from), std::make_move_iterator(upto)))));
    from = upto;
  }
  wrote(sequence, log_->end_offset());
  co_return std::nullopt;
}

rt::Task<LogResult<void>> MetadataLog::wait_durable(base::Offset upto) {
  co_return sentence(co_await log_->wait_durable(upto, events_.token));
}

rt::Task<MetadataLog::Done> MetadataLog::run(raft::LogSequence sequence,
                                             raft::log_op::TruncateTo what) {
  for (auto& [earlier, end] : written_) end = std::min(end, what.end);
  CO_TRY(sentence(co_await log_->truncate_to(what.end)));
  wrote(sequence, what.end);
  co_return std::nullopt;
}

rt::Task<MetadataLog::Done> MetadataLog::run(raft::LogSequence sequence,
                                             raft::log_op::TruncateFully what) {
  written_.clear();
  CO_TRY(sentence(co_await log_->truncate_fully_and_start_at(what.id.offset)));
  wrote(sequence, what.id.offset);
  co_return std::nullopt;
}

rt::Task<MetadataLog::Done> MetadataLog::run(raft::LogSequence, raft::log_op::StartAt what) {
  // A snapshot holds committed records only, whatever this replica has heard since it started.
  log_->set_high_watermark(std::max(log_->high_watermark(), what.id.offset));
  CO_TRY(sentence(co_await log_->delete_records_to(what.id.offset)));
  co_return std::nullopt;
}

rt::Task<MetadataLog::Done> MetadataLog::run(raft::LogSequence,
                                             raft::log_op::RemoveSnapshots what) {
  for (const raft::SnapshotId id : what.ids) {
    CO_TRY(sentence(co_await storage::remove_snapshot(loop_->disk(), path_, name_of(id))));
  }
  co_return std::nullopt;
}

rt::Task<MetadataLog::Done> MetadataLog::run(raft::LogSequence, raft::log_op::SnapshotChunk what) {
  if (what.position == 0) {
    fetching_.emplace(CO_TRY(sentence(
        co_await storage::SnapshotWriter::create(loop_->disk(), path_, name_of(what.id)))));
  }
  ASSERT(fetching_.has_value());
  ASSERT(fetching_->size() == what.position);
  CO_TRY(sentence(co_await fetching_->append(std::move(what.bytes))));
  if (!what.last) co_return std::nullopt;
  co_return co_await finish_snapshot(what.id);
}

rt::Task<MetadataLog::Done> MetadataLog::finish_snapshot(raft::SnapshotId id) {
  const std::uint64_t size = fetching_->size();
  CO_TRY(co_await wait_durable(log_->end_offset()));  // As for a snapshot of our own.
  CO_TRY(sentence(co_await fetching_->finish()));
  fetching_.reset();
  // Read it as the listeners will: a broken one must not replace the log.
  raft::SnapshotReader reader(CO_TRY(co_await read_whole(id)));
  while (true) {
    const auto batch = reader.next();
    if (!batch) {
      LOG_WARN(loop_->log(), "raft", "the snapshot {} from the leader cannot be read: {}",
               storage::to_file_name(name_of(id)), batch.error());
      CO_TRY(sentence(co_await storage::remove_snapshot(loop_->disk(), path_, name_of(id))));
      co_return FetchedSnapshot{.id = id, .info = std::nullopt, .control = {}};
    }
    if (!batch->has_value()) break;
  }
  co_return FetchedSnapshot{
      .id = id,
      .info = raft::SnapshotInfo{.bytes = size,
                                 .last_contained_log_time = reader.last_contained_log_time()},
      .control = reader.control()};
}

rt::Task<MetadataLog::Done> MetadataLog::run(raft::LogSequence, raft::log_op::DropPartialSnapshot) {
  if (fetching_) {
    co_await fetching_->abandon();
    fetching_.reset();
  }
  co_return std::nullopt;
}

// ---- durability

void MetadataLog::wrote(raft::LogSequence sequence, base::Offset end) {
  written_.emplace_back(sequence, end);
  tell_durable();
}

void MetadataLog::tell_durable() {
  const base::Offset durable = log_->durable_end();
  std::optional<raft::LogSequence> reached;
  while (!written_.empty() && written_.front().second <= durable) {
    reached = written_.front().first;
    written_.pop_front();
  }
  if (reached && events_.durable) events_.durable(*reached);
}

void MetadataLog::durable_end_moved(storage::Log&, base::Offset) { tell_durable(); }

void MetadataLog::log_failed(storage::Log&, const storage::Error& error) {
  if (events_.failed) events_.failed(error.message);
}

// ---- reading

rt::Task<LogResult<base::ByteChain>> MetadataLog::read(raft::ReadLog what) {
  auto result = CO_TRY(sentence(
      co_await log_->read({.from = what.from, .upto = what.upto, .bytes_max = what.bytes_max})));
  co_return std::move(result.batches);
}

rt::Task<LogResult<base::SharedBytes>> MetadataLog::read(raft::ReadSnapshot what) {
  co_return sentence(co_await storage::read_snapshot_part(loop_->disk(), path_, name_of(what.id),
                                                          what.position, what.bytes_max));
}

rt::Task<LogResult<base::SharedBytes>> MetadataLog::read_whole(raft::SnapshotId id) {
  co_return sentence(co_await storage::read_snapshot(loop_->disk(), path_, name_of(id)));
}

rt::Task<LogResult<bool>> MetadataLog::is_batch_border(base::Offset offset) {
  if (offset == log_->end_offset() || offset == log_->log_start_offset()) co_return true;
  const auto bytes = CO_TRY(
      co_await read(raft::ReadLog{.from = offset, .upto = log_->end_offset(), .bytes_max = 1}));
  const auto batch = record::BatchView::parse(bytes.flatten());
  co_return batch.has_value() && batch->header().base_offset == offset;
}

}  // namespace moldau::broker
