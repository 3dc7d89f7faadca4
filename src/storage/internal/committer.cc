#include "storage/internal/committer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/result.h"
#include "rt/call.h"
#include "rt/sleep.h"
#include "storage/internal/log_files.h"
#include "storage/internal/space_ahead.h"
#include "storage/internal/store_state.h"
#include "storage/planted.h"

namespace moldau::storage::internal {

namespace {

// What a journaled round takes at most; what is left waits for the next round.
constexpr std::size_t kJournaledBytesMax = std::size_t{4} << 20;
// From this size on a log rather syncs in place than wait for the next round.
constexpr std::size_t kRatherInPlaceBytes = std::size_t{32} << 10;
// One log's part of one round.
constexpr std::size_t kLogRoundBytesMax = std::size_t{16} << 20;
// Logs in place at one time, up to which each one's write and sync are one trip.
constexpr std::size_t kSyncedWritesMax = 8;
// Logs whose files are synced at one time to free a journal region.
constexpr std::size_t kRegionSyncsMax = 16;
// Of a file that the journal holds: what goes to the disk at a time, in whole pages. The more logs,
// the larger the pieces: many small ones cost a busy disk more than they save.
constexpr std::uint64_t kWriteBackBytesMin = std::uint64_t{128} << 10;
constexpr std::uint64_t kWriteBackBytesPerLog = std::uint64_t{4} << 10;
constexpr std::uint64_t kPageBytes = 4096;

// However much is synced, recovery points are written no more often.
constexpr base::Duration kRecoveryPointsPause = std::chrono::seconds(1);

constexpr std::array<std::byte, 8> kPadding{};

base::Bytes padding(std::size_t bytes) {
  return base::Bytes(kPadding).first(padded(bytes) - bytes);
}

}  // namespace

Committer::Committer(StoreState& store, DataDirectory& directory, Journal& journal)
    : store_(&store),
      directory_(&directory),
      journal_(&journal),
      work_(*store.loop),
      journal_answered_(*store.loop),
      submission_finished_(*store.loop),
      retry_(*store.loop),
      synced_(*store.loop),
      scope_(*store.loop) {}

Committer::~Committer() = default;

rt::Loop& Committer::loop() { return *store_->loop; }

void Committer::start() {
  started_ = true;
  scope_.spawn(run());
}

rt::Task<> Committer::stop() { co_await scope_.stop_and_join(); }

void Committer::enqueue(LogState& log) {
  if (log.phase != CommitPhase::kIdle) return;
  log.phase = CommitPhase::kQueued;
  queue_.push_back(&log);
  if (queue_.size() == 1) work_.notify_one();
}

void Committer::count_synced(std::uint64_t bytes) {
  synced_bytes_ += bytes;
  if (!started_ || writing_points_ || synced_bytes_ < store_->options.recovery_point_bytes) return;
  writing_points_ = true;
  scope_.spawn(write_recovery_points());
}

// Between its interval's turns, so that under load a start after a crash has seconds to read and
// not minutes.
rt::Task<> Committer::write_recovery_points() {
  synced_bytes_ = 0;
  const auto written = co_await store_->write_checkpoints(*directory_);
  if (!written) LOG_ERROR(loop().log(), "storage", "{}", written.error().message);
  store_->loop->mark("recovery points written under load");
  co_await rt::sleep_for(*store_->loop, kRecoveryPointsPause, scope_.token());
  writing_points_ = false;
}

void Committer::resume(LogState& log) {
  if (log.has_unwritten() && !log.failed()) enqueue(log);
  retry_.notify_all();
}

void Committer::forget(LogState& log, bool files_whole) {
  std::erase(queue_, &log);
  for (RegionLogs& region : regions_) {
    for (Listed& listed : region.logs) {
      if (listed.log != &log) continue;
      listed.log = nullptr;
      if (!files_whole) kept_from_ = std::min(kept_from_, region.region);
    }
  }
  retry_.notify_all();
}

std::unique_ptr<Round> Committer::take_round() {
  if (free_rounds_.empty()) return std::make_unique<Round>(store_->loop->disk());
  auto round = std::move(free_rounds_.back());
  free_rounds_.pop_back();
  return round;
}

void Committer::return_round(std::unique_ptr<Round> round) {
  round->logs.clear();
  round->writes.clear();
  round->slices.clear();
  round->entries.clear();
  round->journal_slices.clear();
  round->bytes = 0;
  round->journal_bytes = 0;
  round->submitted_bytes = 0;
  round->receipt = {};
  round->journal_answered = false;
  free_rounds_.push_back(std::move(round));
}

rt::Task<> Committer::run() {
  while (!scope_.stop_requested()) {
    if (queue_.empty()) {
      co_await work_.wait(scope_.token());
      continue;
    }
    auto journaled = take_round();
    auto written = take_round();
    gather(*journaled, *written);
    ++store_->stats.rounds;
    const auto start = [this](std::unique_ptr<Round> round, auto commit) {
      if (round->logs.empty()) {
        return_round(std::move(round));
      } else {
        scope_.spawn((this->*commit)(std::move(round)));
      }
    };
    start_in_place();
    start(std::move(written), &Committer::commit_written);
    if (!journaled->logs.empty()) co_await commit_journaled(*journaled);
    start(std::move(journaled), &Committer::finish_in_place);
  }
}

// --- Gathering --------------------------------------------------------------------------------

// What the log's batches take in the journal, at most: they may lie in two segments.
std::size_t Committer::journal_cost(const LogState& log) {
  return log.pending_bytes + 2 * entry_bytes(log.topic().size(), 0) + 16;
}

void Committer::gather(Round& journaled, Round& written) {
  gathering_.swap(queue_);
  const std::size_t journal_room = std::min(kJournaledBytesMax, journal_->submission_bytes_max());
  for (LogState* log : gathering_) {
    if (!admit(*log)) continue;
    if (!log->synced_writes()) {
      add_small(written, *log);
    } else if (goes_in_place(*log, journaled)) {
      if (!log->is_metadata && journal_->ready()) store_->loop->mark("synced in place");
      in_place_.push_back(log);
    } else if (journaled.journal_bytes + journal_cost(*log) > journal_room) {
      log->gate.leave();  // Full: among the first of the next round.
      log->phase = CommitPhase::kQueued;
      queue_.push_back(log);
    } else {
      journaled.journal_bytes += journal_cost(*log);
      add_small(journaled, *log);
    }
  }
  gathering_.clear();
}

// Whether the log takes part now. When it does, it has passed its gate.
bool Committer::admit(LogState& log) {
  log.phase = CommitPhase::kIdle;
  if (log.failed() || !log.has_unwritten()) return false;
  if (!log.gate.try_enter()) return false;  // resume() brings it back.
  if (files_open(log) && !has_filled_rolled(log)) {
    log.phase = CommitPhase::kBusy;
    return true;
  }
  log.phase = CommitPhase::kOpening;
  scope_.spawn(open_files(log));
  return false;
}

rt::Task<> Committer::open_files(LogState& log) {
  const auto opened = co_await open_for_append(log);
  log.phase = CommitPhase::kIdle;
  if (!opened) {
    log.fail(opened.error());
  } else {
    enqueue(log);
  }
  log.gate.leave();
}

bool Committer::goes_in_place(const LogState& log, const Round& journaled) const {
  if (log.is_metadata || !journal_->ready()) return true;
  const std::size_t cost = journal_cost(log);
  const std::size_t room = std::min(kJournaledBytesMax, journal_->submission_bytes_max());
  if (cost > room) return true;
  if (journaled.journal_bytes + cost > room && log.pending_bytes >= kRatherInPlaceBytes)
    return true;
  // The fuller the journal, the more its bytes cost: they are written twice.
  const std::size_t crossover = store_->options.in_place_bytes;
  const std::uint32_t used = journal_->used_percent();
  if (used >= 85) return log.pending_bytes >= crossover / 16;
  if (used >= 60) return log.pending_bytes >= crossover / 4;
  return log.pending_bytes >= crossover;
}

// Takes over the log's unwritten batches, one write for each segment they belong to.
void Committer::add(Round& round, LogState& log) {
  const std::size_t index = round.logs.size();
  LogCommit commit{.log = &log};
  SegmentWrite* write = nullptr;
  std::uint64_t number = log.next_to_write;
  for (; number < log.tail().end_number() && commit.bytes < kLogRoundBytesMax; ++number) {
    const TailBatch& batch = log.tail().at(number);
    const bool next_segment = write != nullptr && batch.position != write->position + write->bytes;
    if (write == nullptr || next_segment) {
      write = &round.writes.emplace_back();
      write->log = index;
      write->segment = log.segment_for(batch.base_offset);
      write->file = write->segment->file;
      write->position = batch.position;
      write->first_slice = round.slices.size();
      write->base_offset = batch.base_offset;
    }
    round.slices.push_back(batch.header.span());
    if (!batch.body.empty()) round.slices.push_back(batch.body.span());
    write->slice_count = round.slices.size() - write->first_slice;
    write->bytes += batch.size();
    write->end_offset = batch.last_offset + 1;
    commit.bytes += batch.size();
    commit.end_offset = write->end_offset;
  }
  commit.end_number = number;
  round.bytes += commit.bytes;
  round.logs.push_back(commit);
}

// For appends of a few pages.
void Committer::add_small(Round& round, LogState& log) {
  add(round, log);
  SegmentWrite& last = round.writes.back();
  const base::Bytes zeros = fill_behind(log, *last.segment, last.position + last.bytes);
  if (zeros.empty()) return;
  last.fill_bytes = zeros.size();
  round.slices.push_back(zeros);
}

// --- Committing -------------------------------------------------------------------------------

rt::Task<> Committer::write_segments(Round& round, WriteKind kind) {
  round.writing.clear();
  for (const SegmentWrite& write : round.writes) {
    store_->open_files.touch(*write.segment);
    const std::size_t count = write.slice_count + (write.fill_bytes > 0 ? 1 : 0);
    const auto slices =
        std::span<const base::Bytes>(round.slices).subspan(write.first_slice, count);
    if (kind == WriteKind::kSynced) {
      round.writing.add_synced_write(write.file, write.position, slices);
    } else {
      round.writing.add_write(write.file, write.position, slices);
    }
  }
  co_await round.writing.run();
  for (std::size_t i = 0; i < round.writes.size(); ++i) note_written(round, i, kind);
  for (const LogCommit& commit : round.logs) {
    LogState& log = *commit.log;
    if (log.failed()) continue;
    log.next_to_write = commit.end_number;
    if (planted(PlantedBug::kAnswerBeforeSync) && log.listener != nullptr) {
      log.listener->durable_end_moved(*log.log, commit.end_offset);
    }
  }
}

void Committer::note_written(Round& round, std::size_t index, WriteKind kind) {
  const SegmentWrite& write = round.writes[index];
  LogState& log = *round.logs[write.log].log;
  if (const auto& result = round.writing.result(index); !result) {
    const bool in_sync = round.writing.sync_failed(index);
    log.sync_failed = log.sync_failed || in_sync;
    log.fail(io_error(in_sync ? "sync" : "write", log.file_path(write.segment->base_offset, ".log"),
                      result.error())
                 .error());
  }
  if (log.failed()) return;
  write.segment->written = write.position + write.bytes;
  if (write.fill_bytes > 0) write.segment->filled = write.segment->written + write.fill_bytes;
  log.written_end = write.end_offset;
  if (kind == WriteKind::kSynced) note_synced(log, write.segment, write.segment->written);
  reserve_ahead(log, write.segment);
}

rt::Task<> Committer::commit_written(std::unique_ptr<Round> round) {
  co_await write_segments(*round);
  for (const LogCommit& commit : round->logs) complete(commit);
  return_round(std::move(round));
}

// Few logs are written and synced in one trip each. Of many the writes come first and the syncs all
// at once: the file system takes more of them together.
void Committer::start_in_place() {
  if (in_place_.size() > kSyncedWritesMax) {
    auto round = take_round();
    for (LogState* log : in_place_) add(*round, *log);
    scope_.spawn(commit_in_place(std::move(round), WriteKind::kCached));
  } else {
    for (LogState* log : in_place_) {
      auto round = take_round();
      add(*round, *log);
      scope_.spawn(commit_in_place(std::move(round), WriteKind::kSynced));
    }
  }
  in_place_.clear();
}

rt::Task<> Committer::commit_in_place(std::unique_ptr<Round> round, WriteKind kind) {
  co_await write_segments(*round, kind);
  store_->stats.in_place_bytes += round->bytes;
  co_await finish_in_place(std::move(round));
}

// Syncs the files of the round's logs, all at once; each log goes on as soon as its own is done.
rt::Task<> Committer::finish_in_place(std::unique_ptr<Round> round) {
  store_->stats.in_place_syncs += round->logs.size();
  for (std::size_t i = 1; i < round->logs.size(); ++i) {
    scope_.spawn(sync_and_complete(round->logs[i]));
  }
  const LogCommit first = round->logs.front();
  return_round(std::move(round));
  co_await sync_and_complete(first);
}

rt::Task<> Committer::sync_and_complete(LogCommit commit) {
  LogState& log = *commit.log;
  if (!log.failed()) {
    const auto synced = co_await sync_log(log);
    if (!synced) log.fail(synced.error());
  }
  complete(commit);
}

// Afterwards round.logs holds those that must still be synced in place. The submission is finished
// only when its segments are written too: before that a sync of theirs, by which flush_region()
// frees the region, would cover nothing of it.
rt::Task<> Committer::commit_journaled(Round& round) {
  build_entries(round);
  ++submissions_started_;
  scope_.spawn(send_to_journal(round));
  co_await write_segments(round);
  for (const SegmentWrite& write : round.writes) write_back(write.segment);
  while (!round.journal_answered) co_await journal_answered_.wait();
  if (round.receipt.durable) {
    store_->stats.journaled_bytes += round.bytes;
    for (const LogCommit& commit : round.logs) complete(commit);
    round.logs.clear();
  }
  ++submissions_finished_;
  submission_finished_.notify_all();
}

// What the journal holds need not be in its file soon, but a region that is to be free waits for
// all of it, and so would every commit meanwhile: the disk gets it in small pieces as it comes.
void Committer::write_back(const SegmentRef& segment) {
  const std::uint64_t from =
      std::max(segment->written_back, segment->synced / kPageBytes * kPageBytes);
  const std::uint64_t upto = segment->written / kPageBytes * kPageBytes;
  const std::size_t logs = regions_.empty() ? 1 : regions_.back().logs.size();
  if (upto < from + std::max(kWriteBackBytesMin, logs * kWriteBackBytesPerLog)) return;
  segment->written_back = upto;
  struct Hint {
    static rt::Task<> give(StoreState& store, SegmentRef segment, std::uint64_t from,
                           std::uint64_t length) {
      const rt::FileRef file = segment->file;
      if (file != nullptr) co_await store.loop->disk().forget(file, from, length);
    }
  };
  scope_.spawn(Hint::give(*store_, segment, from, upto - from));
}

rt::Task<> Committer::send_to_journal(Round& round) {
  const JournalSubmission submission{
      .slices = round.journal_slices, .entries = round.entries, .bytes = round.submitted_bytes};
  round.receipt = co_await rt::call(*store_->loop, journal_->loop(), journal_->commit(submission));
  if (round.receipt.durable) list_in_region(round);
  round.journal_answered = true;
  journal_answered_.notify_all();
}

void Committer::build_entries(Round& round) {
  round.entry_headers.resize(round.writes.size() * kEntryHeaderBytes);
  round.entries.reserve(round.writes.size());
  for (std::size_t i = 0; i < round.writes.size(); ++i) {
    append_entry(round, round.writes[i], round.entry_headers.data() + i * kEntryHeaderBytes);
  }
}

void Committer::append_entry(Round& round, const SegmentWrite& write, std::byte* header) {
  const LogState& log = *round.logs[write.log].log;
  const std::string& name = log.topic();
  round.entries.push_back(
      {.header = {.number = 0,
                  .kind = EntryKind::kAppend,
                  .log = log.key(),
                  .leader_epoch = log.epochs.latest().value_or(logstate::EpochEntry{}).epoch,
                  .base_offset = write.base_offset,
                  .end_offset = write.end_offset,
                  .segment_base = write.segment->base_offset,
                  .position = static_cast<std::uint32_t>(write.position),
                  .body_bytes = static_cast<std::uint32_t>(write.bytes),
                  .name_bytes = static_cast<std::uint16_t>(name.size())},
       .name = name,
       .to = header});
  auto& slices = round.journal_slices;
  slices.emplace_back(header, kEntryHeaderBytes);
  slices.push_back(base::as_bytes(name));
  if (const auto pad = padding(name.size()); !pad.empty()) slices.push_back(pad);
  const auto first = round.slices.begin() + static_cast<std::ptrdiff_t>(write.first_slice);
  slices.insert(slices.end(), first, first + static_cast<std::ptrdiff_t>(write.slice_count));
  if (const auto pad = padding(write.bytes); !pad.empty()) slices.push_back(pad);
  round.submitted_bytes += entry_bytes(name.size(), write.bytes);
}

// --- After a round ----------------------------------------------------------------------------

void Committer::complete(const LogCommit& commit) {
  LogState& log = *commit.log;
  if (log.failed()) {
    log.drop_failed_tail();
  } else {
    log.pending_bytes -= commit.bytes;
    store_->pending_bytes -= commit.bytes;
    log.set_durable_end(commit.end_offset);
  }
  release(log);
}

void Committer::release(LogState& log) {
  store_->tail_cache.trim();
  if (store_->pending_bytes < store_->options.pending_bytes_max) store_->room.notify_all();
  log.phase = CommitPhase::kIdle;
  if (log.has_unwritten() && !log.failed()) enqueue(log);
  start_maintenance(log);
  log.wake();
  log.gate.leave();
}

// --- The journal's space ------------------------------------------------------------------------

void Committer::list_in_region(Round& round) {
  const std::uint64_t region = round.receipt.region;
  if (regions_.empty() || regions_.back().region < region) {
    regions_.push_back({.region = region, .logs = {}});
  }
  auto& listed = regions_.back().logs;
  for (const LogCommit& commit : round.logs) {
    LogState& log = *commit.log;
    if (log.listed_region == region + 1) {
      listed[log.listed_at].end = commit.end_offset;
      continue;
    }
    log.listed_region = region + 1;
    log.listed_at = listed.size();
    listed.push_back({.log = &log, .end = commit.end_offset});
  }
}

// Takes a log off the lists up to `region`, its gate passed. None when the lists are empty, or when
// the next log's gate is closed (then they are not empty).
std::optional<Committer::Listed> Committer::next_to_flush(std::uint64_t region) {
  while (!regions_.empty() && regions_.front().region <= region) {
    auto& logs = regions_.front().logs;
    if (logs.empty()) {
      regions_.pop_front();
      continue;
    }
    const Listed listed = logs.back();
    if (listed.log != nullptr && !listed.log->gate.try_enter()) return std::nullopt;
    logs.pop_back();
    if (listed.log == nullptr) continue;
    if (listed.log->listed_region == regions_.front().region + 1) listed.log->listed_region = 0;
    return listed;
  }
  return std::nullopt;
}

// A log with entries in many regions is synced for the oldest, and that covers the others too.
rt::Task<> Committer::flush_log(Listed listed, Flushing& flushing) {
  LogState& log = *listed.log;
  bool ok = true;
  if (log.recovery_point < std::min(listed.end, log.durable_end)) {
    const auto synced = log.sync_failed
                            ? Result<void>(error(ErrorCode::kKafkaStorageError,
                                                 log.path + " could not be synced before"))
                            : co_await sync_log(log);
    if (!synced) log.fail(synced.error());
    ok = synced.has_value();
  }
  if (!ok) {
    // Its entries are all that is left of what it acknowledged: the region stays.
    if (regions_.empty() || regions_.front().region > flushing.region) {
      regions_.push_front({.region = flushing.region, .logs = {}});
    }
    regions_.front().logs.push_back(listed);
    flushing.ok = false;
  }
  --flushing.running;
  log.gate.leave();
  synced_.notify_all();
}

rt::Task<bool> Committer::flush_region(std::uint64_t region) {
  if (kept_from_ <= region) co_return false;
  // A submission on its way may hold entries of this region, and its segments may not be written.
  const std::uint64_t started = submissions_started_;
  while (submissions_finished_ < started) co_await submission_finished_.wait();

  Flushing flushing{.region = region};
  rt::Scope syncs(*store_->loop);
  while (flushing.ok) {
    if (const auto listed = next_to_flush(region); listed.has_value()) {
      ++flushing.running;
      syncs.spawn(flush_log(*listed, flushing));
      while (flushing.running >= kRegionSyncsMax) co_await synced_.wait();
    } else if (!regions_.empty() && regions_.front().region <= region) {
      co_await retry_.wait();
    } else {
      break;
    }
  }
  co_await syncs.join();
  if (kept_from_ <= region) co_return false;  // Closed meanwhile.
  co_return flushing.ok;
}

}  // namespace moldau::storage::internal
