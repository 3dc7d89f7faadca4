#include "storage/internal/log_append.h"

#include <algorithm>
#include <utility>

#include "logstate/producer_snapshot.h"
#include "storage/internal/store_state.h"

namespace moldau::storage::internal {

namespace {

struct AppendShape {
  std::uint64_t bytes = 0;
  base::Timestamp max_timestamp{-1};
  base::Offset first_offset{0};
  base::Offset last_offset{0};
};

AppendShape shape_of(const std::vector<record::StoredBatch>& batches) {
  AppendShape shape{.first_offset = batches.front().header.base_offset,
                    .last_offset = batches.back().header.last_offset()};
  for (const record::StoredBatch& batch : batches) {
    shape.bytes += batch.size();
    shape.max_timestamp = std::max(shape.max_timestamp, batch.header.max_timestamp);
  }
  return shape;
}

// Kafka's rules: size, age, full indexes, offsets that no longer fit.
bool should_roll(LogState& log, const AppendShape& shape) {
  Segment& active = log.active();
  const auto segment_bytes = static_cast<std::uint64_t>(log.options->segment_bytes);
  if (shape.bytes >= segment_bytes ? active.size > 0 : active.size > segment_bytes - shape.bytes) {
    return true;
  }
  if (!active.index.offset_fits(shape.last_offset)) return true;
  if (active.size == 0) return false;
  if (active.index.full(static_cast<std::size_t>(log.options->segment_index_bytes))) return true;
  const bool by_record = active.first_timestamp.value_or(base::kNoTimestamp) >= base::Timestamp(0);
  const std::int64_t age_ms = by_record ? shape.max_timestamp - *active.first_timestamp
                                        : log.store->loop->wall_now() - active.created;
  return age_ms > log.options->segment_time.count() - active.jitter_ms;
}

SegmentRef new_segment(LogState& log, base::Offset base) {
  auto segment = std::make_shared<Segment>(base);
  segment->created = log.store->loop->wall_now();
  segment->modified = segment->created;
  segment->index_loaded = true;
  segment->windowed = 0;
  segment->index_dirty = true;
  const auto jitter = std::min(log.options->segment_jitter, log.options->segment_time).count();
  if (jitter > 0) segment->jitter_ms = log.store->loop->rng().between(0, jitter);
  return segment;
}

void append_one(LogState& log, const record::StoredBatch& batch, base::SharedBytes header) {
  Segment& active = log.active();
  const record::BatchHeader& fields = batch.header;
  if (active.size == 0) active.first_timestamp = fields.max_timestamp;
  if (fields.max_timestamp < base::Timestamp(0)) active.modified = log.store->loop->wall_now();
  active.index.add({.last_offset = fields.last_offset(),
                    .max_timestamp = fields.max_timestamp,
                    .position = active.size,
                    .size = batch.size()},
                   static_cast<std::uint64_t>(log.options->index_interval_bytes));
  active.index_dirty = true;
  log.store->tail_cache.add(log, std::move(header), batch, static_cast<std::uint32_t>(active.size));
  active.size += batch.size();
  if (fields.partition_leader_epoch >= base::LeaderEpoch(0) &&
      log.epochs.assign(fields.partition_leader_epoch, fields.base_offset)) {
    ++log.epochs_version;
  }
  logstate::ProducerState& producers = log.producer_state();
  if (fields.attributes.control()) {
    const auto marker = record::read_end_txn(fields, batch.body);
    producers.replay_control(fields, marker ? *marker : std::nullopt);
  } else {
    producers.replay(fields);
  }
  log.end = fields.next_offset();
}

}  // namespace

Result<void> check_appendable(const LogState& log) {
  ASSERT(log.prepared);
  if (log.failed()) return std::unexpected(*log.failure);
  if (log.closing || log.changing_past) {
    return error(ErrorCode::kKafkaStorageError, log.path + " is being changed or closed");
  }
  if (log.committer->disk_full()) {
    return error(ErrorCode::kKafkaStorageError,
                 "the disk of " + log.path + " is full up to the reserve; free some space");
  }
  if (log.store->pending_bytes >= 2 * log.store->options.pending_bytes_max) {
    return error(ErrorCode::kThrottlingQuotaExceeded, "too many bytes wait to be written");
  }
  return {};
}

void roll_to(LogState& log, base::Offset base) {
  if (!log.segments.empty() && log.active().size == 0 && !log.active().exists) {
    log.segments.pop_back();  // Nothing was ever put there.
  }
  if (!log.segments.empty()) {
    const SegmentRef old = log.segments.back();
    old->index.finish();
    old->largest_known = true;
    old->largest_timestamp = old->index.max_timestamp();
    old->largest_timestamp_offset = old->index.max_timestamp_offset();
    logstate::ProducerState& producers = log.producer_state();
    producers.set_end_offset(base);
    log.rolled.push_back({.segment = old,
                          .next_base = base,
                          .producer_snapshot = logstate::encode_producer_snapshot(producers)});
    log.bytes_since_checkpoint = 0;
    log.store->loop->mark("segment rolled");
  }
  log.segments.push_back(new_segment(log, base));
}

void append_batches(LogState& log, std::vector<record::StoredBatch>& batches) {
  const AppendShape shape = shape_of(batches);
  log.wanted = true;
  if (log.segments.empty()) {
    // A log that never had a file begins where it was told to.
    log.segments.push_back(new_segment(log, std::max(log.end, log.log_start)));
  }
  if (should_roll(log, shape)) roll_to(log, std::max(log.end, shape.first_offset));
  base::ByteBuffer headers(batches.size() * record::kBatchHeaderBytes);
  for (const record::StoredBatch& batch : batches) {
    record::write_header(batch.header, headers.extend(record::kBatchHeaderBytes).data());
  }
  const base::SharedBytes bytes = headers.freeze();
  std::size_t at = 0;
  for (const record::StoredBatch& batch : batches) {
    append_one(log, batch, bytes.slice(at, record::kBatchHeaderBytes));
    at += record::kBatchHeaderBytes;
  }
  log.pending_bytes += shape.bytes;
  log.bytes_since_checkpoint += shape.bytes;
  log.store->pending_bytes += shape.bytes;
  log.committer->enqueue(log);
}

}  // namespace moldau::storage::internal
