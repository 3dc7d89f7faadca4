// Reading and lookups of Log.
#include <algorithm>
#include <utility>

#include "base/result.h"
#include "record/reader.h"
#include "rt/work.h"
#include "storage/internal/file_names.h"
#include "storage/internal/log_files.h"
#include "storage/internal/log_reader.h"
#include "storage/internal/segment_scan.h"
#include "storage/internal/store_state.h"
#include "storage/log.h"

namespace moldau::storage {

namespace {

// What a lookup by time reads at once.
constexpr std::size_t kLookupBytes = std::size_t{256} << 10;

using Found = std::optional<record::OffsetAndTimestamp>;

}  // namespace

std::optional<Result<ReadResult>> Log::read_cached(const ReadRequest& request) const {
  return internal::read_from_tail(*state_, request);
}

rt::Task<Result<ReadResult>> Log::read(ReadRequest request) {
  if (auto cached = read_cached(request); cached.has_value()) co_return std::move(*cached);
  const internal::UseOfLog use(*state_);
  CO_TRY(co_await prepare());
  co_return co_await internal::read_from_disk(*state_, request);
}

rt::Task<Result<ReadResult>> Log::read_committed(ReadRequest request) {
  const internal::UseOfLog use(*state_);
  ReadResult result = CO_TRY(co_await read(request));
  if (result.batches.empty()) co_return std::move(result);
  internal::LogState& log = *state_;
  const auto segments = log.segments;
  for (const auto& segment : segments) {
    const std::string path = log.file_path(segment->base_offset, internal::kTxnIndexSuffix);
    if (!segment->has_txn_index) continue;
    const auto content = co_await rt::read_file(log.store->loop->disk(), path);
    if (!content) co_return io_error("read", path, content.error());
    const auto entries = logstate::decode_aborted_txns(content->span());
    if (!entries) co_return error(ErrorCode::kCorruptMessage, path + ": " + entries.error());
    auto found = logstate::collect_aborted(*entries, request.from, result.next_offset);
    result.aborted.insert(result.aborted.end(), found.txns.begin(), found.txns.end());
    if (found.complete) break;
  }
  co_return std::move(result);
}

base::Offset Log::local_log_start_offset() const { return state_->log_start; }

// The largest timestamp of a segment, from its time index when it is not in memory.
rt::Task<Result<void>> Log::learn_largest(std::shared_ptr<internal::Segment> segment) {
  internal::LogState& log = *state_;
  if (segment->largest_known || segment == log.segments.back()) co_return Result<void>();
  if (!segment->index_loaded) {
    CO_TRY(co_await internal::load_index(log, segment));
    log.store->keep_index(segment);
  }
  segment->largest_known = true;
  segment->largest_timestamp = segment->index.max_timestamp();
  segment->largest_timestamp_offset = segment->index.max_timestamp_offset();
  co_return Result<void>();
}

rt::Task<Result<std::optional<FoundOffset>>> Log::find_record(Lookup lookup) {
  internal::LogState& log = *state_;
  const base::Offset start = log.log_start;
  while (lookup.from < lookup.upto) {
    const ReadResult part = CO_TRY(co_await read({.from = lookup.from,
                                                  .upto = lookup.upto,
                                                  .bytes_max = kLookupBytes,
                                                  .at_least_one_batch = true}));
    if (part.next_offset == lookup.from) break;
    record::BatchIterator batches(part.batches.flatten());
    for (;;) {
      const auto batch = batches.next();
      if (!batch) co_return error(batch.error());
      if (!batch->has_value()) break;
      const record::BatchHeader& header = (*batch)->header();
      if (header.max_timestamp < lookup.timestamp || header.last_offset() < lookup.from) continue;
      const auto found = co_await rt::run_work(
          *log.store->loop, [view = **batch, lookup, start]() -> record::Result<Found> {
            record::CodecContexts contexts;
            return lookup.largest
                       ? record::find_max_timestamp(view, contexts)
                       : record::find_by_timestamp(view, lookup.timestamp, start, contexts);
          });
      if (!found) co_return error(found.error());
      if (!found->has_value()) continue;
      co_return FoundOffset{
          .offset = (*found)->offset,
          .timestamp = (*found)->timestamp,
          .leader_epoch =
              log.epochs.epoch_for_offset((*found)->offset).value_or(base::kNoLeaderEpoch)};
    }
    lookup.from = part.next_offset;
  }
  co_return std::optional<FoundOffset>();
}

rt::Task<Result<std::optional<FoundOffset>>> Log::offset_for_timestamp(base::Timestamp timestamp,
                                                                       base::Offset upto) {
  const internal::UseOfLog use(*state_);
  CO_TRY(co_await prepare());
  internal::LogState& log = *state_;
  upto = std::min(upto, log.end);
  const auto segments = log.segments;
  for (const auto& segment : segments) {
    CO_TRY(co_await learn_largest(segment));
    const bool active = segment == log.segments.back();
    const base::Timestamp largest =
        active ? segment->index.max_timestamp() : segment->largest_timestamp;
    if (segment->deleted || largest < timestamp) continue;
    const base::Offset before =
        CO_TRY(co_await internal::offset_before_timestamp(log, segment, timestamp));
    auto found = CO_TRY(co_await find_record(
        {.from = std::max(before, log.log_start), .upto = upto, .timestamp = timestamp}));
    co_return std::move(found);
  }
  co_return std::optional<FoundOffset>();
}

rt::Task<Result<std::optional<FoundOffset>>> Log::offset_for_max_timestamp() {
  const internal::UseOfLog use(*state_);
  CO_TRY(co_await prepare());
  internal::LogState& log = *state_;
  const auto segments = log.segments;
  base::Timestamp largest{-1};
  base::Offset offset{-1};
  for (const auto& segment : segments) {
    CO_TRY(co_await learn_largest(segment));
    const bool active = segment == log.segments.back();
    const base::Timestamp here =
        active ? segment->index.max_timestamp() : segment->largest_timestamp;
    if (segment->deleted || here <= largest) continue;
    largest = here;
    offset = active ? segment->index.max_timestamp_offset() : segment->largest_timestamp_offset;
  }
  if (largest < base::Timestamp(0)) co_return std::optional<FoundOffset>();
  // `offset` is the last one of the batch that has it.
  co_return co_await find_record({.from = std::max(offset, log.log_start),
                                  .upto = log.end,
                                  .timestamp = largest,
                                  .largest = true});
}

}  // namespace moldau::storage
