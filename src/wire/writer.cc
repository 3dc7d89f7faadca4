#include "wire/writer.h"

#include <array>
#include <bit>
#include <utility>

#include "base/assert.h"
#include "wire/reader.h"

namespace moldau::wire {

std::expected<base::ByteChain, WireError> Writer::finish() {
  if (size() > kMessageBytesMax) fail(WireError::kTooLarge);
  const auto splices = std::exchange(splices_, {});
  const auto error = std::exchange(error_, {});
  spliced_bytes_ = 0;
  const base::SharedBytes block = block_.freeze();
  if (error) return std::unexpected(*error);
  base::ByteChain chain;
  std::size_t from = 0;
  for (const auto& splice : splices) {
    chain.append(block.slice(from, splice.at - from));
    chain.append(splice.bytes);
    from = splice.at;
  }
  chain.append(block.slice(from));
  return chain;
}

void Writer::f64(double value) { number(std::bit_cast<std::uint64_t>(value)); }

void Writer::uvarint(std::uint64_t value) {
  if (value < 0x80) [[likely]] {
    number(static_cast<std::uint8_t>(value));
    return;
  }
  std::array<std::byte, base::kVarint64BytesMax> buffer{};
  const std::size_t size = base::write_unsigned_varint(buffer.data(), value);
  raw({buffer.data(), size});
}

void Writer::shared(const base::SharedBytes& bytes) {
  if (bytes.size() < kSplicedBytesMin) {
    raw(bytes.span());
    return;
  }
  spliced_bytes_ += bytes.size();
  splices_.push_back({.at = block_.size(), .bytes = bytes});
}

void Writer::length(std::size_t size, bool flexible) {
  if (size > kMessageBytesMax) {
    fail(WireError::kTooLarge);
    return;
  }
  flexible ? uvarint(size + 1) : i32(static_cast<std::int32_t>(size));
}

void Writer::string(std::string_view text, bool flexible) {
  if (text.size() > kStringBytesMax) {
    fail(WireError::kStringTooLong);
    return;
  }
  flexible ? uvarint(text.size() + 1) : i16(static_cast<std::int16_t>(text.size()));
  raw(base::as_bytes(text));
}

void Writer::bytes(const base::SharedBytes& bytes, bool flexible) {
  length(bytes.size(), flexible);
  shared(bytes);
}

void Writer::records(const base::ByteChain& records, bool flexible) {
  length(records.size(), flexible);
  for (const auto& part : records.parts()) shared(part);
}

void Writer::array(std::size_t count, bool flexible) { length(count, flexible); }

void Writer::unknown_tags(const UnknownTags& tags, std::size_t& next, std::uint32_t limit) {
  for (; next < tags.size() && tags[next].tag < limit; ++next) {
    const UnknownTag& tag = tags[next];
    if (next > 0 && tags[next - 1].tag >= tag.tag) fail(WireError::kTagOrder);
    uvarint(tag.tag);
    uvarint(tag.bytes.size());
    shared(tag.bytes);
  }
  if (next < tags.size() && tags[next].tag == limit) fail(WireError::kTagOrder);
}

void Writer::patch_i32(std::size_t at, std::int32_t value) {
  const auto block = block_.mutable_span();
  ASSERT(at + sizeof value <= block.size());
  base::store_be(block.data() + at, value);
}

}  // namespace moldau::wire
