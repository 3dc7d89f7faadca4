#include "base/crc32c.h"

#include <array>
#include <cstring>

namespace moldau::base {
namespace {

constexpr std::uint32_t kPolynomialReflected = 0x82F63B78;

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) * kPolynomialReflected);
    table[byte] = crc;
  }
  return table;
}

constexpr auto kTable = make_table();

}  // namespace

std::uint32_t crc32c_portable(Bytes bytes, std::uint32_t previous) {
  std::uint32_t crc = ~previous;
  for (const std::byte b : bytes) {
    crc = kTable[(crc ^ std::to_integer<std::uint32_t>(b)) & 0xFF] ^ (crc >> 8);
  }
  return ~crc;
}

std::uint32_t crc32c(Bytes bytes, std::uint32_t previous) {
  return crc32c_portable(bytes, previous);
}

}  // namespace moldau::base
