#include "storage/internal/segment_scan.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/result.h"
#include "rt/work.h"

namespace moldau::storage::internal {

namespace {

constexpr std::uint64_t kChunkBytes = std::uint64_t{1} << 20;

struct Chunk {
  std::vector<ScannedBatch> batches;
  std::uint64_t consumed = 0;
  std::uint64_t wanted = 0;  // bytes that the next batch needs, when it is not whole here
  std::string fault;
};

// `bytes` starts at `position` of the file.
Chunk parse_chunk(const base::SharedBytes& bytes, std::uint64_t position, std::uint64_t crc_from,
                  base::Offset offset_min) {
  Chunk chunk;
  record::BatchIterator batches(bytes);
  for (;;) {
    chunk.consumed = batches.position();
    const auto next = batches.next();
    if (!next) {
      chunk.fault = next.error().message;
      return chunk;
    }
    if (!next->has_value()) break;
    const record::BatchView& view = **next;
    ScannedBatch batch{.header = view.header(),
                       .position = position + chunk.consumed,
                       .size = view.size(),
                       .marker = std::nullopt};
    if (batch.header.base_offset < offset_min) {
      chunk.fault = "offset " + std::to_string(batch.header.base_offset.value()) + " after " +
                    std::to_string(offset_min.value() - 1);
      return chunk;
    }
    if (batch.position >= crc_from) {
      if (const auto checked = view.check_crc(); !checked) {
        chunk.fault = checked.error().message;
        return chunk;
      }
    }
    if (view.magic() == record::kMagic2 && batch.header.attributes.control()) {
      auto marker = record::read_end_txn(batch.header, view.body());
      if (marker) batch.marker = std::move(*marker);
    }
    offset_min = batch.header.next_offset();
    chunk.batches.push_back(std::move(batch));
  }
  if (batches.remaining() == 0) return chunk;
  const auto size = record::peek_batch_size(bytes.slice(chunk.consumed).span());
  if (!size) {
    chunk.fault = size.error().message;
  } else {
    chunk.wanted = size->value_or(record::kHeaderToMagicBytes);
  }
  return chunk;
}

}  // namespace

rt::Task<Result<ScanEnd>> scan_segment(rt::Loop& loop, rt::FileRef file, ScanOptions options,
                                       BatchVisitor& visitor) {
  std::uint64_t position = options.from;
  std::uint64_t chunk_bytes = kChunkBytes;
  base::Offset offset_min = options.offset_min;
  while (position < options.upto) {
    const auto asked = static_cast<std::size_t>(std::min(chunk_bytes, options.upto - position));
    base::ByteBuffer buffer(asked);
    const auto count = co_await loop.disk().read_at(file, position, buffer.extend(asked));
    if (!count) co_return io_error("read", file->path(), count.error());
    buffer.shrink(*count);
    if (*count < asked) options.upto = position + *count;  // The file ends here.
    base::SharedBytes bytes = buffer.freeze();
    const Chunk chunk = co_await rt::run_work(
        loop, [bytes = std::move(bytes), position, crc_from = options.crc_from, offset_min] {
          return parse_chunk(bytes, position, crc_from, offset_min);
        });
    for (const ScannedBatch& batch : chunk.batches) {
      if (!visitor.visit(batch)) co_return ScanEnd{.position = batch.position, .fault = {}};
      offset_min = batch.header.next_offset();
    }
    position += chunk.consumed;
    chunk_bytes = kChunkBytes;
    if (!chunk.fault.empty()) co_return ScanEnd{.position = position, .fault = chunk.fault};
    if (chunk.wanted == 0) continue;
    if (chunk.wanted > options.upto - position) {
      co_return ScanEnd{.position = position, .fault = "the last batch is cut short"};
    }
    chunk_bytes = std::max(kChunkBytes, chunk.wanted);
  }
  co_return ScanEnd{.position = position, .fault = {}};
}

}  // namespace moldau::storage::internal
