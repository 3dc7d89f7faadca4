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
    const base::PartitionIndex first = sticky.current(4, rng);
    sticky.took(first, 50, false);
    sticky.took(base::PartitionIndex((first.value() + 1) % 4), 1000, true);
    EXPECT_EQ(sticky.current(4, rng), first);
    // By its bytes, or because its batch is full.
    batch % 2 == 0 ? sticky.took(first, 50, false) : sticky.took(first, 10, true);
    EXPECT_NE(first, before);
    before = first;
    seen.insert(first);
  }
  EXPECT_EQ(seen.size(), 4U);
}

TEST(StickyPartition, OfOnePartitionIsThatOne) {
  base::Rng rng(1);
  StickyPartition sticky(10);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(sticky.current(1, rng), base::PartitionIndex(0));
    sticky.took(base::PartitionIndex(0), 100, false);
  }
}

}  // namespace
}  // namespace moldau::client
