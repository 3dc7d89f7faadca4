// Record batches as they lie in frames and logs. A batch of format 2 (magic 2) is a 61-byte header
// and a body of records. BatchHeader is that header as a value: the leader sets base_offset and
// partition_leader_epoch, which the checksum does not cover; everything from the attributes on it
// does. StoredBatch is what gets appended: a header value and a slice of the frame the body came
// in. BatchView is a batch inside bytes that somebody else holds (also formats 0 and 1, which old
// logs contain and which are only read). Bytes are never trusted: lengths are checked against what
// is there, and a view exists only for a batch that is whole; its checksum is checked on request.
// Source: clients/.../common/record/internal/{DefaultRecordBatch,ByteBufferLogInputStream}.java,
// KIP-98, KIP-32. Value types; any loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "record/error.h"

namespace moldau::record {

// Sizes and positions of the format (frozen).
inline constexpr std::size_t kBatchHeaderBytes = 61;
inline constexpr std::size_t kLogOverheadBytes = 12;  // base offset and length: not counted in it
inline constexpr std::size_t kMagicPosition = 16;
inline constexpr std::size_t kCrcPosition = 17;
inline constexpr std::size_t kAttributesPosition = 21;
inline constexpr std::size_t kHeaderToMagicBytes = 17;  // enough to tell size and format
inline constexpr std::int8_t kMagic2 = 2;
inline constexpr std::size_t kLegacyMessageBytesMin = 14;  // an empty message of format 0

// No batch is larger: `length` is a signed 32-bit number.
inline constexpr std::size_t kBatchBytesMax = 0x7FFFFFFF;

enum class Codec : std::uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };
inline constexpr std::uint8_t kCodecMax = 4;
[[nodiscard]] std::string_view to_string(Codec codec);

enum class TimestampType : std::uint8_t { kCreateTime = 0, kLogAppendTime = 1 };

// The attribute bits of a batch. Bits that no version defines are kept as they came, except in a
// batch that is built anew.
struct BatchAttributes {
  static constexpr std::uint16_t kCodecMask = 0x07;
  static constexpr std::uint16_t kTimestampTypeBit = 0x08;
  static constexpr std::uint16_t kTransactionalBit = 0x10;
  static constexpr std::uint16_t kControlBit = 0x20;
  static constexpr std::uint16_t kDeleteHorizonBit = 0x40;

  std::uint16_t bits = 0;

  [[nodiscard]] static constexpr BatchAttributes of(Codec codec) {
    return {static_cast<std::uint16_t>(codec)};
  }
  [[nodiscard]] constexpr std::uint8_t codec_id() const {
    return static_cast<std::uint8_t>(bits & kCodecMask);
  }
  [[nodiscard]] constexpr bool known_codec() const { return codec_id() <= kCodecMax; }
  // Only for a known codec.
  [[nodiscard]] constexpr Codec codec() const {
    ASSERT(known_codec());
    return static_cast<Codec>(codec_id());
  }
  [[nodiscard]] constexpr bool compressed() const { return codec_id() != 0; }
  [[nodiscard]] constexpr TimestampType timestamp_type() const {
    return (bits & kTimestampTypeBit) != 0 ? TimestampType::kLogAppendTime
                                           : TimestampType::kCreateTime;
  }
  [[nodiscard]] constexpr bool transactional() const { return (bits & kTransactionalBit) != 0; }
  [[nodiscard]] constexpr bool control() const { return (bits & kControlBit) != 0; }
  // Set by compaction: base_timestamp then is the time at which tombstones may go.
  [[nodiscard]] constexpr bool delete_horizon() const { return (bits & kDeleteHorizonBit) != 0; }
  // Only what a batch of records just produced may say: neither undefined bits nor a horizon.
  constexpr void keep_produced() {
    bits = static_cast<std::uint16_t>(
        bits & (kCodecMask | kTimestampTypeBit | kTransactionalBit | kControlBit));
  }
  constexpr void set_codec(Codec codec) {
    bits = static_cast<std::uint16_t>((bits & ~kCodecMask) | static_cast<std::uint16_t>(codec));
  }
  constexpr void set_timestamp_type(TimestampType type) {
    bits = static_cast<std::uint16_t>(bits & ~kTimestampTypeBit);
    if (type == TimestampType::kLogAppendTime) bits |= kTimestampTypeBit;
  }
  friend constexpr bool operator==(BatchAttributes, BatchAttributes) = default;
};

// The sequence number `by` records after `from`: wraps at 2^31 - 1 back to 0.
[[nodiscard]] constexpr base::Sequence next_sequence(base::Sequence from, std::int32_t by) {
  return base::Sequence(static_cast<std::int32_t>(
      (static_cast<std::uint32_t>(from.value()) + static_cast<std::uint32_t>(by)) & 0x7FFFFFFFU));
}

// Fields in the order of the bytes. For a batch of format 0 or 1 that BatchView reads, base_offset
// is the offset of its last record, last_offset_delta is 0, producer and epoch fields are -1 and
// record_count is 1, or 0 (unknown) when it is compressed.
struct BatchHeader {
  base::Offset base_offset{0};
  std::int32_t length = 0;  // bytes after this field
  base::LeaderEpoch partition_leader_epoch{-1};
  std::int8_t magic = kMagic2;
  std::uint32_t crc = 0;
  BatchAttributes attributes;
  std::int32_t last_offset_delta = 0;
  base::Timestamp base_timestamp{-1};
  base::Timestamp max_timestamp{-1};
  base::ProducerId producer_id{-1};
  base::ProducerEpoch producer_epoch{-1};
  base::Sequence base_sequence{-1};
  std::int32_t record_count = 0;

  // Size of the whole batch: header and body.
  [[nodiscard]] std::size_t size() const {
    return kLogOverheadBytes + static_cast<std::size_t>(length);
  }
  [[nodiscard]] std::size_t body_size() const { return size() - kBatchHeaderBytes; }
  // Sets the length for a body of so many bytes.
  void set_body_size(std::size_t bytes) {
    length = static_cast<std::int32_t>(kBatchHeaderBytes - kLogOverheadBytes + bytes);
  }
  [[nodiscard]] base::Offset last_offset() const { return base_offset + last_offset_delta; }
  [[nodiscard]] base::Offset next_offset() const { return last_offset() + 1; }
  [[nodiscard]] bool has_producer_id() const { return producer_id > base::kNoProducerId; }
  [[nodiscard]] base::Sequence last_sequence() const {
    return base_sequence == base::kNoSequence ? base::kNoSequence
                                              : next_sequence(base_sequence, last_offset_delta);
  }
  // The time at which tombstones of a compacted batch may go, if compaction has set one.
  [[nodiscard]] std::optional<base::Timestamp> delete_horizon() const {
    if (!attributes.delete_horizon()) return std::nullopt;
    return base_timestamp;
  }
  friend bool operator==(const BatchHeader&, const BatchHeader&) = default;
};

using HeaderBytes = std::array<std::byte, kBatchHeaderBytes>;

// The header of format 2 as bytes.
void write_header(const BatchHeader& header, std::byte* to);
[[nodiscard]] HeaderBytes to_bytes(const BatchHeader& header);

// Reads a header of format 2 from at least 61 bytes; the body may be elsewhere. Checks magic, that
// the length covers a header, that the offset range is not negative and the count not either.
[[nodiscard]] Result<BatchHeader> parse_header(base::Bytes bytes);

// The checksum of a batch: over the header from the attributes on, and the body.
[[nodiscard]] std::uint32_t checksum(const BatchHeader& header, base::Bytes body);

// Size of the batch that starts at `bytes`, from its first 17 bytes: nothing when fewer are there,
// a fault when length or magic cannot be right. The batch may extend past `bytes`.
[[nodiscard]] Result<std::optional<std::size_t>> peek_batch_size(base::Bytes bytes);

struct StoredBatch {
  BatchHeader header;
  base::SharedBytes body;

  [[nodiscard]] std::size_t size() const { return kBatchHeaderBytes + body.size(); }
  // Gives the batch its place in the log. Leaves the checksum valid.
  void assign(base::Offset base_offset, base::LeaderEpoch leader_epoch) {
    header.base_offset = base_offset;
    header.partition_leader_epoch = leader_epoch;
  }
  // Header bytes (copied) and the body slice (shared).
  void append_to(base::ByteChain& chain) const;
  // One block with header and body.
  [[nodiscard]] base::SharedBytes flatten() const;
};

class BatchView {
 public:
  // A view of the batch that `bytes` starts with; bytes after it are left out. Fails when the batch
  // is not whole or its header cannot be right. Does not read the body.
  [[nodiscard]] static Result<BatchView> parse(const base::SharedBytes& bytes);

  [[nodiscard]] const BatchHeader& header() const [[clang::lifetimebound]] { return header_; }
  [[nodiscard]] std::int8_t magic() const { return header_.magic; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  // The whole batch.
  [[nodiscard]] const base::SharedBytes& bytes() const [[clang::lifetimebound]] { return bytes_; }
  // Format 2: the records. Formats 0 and 1: the message from its CRC on.
  [[nodiscard]] base::SharedBytes body() const;
  // Computes and compares the checksum (of the message for formats 0 and 1).
  [[nodiscard]] Result<void> check_crc() const;
  // Only for format 2.
  [[nodiscard]] StoredBatch stored() const;

 private:
  BatchView(BatchHeader header, base::SharedBytes bytes)
      : header_(header), bytes_(std::move(bytes)) {}

  BatchHeader header_;
  base::SharedBytes bytes_;
};

// Walks the batches of a byte range: a produced partition, a fetch answer, a part of a segment.
class BatchIterator {
 public:
  explicit BatchIterator(base::SharedBytes bytes) : bytes_(std::move(bytes)) {}

  // The next batch; nothing at the end, also when what is left is only a part of a batch (then
  // position() is before the end). After a fault it stays at the bad batch.
  [[nodiscard]] Result<std::optional<BatchView>> next();

  // Where the next batch starts: everything before was whole.
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t remaining() const { return bytes_.size() - position_; }

 private:
  base::SharedBytes bytes_;
  std::size_t position_ = 0;
};

}  // namespace moldau::record
