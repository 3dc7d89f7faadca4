// Sizer has the Writer's face and only counts. The generated encoders are templates over both, so
// encoded_size() cannot disagree with encode(). One owner, any loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/uuid.h"
#include "base/varint.h"
#include "wire/unknown_tag.h"
#include "wire/wire_error.h"

namespace moldau::wire::internal {

class Sizer {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  // The Writer reports errors; a size before one has no use.
  void fail(WireError) {}

  void boolean(bool) { size_ += 1; }
  void i8(std::int8_t) { size_ += 1; }
  void i16(std::int16_t) { size_ += 2; }
  void i32(std::int32_t) { size_ += 4; }
  void i64(std::int64_t) { size_ += 8; }
  void u16(std::uint16_t) { size_ += 2; }
  void u32(std::uint32_t) { size_ += 4; }
  void f64(double) { size_ += 8; }
  void uuid(const base::Uuid&) { size_ += 16; }
  void uvarint(std::uint64_t value) { size_ += base::unsigned_varint_size(value); }

  void string(std::string_view text, bool flexible) {
    size_ += text.size() + (flexible ? base::unsigned_varint_size(text.size() + 1) : 2);
  }
  void bytes(const base::SharedBytes& bytes, bool flexible) { sized(bytes.size(), flexible); }
  void records(const base::ByteChain& records, bool flexible) { sized(records.size(), flexible); }
  void array(std::size_t count, bool flexible) {
    size_ += flexible ? base::unsigned_varint_size(count + 1) : 4;
  }
  void null_string(bool flexible) { size_ += flexible ? 1 : 2; }
  void null_bytes(bool flexible) { size_ += flexible ? 1 : 4; }
  void null_array(bool flexible) { null_bytes(flexible); }

  void unknown_tags(const UnknownTags& tags, std::size_t& next, std::uint32_t limit) {
    for (; next < tags.size() && tags[next].tag < limit; ++next) {
      uvarint(tags[next].tag);
      uvarint(tags[next].bytes.size());
      size_ += tags[next].bytes.size();
    }
  }

 private:
  void sized(std::size_t size, bool flexible) {
    size_ += size + (flexible ? base::unsigned_varint_size(size + 1) : 4);
  }

  std::size_t size_ = 0;
};

}  // namespace moldau::wire::internal
