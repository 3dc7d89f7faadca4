#include "record/batch.h"

#include <limits>
#include <string>
#include <utility>

#include <zlib.h>

#include "base/crc32c.h"
#include "base/endian.h"
#include "base/result.h"
#include "record/internal/header_codec.h"

namespace moldau::record {
namespace {

using base::load_be;
using base::store_be;

// Positions of the fields (frozen).
constexpr std::size_t kLengthAt = 8;
constexpr std::size_t kLeaderEpochAt = 12;
constexpr std::size_t kLastOffsetDeltaAt = 23;
constexpr std::size_t kBaseTimestampAt = 27;
constexpr std::size_t kMaxTimestampAt = 35;
constexpr std::size_t kProducerIdAt = 43;
constexpr std::size_t kProducerEpochAt = 51;
constexpr std::size_t kBaseSequenceAt = 53;
constexpr std::size_t kRecordCountAt = 57;

// Formats 0 and 1: offset, size, CRC, magic, attributes, and with format 1 a timestamp.
constexpr std::size_t kLegacyCrcAt = 12;
constexpr std::size_t kLegacyAttributesAt = 17;
constexpr std::size_t kLegacyTimestampAt = 18;
constexpr std::size_t kLegacy1MessageBytesMin = 22;
constexpr std::uint16_t kLegacyAttributesMask = 0x0F;

std::size_t length_min(std::int8_t magic) {
  if (magic == kMagic2) return kBatchHeaderBytes - kLogOverheadBytes;
  return magic == 1 ? kLegacy1MessageBytesMin : kLegacyMessageBytesMin;
}

BatchHeader read_legacy_header(base::Bytes bytes) {
  const std::byte* from = bytes.data();
  const auto magic = load_be<std::int8_t>(from + kMagicPosition);
  const auto attributes = load_be<std::uint8_t>(from + kLegacyAttributesAt);
  BatchHeader header{
      .base_offset = base::Offset(load_be<std::int64_t>(from)),
      .length = load_be<std::int32_t>(from + kLengthAt),
      .magic = magic,
      .crc = load_be<std::uint32_t>(from + kLegacyCrcAt),
      .attributes = {static_cast<std::uint16_t>(attributes & kLegacyAttributesMask)},
  };
  if (magic == 1) {
    header.base_timestamp = base::Timestamp(load_be<std::int64_t>(from + kLegacyTimestampAt));
    header.max_timestamp = header.base_timestamp;
  } else {
    header.attributes.set_timestamp_type(TimestampType::kCreateTime);
  }
  header.record_count = header.attributes.compressed() ? 0 : 1;
  return header;
}

// The part of the header that the checksum covers.
base::Bytes checked_part(const HeaderBytes& bytes) {
  return base::Bytes(bytes).subspan(kAttributesPosition);
}

}  // namespace

namespace internal {

BatchHeader read_header(base::Bytes bytes) {
  ASSERT(bytes.size() >= kBatchHeaderBytes);
  const std::byte* from = bytes.data();
  return {
      .base_offset = base::Offset(load_be<std::int64_t>(from)),
      .length = load_be<std::int32_t>(from + kLengthAt),
      .partition_leader_epoch = base::LeaderEpoch(load_be<std::int32_t>(from + kLeaderEpochAt)),
      .magic = load_be<std::int8_t>(from + kMagicPosition),
      .crc = load_be<std::uint32_t>(from + kCrcPosition),
      .attributes = {load_be<std::uint16_t>(from + kAttributesPosition)},
      .last_offset_delta = load_be<std::int32_t>(from + kLastOffsetDeltaAt),
      .base_timestamp = base::Timestamp(load_be<std::int64_t>(from + kBaseTimestampAt)),
      .max_timestamp = base::Timestamp(load_be<std::int64_t>(from + kMaxTimestampAt)),
      .producer_id = base::ProducerId(load_be<std::int64_t>(from + kProducerIdAt)),
      .producer_epoch = base::ProducerEpoch(load_be<std::int16_t>(from + kProducerEpochAt)),
      .base_sequence = base::Sequence(load_be<std::int32_t>(from + kBaseSequenceAt)),
      .record_count = load_be<std::int32_t>(from + kRecordCountAt),
  };
}

Result<void> check_fields(const BatchHeader& header) {
  const std::int64_t base_offset = header.base_offset.value();
  if (base_offset < 0 || header.last_offset_delta < 0 ||
      base_offset > std::numeric_limits<std::int64_t>::max() - header.last_offset_delta - 1) {
    return fault(Error::kInvalidRecord, "batch has an invalid offset range: base offset " +
                                            std::to_string(base_offset) + ", last offset delta " +
                                            std::to_string(header.last_offset_delta));
  }
  if (header.record_count < 0) {
    return fault(Error::kInvalidRecord,
                 "batch has an invalid record count: " + std::to_string(header.record_count));
  }
  return {};
}

}  // namespace internal

std::string_view to_string(Codec codec) {
  switch (codec) {
    case Codec::kNone:
      return "none";
    case Codec::kGzip:
      return "gzip";
    case Codec::kSnappy:
      return "snappy";
    case Codec::kLz4:
      return "lz4";
    case Codec::kZstd:
      return "zstd";
  }
  return "unknown";
}

void write_header(const BatchHeader& header, std::byte* to) {
  ASSERT(header.magic == kMagic2);
  store_be(to, header.base_offset.value());
  store_be(to + kLengthAt, header.length);
  store_be(to + kLeaderEpochAt, header.partition_leader_epoch.value());
  store_be(to + kMagicPosition, header.magic);
  store_be(to + kCrcPosition, header.crc);
  store_be(to + kAttributesPosition, header.attributes.bits);
  store_be(to + kLastOffsetDeltaAt, header.last_offset_delta);
  store_be(to + kBaseTimestampAt, header.base_timestamp.value());
  store_be(to + kMaxTimestampAt, header.max_timestamp.value());
  store_be(to + kProducerIdAt, header.producer_id.value());
  store_be(to + kProducerEpochAt, header.producer_epoch.value());
  store_be(to + kBaseSequenceAt, header.base_sequence.value());
  store_be(to + kRecordCountAt, header.record_count);
}

HeaderBytes to_bytes(const BatchHeader& header) {
  HeaderBytes bytes;
  write_header(header, bytes.data());
  return bytes;
}

Result<BatchHeader> parse_header(base::Bytes bytes) {
  if (bytes.size() < kBatchHeaderBytes) {
    return fault(Error::kCorruptMessage,
                 "batch header is cut off after " + std::to_string(bytes.size()) + " bytes");
  }
  TRY(peek_batch_size(bytes));
  const BatchHeader header = internal::read_header(bytes);
  if (header.magic != kMagic2) {
    return fault(Error::kUnsupportedForMessageFormat,
                 "batch has format " + std::to_string(header.magic) + ", not 2");
  }
  TRY(internal::check_fields(header));
  return header;
}

std::uint32_t checksum(const BatchHeader& header, base::Bytes body) {
  return base::crc32c(body, base::crc32c(checked_part(to_bytes(header))));
}

Result<std::optional<std::size_t>> peek_batch_size(base::Bytes bytes) {
  if (bytes.size() < kLogOverheadBytes) return std::nullopt;
  const auto length = load_be<std::int32_t>(bytes.data() + kLengthAt);
  if (length < static_cast<std::int32_t>(kLegacyMessageBytesMin) ||
      static_cast<std::size_t>(length) > kBatchBytesMax - kLogOverheadBytes) {
    return fault(Error::kCorruptMessage,
                 "batch has an impossible length: " + std::to_string(length));
  }
  if (bytes.size() < kHeaderToMagicBytes) return std::nullopt;
  const auto magic = load_be<std::int8_t>(bytes.data() + kMagicPosition);
  if (magic < 0 || magic > kMagic2) {
    return fault(Error::kCorruptMessage, "batch has an unknown format: " + std::to_string(magic));
  }
  if (static_cast<std::size_t>(length) < length_min(magic)) {
    return fault(Error::kCorruptMessage, "batch of format " + std::to_string(magic) +
                                             " is too short: length " + std::to_string(length));
  }
  return kLogOverheadBytes + static_cast<std::size_t>(length);
}

void StoredBatch::append_to(base::ByteChain& chain) const {
  base::ByteBuffer buffer(kBatchHeaderBytes);
  write_header(header, buffer.extend(kBatchHeaderBytes).data());
  chain.append(buffer.freeze());
  chain.append(body);
}

base::SharedBytes StoredBatch::flatten() const {
  base::ByteBuffer buffer(size());
  write_header(header, buffer.extend(kBatchHeaderBytes).data());
  buffer.append(body.span());
  return buffer.freeze();
}

Result<BatchView> BatchView::parse(const base::SharedBytes& bytes) {
  const auto size = TRY(peek_batch_size(bytes.span()));
  if (!size || *size > bytes.size()) {
    return fault(Error::kCorruptMessage,
                 "batch is cut off after " + std::to_string(bytes.size()) + " bytes");
  }
  const base::Bytes whole = bytes.span().first(*size);
  const auto magic = load_be<std::int8_t>(whole.data() + kMagicPosition);
  const BatchHeader header =
      magic == kMagic2 ? internal::read_header(whole) : read_legacy_header(whole);
  TRY(internal::check_fields(header));
  return BatchView(header, bytes.slice(0, *size));
}

base::SharedBytes BatchView::body() const {
  return bytes_.slice(magic() == kMagic2 ? kBatchHeaderBytes : kLegacyCrcAt);
}

Result<void> BatchView::check_crc() const {
  const base::Bytes bytes = bytes_.span();
  std::uint32_t computed = 0;
  if (magic() == kMagic2) {
    computed = base::crc32c(bytes.subspan(kAttributesPosition));
  } else {
    const base::Bytes message = bytes.subspan(kMagicPosition);
    computed = static_cast<std::uint32_t>(
        crc32_z(0, reinterpret_cast<const unsigned char*>(message.data()), message.size()));
  }
  if (computed == header_.crc) return {};
  return fault(Error::kCorruptMessage, "batch is corrupt: stored checksum " +
                                           std::to_string(header_.crc) + ", computed " +
                                           std::to_string(computed));
}

StoredBatch BatchView::stored() const {
  ASSERT(magic() == kMagic2);
  return {.header = header_, .body = body()};
}

Result<std::optional<BatchView>> BatchIterator::next() {
  const base::SharedBytes rest = bytes_.slice(position_);
  const auto size = TRY(peek_batch_size(rest.span()));
  if (!size || *size > rest.size()) return std::nullopt;
  BatchView view = TRY(BatchView::parse(rest));
  position_ += *size;
  return std::optional<BatchView>(std::move(view));
}

}  // namespace moldau::record
