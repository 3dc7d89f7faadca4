#include "base/varint.h"

#include <algorithm>

namespace moldau::base {
namespace {

template <class T>
std::optional<VarintRead<T>> read(Bytes from, std::size_t bytes_max) {
  constexpr unsigned kBits = sizeof(T) * 8;
  const std::size_t limit = std::min(from.size(), bytes_max);
  T value = 0;
  unsigned shift = 0;
  for (std::size_t i = 0; i < limit; ++i) {
    const auto byte = std::to_integer<std::uint8_t>(from[i]);
    const auto bits = static_cast<T>(byte & 0x7F);
    // The last byte may only carry the bits that still fit.
    if (shift + 7 > kBits && (bits >> (kBits - shift)) != 0) return std::nullopt;
    value |= static_cast<T>(bits << shift);
    if ((byte & 0x80) == 0) return VarintRead<T>{.value = value, .size = i + 1};
    shift += 7;
  }
  return std::nullopt;
}

}  // namespace

std::optional<VarintRead<std::uint32_t>> read_unsigned_varint(Bytes from) {
  return read<std::uint32_t>(from, kVarint32BytesMax);
}

std::optional<VarintRead<std::uint64_t>> read_unsigned_varlong(Bytes from) {
  return read<std::uint64_t>(from, kVarint64BytesMax);
}

std::optional<VarintRead<std::int32_t>> read_varint(Bytes from) {
  const auto read = read_unsigned_varint(from);
  if (!read) return std::nullopt;
  return VarintRead<std::int32_t>{.value = unzigzag(read->value), .size = read->size};
}

std::optional<VarintRead<std::int64_t>> read_varlong(Bytes from) {
  const auto read = read_unsigned_varlong(from);
  if (!read) return std::nullopt;
  return VarintRead<std::int64_t>{.value = unzigzag(read->value), .size = read->size};
}

}  // namespace moldau::base
