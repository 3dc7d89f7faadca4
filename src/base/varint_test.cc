// Variable-length integers: known bytes, both ends of each type, and input that ends or lies.
#include "base/varint.h"

#include <array>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace moldau::base {
namespace {

std::string hex_unsigned(std::uint64_t value) {
  std::array<std::byte, kVarint64BytesMax> to{};
  return to_hex(Bytes(to.data(), write_unsigned_varint(to.data(), value)));
}
std::string hex_signed(std::int64_t value) {
  std::array<std::byte, kVarint64BytesMax> to{};
  return to_hex(Bytes(to.data(), write_varlong(to.data(), value)));
}
std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  for (const int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

TEST(Varint, WritesSevenBitsAByteLeastFirst) {
  EXPECT_EQ(hex_unsigned(0), "00");
  EXPECT_EQ(hex_unsigned(127), "7f");
  EXPECT_EQ(hex_unsigned(128), "8001");
  EXPECT_EQ(hex_unsigned(300), "ac02");
  EXPECT_EQ(hex_unsigned(0xFFFFFFFF), "ffffffff0f");
  EXPECT_EQ(hex_unsigned(~0ULL), "ffffffffffffffffff01");
}

TEST(Varint, FoldsTheSignIntoTheLowestBit) {
  EXPECT_EQ(hex_signed(0), "00");
  EXPECT_EQ(hex_signed(-1), "01");
  EXPECT_EQ(hex_signed(1), "02");
  EXPECT_EQ(hex_signed(-64), "7f");
  EXPECT_EQ(hex_signed(64), "8001");
  EXPECT_EQ(hex_signed(std::numeric_limits<std::int32_t>::min()), "ffffffff0f");
  EXPECT_EQ(hex_signed(std::numeric_limits<std::int64_t>::min()), "ffffffffffffffffff01");
}

TEST(Varint, ReadsWhatItWroteAndKnowsItsSize) {
  Rng rng(1);
  std::array<std::byte, kVarint64BytesMax + 3> to{};
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t value = rng.next() >> rng.below(64);
    const std::size_t size = write_unsigned_varint(to.data(), value);
    EXPECT_EQ(size, unsigned_varint_size(value));
    const auto read = read_unsigned_varlong(to);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->value, value);
    EXPECT_EQ(read->size, size);

    const auto number = static_cast<std::int64_t>(value);
    EXPECT_EQ(write_varlong(to.data(), number), varlong_size(number));
    EXPECT_EQ(read_varlong(to)->value, number);
    const auto small = static_cast<std::int32_t>(value);
    EXPECT_EQ(write_varint(to.data(), small), varint_size(small));
    EXPECT_EQ(read_varint(to)->value, small);
  }
}

TEST(Varint, RefusesInputThatEndsEarly) {
  EXPECT_FALSE(read_unsigned_varint({}));
  EXPECT_FALSE(read_unsigned_varint(bytes({0x80})));
  EXPECT_FALSE(read_varlong(bytes({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})));
}

TEST(Varint, RefusesMoreBitsThanTheTypeHolds) {
  EXPECT_TRUE(read_unsigned_varint(bytes({0xFF, 0xFF, 0xFF, 0xFF, 0x0F})));
  EXPECT_FALSE(read_unsigned_varint(bytes({0xFF, 0xFF, 0xFF, 0xFF, 0x1F})));
  EXPECT_FALSE(read_unsigned_varint(bytes({0x80, 0x80, 0x80, 0x80, 0x80, 0x00})));
  EXPECT_TRUE(
      read_unsigned_varlong(bytes({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01})));
  EXPECT_FALSE(
      read_unsigned_varlong(bytes({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02})));
}

TEST(Varint, ReadsAnOverlongZero) {
  const auto read = read_unsigned_varint(bytes({0x80, 0x00, 0x55}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->value, 0U);
  EXPECT_EQ(read->size, 2U);
}

}  // namespace
}  // namespace moldau::base
