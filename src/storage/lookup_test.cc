// Offsets by time, and the time indexes behind them, through restarts and truncation.
#include <gtest/gtest.h>

#include "storage/internal/world_test.h"

namespace moldau::storage {
namespace {

using namespace testing;

TEST(Lookup, FindsOffsetsByTime) {
  World world(9);
  world.start();
  Log* log = world.open("t", 0, {.segment_bytes = 2'000, .index_interval_bytes = 200});
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(world.append(*log, {.records = 2, .timestamp = 1'000 + 10 * i}).has_value());
  }
  ASSERT_TRUE(world.durable(*log).has_value());
  const auto at = [&](std::int64_t timestamp) {
    const auto found =
        world.run(0, log->offset_for_timestamp(base::Timestamp(timestamp), log->end_offset()));
    return found.has_value() && found->has_value() ? (*found)->offset.value() : -1;
  };
  for (const bool restarted : {false, true}) {
    SCOPED_TRACE(restarted);
    EXPECT_EQ(at(0), 0);
    EXPECT_EQ(at(1'000), 0);
    EXPECT_EQ(at(1'001), 1);
    EXPECT_EQ(at(1'002), 2);
    EXPECT_EQ(at(1'305), 62);
    EXPECT_EQ(at(1'591), 119);
    EXPECT_EQ(at(1'592), -1);
    const auto largest = world.run(0, log->offset_for_max_timestamp());
    ASSERT_TRUE(largest.has_value() && largest->has_value());
    EXPECT_EQ((*largest)->offset, Offset(119));
    if (restarted) break;
    ASSERT_TRUE(world.stop().has_value());
    world.options().store.tail_cache_bytes_max = 0;
    world.start();
    log = world.open("t", 0, {.segment_bytes = 2'000, .index_interval_bytes = 200});
  }
}

std::int64_t offset_at(World& world, Log& log, std::int64_t timestamp) {
  const auto found =
      world.run(0, log.offset_for_timestamp(base::Timestamp(timestamp), log.end_offset()));
  return found.has_value() && found->has_value() ? (*found)->offset.value() : -1;
}

// Regression: the time index tells the last offset of the batch that has the largest time, and what
// was before it in the batch was passed over.
TEST(Lookup, FindsTheFirstOfRecordsWithTheSameTime) {
  World world(21);
  world.options().store.tail_cache_bytes_max = 0;
  world.start();
  Log* log = world.open("t", 0, {.segment_bytes = 2'000, .index_interval_bytes = 1});
  const auto at = [&](std::int64_t timestamp) { return offset_at(world, *log, timestamp); };
  for (int i = 0; i < 12; ++i) {
    const BatchSpec same{.records = 10, .timestamp = 100 * i, .step = 0};
    ASSERT_TRUE(world.append(*log, same).has_value());
  }
  ASSERT_TRUE(world.append(*log, {.records = 3, .timestamp = 9'002, .step = -1}).has_value());
  ASSERT_TRUE(world.durable(*log).has_value());
  for (const bool restarted : {false, true}) {
    SCOPED_TRACE(restarted);
    for (int i = restarted ? 6 : 0; i < 12; ++i) EXPECT_EQ(at(100 * i), 10 * i);
    EXPECT_EQ(at(9'002), 120);
    EXPECT_EQ(at(9'003), -1);
    log->set_high_watermark(log->end_offset());
    ASSERT_TRUE(world.run(0, log->delete_records_to(Offset(55))).has_value());
    EXPECT_EQ(at(500), 55) << "not below the log start";
    if (restarted) break;
    ASSERT_TRUE(world.stop().has_value());
    world.start();
    log = world.open("t", 0, {.segment_bytes = 2'000, .index_interval_bytes = 1});
  }
}

// A checkpoint saves the index without its last time entry; the clean stop that follows has to add
// it, and the next start has to look behind the last entry.
TEST(Lookup, FindsTheNewestRecordsAfterACleanStop) {
  World world(14);
  world.options().store.checkpoint_bytes = 1;
  world.start();
  Log* log = world.open("t", 0, {.index_interval_bytes = 200});
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(world.append(*log, {.timestamp = 1'000 + 10 * i}).has_value());
    world.simulation.run_for(20ms);
  }
  for (int stop = 0; stop < 3; ++stop) {
    SCOPED_TRACE(stop);
    ASSERT_TRUE(world.stop().has_value());
    world.start();
    log = world.open("t", 0, {.index_interval_bytes = 200});
    EXPECT_EQ(offset_at(world, *log, 1'090), 9);
    const auto largest = world.run(0, log->offset_for_max_timestamp());
    ASSERT_TRUE(largest.has_value() && largest->has_value());
    EXPECT_EQ((*largest)->offset, Offset(9));
  }
}

TEST(Lookup, AnIndexThatWasMissingAtACleanStartIsWholeAfterwards) {
  const LogOptions options{.index_interval_bytes = 300};
  for (int records = 10; records < 30; ++records) {
    SCOPED_TRACE(records);
    World world(19);
    world.start();
    fill(world, *world.open("t", 0, options), records);
    ASSERT_TRUE(world.stop().has_value());
    for (const char* suffix : {"index", "timeindex"}) {
      const std::string path = "/data/t-0/00000000000000000000." + std::string(suffix);
      ASSERT_TRUE(world.run(0, world.node->disk().remove(path)).has_value());
    }
    for (int start = 0; start < 3; ++start) {
      world.start();
      Log* log = world.open("t", 0, options);
      expect_dense(world, *log, Offset(0), Offset(records));
      ASSERT_TRUE(world.stop().has_value());
    }
    ASSERT_EQ(world.marks("index rebuilt"), 1U);
  }
}

TEST(Lookup, FindsTheNewestRecordsAfterATruncation) {
  World world(15);
  world.start();
  Log* log = world.open("t", 0, {.index_interval_bytes = 300});
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(world.append(*log, {.timestamp = 1'000 + 10 * i}).has_value());
  }
  ASSERT_TRUE(world.durable(*log).has_value());
  for (std::int64_t end = 39; end > 0; --end) {
    ASSERT_TRUE(*world.run(0, log->truncate_to(Offset(end))));
    ASSERT_EQ(offset_at(world, *log, 1'000 + 10 * (end - 1)), end - 1);
    ASSERT_EQ(offset_at(world, *log, 1'000 + 10 * end), -1);
  }
}

}  // namespace
}  // namespace moldau::storage
