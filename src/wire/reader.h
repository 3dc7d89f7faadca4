// Reader takes Kafka's wire types from a frame. The first error latches: later reads yield zero and
// consume nothing, so a decoder reads straight on and checks once. Nothing is allocated in
// proportion to a claimed length before it is checked against what is left; containers grow as
// their elements decode, under a budget of decoded bytes. Byte fields are slices of the frame,
// never copies, and keep the frame alive. The caps are those of the generated readers in Kafka's
// 4.4.0 jars. One owner, any loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/endian.h"
#include "base/uuid.h"
#include "wire/unknown_tag.h"
#include "wire/wire_error.h"

namespace moldau::wire {

inline constexpr std::size_t kStringBytesMax = 32767;
inline constexpr std::size_t kElementsMax = 1'000'000;
inline constexpr std::size_t kElementsPreallocatedMax = 1'000;
inline constexpr std::size_t kTagsMax = 10'000;
// Decoded structs of one message, without the frame that byte fields share.
inline constexpr std::size_t kDecodedBytesDefault = std::size_t{64} << 20;

class Reader {
 public:
  // A tagged field that begins here and must end at `end`.
  struct Tag {
    std::uint32_t number;
    const std::byte* end;
  };

  explicit Reader(base::SharedBytes frame, std::size_t decoded_bytes_max = kDecodedBytesDefault)
      : frame_(std::move(frame)),
        at_(frame_.data()),
        end_(frame_.data() + frame_.size()),
        budget_(decoded_bytes_max),
        decoded_bytes_max_(decoded_bytes_max) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] std::size_t position() const {
    return static_cast<std::size_t>(at_ - frame_.data());
  }
  // Latches; only the first call counts.
  void fail(WireError error);
  // Where the first error was found, for messages.
  [[nodiscard]] std::size_t error_position() const { return error_position_; }

  [[nodiscard]] std::expected<void, WireError> status() const {
    if (error_) return std::unexpected(*error_);
    return {};
  }
  // Like status(), and an error when bytes are left.
  [[nodiscard]] std::expected<void, WireError> done();

  [[nodiscard]] bool boolean() { return number<std::int8_t>() != 0; }
  [[nodiscard]] std::int8_t i8() { return number<std::int8_t>(); }
  [[nodiscard]] std::int16_t i16() { return number<std::int16_t>(); }
  [[nodiscard]] std::int32_t i32() { return number<std::int32_t>(); }
  [[nodiscard]] std::int64_t i64() { return number<std::int64_t>(); }
  [[nodiscard]] std::uint16_t u16() { return number<std::uint16_t>(); }
  [[nodiscard]] std::uint32_t u32() { return number<std::uint32_t>(); }
  [[nodiscard]] double f64();
  [[nodiscard]] base::Uuid uuid();
  [[nodiscard]] std::uint32_t uvarint() {
    // One byte is by far the most common size.
    if (at_ != end_ && std::to_integer<unsigned>(*at_) < 0x80) [[likely]] {
      return std::to_integer<std::uint32_t>(*at_++);
    }
    return long_uvarint();
  }
  [[nodiscard]] std::int32_t varint();
  [[nodiscard]] std::int64_t varlong();

  // The next bytes, shared with the frame.
  [[nodiscard]] base::SharedBytes bytes(std::size_t size);
  // The same as a view, valid as long as this Reader.
  [[nodiscard]] std::string_view text(std::size_t size) [[clang::lifetimebound]];

  // Length-prefixed forms; `flexible` picks the compact prefix. Nothing stands for null, which is
  // an error unless `nullable`.
  [[nodiscard]] std::optional<std::string_view> string(bool flexible, bool nullable)
      [[clang::lifetimebound]];
  [[nodiscard]] std::optional<base::SharedBytes> sized_bytes(bool flexible, bool nullable);
  // The number of elements, checked against kElementsMax and what is left.
  [[nodiscard]] std::optional<std::size_t> array(bool flexible, bool nullable);

  // Takes decoded bytes from the budget; false, and an error, when it is used up.
  bool charge(std::size_t size) {
    if (size > budget_) [[unlikely]] {
      fail(WireError::kOverBudget);
      return false;
    }
    budget_ -= size;
    return true;
  }

  // What was taken from the budget so far.
  [[nodiscard]] std::size_t decoded_bytes() const { return decoded_bytes_max_ - budget_; }

  // Tagged fields of a flexible struct: tag_count(), then for each begin_tag(), the field,
  // end_tag() or unknown_tag().
  [[nodiscard]] std::uint32_t tag_count();
  [[nodiscard]] Tag begin_tag();
  void end_tag(const Tag& tag) {
    if (at_ != tag.end) fail(WireError::kBadTag);
  }
  void unknown_tag(const Tag& tag, UnknownTags& into);

 private:
  template <class T>
  T number() {
    if (remaining() < sizeof(T)) [[unlikely]] {
      fail(WireError::kTruncated);
      return T{};
    }
    const T value = base::load_be<T>(at_);
    at_ += sizeof(T);
    return value;
  }
  std::uint32_t long_uvarint();
  // A length prefix: nothing for null, which fails unless `nullable`.
  std::optional<std::size_t> length(std::int64_t claimed, bool nullable);

  base::SharedBytes frame_;
  const std::byte* at_;
  const std::byte* end_;
  std::size_t budget_;
  std::size_t decoded_bytes_max_;
  std::optional<WireError> error_;
  std::size_t error_position_ = 0;
};

}  // namespace moldau::wire
