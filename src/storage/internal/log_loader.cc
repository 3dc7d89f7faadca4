#include "storage/internal/log_loader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/result.h"
#include "logstate/producer_snapshot.h"
#include "storage/internal/file_names.h"
#include "storage/internal/log_files.h"
#include "storage/internal/space_ahead.h"
#include "storage/internal/store_state.h"
#include "storage/planted.h"
#include "storage/snapshot_files.h"

namespace moldau::storage::internal {

namespace {

rt::Disk& disk_of(const LogState& log) { return log.store->loop->disk(); }
base::Logger& logger_of(const LogState& log) { return log.store->loop->log(); }

}  // namespace

rt::Task<Result<void>> LogLoader::load() {
  CO_TRY(co_await list_files());
  CO_TRY(co_await load_epochs());
  LogState& log = *log_;
  log.log_start = found_.log_start_offset.value_or(base::Offset(0));
  // Segments below the start were given up; the journal may have stopped caring for them.
  while (log.segments.size() > 1 && log.segments[1]->base_offset <= log.log_start) {
    CO_TRY(co_await remove_segment(0));
  }
  if (!log.segments.empty()) {
    log.log_start = std::max(log.log_start, log.segments.front()->base_offset);
    next_offset_ = log.segments.front()->base_offset;
    if (clean_) {
      CO_TRY(co_await load_clean());
    } else {
      CO_TRY(co_await recover());
    }
  }
  co_return co_await finish();
}

// --- Files ------------------------------------------------------------------------------------

rt::Task<Result<void>> LogLoader::list_files() {
  const auto entries = co_await disk_of(*log_).list(log_->path);
  if (!entries) co_return io_error("list", log_->path, entries.error());
  log_->directory_exists = true;
  for (const auto& entry : *entries) {
    if (!entry.is_directory) CO_TRY(co_await take_file(entry.name));
  }
  std::ranges::sort(log_->segments, {}, &Segment::base_offset);
  std::ranges::sort(log_->producer_snapshots);
  co_return co_await remove_orphans();
}

rt::Task<Result<void>> LogLoader::take_file(std::string name) {
  LogState& log = *log_;
  if (name.ends_with(".checkpoint.deleted") || name.ends_with(".checkpoint")) {
    // Snapshots of the metadata log are the raft driver's.
    if (const auto snapshot = parse_snapshot_name(name); snapshot.has_value() && log.is_metadata) {
      durable_below_ = std::max(durable_below_, snapshot->end_offset);
    }
    co_return Result<void>();
  }
  if (name.ends_with(kDeletedSuffix) || name.ends_with(kCleanedSuffix) || name.ends_with(".tmp")) {
    co_return co_await remove_file(std::move(name));
  }
  if (name.ends_with(kSwapSuffix)) {
    co_return error(ErrorCode::kKafkaStorageError,
                    log.path + "/" + name +
                        " is left from a compaction that was interrupted: let Apache Kafka finish "
                        "it, or remove the file");
  }
  if (name == kLeaderEpochName) has_epoch_file_ = true;
  if (const auto base = offset_of_file(name, kLogSuffix); base.has_value()) {
    const auto info = co_await disk_of(log).info(log.path + "/" + name);
    if (!info) co_return io_error("look at", log.path + "/" + name, info.error());
    auto segment = std::make_shared<Segment>(*base);
    segment->size = info->size;
    segment->written = info->size;
    segment->exists = true;
    segment->created = info->modified;
    segment->modified = info->modified;
    log.segments.push_back(std::move(segment));
  } else if (const auto offsets = offset_of_file(name, kOffsetIndexSuffix); offsets.has_value()) {
    offset_indexes_.push_back(*offsets);
  } else if (const auto times = offset_of_file(name, kTimeIndexSuffix); times.has_value()) {
    time_indexes_.push_back(*times);
  } else if (const auto at = offset_of_file(name, kProducerSnapshotSuffix); at.has_value()) {
    log.producer_snapshots.push_back(*at);
  } else if (const auto txns = offset_of_file(name, kTxnIndexSuffix); txns.has_value()) {
    txn_indexes_.push_back(*txns);
  }
  co_return Result<void>();
}

rt::Task<Result<void>> LogLoader::remove_file(std::string name) {
  const std::string path = log_->path + "/" + name;
  const auto removed = co_await disk_of(*log_).remove(path);
  if (!removed) co_return io_error("remove", path, removed.error());
  co_return Result<void>();
}

// Indexes without their log.
rt::Task<Result<void>> LogLoader::remove_orphans() {
  const auto has_log = [this](base::Offset base) {
    return std::ranges::binary_search(log_->segments, base, {}, &Segment::base_offset);
  };
  for (const base::Offset base : offset_indexes_) {
    if (!has_log(base)) CO_TRY(co_await remove_file(file_name(base, kOffsetIndexSuffix)));
  }
  for (const SegmentRef& segment : log_->segments) {
    segment->has_txn_index = std::ranges::count(txn_indexes_, segment->base_offset) > 0;
  }
  for (const base::Offset base : time_indexes_) {
    if (!has_log(base)) CO_TRY(co_await remove_file(file_name(base, kTimeIndexSuffix)));
  }
  co_return Result<void>();
}

rt::Task<Result<void>> LogLoader::load_epochs() {
  if (!has_epoch_file_) co_return Result<void>();
  const std::string path = log_->path + "/" + std::string(kLeaderEpochName);
  const auto content = co_await rt::read_file(disk_of(*log_), path);
  if (!content) co_return io_error("read", path, content.error());
  const auto entries = logstate::decode_leader_epochs(content->text());
  if (!entries) {
    LOG_ERROR(logger_of(*log_), "storage", "{} is damaged: {}; epochs are taken from the batches",
              path, entries.error());
    epochs_lost_ = true;
    ++log_->epochs_version;
    co_return Result<void>();
  }
  for (const logstate::EpochEntry& entry : *entries) {
    log_->epochs.assign(entry.epoch, entry.start_offset);
  }
  if (const auto latest = log_->epochs.latest(); latest.has_value() && log_->is_metadata) {
    durable_below_ = std::max(durable_below_, latest->start_offset);
  }
  co_return Result<void>();
}

// Loads a snapshot that is not above `upto` nor below the log's first segment: the newest one, or
// after a crash the one before. A snapshot has only the last batch of each producer; walking from
// the older one restores the last five, which a client with several requests in flight may send
// again.
rt::Task<Result<void>> LogLoader::load_producers(base::Offset upto) {
  LogState& log = *log_;
  const base::Offset first = log.segments.front()->base_offset;
  log.producer_state().clear(first);
  const auto snapshots = log.producer_snapshots;
  bool found = false;
  for (auto at = snapshots.rbegin(); at != snapshots.rend(); ++at) {
    if (*at < first) break;
    if (found && !worth_walking(*at)) break;
    const bool loaded = *at <= upto && CO_TRY(co_await load_snapshot(*at));
    if (!loaded) co_await remove_producer_snapshots(log, *at, *at + 1);
    if (loaded && (clean_ || covers_retries(*at))) co_return Result<void>();
    found = found || loaded;
  }
  // The older one is the beginning itself.
  if (found && !clean_ && first == base::Offset(0) && worth_walking(first)) {
    log.producers->clear(first);
  }
  co_return Result<void>();
}

// False when the file is not a whole snapshot.
rt::Task<Result<bool>> LogLoader::load_snapshot(base::Offset offset) {
  LogState& log = *log_;
  const std::string path = log.file_path(offset, kProducerSnapshotSuffix);
  const auto content = co_await rt::read_file(disk_of(log), path);
  if (!content) co_return io_error("read", path, content.error());
  const auto entries = logstate::decode_producer_snapshot(content->span());
  if (!entries) {
    LOG_WARN(logger_of(log), "storage", "dropping {}: {}", path, entries.error());
    co_return false;
  }
  log.producers->load(*entries, offset, log.store->loop->wall_now(),
                      log.options->producer_id_expiration.count());
  co_return true;
}

// Whether what producers may send again lies behind this snapshot, which knows only the last batch
// of each: five batches of the usual largest size.
bool LogLoader::covers_retries(base::Offset from) const {
  constexpr std::uint64_t kRetriedBytes = std::uint64_t{5} << 20;
  std::uint64_t bytes = 0;
  for (const SegmentRef& segment : log_->segments) {
    if (segment->base_offset >= from) bytes += segment->size;
  }
  return bytes >= kRetriedBytes;
}

// Whether to walk from this snapshot although a newer one is loaded: the way must not be long.
bool LogLoader::worth_walking(base::Offset from) const {
  constexpr std::uint64_t kCheckpointsMax = 4;
  const auto& segments = log_->segments;
  std::uint64_t bytes = 0;
  for (const SegmentRef& segment : segments) {
    const bool starts_here = segment->base_offset == from;
    const bool behind = segment->base_offset > from;
    if (segment->base_offset > log_->producers->end_offset()) break;
    if (starts_here || behind) bytes += segment->size;
  }
  return bytes <= kCheckpointsMax * log_->store->options.checkpoint_bytes;
}

rt::Task<Result<void>> LogLoader::load_first_timestamp() {
  Segment& active = log_->active();
  if (active.size == 0 || active.first_timestamp.has_value()) co_return Result<void>();
  const auto file = CO_TRY(co_await open_segment(*log_, log_->segments.back()));
  base::ByteBuffer buffer(record::kBatchHeaderBytes);
  const auto count =
      co_await disk_of(*log_).read_at(file, 0, buffer.extend(record::kBatchHeaderBytes));
  if (!count) co_return io_error("read", file->path(), count.error());
  buffer.shrink(*count);
  if (const auto header = record::parse_header(buffer.span()); header) {
    active.first_timestamp = header->max_timestamp;
  }
  co_return Result<void>();
}

// Rebuilds the producers of a log that was cut back to `upto`.
rt::Task<Result<void>> LogLoader::reload_producers(base::Offset upto) {
  LogState& log = *log_;
  const bool had_none = log.producer_state().producers().empty();
  CO_TRY(co_await load_producers(upto));
  walking_ = nullptr;
  for (std::size_t index = 0; index < log.segments.size() && !had_none; ++index) {
    const SegmentRef segment = log.segments[index];
    const bool last = index + 1 == log.segments.size();
    if (!last && log.segments[index + 1]->base_offset <= log.producers->end_offset()) continue;
    const std::uint64_t from =
        CO_TRY(co_await position_for(log, segment, log.producers->end_offset()));
    const auto file = CO_TRY(co_await open_segment(log, segment));
    CO_TRY(co_await scan_segment(*log.store->loop, file,
                                 {.from = from,
                                  .upto = segment->written,
                                  .crc_from = kNoCrc,
                                  .offset_min = segment->base_offset},
                                 *this));
  }
  log.producers->set_end_offset(upto);
  co_return Result<void>();
}

// --- After a clean stop -------------------------------------------------------------------------

rt::Task<Result<void>> LogLoader::load_clean() {
  LogState& log = *log_;
  for (const SegmentRef& segment : log.segments) segment->synced = segment->written;
  const SegmentRef active = log.segments.back();
  next_offset_ = active->base_offset;
  CO_TRY(co_await load_producers(base::Offset(std::numeric_limits<std::int64_t>::max())));
  CO_TRY(co_await load_index(log, active));
  // From the last entry of the index, or from where the producer snapshot ends when that is before.
  std::uint64_t from = active->index.offsets().empty()
                           ? 0
                           : static_cast<std::uint64_t>(active->index.offsets().back().position);
  if (epochs_lost_) co_return co_await walk_from(log.segments.front()->base_offset);
  if (log.producers->end_offset() < active->base_offset) {
    co_return co_await walk_from(log.producers->end_offset());
  }
  if (const auto position = active->index.position_for(log.producers->end_offset())) {
    from = std::min(from, *position);
  }
  const auto file = CO_TRY(co_await open_segment(log, active));
  // The files have all entries that were due; what lies behind the last one is not in them. An
  // index that had to be rebuilt is complete.
  walking_ = active;
  if (active->index_dirty) {
    indexed_upto_ = active->size;
  } else if (!active->index.offsets().empty()) {
    indexed_upto_ = static_cast<std::uint64_t>(active->index.offsets().back().position);
  }
  const base::Timestamp largest = active->index.max_timestamp();
  const ScanEnd end = CO_TRY(co_await scan_segment(
      *log.store->loop, file,
      {.from = from, .upto = active->size, .crc_from = kNoCrc, .offset_min = active->base_offset},
      *this));
  if (!end.fault.empty()) {
    co_return error(ErrorCode::kCorruptMessage,
                    "log file " + file->path() + " is damaged at byte " +
                        std::to_string(end.position) + ": " + end.fault);
  }
  active->index_dirty = active->index_dirty || active->index.max_timestamp() != largest;
  co_return Result<void>();
}

// --- After any other stop -----------------------------------------------------------------------

rt::Task<Result<void>> LogLoader::recover() {
  LogState& log = *log_;
  const base::Offset first = log.segments.front()->base_offset;
  const base::Offset recovery_point =
      log.is_metadata ? first : found_.recovery_point.value_or(first);
  log.recovery_point = std::max(recovery_point, first);
  CO_TRY(co_await load_producers(base::Offset(std::numeric_limits<std::int64_t>::max())));
  for (;;) {
    base::Offset start = std::min(log.producers->end_offset(), log.recovery_point);
    if (epochs_lost_) start = first;
    CO_TRY(co_await walk_from(std::max(start, first)));
    if (log.producers->end_offset() <= next_offset_) break;
    // The snapshot is ahead of what survived: take an older one and walk again.
    CO_TRY(co_await load_producers(next_offset_));
  }
  if (torn_bytes_ > 0) {
    LOG_WARN(logger_of(log), "storage", "cut {} bytes off the end of {}: they were not whole",
             torn_bytes_, log.path);
    log.store->loop->mark("torn tail cut");
    if (log.is_metadata) log.store->loop->mark("metadata log truncated");
  }
  if (next_offset_ < log.recovery_point) {
    // A truncation that a crash cut short leaves this too, so that it is no error.
    LOG_WARN(logger_of(log), "storage",
             "{} ends at offset {}, although it was on disk up to {}: unless it was being "
             "truncated, records are gone and their offsets will be given again; if somebody cut "
             "its files, stop the node and put them back",
             log.path, next_offset_.value(), log.recovery_point.value());
  }
  log.recovery_point = std::min(log.recovery_point, next_offset_);
  co_return Result<void>();
}

rt::Task<Result<void>> LogLoader::walk_from(base::Offset start) {
  LogState& log = *log_;
  std::size_t index = 0;
  while (index + 1 < log.segments.size() && log.segments[index + 1]->base_offset <= start) ++index;
  note_interrupted_roll(index);
  for (std::size_t below = 0; below < index; ++below) {
    log.segments[below]->synced = log.segments[below]->written;
  }
  for (; index < log.segments.size(); ++index) {
    if (!CO_TRY(co_await walk_segment(index, start))) break;
  }
  co_return Result<void>();
}

// A crash during a roll left the segment before the last one without its index, or the last one
// without a snapshot at its base.
void LogLoader::note_interrupted_roll(std::size_t first_walked) {
  const auto& segments = log_->segments;
  if (clean_ || segments.size() < 2 || first_walked >= segments.size()) return;
  const base::Offset last = segments.back()->base_offset;
  const base::Offset before = segments[segments.size() - 2]->base_offset;
  const bool indexed = std::ranges::count(offset_indexes_, before) > 0;
  const bool snapshot = std::ranges::binary_search(log_->producer_snapshots, last);
  if (!indexed || !snapshot) log_->store->loop->mark("crash during a segment roll");
}

// A position of the segment at or before the batch with `start` that can be believed: the index may
// be from before the crash, so the batch that an entry points to must be there and fit it.
rt::Task<Result<std::uint64_t>> LogLoader::trusted_start(SegmentRef segment, base::Offset start) {
  LogState& log = *log_;
  const auto none = std::uint64_t{0};
  const auto offsets_file =
      co_await rt::read_file(disk_of(log), log.file_path(segment->base_offset, kOffsetIndexSuffix));
  const auto times_file =
      co_await rt::read_file(disk_of(log), log.file_path(segment->base_offset, kTimeIndexSuffix));
  if (!offsets_file || !times_file) co_return none;
  auto offsets = decode_offset_entries(offsets_file->span(), segment->size);
  auto times = decode_time_entries(times_file->span());
  if (!offsets || !times) co_return none;
  const auto at = find_offset(*offsets, start - segment->base_offset - 1);
  if (!at.has_value()) co_return none;
  const OffsetEntry entry = (*offsets)[*at];
  const auto file = CO_TRY(co_await open_segment(log, segment));
  base::ByteBuffer buffer(record::kBatchHeaderBytes);
  const auto count = co_await disk_of(log).read_at(file, static_cast<std::uint64_t>(entry.position),
                                                   buffer.extend(record::kBatchHeaderBytes));
  if (!count) co_return io_error("read", file->path(), count.error());
  buffer.shrink(*count);
  const auto header = record::parse_header(buffer.span());
  if (!header || header->last_offset() != segment->base_offset + entry.relative_offset) {
    co_return none;
  }
  // Entries up to this one stay, and the walk begins with its batch.
  offsets->resize(*at + 1);
  std::erase_if(
      *times, [&](const TimeEntry& time) { return time.relative_offset > entry.relative_offset; });
  segment->offsets_saved = offsets->size();
  segment->times_saved = times->size();
  segment->index.load(std::move(*offsets), std::move(*times));
  co_return static_cast<std::uint64_t>(entry.position);
}

// False when the log ends here.
rt::Task<Result<bool>> LogLoader::walk_segment(std::size_t index, base::Offset start) {
  LogState& log = *log_;
  walking_ = log.segments[index];
  Segment& segment = *walking_;
  indexed_upto_ = 0;
  segment.unload_index();
  segment.offsets_saved = 0;
  segment.times_saved = 0;
  next_offset_ = std::max(next_offset_, segment.base_offset);
  const std::uint64_t from =
      start > segment.base_offset ? CO_TRY(co_await trusted_start(walking_, start)) : 0;
  segment.index_loaded = true;
  segment.index_dirty = true;
  const bool last = index + 1 == log.segments.size();
  const bool all_durable =
      clean_ || (!last && log.segments[index + 1]->base_offset <= log.recovery_point);
  const auto file = CO_TRY(co_await open_segment(log, walking_));
  const ScanEnd end = CO_TRY(co_await scan_segment(*log.store->loop, file,
                                                   {.from = from,
                                                    .upto = segment.size,
                                                    .crc_from = all_durable ? kNoCrc : from,
                                                    .offset_min = segment.base_offset},
                                                   *this));
  if (all_durable) segment.synced = segment.size;
  if (end.position >= segment.size && end.fault.empty()) {
    // Below the recovery point a gap to the next segment is what compaction leaves. Above it the
    // crash took the end of this segment, and what lies behind never counted.
    const bool tail_lost =
        !last && !all_durable && next_offset_ < log.segments[index + 1]->base_offset;
    if (!tail_lost) co_return true;
    CO_TRY(check_not_durable(
        index, {.position = segment.size, .fault = "what follows in the next segment is missing"}));
    CO_TRY(co_await drop_segments_from(index + 1));
    co_return false;
  }
  CO_TRY(co_await cut(index, end));
  co_return false;
}

bool LogLoader::visit(const ScannedBatch& batch) {
  LogState& log = *log_;
  const record::BatchHeader& header = batch.header;
  next_offset_ = header.next_offset();
  if (walking_ != nullptr) {
    Segment& segment = *walking_;
    if (batch.position == 0) segment.first_timestamp = header.max_timestamp;
    if (batch.position >= indexed_upto_) {
      segment.index.add({.last_offset = header.last_offset(),
                         .max_timestamp = header.max_timestamp,
                         .position = batch.position,
                         .size = batch.size},
                        static_cast<std::uint64_t>(log.options->index_interval_bytes));
    }
  }
  const auto latest = log.epochs.latest();
  if (header.magic == record::kMagic2 && header.partition_leader_epoch >= base::LeaderEpoch(0) &&
      (!latest.has_value() || header.partition_leader_epoch > latest->epoch)) {
    log.epochs.assign(header.partition_leader_epoch, header.base_offset);
    ++log.epochs_version;
  }
  if (header.base_offset >= log.producers->end_offset()) {
    if (header.attributes.control() && header.magic == record::kMagic2) {
      log.producers->replay_control(header, batch.marker);
    } else {
      log.producers->replay(header);
    }
  }
  return true;
}

// The bytes at `end` are not a whole batch. Above all that is known to have been durable that is
// what a crash leaves; below it, durable data is damaged.
Result<void> LogLoader::check_not_durable(std::size_t index, const ScanEnd& end) const {
  const LogState& log = *log_;
  const base::Offset durable = std::max(log.recovery_point, durable_below_);
  if (next_offset_ >= durable && !all_durable_) return {};
  log.store->loop->mark("damaged segment");
  const std::string path = log.file_path(log.segments[index]->base_offset, kLogSuffix);
  const std::string position = std::to_string(end.position);
  std::string text =
      "log file " + path + " is damaged at byte " + position + " (" + end.fault + "), ";
  text += all_durable_ ? "although the log was closed in order"
                       : "below offset " + std::to_string(durable.value()) + " that was on disk";
  if (log.is_metadata) {
    text +=
        "; nothing was changed: restore the directory from a backup, or give up what the "
        "cluster decided from offset " +
        std::to_string(next_offset_.value()) + " on by cutting the file to " + position +
        " bytes and removing the segments behind it";
  } else {
    text += "; restore the file or delete the replica";
  }
  return error(ErrorCode::kCorruptMessage, std::move(text));
}

// Whether the segment ends with nothing but zeros that an append wrote behind itself.
rt::Task<Result<bool>> LogLoader::is_fill(SegmentRef segment, std::uint64_t from) {
  if (log_->is_metadata || from < space_ahead_from(*log_)) co_return false;
  if (segment->size - from > kFillBytesMax) co_return false;
  const auto file = CO_TRY(co_await open_segment(*log_, segment));
  const auto size = static_cast<std::size_t>(segment->size - from);
  base::ByteBuffer buffer(size);
  const auto count = co_await disk_of(*log_).read_at(file, from, buffer.extend(size));
  if (!count) co_return io_error("read", file->path(), count.error());
  buffer.shrink(*count);
  co_return std::ranges::count(buffer.span(), std::byte{0}) == std::ssize(buffer.span());
}

rt::Task<Result<void>> LogLoader::cut(std::size_t index, ScanEnd end) {
  LogState& log = *log_;
  const SegmentRef segment = log.segments[index];
  const std::string path = log.file_path(segment->base_offset, kLogSuffix);
  CO_TRY(check_not_durable(index, end));
  const bool torn = !CO_TRY(co_await is_fill(segment, end.position));
  if (torn) torn_bytes_ += segment->size - end.position;
  if (planted(PlantedBug::kTailNotCut)) co_return co_await drop_segments_from(index + 1);
  const auto file = CO_TRY(co_await open_segment(log, segment));
  const auto truncated = co_await disk_of(log).truncate(file, end.position);
  if (!truncated) co_return io_error("truncate", path, truncated.error());
  const auto synced = co_await disk_of(log).sync(file);
  if (!synced) co_return io_error("sync", path, synced.error());
  segment->size = end.position;
  segment->written = end.position;
  segment->synced = std::min(segment->synced, end.position);
  co_return co_await drop_segments_from(index + 1);
}

// Removes segments that lie behind a cut, newest first so that no gap can be left in between.
rt::Task<Result<void>> LogLoader::drop_segments_from(std::size_t index) {
  LogState& log = *log_;
  while (log.segments.size() > index) {
    torn_bytes_ += log.segments.back()->size;
    std::erase(log.producer_snapshots, log.segments.back()->base_offset);
    CO_TRY(co_await remove_file_if_there(
        file_name(log.segments.back()->base_offset, kProducerSnapshotSuffix)));
    CO_TRY(co_await remove_segment(log.segments.size() - 1));
  }
  co_return Result<void>();
}

rt::Task<Result<void>> LogLoader::remove_segment(std::size_t index) {
  LogState& log = *log_;
  const SegmentRef segment = log.segments[index];
  log.store->open_files.close(*segment);
  segment->deleted = true;
  for (const std::string_view suffix :
       {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix, kTxnIndexSuffix}) {
    CO_TRY(co_await remove_file_if_there(file_name(segment->base_offset, suffix)));
  }
  std::erase(log.segments, segment);
  ++log.names_version;
  co_return Result<void>();
}

rt::Task<Result<void>> LogLoader::remove_file_if_there(std::string name) {
  const std::string path = log_->path + "/" + name;
  const auto removed = co_await disk_of(*log_).remove(path);
  if (!removed && removed.error().code != rt::IoErrorCode::kNotFound) {
    co_return io_error("remove", path, removed.error());
  }
  co_return Result<void>();
}

rt::Task<Result<void>> LogLoader::finish() {
  LogState& log = *log_;
  if (log.segments.empty() || next_offset_ < log.log_start) {
    // Nothing is left above the log's start: it goes on there, empty.
    if (!log.segments.empty() && next_offset_ > log.segments.front()->base_offset) {
      LOG_ERROR(logger_of(log), "storage",
                "{} ends at offset {}, but its log start is {}: what is below is dropped", log.path,
                next_offset_, log.log_start);
      log.store->loop->mark("records below the log start dropped");
    }
    CO_TRY(co_await drop_segments_from(0));
    next_offset_ = log.log_start;
    log.epochs.clear();
    if (log.producers != nullptr) log.producers->clear(next_offset_);
  }
  log.end = next_offset_;
  log.written_end = next_offset_;
  log.recovered_end = next_offset_;
  log.producer_state().set_end_offset(next_offset_);
  if (planted(PlantedBug::kProducersForgotten)) log.producers->clear(next_offset_);
  log.producers->advance_log_start(log.log_start);
  if (log.epochs.truncate_from_end(next_offset_)) ++log.epochs_version;
  if (log.epochs.truncate_from_start(log.log_start)) ++log.epochs_version;
  if (!log.segments.empty()) CO_TRY(co_await load_first_timestamp());
  for (const SegmentRef& segment : log.segments) {
    if (segment == log.segments.back() || !segment->index_dirty) continue;
    CO_TRY(co_await save_index(log, segment, true));
    segment->unload_index();
  }
  // What was walked counts from here on: make it durable before anybody hears of it.
  if (clean_) {
    log.recovery_point = next_offset_;
  } else {
    const bool lies_above = next_offset_ > log.recovery_point;
    if (lies_above) doubt_names(log);
    if (!log.segments.empty()) expect_space_ahead(log, log.active());
    CO_TRY(co_await sync_log(log));
    log.recovery_point = next_offset_;
    // Whoever crashed may have made the names a moment before. Nothing depends on them yet.
    if (!lies_above) doubt_names(log);
  }
  log.high_watermark =
      std::clamp(found_.high_watermark.value_or(log.log_start), log.log_start, next_offset_);
  log.set_durable_end(next_offset_);
  log.prepared = true;
  co_return Result<void>();
}

}  // namespace moldau::storage::internal
