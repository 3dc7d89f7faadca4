#include "base/crc32c.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

static_assert(std::endian::native == std::endian::little,
              "The eight-byte steps below take the first byte as the lowest.");

namespace moldau::base {
namespace {

// Polynomials are bit-reversed: bit 31 is the coefficient of x^0.
constexpr std::uint32_t kPolynomial = 0x82F63B78;
constexpr std::uint32_t kOne = 0x80000000;

// a * x modulo the polynomial.
constexpr std::uint32_t times_x(std::uint32_t a) {
  return (a >> 1) ^ ((0U - (a & 1)) & kPolynomial);
}

constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = times_x(b);
  }
  return product;
}

// x^n modulo the polynomial.
constexpr std::uint32_t power_of_x(std::uint64_t n) {
  std::uint32_t result = kOne;
  std::uint32_t square = times_x(kOne);
  for (; n != 0; n >>= 1) {
    if ((n & 1) != 0) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

// kTables[k][b]: the checksum step of byte b followed by k zero bytes.
constexpr std::size_t kStep = 8;
using Tables = std::array<std::array<std::uint32_t, 256>, kStep>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = times_x(crc);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < kStep; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[k - 1][byte];
      tables[k][byte] = (crc >> 8) ^ tables[0][crc & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

// kByteShifts[k]: x^(8 * 2^k), what 2^k zero bytes multiply a checksum with.
constexpr auto kByteShifts = [] {
  std::array<std::uint32_t, 64> shifts{};
  std::uint32_t shift = power_of_x(8);
  for (auto& entry : shifts) {
    entry = shift;
    shift = multiply(shift, shift);
  }
  return shifts;
}();

std::uint64_t load64(const std::byte* from) {
  std::uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return value;
}

std::uint32_t by_table(std::uint32_t crc, const std::byte* from, std::size_t size) {
  for (; size >= kStep; size -= kStep, from += kStep) {
    const std::uint64_t word = load64(from) ^ crc;
    crc = 0;
    for (std::size_t i = 0; i < kStep; ++i) crc ^= kTables[kStep - 1 - i][(word >> (8 * i)) & 0xFF];
  }
  for (; size > 0; --size, ++from) {
    crc = kTables[0][(crc ^ std::to_integer<std::uint32_t>(*from)) & 0xFF] ^ (crc >> 8);
  }
  return crc;
}

#if defined(__x86_64__)

#define MOLDAU_CRC_TARGET __attribute__((target("sse4.2,pclmul")))

// The factor that moves a checksum past `bytes` zero bytes, for a carry-less product that the crc32
// instruction then reduces: that step alone multiplies with x^33.
consteval std::int64_t lane_factor(std::size_t bytes) { return power_of_x(8 * bytes - 33); }

// Three lanes side by side, since a crc32 instruction takes three cycles and one can start in each.
template <std::size_t kLane>
MOLDAU_CRC_TARGET std::uint64_t three_lanes(std::uint64_t crc, const std::byte* from) {
  std::uint64_t second = 0;
  std::uint64_t third = 0;
  for (std::size_t i = 0; i < kLane; i += 8) {
    crc = _mm_crc32_u64(crc, load64(from + i));
    second = _mm_crc32_u64(second, load64(from + kLane + i));
    third = _mm_crc32_u64(third, load64(from + 2 * kLane + i));
  }
  const __m128i first_moved =
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<std::int64_t>(crc)),
                           _mm_cvtsi64_si128(lane_factor(2 * kLane)), 0);
  const __m128i second_moved =
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<std::int64_t>(second)),
                           _mm_cvtsi64_si128(lane_factor(kLane)), 0);
  const std::int64_t sum = _mm_cvtsi128_si64(_mm_xor_si128(first_moved, second_moved));
  return _mm_crc32_u64(0, static_cast<std::uint64_t>(sum)) ^ third;
}

MOLDAU_CRC_TARGET std::uint32_t by_hardware(std::uint32_t start, const std::byte* from,
                                            std::size_t size) {
  // Lane sizes: the long one keeps three lanes in the first-level cache, the short one pays from
  // 192 bytes on.
  constexpr std::size_t kLong = 2048;
  constexpr std::size_t kMiddle = 256;
  constexpr std::size_t kShort = 64;
  std::uint64_t crc = start;
  for (; size >= 3 * kLong; size -= 3 * kLong, from += 3 * kLong) {
    crc = three_lanes<kLong>(crc, from);
  }
  for (; size >= 3 * kMiddle; size -= 3 * kMiddle, from += 3 * kMiddle) {
    crc = three_lanes<kMiddle>(crc, from);
  }
  for (; size >= 3 * kShort; size -= 3 * kShort, from += 3 * kShort) {
    crc = three_lanes<kShort>(crc, from);
  }
  for (; size >= 8; size -= 8, from += 8) crc = _mm_crc32_u64(crc, load64(from));
  auto narrow = static_cast<std::uint32_t>(crc);
  for (; size > 0; --size, ++from) {
    narrow = _mm_crc32_u8(narrow, std::to_integer<unsigned char>(*from));
  }
  return narrow;
}

bool has_hardware() {
  return __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;
}
constexpr const char* kHardwareName = "sse4.2+pclmul";

#elif defined(__aarch64__)

__attribute__((target("crc"))) std::uint32_t by_hardware(std::uint32_t crc, const std::byte* from,
                                                         std::size_t size) {
  for (; size >= 8; size -= 8, from += 8) crc = __crc32cd(crc, load64(from));
  for (; size > 0; --size, ++from) crc = __crc32cb(crc, std::to_integer<unsigned char>(*from));
  return crc;
}

bool has_hardware() { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }
constexpr const char* kHardwareName = "armv8-crc";

#else

std::uint32_t by_hardware(std::uint32_t crc, const std::byte* from, std::size_t size) {
  return by_table(crc, from, size);
}
bool has_hardware() { return false; }
constexpr const char* kHardwareName = "table";

#endif

bool use_hardware() {
  static const bool kUse = has_hardware();
  return kUse;
}

}  // namespace

std::uint32_t crc32c_portable(Bytes bytes, std::uint32_t previous) {
  return ~by_table(~previous, bytes.data(), bytes.size());
}

std::uint32_t crc32c(Bytes bytes, std::uint32_t previous) {
  if (use_hardware()) return ~by_hardware(~previous, bytes.data(), bytes.size());
  return crc32c_portable(bytes, previous);
}

std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b, std::uint64_t size_b) {
  for (std::size_t k = 0; size_b != 0; ++k, size_b >>= 1) {
    if ((size_b & 1) != 0) crc_a = multiply(kByteShifts[k], crc_a);
  }
  return crc_a ^ crc_b;
}

const char* crc32c_implementation() { return use_hardware() ? kHardwareName : "table"; }

}  // namespace moldau::base
