#include "client/partitioner.h"

#include <set>

#include <gtest/gtest.h>

namespace moldau::client {
namespace {

// The values that Kafka's own test of its hash expects.
TEST(Murmur2, GivesKafkasHashes) {
  const auto hash = [](std::string_view text) { return murmur2(base::as_bytes(text)); };
  EXPECT_EQ(hash("21"), -973932308);
  EXPECT_EQ(hash("foobar"), -790332482);
  EXPECT_EQ(hash("a-little-bit-long-string"), -985981536);
  EXPECT_EQ(hash("a-little-bit-longer-string"), -1486304829);
  EXPECT_EQ(hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
  EXPECT_EQ(hash("abc"), 479470107);
}

TEST(StickyPartition, KeepsOneUntilABatchIsFullThenTakesAnother) {
  base::Rng rng(3);
  StickyPartition sticky(100);
  std::set<base::PartitionIndex> seen;
  base::PartitionIndex before{-1};
  for (int batch = 0; batch < 60; ++batch) {
    const base::PartitionIndex first = sticky.next(4, 50, rng);
    EXPECT_EQ(sticky.next(4, 50, rng), first);
    EXPECT_NE(first, before);
    before = first;
    seen.insert(first);
  }
  EXPECT_EQ(seen.size(), 4U);
}

TEST(StickyPartition, OfOnePartitionIsThatOne) {
  base::Rng rng(1);
  StickyPartition sticky(10);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sticky.next(1, 100, rng), base::PartitionIndex(0));
}

}  // namespace
}  // namespace moldau::client
