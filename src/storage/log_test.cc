// Logs on a simulated disk: appending, reading, rolling, stopping and starting.
#include "storage/log.h"

#include <gtest/gtest.h>

#include "storage/internal/world_test.h"

namespace moldau::storage {
namespace {

using namespace testing;

TEST(Log, ServesWhatWasAppended) {
  World world(1);
  world.start();
  Log& log = *world.open("t");
  for (int i = 0; i < 10; ++i) {
    const auto info = world.append(log, {.records = 3, .text = "batch " + std::to_string(i)});
    ASSERT_TRUE(info.has_value()) << info.error().message;
    EXPECT_EQ(info->base_offset, Offset(3 * i));
    EXPECT_EQ(info->last_offset, Offset(3 * i + 2));
  }
  EXPECT_EQ(log.end_offset(), Offset(30));
  EXPECT_EQ(log.durable_end(), Offset(0));
  ASSERT_TRUE(world.durable(log).has_value());
  EXPECT_EQ(log.durable_end(), Offset(30));
  const auto values = world.read_all(log);
  ASSERT_EQ(values.size(), 30U);
  EXPECT_EQ(values.at(Offset(27)), "batch 9");
}

TEST(Log, AnUnusedPartitionHasNoDirectory) {
  World world(2);
  world.start();
  world.open("unused");
  EXPECT_EQ(world.list("unused-0").size(), 0U);
  ASSERT_TRUE(world.stop().has_value());
  for (const auto& name : world.list("")) EXPECT_NE(name, "unused-0");
}

TEST(Log, ComesBackAfterACleanStop) {
  World world(3);
  world.start();
  Log* log = world.open("t");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(world.append(*log, {.text = std::to_string(i)}));
  ASSERT_TRUE(world.durable(*log).has_value());
  log->set_high_watermark(Offset(20));
  const auto closed = world.stop();
  ASSERT_TRUE(closed.has_value()) << closed.error().message;
  EXPECT_EQ(world.file("recovery-point-offset-checkpoint"), "0\n1\nt 0 20\n");
  EXPECT_EQ(world.file("replication-offset-checkpoint"), "0\n1\nt 0 20\n");
  EXPECT_EQ(world.file("t-0/leader-epoch-checkpoint"), "0\n1\n0 0\n");
  EXPECT_EQ(world.file(".kafka_cleanshutdown"), "{\"version\":0,\"brokerEpoch\":9}");
  world.start();
  EXPECT_EQ(world.file(".kafka_cleanshutdown").substr(0, 1), "<");
  log = world.open("t");
  EXPECT_EQ(log->end_offset(), Offset(20));
  EXPECT_EQ(log->durable_end(), Offset(20));
  EXPECT_EQ(log->high_watermark(), Offset(20));
  const auto values = world.read_all(*log);
  ASSERT_EQ(values.size(), 20U);
  EXPECT_EQ(values.at(Offset(7)), "7");
  EXPECT_EQ(world.append(*log, {})->base_offset, Offset(20));
}

TEST(Log, KeepsWhatIsDurableThroughAPowerLoss) {
  World world(4);
  world.start();
  Log* log = world.open("t");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(world.append(*log, {.text = std::to_string(i)}));
  ASSERT_TRUE(world.durable(*log).has_value());
  world.crash(sim::CrashKind::kPower);
  world.start();
  log = world.open("t");
  EXPECT_GE(log->end_offset(), Offset(20));
  const auto values = world.read_all(*log);
  EXPECT_EQ(values.at(Offset(19)), "19");
}

TEST(Log, RollsAndServesAllSegments) {
  World world(5);
  world.start();
  Log* log = world.open("t", 0, {.segment_bytes = 1000, .index_interval_bytes = 100});
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(world.append(*log, {.value_bytes = 50, .text = std::to_string(i)}));
  }
  ASSERT_TRUE(world.durable(*log).has_value());
  world.simulation.run_for(2s);
  EXPECT_GT(log->describe().segment_count, 3U);
  EXPECT_EQ(world.read_all(*log).size(), 50U);
  ASSERT_TRUE(world.stop().has_value());
  const auto names = world.list("t-0");
  std::size_t logs = 0;
  std::size_t indexes = 0;
  for (const auto& name : names) {
    logs += name.ends_with(".log") ? 1 : 0;
    indexes += name.ends_with("index") ? 1 : 0;
  }
  EXPECT_EQ(indexes, 2 * logs);
  world.options().store.tail_cache_bytes_max = 0;
  world.start();
  log = world.open("t");
  const auto values = world.read_all(*log);
  ASSERT_EQ(values.size(), 50U);
  EXPECT_EQ(values.at(Offset(31)), "31");
}

// A read ends with nothing where the only batch left is too large or not readable yet.
TEST(Log, ReadsNothingOfABatchThatMayNotGoOut) {
  World world(6);
  world.options().store.tail_cache_bytes_max = 0;
  world.start();
  Log* log = world.open("t");
  ASSERT_TRUE(world.append(*log, {.records = 2, .value_bytes = 500}));
  ASSERT_TRUE(world.durable(*log).has_value());
  ASSERT_TRUE(world.stop().has_value());
  world.start();
  log = world.open("t");
  const auto too_large = world.run(
      0, log->read(
             {.from = Offset(0), .upto = Offset(2), .bytes_max = 10, .at_least_one_batch = false}));
  ASSERT_TRUE(too_large.has_value());
  EXPECT_TRUE(too_large->batches.empty());
  EXPECT_EQ(too_large->next_offset, Offset(0));
  const auto not_yet = world.run(
      0,
      log->read(
          {.from = Offset(0), .upto = Offset(1), .bytes_max = 4096, .at_least_one_batch = true}));
  ASSERT_TRUE(not_yet.has_value());
  EXPECT_TRUE(not_yet->batches.empty());
  EXPECT_EQ(not_yet->next_offset, Offset(0));
}

TEST(Log, ReadersWhoKeepUpDoNotTouchTheDisk) {
  World world(31);
  world.start();
  Log* log = world.open("t");
  for (int i = 0; i < 100; ++i) {
    fill(world, *log, 10);
    const auto read = world.run(0, log->read({.from = Offset(10 * i),
                                              .upto = log->end_offset(),
                                              .bytes_max = 1 << 20,
                                              .at_least_one_batch = true}));
    ASSERT_EQ(read->next_offset, log->end_offset());
  }
  const auto stats = world.storage->store(0).stats();
  EXPECT_GE(stats.reads_cached, 100U);
  EXPECT_EQ(stats.reads_disk, 0U);
  // Somebody who comes later does.
  ASSERT_TRUE(world.stop().has_value());
  world.start();
  log = world.open("t");
  EXPECT_EQ(world.read_all(*log).size(), 1'000U);
  EXPECT_GT(world.storage->store(0).stats().reads_disk, 0U);
}

TEST(Log, AFollowerTakesNoBatchOfAnOldFormat) {
  World world(32);
  world.start();
  Log* log = world.open("t");
  auto batches = one(make_batch({}));
  batches[0].header.magic = 1;
  const auto refused = log->append_as_follower(std::move(batches));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupportedForMessageFormat);
  EXPECT_EQ(log->end_offset(), Offset(0));
}

}  // namespace
}  // namespace moldau::storage
