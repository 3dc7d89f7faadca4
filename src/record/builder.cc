#include "record/builder.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "base/result.h"
#include "record/internal/record_codec.h"

namespace moldau::record {
namespace {

// Length, attributes, timestamp delta, offset delta, key size, value size, header count at their
// largest.
constexpr std::size_t kRecordOverheadMax = 5 + 1 + 10 + 5 + 5 + 5 + 5;

// Differences of timestamps wrap, as in Java: the reader's addition wraps back.
std::int64_t delta(base::Timestamp to, base::Timestamp from) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(to.value()) -
                                   static_cast<std::uint64_t>(from.value()));
}

bool fits_varint(std::size_t size) {
  return size <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
}

}  // namespace

BatchBuilder::BatchBuilder(const BuilderOptions& options) : options_(options) {
  ASSERT(options.size_max <= kBatchBytesMax);
  if (options.size_hint > 0) body_.reserve(std::min(options.size_hint, options.size_max));
}

Result<void> BatchBuilder::add(const NewRecord& record) {
  if (count_ == std::numeric_limits<std::int32_t>::max() || !fits_varint(record.headers.size())) {
    return fault(Error::kMessageTooLarge, "the batch has too many records");
  }
  const base::Timestamp base = count_ == 0 ? record.timestamp : base_timestamp_;
  const internal::RecordParts parts{
      .timestamp_delta = delta(record.timestamp, base),
      .offset_delta = count_,
      .key = record.key,
      .value = record.value,
      .header_count = static_cast<std::int32_t>(record.headers.size()),
      .headers = record.headers,
  };
  const std::size_t size = internal::encoded_size(parts);
  if (size > options_.size_max || this->size() > options_.size_max - size) {
    return fault(Error::kMessageTooLarge, "a record of " + std::to_string(size) +
                                              " bytes does not fit a batch of " +
                                              std::to_string(options_.size_max) + " bytes");
  }
  internal::append_record(parts, body_);
  base_timestamp_ = base;
  max_timestamp_ = count_ == 0 ? record.timestamp : std::max(max_timestamp_, record.timestamp);
  ++count_;
  return {};
}

bool BatchBuilder::has_room(std::size_t key_and_value_bytes) const {
  const std::size_t needed = key_and_value_bytes + kRecordOverheadMax;
  return needed <= options_.size_max && size() <= options_.size_max - needed;
}

Result<StoredBatch> BatchBuilder::finish(CodecContexts& contexts) {
  BatchHeader header{
      .base_offset = options_.base_offset,
      .partition_leader_epoch = options_.leader_epoch,
      .attributes = BatchAttributes::of(options_.compression.codec),
      .last_offset_delta = std::max(count_ - 1, 0),
      .base_timestamp = base_timestamp_,
      .max_timestamp = max_timestamp_,
      .producer_id = options_.producer_id,
      .producer_epoch = options_.producer_epoch,
      .base_sequence = options_.base_sequence,
      .record_count = count_,
  };
  if (options_.timestamp_type == TimestampType::kLogAppendTime) {
    header.attributes.set_timestamp_type(TimestampType::kLogAppendTime);
    header.max_timestamp = options_.log_append_time;
  }
  if (options_.transactional) header.attributes.bits |= BatchAttributes::kTransactionalBit;
  if (options_.control) header.attributes.bits |= BatchAttributes::kControlBit;

  base::SharedBytes body;
  if (options_.compression.codec == Codec::kNone) {
    body = body_.freeze();
  } else {
    base::ByteBuffer packed;
    TRY(compress(options_.compression, body_.span(), contexts, packed));
    body = packed.freeze();
  }
  header.set_body_size(body.size());
  header.crc = checksum(header, body.span());
  return StoredBatch{.header = header, .body = std::move(body)};
}

}  // namespace moldau::record
