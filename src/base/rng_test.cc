// The generator's numbers are part of what a seed means: they must never change.
#include "base/rng.h"

#include <array>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace moldau::base {
namespace {

// Computed with an independent implementation of splitmix64 and xoshiro256**.
TEST(Rng, GivesTheSequenceOfItsSeed) {
  Rng rng(42);
  EXPECT_EQ(rng.next(), 1'546'998'764'402'558'742ULL);
  EXPECT_EQ(rng.next(), 6'990'951'692'964'543'102ULL);
  EXPECT_EQ(rng.next(), 12'544'586'762'248'559'009ULL);
  EXPECT_EQ(rng.next(), 17'057'574'109'182'124'193ULL);
}

TEST(Rng, StaysInBounds) {
  Rng rng(1);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts[rng.below(7)];
  for (const int count : counts) {
    EXPECT_GT(count, 9'500);
    EXPECT_LT(count, 10'500);
  }
  EXPECT_EQ(rng.below(1), 0U);
  bool low = false;
  bool high = false;
  for (int i = 0; i < 1'000; ++i) {
    const std::int64_t value = rng.between(-2, 2);
    ASSERT_GE(value, -2);
    ASSERT_LE(value, 2);
    low |= value == -2;
    high |= value == 2;
  }
  EXPECT_TRUE(low);
  EXPECT_TRUE(high);
  EXPECT_EQ(rng.between(5, 5), 5);
}

TEST(Rng, DrawsFromTheWholeRangeOfItsType) {
  Rng rng(2);
  bool negative = false;
  bool positive = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = rng.between(std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::int64_t>::max());
    negative |= value < 0;
    positive |= value > 0;
  }
  EXPECT_TRUE(negative);
  EXPECT_TRUE(positive);
}

TEST(Rng, ChanceIsAShare) {
  Rng rng(3);
  int hits = 0;
  for (int i = 0; i < 40'000; ++i) hits += rng.chance(1, 4) ? 1 : 0;
  EXPECT_GT(hits, 9'500);
  EXPECT_LT(hits, 10'500);
  EXPECT_FALSE(rng.chance(0, 10));
  EXPECT_TRUE(rng.chance(10, 10));
}

TEST(Rng, AForkIsIndependent) {
  Rng one(4);
  Rng two(4);
  Rng fork = one.fork();
  two.fork();
  (void)fork.next();
  EXPECT_EQ(one.next(), two.next());
  EXPECT_NE(fork.next(), one.next());
}

}  // namespace
}  // namespace moldau::base
