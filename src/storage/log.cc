#include "storage/log.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "storage/internal/log_append.h"
#include "storage/internal/log_files.h"
#include "storage/internal/log_loader.h"
#include "storage/internal/store_state.h"

namespace moldau::storage {

Log::Log(std::unique_ptr<internal::LogState> state) : state_(std::move(state)) {
  state_->log = this;
}

Log::~Log() {
  state_->store->tail_cache.drop_all(*state_);
  for (const auto& segment : state_->segments) state_->store->open_files.close(*segment);
}

const base::TopicPartition& Log::partition() const { return state_->partition; }
const base::TopicId& Log::topic_id() const { return state_->topic_id; }
const base::DirectoryId& Log::directory_id() const { return state_->committer->directory().id(); }
const std::string& Log::path() const { return state_->path; }

base::Offset Log::log_start_offset() const { return state_->log_start; }
base::Offset Log::end_offset() const { return state_->end; }
base::Offset Log::durable_end() const { return state_->durable_end; }
base::Offset Log::recovery_point() const { return state_->recovery_point; }
base::Offset Log::high_watermark() const { return state_->high_watermark; }

void Log::set_high_watermark(base::Offset offset) {
  state_->high_watermark = std::clamp(offset, state_->log_start, state_->end);
  if (state_->producers != nullptr) state_->producers->advance_high_watermark(offset);
}

base::Offset Log::last_stable_offset() const {
  if (state_->producers == nullptr) return state_->high_watermark;
  const auto unstable = state_->producers->first_unstable_offset();
  return unstable.has_value() ? std::min(*unstable, state_->high_watermark)
                              : state_->high_watermark;
}

std::uint64_t Log::size_bytes() const { return state_->size_bytes(); }
const Error* Log::failure() const { return state_->failure.get(); }
void Log::set_listener(LogListener* listener) { state_->listener = listener; }
const LogOptions& Log::options() const { return *state_->options; }

void Log::set_options(const LogOptions& options) {
  LogOptions changed = options;
  // Fixed for the life of the process: the journal depends on it.
  changed.sync = state_->options->sync;
  state_->options = state_->store->share(changed);
  state_->retention_due = base::Timestamp(0);
}

bool Log::prepared() const { return state_->prepared; }

rt::Task<Result<void>> Log::prepare() {
  state_->wanted = true;
  co_return co_await load_unless_prepared();
}

rt::Task<Result<void>> Log::load_unless_prepared() {
  internal::LogState& log = *state_;
  if (log.prepared) co_return Result<void>();
  const internal::UseOfLog use(log);
  co_await log.gate.close();
  Result<void> outcome;
  if (log.failed()) {
    outcome = std::unexpected(*log.failure);
  } else if (!log.prepared) {
    outcome = co_await load_files();
  }
  log.gate.reopen();
  co_return outcome;
}

rt::Task<Result<void>> Log::load_files() {
  internal::LogState& log = *state_;
  const base::Offset promised = log.end;
  const FoundPartition found{.recovery_point = log.recovery_point,
                             .log_start_offset = log.log_start,
                             .high_watermark = log.high_watermark};
  log.segments.clear();
  internal::LogLoader loader(log, found, true);
  auto loaded = co_await loader.load();
  if (loaded && log.end != promised) {
    loaded = error(ErrorCode::kCorruptMessage,
                   log.path + " ends at offset " + std::to_string(log.end.value()) +
                       ", but the last clean stop left it at " + std::to_string(promised.value()) +
                       "; its files were changed since");
  }
  if (!loaded) {
    log.prepared = false;
    log.end = promised;
    log.fail(loaded.error());
  }
  co_return loaded;
}

// What retention has loaded, when nothing was changed since and nobody else uses it.
void Log::let_go() {
  internal::LogState& log = *state_;
  if (log.wanted || log.failed() || log.reads > 1 || log.maintaining) return;
  ASSERT(!log.has_unwritten());
  for (const auto& segment : log.segments) log.store->open_files.close(*segment);
  log.bytes_on_disk = log.size_bytes();
  log.segments.clear();
  log.producer_snapshots.clear();
  log.producers.reset();
  log.epochs.clear();
  log.prepared = false;
}

Result<AppendInfo> Log::append_as_leader(std::vector<record::StoredBatch> batches,
                                         base::LeaderEpoch leader_epoch,
                                         logstate::AppendOrigin origin) {
  internal::LogState& log = *state_;
  TRY(internal::check_appendable(log));
  ASSERT(!batches.empty());
  base::Offset next = log.end;
  std::uint64_t bytes = 0;
  for (record::StoredBatch& batch : batches) {
    batch.assign(next, leader_epoch);
    next = batch.header.next_offset();
    bytes += batch.size();
    const auto known = log.producer_state().check(batch.header, origin);
    if (!known) {
      return error(static_cast<ErrorCode>(known.error().code), known.error().message);
    }
    if (!known->has_value()) continue;
    const logstate::BatchMetadata& earlier = **known;
    if (earlier.last_offset < log.recovered_end) {
      log.store->loop->mark("duplicate recognised after a crash");
    }
    return AppendInfo{.base_offset = earlier.first_offset(),
                      .last_offset = earlier.last_offset,
                      .timestamp = earlier.timestamp,
                      .log_start_offset = log.log_start,
                      .duplicate = true};
  }
  if (std::cmp_greater(bytes, log.options->segment_bytes)) {
    return error(ErrorCode::kRecordListTooLarge, "the batches have " + std::to_string(bytes) +
                                                     " bytes, segment.bytes is " +
                                                     std::to_string(log.options->segment_bytes));
  }
  const AppendInfo info{.base_offset = batches.front().header.base_offset,
                        .last_offset = batches.back().header.last_offset(),
                        .timestamp = batches.back().header.max_timestamp,
                        .log_start_offset = log.log_start};
  internal::append_batches(log, batches);
  return info;
}

Result<AppendInfo> Log::append_as_follower(std::vector<record::StoredBatch> batches) {
  internal::LogState& log = *state_;
  TRY(internal::check_appendable(log));
  ASSERT(!batches.empty());
  base::Offset next = log.end;
  for (const record::StoredBatch& batch : batches) {
    if (batch.header.magic != record::kMagic2) {
      return error(ErrorCode::kUnsupportedForMessageFormat,
                   "a batch for " + log.path + " has format " + std::to_string(batch.header.magic) +
                       ": only format 2 is written");
    }
    if (batch.header.base_offset < next || batch.header.last_offset() < batch.header.base_offset) {
      return error(ErrorCode::kCorruptMessage,
                   "a batch for " + log.path + " has offset " +
                       std::to_string(batch.header.base_offset.value()) + ", expected " +
                       std::to_string(next.value()) + " or more");
    }
    next = batch.header.next_offset();
  }
  const AppendInfo info{.base_offset = batches.front().header.base_offset,
                        .last_offset = batches.back().header.last_offset(),
                        .timestamp = batches.back().header.max_timestamp,
                        .log_start_offset = log.log_start};
  internal::append_batches(log, batches);
  return info;
}

rt::Task<Result<void>> Log::wait_durable(base::Offset upto, rt::StopToken token) {
  internal::LogState& log = *state_;
  const internal::UseOfLog use(log);
  Result<void> outcome;
  while (log.durable_end < upto) {
    if (log.failed()) {
      outcome = std::unexpected(*log.failure);
      break;
    }
    if (log.closing && log.end < upto) {
      outcome = error(ErrorCode::kKafkaStorageError, log.path + " is being closed");
      break;
    }
    if (token.stop_requested()) {
      outcome = error(ErrorCode::kUnknownServerError, "stopped");
      break;
    }
    co_await log.changed.wait(token);
  }
  co_return outcome;
}

void Log::assign_epoch_start(base::LeaderEpoch epoch, base::Offset start) {
  if (state_->epochs.assign(epoch, start)) ++state_->epochs_version;
}

std::optional<base::LeaderEpoch> Log::latest_epoch() const {
  const auto latest = state_->epochs.latest();
  if (!latest.has_value()) return std::nullopt;
  return latest->epoch;
}

std::optional<base::LeaderEpoch> Log::epoch_for_offset(base::Offset offset) const {
  return state_->epochs.epoch_for_offset(offset);
}

logstate::EpochEndOffset Log::end_offset_for_epoch(base::LeaderEpoch epoch) const {
  return state_->epochs.end_offset_for(epoch, state_->end);
}

const logstate::LeaderEpochCache& Log::epochs() const { return state_->epochs; }
const logstate::ProducerState& Log::producers() const { return state_->producer_state(); }

LogDescription Log::describe() const {
  LogDescription description{.size_bytes = state_->size_bytes(),
                             .segment_count = state_->segments.size(),
                             .open_files = 0};
  for (const auto& segment : state_->segments) {
    if (segment->file != nullptr) ++description.open_files;
  }
  return description;
}

}  // namespace moldau::storage
