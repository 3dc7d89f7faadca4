#include "record/reader.h"

#include <string>
#include <utility>

#include "base/result.h"
#include "record/internal/legacy.h"
#include "record/internal/record_codec.h"

namespace moldau::record {
namespace {

// Sums of untrusted numbers wrap, as in Java.
std::int64_t wrapping_sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

base::Timestamp timestamp_of(const BatchHeader& header, std::int64_t delta) {
  if (header.attributes.timestamp_type() == TimestampType::kLogAppendTime) {
    return header.max_timestamp;
  }
  return base::Timestamp(wrapping_sum(header.base_timestamp.value(), delta));
}

}  // namespace

std::vector<HeaderView> RecordView::headers() const {
  std::vector<HeaderView> result;
  internal::MemoryCursor in(header_bytes.data(), header_bytes.data() + header_bytes.size());
  for (std::int32_t i = 0; i < header_count; ++i) {
    std::int32_t key_size = 0;
    std::int32_t value_size = 0;
    // The reader has walked them already.
    ASSERT(in.varint(key_size));
    const base::Bytes name(in.at(), static_cast<std::size_t>(key_size));
    ASSERT(in.skip(name.size()));
    HeaderView header{.key = base::as_text(name), .value = std::nullopt};
    ASSERT(in.varint(value_size));
    if (value_size >= 0) {
      header.value = base::Bytes(in.at(), static_cast<std::size_t>(value_size));
      ASSERT(in.skip(header.value->size()));
    }
    result.push_back(header);
  }
  return result;
}

Result<RecordReader> RecordReader::open(const BatchView& batch, CodecContexts& contexts,
                                        std::size_t decompressed_bytes_max) {
  if (batch.magic() != kMagic2) return open_legacy(batch, contexts, decompressed_bytes_max);
  return open_body(batch.header(), batch.body(), contexts, decompressed_bytes_max);
}

Result<RecordReader> RecordReader::open(const StoredBatch& batch, CodecContexts& contexts,
                                        std::size_t decompressed_bytes_max) {
  return open_body(batch.header, batch.body, contexts, decompressed_bytes_max);
}

Result<RecordReader> RecordReader::open_body(const BatchHeader& header,
                                             const base::SharedBytes& body, CodecContexts& contexts,
                                             std::size_t bytes_max) {
  if (!header.attributes.known_codec()) {
    return fault(Error::kUnsupportedCompressionType,
                 "unknown compression codec " + std::to_string(header.attributes.codec_id()));
  }
  // An empty batch that compaction left may keep its codec bits.
  if (!header.attributes.compressed() || header.record_count == 0) {
    return RecordReader(header, body);
  }
  auto records =
      TRY(decompress(header.attributes.codec(), body.span(), contexts, {.bytes_max = bytes_max}));
  return RecordReader(header, std::move(records));
}

Result<RecordReader> RecordReader::open_legacy(const BatchView& batch, CodecContexts& contexts,
                                               std::size_t bytes_max) {
  auto set = TRY(internal::open_legacy_set(batch, contexts, bytes_max));
  RecordReader reader(batch.header(), std::move(set.entries));
  reader.legacy_offset_base_ = set.offset_base;
  return reader;
}

Result<bool> RecordReader::next_legacy(RecordView& record) {
  if (position_ == records_.size()) return false;
  const auto entry = TRY(internal::parse_legacy_entry(records_.span().subspan(position_)));
  position_ += entry.size;
  record = {
      .offset = base::Offset(wrapping_sum(entry.offset.value(), legacy_offset_base_)),
      .timestamp =
          header_.magic == 1 && header_.attributes.timestamp_type() == TimestampType::kLogAppendTime
              ? header_.max_timestamp
              : entry.timestamp,
      .key = entry.key,
      .value = entry.value,
      .size = entry.size,
  };
  return true;
}

Result<bool> RecordReader::next(RecordView& record) {
  if (header_.magic != kMagic2) return next_legacy(record);
  if (read_ == header_.record_count) {
    if (position_ != records_.size() && header_.record_count > 0) {
      return fault(Error::kInvalidRecord, "the batch is longer than its records");
    }
    return false;
  }
  const std::byte* const start = records_.data() + position_;
  const std::byte* at = start;
  internal::RecordFields fields;
  const char* wrong = internal::parse_record(at, records_.data() + records_.size(), fields);
  if (wrong != nullptr) return fault(Error::kInvalidRecord, wrong);

  const auto size = static_cast<std::size_t>(at - start);
  record = {
      .offset = base::Offset(wrapping_sum(header_.base_offset.value(), fields.offset_delta)),
      .timestamp = timestamp_of(header_, fields.timestamp_delta),
      .sequence = header_.base_sequence < base::Sequence(0)
                      ? base::kNoSequence
                      : next_sequence(header_.base_sequence, fields.offset_delta),
      .key = fields.key_bytes(),
      .value = fields.value_bytes(),
      .header_count = fields.header_count,
      .header_bytes = fields.header_bytes(),
      .size = size,
  };
  position_ += size;
  ++read_;
  return true;
}

base::SharedBytes RecordReader::share(base::Bytes part) const {
  if (part.empty()) return {};
  ASSERT(part.data() >= records_.data());
  const auto from = static_cast<std::size_t>(part.data() - records_.data());
  return records_.slice(from, part.size());
}

Result<std::optional<OffsetAndTimestamp>> find_by_timestamp(const BatchView& batch,
                                                            base::Timestamp from,
                                                            base::Offset from_offset,
                                                            CodecContexts& contexts) {
  if (batch.header().max_timestamp < from) return std::nullopt;
  auto reader = TRY(RecordReader::open(batch, contexts));
  RecordView record;
  while (TRY(reader.next(record))) {
    if (record.timestamp >= from && record.offset >= from_offset) {
      return OffsetAndTimestamp{.offset = record.offset, .timestamp = record.timestamp};
    }
  }
  return std::nullopt;
}

Result<std::optional<OffsetAndTimestamp>> find_max_timestamp(const BatchView& batch,
                                                             CodecContexts& contexts) {
  if (batch.magic() == 0) return std::nullopt;
  auto reader = TRY(RecordReader::open(batch, contexts));
  RecordView record;
  while (TRY(reader.next(record))) {
    if (record.timestamp == batch.header().max_timestamp) {
      return OffsetAndTimestamp{.offset = record.offset, .timestamp = record.timestamp};
    }
  }
  return std::nullopt;
}

}  // namespace moldau::record
