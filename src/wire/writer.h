// Writer builds a message in one growable block. Byte fields of kSplicedBytesMin and more are not
// copied: the result is a chain of block parts and of the caller's slices between them. The first
// error latches and finish() returns it. Lengths on the wire are int32: a message over
// kMessageBytesMax is an error. One owner, any loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/endian.h"
#include "base/uuid.h"
#include "base/varint.h"
#include "wire/unknown_tag.h"
#include "wire/wire_error.h"

namespace moldau::wire {

inline constexpr std::size_t kSplicedBytesMin = 1024;
inline constexpr std::size_t kMessageBytesMax = 0x7fffffff;

class Writer {
 public:
  Writer() = default;
  explicit Writer(std::size_t expected_bytes) : block_(expected_bytes) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  // Bytes so far, spliced ones included.
  [[nodiscard]] std::size_t size() const { return block_.size() + spliced_bytes_; }
  // Latches; only the first call counts.
  void fail(WireError error) {
    if (!error_) error_ = error;
  }
  // Everything written since construction or the last finish().
  [[nodiscard]] std::expected<base::ByteChain, WireError> finish();

  void boolean(bool value) { number(static_cast<std::int8_t>(value ? 1 : 0)); }
  void i8(std::int8_t value) { number(value); }
  void i16(std::int16_t value) { number(value); }
  void i32(std::int32_t value) { number(value); }
  void i64(std::int64_t value) { number(value); }
  void u16(std::uint16_t value) { number(value); }
  void u32(std::uint32_t value) { number(value); }
  void f64(double value);
  void uuid(const base::Uuid& value) {
    number(value.msb);
    number(value.lsb);
  }
  void uvarint(std::uint64_t value);
  void varint(std::int32_t value) { uvarint(base::zigzag(value)); }
  void varlong(std::int64_t value) { uvarint(base::zigzag(value)); }
  // Copied as they are.
  void raw(base::Bytes bytes) { block_.append(bytes); }
  // Shared when large enough.
  void shared(const base::SharedBytes& bytes);

  // Length-prefixed forms; `flexible` picks the compact prefix.
  void string(std::string_view text, bool flexible);
  void bytes(const base::SharedBytes& bytes, bool flexible);
  void records(const base::ByteChain& records, bool flexible);
  void array(std::size_t count, bool flexible);
  void null_string(bool flexible) { flexible ? uvarint(0) : i16(-1); }
  void null_bytes(bool flexible) { flexible ? uvarint(0) : i32(-1); }
  void null_array(bool flexible) { null_bytes(flexible); }

  // Unknown tags from `next` on that are below `limit`, the next tag the schema defines.
  void unknown_tags(const UnknownTags& tags, std::size_t& next, std::uint32_t limit);

  // Replaces four bytes written earlier with i32(); `at` counts unspliced bytes (see mark()).
  [[nodiscard]] std::size_t mark() const { return block_.size(); }
  void patch_i32(std::size_t at, std::int32_t value);

 private:
  struct Splice {
    std::size_t at;  // position in the block
    base::SharedBytes bytes;
  };

  template <class T>
  void number(T value) {
    base::store_be(block_.extend(sizeof(T)).data(), value);
  }
  void length(std::size_t size, bool flexible);

  base::ByteBuffer block_;
  std::vector<Splice> splices_;
  std::size_t spliced_bytes_ = 0;
  std::optional<WireError> error_;
};

}  // namespace moldau::wire
