// One record of format 2: length, attributes, timestamp delta, offset delta, key, value, headers;
// all numbers but the attributes are zigzag varints. parse_record() is the one place that knows
// this grammar; it runs over memory (MemoryCursor, the hot path) or over a decompressor whose
// window holds only a part of the record (internal/stream_cursor.h). It returns nullptr, or what is
// wrong as a literal, so that a good record costs no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/varint.h"
#include "record/builder.h"

namespace moldau::record::internal {

inline constexpr std::int32_t kNullSize = -1;

struct RecordFields {
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  std::int32_t key_size = kNullSize;
  std::int32_t value_size = kNullSize;
  std::int32_t header_count = 0;
  // Only from memory: where the parts are.
  const std::byte* key = nullptr;
  const std::byte* value = nullptr;
  const std::byte* headers = nullptr;
  const std::byte* end = nullptr;

  [[nodiscard]] bool has_key() const { return key_size >= 0; }
  [[nodiscard]] std::optional<base::Bytes> key_bytes() const {
    if (key_size < 0) return std::nullopt;
    return base::Bytes(key, static_cast<std::size_t>(key_size));
  }
  [[nodiscard]] std::optional<base::Bytes> value_bytes() const {
    if (value_size < 0) return std::nullopt;
    return base::Bytes(value, static_cast<std::size_t>(value_size));
  }
  [[nodiscard]] base::Bytes header_bytes() const { return {headers, end}; }
};

class MemoryCursor {
 public:
  MemoryCursor(const std::byte* at, const std::byte* end) : at_(at), end_(end) {}

  [[nodiscard]] const std::byte* at() const { return at_; }
  [[nodiscard]] const std::byte* end() const { return end_; }
  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }

  // Narrows to the next `size` bytes. False when fewer are there.
  [[nodiscard]] bool enter(std::size_t size) {
    if (size > remaining()) return false;
    end_ = at_ + size;
    return true;
  }
  [[nodiscard]] bool skip(std::size_t size) {
    if (size > remaining()) return false;
    at_ += size;
    return true;
  }
  // Almost all numbers in a record take one or two bytes.
  [[nodiscard, gnu::always_inline]] bool varint(std::int32_t& value) {
    if (remaining() >= 2) [[likely]] {
      const auto first = std::to_integer<std::uint32_t>(at_[0]);
      if (first < 0x80) {
        at_ += 1;
        value = base::unzigzag(first);
        return true;
      }
      const auto second = std::to_integer<std::uint32_t>(at_[1]);
      if (second < 0x80) {
        at_ += 2;
        value = base::unzigzag((first & 0x7F) | (second << 7));
        return true;
      }
    }
    const auto read = base::read_varint({at_, end_});
    if (!read) return false;
    at_ += read->size;
    value = read->value;
    return true;
  }
  [[nodiscard, gnu::always_inline]] bool varlong(std::int64_t& value) {
    if (remaining() >= 2) [[likely]] {
      const auto first = std::to_integer<std::uint64_t>(at_[0]);
      if (first < 0x80) {
        at_ += 1;
        value = base::unzigzag(first);
        return true;
      }
      const auto second = std::to_integer<std::uint64_t>(at_[1]);
      if (second < 0x80) {
        at_ += 2;
        value = base::unzigzag((first & 0x7F) | (second << 7));
        return true;
      }
    }
    const auto read = base::read_varlong({at_, end_});
    if (!read) return false;
    at_ += read->size;
    value = read->value;
    return true;
  }

 private:
  const std::byte* at_;
  const std::byte* end_;
};

// Skips a nullable run of bytes.
template <class Cursor>
[[nodiscard]] bool skip_sized(Cursor& in, std::int32_t size) {
  return size < 0 || in.skip(static_cast<std::size_t>(size));
}

template <class Cursor>
[[nodiscard]] const char* skip_headers(Cursor& in, std::int32_t count) {
  for (std::int32_t i = 0; i < count; ++i) {
    std::int32_t key_size = 0;
    std::int32_t value_size = 0;
    if (!in.varint(key_size)) return "a record header is cut off";
    if (key_size < 0) return "a record header has no key";
    if (!skip_sized(in, key_size) || !in.varint(value_size) || !skip_sized(in, value_size)) {
      return "a record header is longer than its record";
    }
  }
  return nullptr;
}

// What follows a record's length. `in` covers exactly the record.
template <class Cursor>
[[nodiscard, gnu::always_inline]] inline const char* parse_record_body(Cursor& in,
                                                                       RecordFields& fields) {
  if (!in.skip(1)) return "a record is empty";  // attributes: none are defined
  if (!in.varlong(fields.timestamp_delta) || !in.varint(fields.offset_delta)) {
    return "a record is cut off";
  }
  if (!in.varint(fields.key_size)) return "a record is cut off";
  fields.key = in.at();
  if (!skip_sized(in, fields.key_size)) return "a record's key is longer than the record";
  if (!in.varint(fields.value_size)) return "a record is cut off";
  fields.value = in.at();
  if (!skip_sized(in, fields.value_size)) return "a record's value is longer than the record";
  if (!in.varint(fields.header_count)) return "a record is cut off";
  if (fields.header_count < 0) return "a record has a negative number of headers";
  fields.headers = in.at();
  if (fields.header_count > 0) {
    const char* wrong = skip_headers(in, fields.header_count);
    if (wrong != nullptr) return wrong;
  }
  fields.end = in.at();
  return in.remaining() == 0 ? nullptr : "a record is longer than its fields";
}

// Parses the record at `at` and moves `at` behind it.
[[nodiscard, gnu::always_inline]] inline const char* parse_record(const std::byte*& at,
                                                                  const std::byte* end,
                                                                  RecordFields& fields) {
  MemoryCursor in(at, end);
  std::int32_t size = 0;
  if (!in.varint(size)) return "a record's length is cut off";
  if (size < 0 || !in.enter(static_cast<std::size_t>(size))) {
    return "a record is longer than its batch";
  }
  // The next record starts where the length says, not where the fields happened to end: both are
  // the same in a good record, but so the processor can start on the next one early.
  at = in.end();
  return parse_record_body(in, fields);
}

// Parts of a record to be written. Headers either as they are to be, or already encoded.
struct RecordParts {
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  std::optional<base::Bytes> key;
  std::optional<base::Bytes> value;
  std::int32_t header_count = 0;
  std::span<const NewHeader> headers;
  base::Bytes encoded_headers;
};

[[nodiscard]] std::size_t encoded_size(const RecordParts& parts);
void append_record(const RecordParts& parts, base::ByteBuffer& out);

}  // namespace moldau::record::internal
