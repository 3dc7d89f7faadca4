#include "storage/internal/log_reader.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "storage/internal/file_names.h"
#include "storage/internal/log_files.h"
#include "storage/internal/store_state.h"

namespace moldau::storage::internal {

namespace {

// One read of the disk; a larger answer takes several fetches.
constexpr std::size_t kDiskReadBytesMax = std::size_t{16} << 20;
// What is read besides, since an index entry points up to an interval before the batch.
constexpr std::size_t kIndexSlackBytes = 16384;

Error out_of_range(const LogState& log, base::Offset offset) {
  return error(ErrorCode::kOffsetOutOfRange, "offset " + std::to_string(offset.value()) + " of " +
                                                 log.path + " is not in [" +
                                                 std::to_string(log.log_start.value()) + ", " +
                                                 std::to_string(log.end.value()) + "]")
      .error();
}

// The number of the first cached batch that ends at or after `offset`.
std::uint64_t find_in_tail(const LogTail& tail, base::Offset offset) {
  std::uint64_t low = tail.begin_number();
  std::uint64_t high = tail.end_number();
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (tail.at(middle).last_offset < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Bytes of a segment as they were read, and which batches of them go out.
struct Slice {
  base::SharedBytes batches;
  base::Offset next_offset{0};
  std::uint64_t next_position = 0;
  std::size_t wanted = 0;    // size of the first batch, when it is not whole in what was read
  bool reached_end = false;  // every batch that was read lies before the wanted offset
};

std::expected<Slice, std::string> cut_batches(const base::SharedBytes& bytes,
                                              std::uint64_t position, const ReadRequest& request) {
  Slice slice{.next_offset = request.from, .next_position = position};
  std::size_t from = 0;
  std::size_t upto = 0;
  bool found = false;
  bool held_back = false;
  record::BatchIterator batches(bytes);
  for (;;) {
    const std::size_t at = batches.position();
    const auto next = batches.next();
    if (!next) {
      if (found) break;
      return std::unexpected("byte " + std::to_string(position + at) + ": " + next.error().message);
    }
    if (!next->has_value()) {
      if (found || batches.remaining() == 0) break;
      const auto size = record::peek_batch_size(bytes.slice(at).span());
      if (!size) {
        return std::unexpected("byte " + std::to_string(position + at) + ": " +
                               size.error().message);
      }
      slice.wanted = size->value_or(record::kBatchHeaderBytes);
      slice.next_position = position + at;
      return slice;
    }
    const record::BatchHeader& header = (*next)->header();
    if (header.last_offset() < request.from) {
      slice.next_position = position + batches.position();
      continue;
    }
    const std::size_t size = batches.position() - (found ? from : at);
    const bool first = !found && request.at_least_one_batch;
    held_back = header.last_offset() >= request.upto || (size > request.bytes_max && !first);
    if (held_back) break;
    if (!found) from = at;
    found = true;
    upto = batches.position();
    slice.next_offset = header.next_offset();
    slice.next_position = position + upto;
  }
  slice.batches = bytes.slice(from, upto - from);
  slice.reached_end = !found && !held_back && batches.remaining() == 0;
  return slice;
}

rt::Task<Result<std::uint64_t>> start_position(LogState& log, SegmentRef segment,
                                               base::Offset offset) {
  for (const ReadCursor& cursor : log.cursors) {
    if (cursor.offset == offset && cursor.segment_base == segment->base_offset) {
      co_return cursor.position;
    }
  }
  co_return co_await position_for(log, segment, offset);
}

rt::Task<Result<Slice>> read_segment(LogState& log, SegmentRef segment, ReadRequest request) {
  std::uint64_t position = CO_TRY(co_await start_position(log, segment, request.from));
  const rt::FileRef file = CO_TRY(co_await open_segment(log, segment));
  std::size_t wanted = std::min(request.bytes_max, kDiskReadBytesMax) + kIndexSlackBytes;
  for (;;) {
    if (position >= segment->written) {
      co_return Slice{.next_offset = request.from, .next_position = position, .reached_end = true};
    }
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(wanted, segment->written - position));
    base::ByteBuffer buffer(size);
    const auto count =
        co_await log.store->loop->disk().read_at(file, position, buffer.extend(size));
    if (!count) co_return io_error("read", file->path(), count.error());
    buffer.shrink(*count);
    auto slice = cut_batches(buffer.freeze(), position, request);
    if (!slice) {
      log.store->loop->mark("damaged segment");
      co_return error(ErrorCode::kCorruptMessage,
                      "log file " + file->path() + " is damaged at " + slice.error());
    }
    const bool again =
        slice->wanted > 0 || (slice->reached_end && slice->next_position < segment->written);
    if (!again) co_return std::move(*slice);
    if (slice->wanted > segment->written - slice->next_position || *count < size) {
      co_return error(ErrorCode::kCorruptMessage, "log file " + file->path() +
                                                      " ends within a batch at byte " +
                                                      std::to_string(slice->next_position));
    }
    position = slice->next_position;
    wanted = std::max(wanted, slice->wanted);
  }
}

}  // namespace

std::optional<Result<ReadResult>> read_from_tail(const LogState& log, const ReadRequest& request) {
  if (request.from < log.log_start || request.from > log.end) {
    return std::unexpected(out_of_range(log, request.from));
  }
  ReadResult result{.next_offset = request.from, .from_cache = true};
  if (request.from >= request.upto || request.from == log.end) return result;
  const LogTail& tail = log.tail();
  if (tail.empty() || request.from < tail.front().base_offset) return std::nullopt;
  for (std::uint64_t number = find_in_tail(tail, request.from); number < tail.end_number();
       ++number) {
    const TailBatch& batch = tail.at(number);
    if (batch.last_offset >= request.upto) break;
    const bool first = result.batches.empty() && request.at_least_one_batch;
    if (result.batches.size() + batch.size() > request.bytes_max && !first) break;
    result.batches.append(batch.header);
    result.batches.append(batch.body);
    result.next_offset = batch.last_offset + 1;
  }
  ++log.store->stats.reads_cached;
  return result;
}

rt::Task<Result<ReadResult>> read_from_disk(LogState& log, ReadRequest request) {
  for (;;) {
    if (auto cached = read_from_tail(log, request); cached.has_value())
      co_return std::move(*cached);
    SegmentRef segment = log.segment_for(request.from);
    if (segment == nullptr) segment = log.segments.front();
    const std::uint64_t truncations = log.truncations;
    const auto slice = co_await read_segment(log, segment, request);
    if (truncations != log.truncations || segment->deleted) continue;  // Look again.
    if (!slice) co_return std::unexpected(slice.error());
    ++log.store->stats.reads_disk;
    if (slice->reached_end) {
      // Compaction took the rest of this segment, or all of it: go on with the next one.
      const auto above =
          std::ranges::upper_bound(log.segments, segment->base_offset, {}, &Segment::base_offset);
      if (above == log.segments.end()) co_return ReadResult{.next_offset = request.from};
      request.from = std::max(request.from, (*above)->base_offset);
      continue;
    }
    log.remember_cursor({.offset = slice->next_offset,
                         .segment_base = segment->base_offset,
                         .position = slice->next_position});
    ReadResult result{.next_offset = slice->next_offset};
    result.batches.append(slice->batches);
    co_return std::move(result);
  }
}

}  // namespace moldau::storage::internal
