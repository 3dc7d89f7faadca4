// The tail cache keeps to its budget, also when a log cannot let go of what it has.
#include <gtest/gtest.h>

#include "storage/internal/world_test.h"

namespace moldau::storage {
namespace {

using namespace testing;

TEST(TailCache, KeepsToItsBudget) {
  World world(13);
  world.options().store.tail_cache_bytes_max = 50'000;
  world.start();
  Log* log = world.open("t");
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(world.append(*log, {.value_bytes = 2'000}).has_value());
    ASSERT_TRUE(world.durable(*log).has_value());
    ASSERT_LE(world.storage->store(0).stats().tail_cache_bytes, 55'000U);
  }
  const ReadRequest newest{
      .from = Offset(95), .upto = Offset(100), .bytes_max = 100'000, .at_least_one_batch = true};
  EXPECT_TRUE(log->read_cached(newest).has_value());
  const ReadRequest oldest{
      .from = Offset(5), .upto = Offset(100), .bytes_max = 100'000, .at_least_one_batch = true};
  EXPECT_FALSE(log->read_cached(oldest).has_value());
  EXPECT_EQ(world.read_all(*log).size(), 100U);
}

// The cache grew without bound while the sync of one log lasted: what arrived after its batches
// stayed.
TEST(TailCache, OneLogThatLagsBehindKeepsNothingOfOthers) {
  World world(15, {}, 1);
  world.options().store.tail_cache_bytes_max = 50'000;
  world.start();
  Log* slow = world.open("slow", 0, {}, 300);
  Log* fast = world.open("fast");
  world.node->disk_faults().odd_path = "/slow-0/";
  world.node->disk_faults().odd_write_lag = 600s;
  ASSERT_TRUE(world.append(*slow, {.value_bytes = 10'000}).has_value());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(world.append(*fast, {.value_bytes = 200'000}).has_value());
    ASSERT_TRUE(world.durable(*fast).has_value());
    ASSERT_LE(world.storage->store(0).stats().tail_cache_bytes, 300'000U);
  }
  EXPECT_LT(slow->durable_end(), slow->end_offset()) << "it still lags";
}

}  // namespace
}  // namespace moldau::storage
