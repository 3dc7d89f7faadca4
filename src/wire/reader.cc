#include "wire/reader.h"

#include <bit>
#include <utility>

#include "base/varint.h"

namespace moldau::wire {

void Reader::fail(WireError error) {
  if (error_) return;
  error_ = error;
  error_position_ = position();
  at_ = end_;
}

std::expected<void, WireError> Reader::done() {
  if (ok() && at_ != end_) fail(WireError::kTrailingBytes);
  return status();
}

double Reader::f64() { return std::bit_cast<double>(number<std::uint64_t>()); }

base::Uuid Reader::uuid() {
  const auto msb = number<std::uint64_t>();
  const auto lsb = number<std::uint64_t>();
  return {.msb = msb, .lsb = lsb};
}

namespace {

template <class T, std::size_t BytesMax>
T take_varint(std::optional<base::VarintRead<T>> (*read)(base::Bytes), Reader& in,
              const std::byte*& at, std::size_t left) {
  if (!in.ok()) return T{};
  const auto value = read({at, left});
  if (!value) {
    in.fail(left < BytesMax ? WireError::kTruncated : WireError::kBadVarint);
    return T{};
  }
  at += value->size;
  return value->value;
}

}  // namespace

std::uint32_t Reader::long_uvarint() {
  return take_varint<std::uint32_t, base::kVarint32BytesMax>(base::read_unsigned_varint, *this, at_,
                                                             remaining());
}

std::int32_t Reader::varint() {
  return take_varint<std::int32_t, base::kVarint32BytesMax>(base::read_varint, *this, at_,
                                                            remaining());
}

std::int64_t Reader::varlong() {
  return take_varint<std::int64_t, base::kVarint64BytesMax>(base::read_varlong, *this, at_,
                                                            remaining());
}

base::SharedBytes Reader::bytes(std::size_t size) {
  if (size > remaining()) {
    fail(WireError::kTruncated);
    return {};
  }
  const std::size_t from = position();
  at_ += size;
  return frame_.slice(from, size);
}

std::string_view Reader::text(std::size_t size) {
  if (size > remaining()) {
    fail(WireError::kTruncated);
    return {};
  }
  const auto view = base::as_text({at_, size});
  at_ += size;
  return view;
}

std::optional<std::size_t> Reader::length(std::int64_t claimed, bool nullable) {
  if (!ok()) return std::nullopt;
  if (claimed < 0) {
    if (!nullable) fail(WireError::kUnexpectedNull);
    return std::nullopt;
  }
  if (static_cast<std::uint64_t>(claimed) > remaining()) {
    fail(WireError::kBadLength);
    return std::nullopt;
  }
  return static_cast<std::size_t>(claimed);
}

std::optional<std::string_view> Reader::string(bool flexible, bool nullable) {
  const std::int64_t claimed = flexible ? std::int64_t{uvarint()} - 1 : std::int64_t{i16()};
  if (claimed > static_cast<std::int64_t>(kStringBytesMax)) {
    fail(WireError::kBadLength);
    return std::nullopt;
  }
  const auto size = length(claimed, nullable);
  if (!size || !charge(*size)) return std::nullopt;
  return text(*size);
}

std::optional<base::SharedBytes> Reader::sized_bytes(bool flexible, bool nullable) {
  const std::int64_t claimed = flexible ? std::int64_t{uvarint()} - 1 : std::int64_t{i32()};
  const auto size = length(claimed, nullable);
  if (!size) return std::nullopt;
  return bytes(*size);
}

std::optional<std::size_t> Reader::array(bool flexible, bool nullable) {
  const std::int64_t claimed = flexible ? std::int64_t{uvarint()} - 1 : std::int64_t{i32()};
  const auto size = length(claimed, nullable);
  if (size && *size > kElementsMax) {
    fail(WireError::kTooManyElements);
    return std::nullopt;
  }
  return size;
}

std::uint32_t Reader::tag_count() {
  const std::uint32_t count = uvarint();
  if (count > kTagsMax) {
    fail(WireError::kTooManyElements);
    return 0;
  }
  return count;
}

Reader::Tag Reader::begin_tag() {
  const std::uint32_t number = uvarint();
  const std::uint32_t size = uvarint();
  if (ok() && size > remaining()) fail(WireError::kBadLength);
  return {.number = number, .end = ok() ? at_ + size : end_};
}

void Reader::unknown_tag(const Tag& tag, UnknownTags& into) {
  if (!charge(sizeof(UnknownTag))) return;
  into.push_back({.tag = tag.number, .bytes = bytes(static_cast<std::size_t>(tag.end - at_))});
}

}  // namespace moldau::wire
