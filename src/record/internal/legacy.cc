#include "record/internal/legacy.h"

#include <utility>

#include <zlib.h>

#include "base/endian.h"
#include "base/result.h"

namespace moldau::record::internal {
namespace {

constexpr std::size_t kCrcAt = 12;
constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kAttributesAt = 17;
constexpr std::size_t kTimestampAt = 18;
constexpr std::size_t kKeyAt0 = 18;
constexpr std::size_t kKeyAt1 = 26;
constexpr std::uint16_t kAttributesMask = 0x0F;

// A nullable byte string with a 32-bit length; moves `rest` behind it.
Result<std::optional<base::Bytes>> take_sized(base::Bytes& rest) {
  if (rest.size() < sizeof(std::int32_t)) {
    return fault(Error::kInvalidRecord, "a message is cut off");
  }
  const auto size = base::load_be<std::int32_t>(rest.data());
  rest = rest.subspan(sizeof(std::int32_t));
  if (size < 0) return std::nullopt;
  if (static_cast<std::size_t>(size) > rest.size()) {
    return fault(Error::kInvalidRecord, "a key or value is longer than its message");
  }
  const base::Bytes bytes = rest.first(static_cast<std::size_t>(size));
  rest = rest.subspan(bytes.size());
  return bytes;
}

}  // namespace

Result<LegacyEntry> parse_legacy_entry(base::Bytes bytes) {
  const auto size = TRY(peek_batch_size(bytes));
  if (!size || *size > bytes.size()) return fault(Error::kInvalidRecord, "a message is cut off");
  bytes = bytes.first(*size);
  const auto magic = base::load_be<std::int8_t>(bytes.data() + kMagicAt);
  if (magic == kMagic2) return fault(Error::kInvalidRecord, "a message set holds a record batch");

  const base::Bytes checked = bytes.subspan(kMagicAt);
  const auto crc = static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(checked.data()), checked.size()));
  if (crc != base::load_be<std::uint32_t>(bytes.data() + kCrcAt)) {
    return fault(Error::kCorruptMessage, "a message's checksum is wrong");
  }
  const auto attributes = base::load_be<std::uint8_t>(bytes.data() + kAttributesAt);
  LegacyEntry entry{
      .offset = base::Offset(base::load_be<std::int64_t>(bytes.data())),
      .attributes = {static_cast<std::uint16_t>(attributes & kAttributesMask)},
      .size = *size,
  };
  if (entry.offset < base::Offset(0)) {
    return fault(Error::kInvalidRecord, "a message has a negative offset");
  }
  if (magic == 1) {
    entry.timestamp = base::Timestamp(base::load_be<std::int64_t>(bytes.data() + kTimestampAt));
  }
  base::Bytes rest = bytes.subspan(magic == 0 ? kKeyAt0 : kKeyAt1);
  entry.key = TRY(take_sized(rest));
  entry.value = TRY(take_sized(rest));
  return entry;
}

Result<LegacySet> open_legacy_set(const BatchView& batch, CodecContexts& contexts,
                                  std::size_t bytes_max) {
  const LegacyEntry wrapper = TRY(parse_legacy_entry(batch.bytes().span()));
  if (!wrapper.attributes.compressed()) return LegacySet{.entries = batch.bytes()};
  if (!wrapper.attributes.known_codec() || wrapper.attributes.codec() == Codec::kZstd) {
    return fault(Error::kUnsupportedCompressionType, "a message set has an unknown codec");
  }
  if (!wrapper.value) return fault(Error::kInvalidRecord, "a compressed message has no value");
  auto entries =
      TRY(decompress(wrapper.attributes.codec(), *wrapper.value, contexts,
                     {.bytes_max = bytes_max, .ignore_lz4_header_checksum = batch.magic() == 0}));

  std::size_t position = 0;
  std::optional<base::Offset> last;
  while (position < entries.size()) {
    const LegacyEntry entry = TRY(parse_legacy_entry(entries.span().subspan(position)));
    if (entry.attributes.compressed()) {
      return fault(Error::kInvalidRecord, "a message inside a compressed one is compressed too");
    }
    last = entry.offset;
    position += entry.size;
  }
  if (!last) return fault(Error::kInvalidRecord, "a compressed message holds no messages");
  // Some producers left 0 as the wrapper's offset: then the inner ones are final.
  if (batch.magic() == 0 || wrapper.offset == base::Offset(0)) {
    return LegacySet{.entries = std::move(entries)};
  }
  if (wrapper.offset < *last) {
    return fault(Error::kInvalidRecord,
                 "a compressed message's offset is below its last message's");
  }
  return LegacySet{.entries = std::move(entries), .offset_base = wrapper.offset - *last};
}

}  // namespace moldau::record::internal
