// Variable-length integers as Kafka writes them: seven bits a byte, least significant first.
// Records use the zigzag form (varint, varlong), metadata frames and compact types the unsigned
// one. Decoders take what is left and say how many bytes they used; nothing when the bytes end
// early or the value is longer than its type allows. Source:
// clients/.../common/utils/ByteUtils.java. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace moldau::base {

inline constexpr std::size_t kVarint32BytesMax = 5;
inline constexpr std::size_t kVarint64BytesMax = 10;

template <class T>
struct VarintRead {
  T value;
  std::size_t size;
};

[[nodiscard]] constexpr std::uint32_t zigzag(std::int32_t value) {
  return (static_cast<std::uint32_t>(value) << 1) ^ static_cast<std::uint32_t>(value >> 31);
}
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int32_t unzigzag(std::uint32_t value) {
  return static_cast<std::int32_t>((value >> 1) ^ (0 - (value & 1)));
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (0 - (value & 1)));
}

[[nodiscard]] constexpr std::size_t unsigned_varint_size(std::uint64_t value) {
  std::size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}
[[nodiscard]] constexpr std::size_t varint_size(std::int32_t value) {
  return unsigned_varint_size(zigzag(value));
}
[[nodiscard]] constexpr std::size_t varlong_size(std::int64_t value) {
  return unsigned_varint_size(zigzag(value));
}

// Writes to memory that has room for the maximum size; returns the bytes used.
constexpr std::size_t write_unsigned_varint(std::byte* to, std::uint64_t value) {
  std::size_t size = 0;
  while (value >= 0x80) {
    to[size++] = static_cast<std::byte>((value & 0x7F) | 0x80);
    value >>= 7;
  }
  to[size++] = static_cast<std::byte>(value);
  return size;
}
constexpr std::size_t write_varint(std::byte* to, std::int32_t value) {
  return write_unsigned_varint(to, zigzag(value));
}
constexpr std::size_t write_varlong(std::byte* to, std::int64_t value) {
  return write_unsigned_varint(to, zigzag(value));
}

[[nodiscard]] std::optional<VarintRead<std::uint32_t>> read_unsigned_varint(Bytes from);
[[nodiscard]] std::optional<VarintRead<std::uint64_t>> read_unsigned_varlong(Bytes from);
[[nodiscard]] std::optional<VarintRead<std::int32_t>> read_varint(Bytes from);
[[nodiscard]] std::optional<VarintRead<std::int64_t>> read_varlong(Bytes from);

}  // namespace moldau::base
