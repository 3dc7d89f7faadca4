// Big-endian loads and stores: the byte order of Kafka's wire, logs and indexes. The caller has
// checked that the bytes are there. Any thread.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>

namespace moldau::base {

template <std::integral T>
[[nodiscard]] T load_be(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::little && sizeof(T) > 1) {
    value = std::byteswap(value);
  }
  return value;
}

template <std::integral T>
void store_be(std::byte* to, T value) {
  if constexpr (std::endian::native == std::endian::little && sizeof(T) > 1) {
    value = std::byteswap(value);
  }
  std::memcpy(to, &value, sizeof value);
}

}  // namespace moldau::base
