// Strong ids: no mixing, arithmetic by counts, hashes that do not depend on the machine; TRY.
#include "base/ids.h"

#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <unordered_set>

#include <gtest/gtest.h>

#include "base/result.h"
#include "base/time.h"

namespace moldau::base {
namespace {

static_assert(!std::is_convertible_v<std::int32_t, BrokerId>);
static_assert(!std::is_convertible_v<BrokerId, std::int32_t>);
static_assert(!std::is_constructible_v<BrokerId, PartitionIndex>);
static_assert(!std::equality_comparable_with<BrokerId, PartitionIndex>);
static_assert(!std::is_convertible_v<std::string, TopicName>);
static_assert(!std::is_constructible_v<TopicName, GroupId>);
static_assert(sizeof(Offset) == 8 && sizeof(ProducerEpoch) == 2 && sizeof(LeaderEpoch) == 4);

TEST(Strong, MovesByCountsAndSubtractsToOne) {
  Offset offset(10);
  offset += 5;
  EXPECT_EQ(offset, Offset(15));
  EXPECT_EQ(offset - Offset(3), 12);
  EXPECT_EQ(offset - 3, Offset(12));
  EXPECT_EQ(ProducerEpoch(3) + 1, ProducerEpoch(4));
  EXPECT_LT(kNoOffset, Offset(0));
  EXPECT_EQ(Offset(), Offset(0));
}

TEST(Strong, HashesAreSpreadAndPinned) {
  EXPECT_EQ(hash_value(BrokerId(0)), 16'294'208'416'658'607'535ULL);
  EXPECT_EQ(hash_value(TopicName("foobar")), 0x85944171F73967E8ULL);  // FNV-1a
  std::unordered_set<TopicIdPartition> seen;
  for (int i = 0; i < 100; ++i) {
    seen.insert({.topic_id = TopicId(Uuid{.msb = 1, .lsb = 2}), .partition = PartitionIndex(i)});
  }
  EXPECT_EQ(seen.size(), 100U);
}

TEST(TopicPartition, IsSpelledAsItsDirectory) {
  const TopicPartition partition{.topic = TopicName("a-b.c"), .partition = PartitionIndex(12)};
  EXPECT_EQ(partition.to_string(), "a-b.c-12");
  const TopicPartition next{.topic = TopicName("a-b.c"), .partition = PartitionIndex(13)};
  EXPECT_LT(partition, next);
}

TEST(Instant, DiffersByDurations) {
  const Instant start{Duration(5)};
  EXPECT_EQ((start + Duration(7)) - start, Duration(7));
  EXPECT_EQ(start + Duration(7) - Duration(12), Instant{});
  EXPECT_LT(start, kNever);
}

enum class Failure { kOdd };

std::expected<std::unique_ptr<int>, Failure> half(int value) {
  if (value % 2 != 0) return std::unexpected(Failure::kOdd);
  return std::make_unique<int>(value / 2);
}
std::expected<void, Failure> check_even(int value) {
  TRY(half(value));
  return {};
}
std::expected<int, Failure> quarter(int value) {
  TRY(check_even(value));
  const std::unique_ptr<int> once = TRY(half(value));
  return *TRY(half(*once));
}

TEST(Try, YieldsTheValueOrReturnsTheError) {
  EXPECT_EQ(quarter(12), 3);
  EXPECT_EQ(quarter(3), std::unexpected(Failure::kOdd));
  EXPECT_EQ(quarter(6), std::unexpected(Failure::kOdd));
}

}  // namespace
}  // namespace moldau::base
