#include "base/crc32c.h"

#include <array>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace moldau::base {
namespace {

using Vector = std::vector<std::byte>;

std::uint32_t of_text(std::string_view text) { return crc32c(as_bytes(text)); }

TEST(Crc32c, MatchesPublishedVectors) {
  EXPECT_EQ(of_text(""), 0u);
  EXPECT_EQ(of_text("123456789"), 0xE3069283u);
  // RFC 3720, appendix B.4.
  Vector bytes(32, std::byte{0});
  EXPECT_EQ(crc32c(bytes), 0x8A9136AAu);
  bytes.assign(32, std::byte{0xFF});
  EXPECT_EQ(crc32c(bytes), 0x62A8AB43u);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c(bytes), 0x46DD794Eu);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(31 - i);
  EXPECT_EQ(crc32c(bytes), 0x113FDB5Cu);
}

// One bit at a time, straight from the definition.
std::uint32_t by_bits(Bytes bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const std::byte b : bytes) {
    crc ^= std::to_integer<std::uint32_t>(b);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
  }
  return ~crc;
}

Vector random_bytes(Rng& rng, std::size_t size) {
  Vector bytes(size);
  for (auto& b : bytes) b = static_cast<std::byte>(rng.next());
  return bytes;
}

TEST(Crc32c, FormsAgreeOnEachSizeAndAlignment) {
  Rng rng(1);
  const Vector bytes = random_bytes(rng, 1100);
  for (std::size_t start = 0; start < 9; ++start) {
    for (std::size_t size = 0; start + size <= bytes.size(); size += 1 + size / 64) {
      const Bytes part = Bytes(bytes).subspan(start, size);
      ASSERT_EQ(crc32c(part), by_bits(part)) << "start=" << start << " size=" << size;
      ASSERT_EQ(crc32c_portable(part), by_bits(part)) << "start=" << start << " size=" << size;
    }
  }
}

TEST(Crc32c, FormsAgreeOnRandomSizes) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    const Vector bytes = random_bytes(rng, static_cast<std::size_t>(rng.below(60'000)) + 16);
    const auto start = static_cast<std::size_t>(rng.below(16));
    const Bytes part = Bytes(bytes).subspan(start);
    const auto previous = static_cast<std::uint32_t>(rng.next());
    ASSERT_EQ(crc32c(part, previous), crc32c_portable(part, previous)) << "seed=" << seed;
  }
}

TEST(Crc32c, ContinuesAndCombines) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Rng rng(seed);
    const Vector bytes = random_bytes(rng, static_cast<std::size_t>(rng.below(20'000)));
    const auto cut = static_cast<std::size_t>(rng.below(bytes.size() + 1));
    const Bytes a = Bytes(bytes).first(cut);
    const Bytes b = Bytes(bytes).subspan(cut);
    ASSERT_EQ(crc32c(b, crc32c(a)), crc32c(bytes)) << "seed=" << seed;
    ASSERT_EQ(crc32c_combine(crc32c(a), crc32c(b), b.size()), crc32c(bytes)) << "seed=" << seed;
  }
}

}  // namespace
}  // namespace moldau::base
