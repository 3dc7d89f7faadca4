// Truncation, DeleteRecords, retention, removal: what they take away stays away through crashes,
// and nothing else goes with it.
#include <gtest/gtest.h>

#include "storage/internal/world_test.h"

namespace moldau::storage {
namespace {

using namespace testing;

std::int64_t now_of(World& world) { return world.node->loop(0).wall_now().value(); }

void fill(World& world, Log& log, int count, LeaderEpoch epoch = LeaderEpoch(0)) {
  for (int i = 0; i < count; ++i) {
    const auto offset = log.end_offset().value();
    ASSERT_TRUE(world
                    .append(log,
                            {.timestamp = now_of(world),
                             .text = std::to_string(epoch.value()) + ":" + std::to_string(offset)},
                            epoch)
                    .has_value());
  }
  ASSERT_TRUE(world.durable(log).has_value());
}

void expect_dense(World& world, Log& log, Offset from, Offset to) {
  const auto values = world.read_all(log);
  EXPECT_EQ(static_cast<std::int64_t>(values.size()), to - from);
  if (values.empty()) return;
  EXPECT_EQ(values.begin()->first, from);
  EXPECT_EQ(values.rbegin()->first, to - 1);
}

TEST(Truncate, CutsTheEndAndItsEpochs) {
  World world(1);
  world.start();
  Log* log = world.open("t", 0, {.segment_bytes = 2'000, .index_interval_bytes = 200});
  fill(world, *log, 30, LeaderEpoch(1));
  fill(world, *log, 30, LeaderEpoch(2));
  EXPECT_FALSE(*world.run(0, log->truncate_to(Offset(60))));
  EXPECT_TRUE(*world.run(0, log->truncate_to(Offset(25))));
  EXPECT_EQ(log->end_offset(), Offset(25));
  EXPECT_EQ(log->durable_end(), Offset(25));
  EXPECT_EQ(log->latest_epoch(), LeaderEpoch(1));
  EXPECT_EQ(log->end_offset_for_epoch(LeaderEpoch(1)).end_offset, Offset(25));
  expect_dense(world, *log, Offset(0), Offset(25));
  fill(world, *log, 10, LeaderEpoch(3));
  world.crash(sim::CrashKind::kPower);
  world.start();
  log = world.open("t");
  EXPECT_EQ(log->end_offset(), Offset(35));
  const auto values = world.read_all(*log);
  EXPECT_EQ(values.at(Offset(24)), "1:24");
  EXPECT_EQ(values.at(Offset(25)), "3:25");
}

TEST(Truncate, ToTheFrontRestartsTheLog) {
  World world(2);
  world.start();
  Log* log = world.open("t");
  fill(world, *log, 10);
  ASSERT_TRUE(world.run(0, log->truncate_fully_and_start_at(Offset(500))).has_value());
  EXPECT_EQ(log->log_start_offset(), Offset(500));
  EXPECT_EQ(log->end_offset(), Offset(500));
  fill(world, *log, 5, LeaderEpoch(4));
  world.crash(sim::CrashKind::kPower);
  world.start();
  log = world.open("t");
  EXPECT_EQ(log->log_start_offset(), Offset(500));
  expect_dense(world, *log, Offset(500), Offset(505));
}

TEST(Truncate, ForgetsTheProducersOfWhatIsGone) {
  World world(3);
  world.start();
  Log* log = world.open("t");
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(world.append(*log, {.timestamp = now_of(world),
                                    .producer = base::ProducerId(9),
                                    .sequence = base::Sequence(i)}));
  }
  ASSERT_TRUE(world.durable(*log).has_value());
  ASSERT_TRUE(world.run(0, log->truncate_to(Offset(3))).has_value());
  EXPECT_EQ(log->producers().find(base::ProducerId(9))->last_sequence(), base::Sequence(2));
}

// Random appends, truncations and crashes, each world beside a model of what must be there.
TEST(Truncate, HoldsThroughCrashes) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    base::Rng rng(seed);
    World world(seed, {.journal_bytes_max = std::size_t{1} << 20}, 1);
    world.options().store.in_place_bytes = rng.chance(1, 2) ? 1'000 : 100'000;
    world.options().store.checkpoint_bytes = 3'000 + rng.below(30'000);
    std::vector<std::string> model;
    std::int32_t epoch = 0;
    world.start();
    const auto options =
        LogOptions{.segment_bytes = 3'000 + static_cast<std::int32_t>(rng.below(10'000)),
                   .index_interval_bytes = 300};
    Log* log = world.open("t", 0, options);
    for (int step = 0; step < 40; ++step) {
      const auto what = rng.below(10);
      if (what < 6) {
        for (std::uint64_t i = 0; i < 1 + rng.below(8); ++i) {
          model.push_back(std::to_string(epoch) + ":" + std::to_string(rng.next()) +
                          std::string(rng.below(600), '.'));
          ASSERT_TRUE(world.append(*log, {.text = model.back()}, LeaderEpoch(epoch)).has_value());
        }
        ASSERT_TRUE(world.durable(*log).has_value());
      } else if (what < 8 && !model.empty()) {
        const auto keep = rng.chance(1, 8) ? 0 : rng.below(model.size() + 1);
        const auto cut = world.run(0, log->truncate_to(Offset(static_cast<std::int64_t>(keep))));
        ASSERT_TRUE(cut.has_value()) << cut.error().message;
        model.resize(keep);
        ++epoch;
      } else if (what == 8) {
        world.simulation.run_for(std::chrono::milliseconds(rng.below(200)));
      } else {
        world.crash(rng.chance(1, 2) ? sim::CrashKind::kPower : sim::CrashKind::kProcess);
        world.start();
        log = world.open("t", 0, options);
        ++epoch;
      }
      ASSERT_EQ(log->end_offset(), Offset(static_cast<std::int64_t>(model.size())))
          << "step " << step;
    }
    const auto values = world.read_all(*log);
    ASSERT_EQ(values.size(), model.size());
    for (const auto& [offset, value] : values) {
      ASSERT_EQ(value, model[static_cast<std::size_t>(offset.value())]);
    }
    EXPECT_EQ(world.marks("journal entry refused"), 0U);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(DeleteRecords, MovesTheStartForGood) {
  World world(4);
  world.start();
  Log* log = world.open("t", 0, {.segment_bytes = 1'000});
  fill(world, *log, 50);
  const auto above = world.run(0, log->delete_records_to(Offset(10)));
  ASSERT_FALSE(above.has_value());
  EXPECT_EQ(above.error().code, ErrorCode::kOffsetOutOfRange);
  log->set_high_watermark(Offset(50));
  EXPECT_EQ(*world.run(0, log->delete_records_to(Offset(25))), Offset(25));
  EXPECT_EQ(log->log_start_offset(), Offset(25));
  const auto below = world.run(
      0, log->read(
             {.from = Offset(24), .upto = Offset(50), .bytes_max = 1, .at_least_one_batch = true}));
  ASSERT_FALSE(below.has_value());
  EXPECT_EQ(below.error().code, ErrorCode::kOffsetOutOfRange);
  world.crash(sim::CrashKind::kPower);
  world.start();
  log = world.open("t");
  EXPECT_EQ(log->log_start_offset(), Offset(25));
  EXPECT_EQ(log->end_offset(), Offset(50));
}

TEST(Retention, DropsOldSegmentsByTime) {
  World world(5);
  world.options().retention_interval = base::Milliseconds64(10'000);
  world.start();
  Log* log = world.open("t", 0,
                        {.segment_bytes = 1'000,
                         .retention_time = base::Milliseconds64(60'000),
                         .file_delete_delay = base::Milliseconds64(5'000)});
  fill(world, *log, 30);
  log->set_high_watermark(Offset(30));
  world.simulation.run_for(45s);
  fill(world, *log, 5);
  log->set_high_watermark(Offset(35));
  EXPECT_EQ(log->log_start_offset(), Offset(0));
  world.simulation.run_for(30s);
  EXPECT_GT(log->log_start_offset(), Offset(20));
  EXPECT_LE(log->log_start_offset(), Offset(30));
  world.simulation.run_for(10s);
  for (const auto& name : world.list("t-0")) EXPECT_FALSE(name.ends_with(".deleted")) << name;
  world.simulation.run_for(120s);
  EXPECT_EQ(log->log_start_offset(), Offset(35)) << "the active segment goes too, after a roll";
  EXPECT_EQ(world.append(*log, {})->base_offset, Offset(35));
}

TEST(Retention, DropsOldSegmentsBySize) {
  World world(6);
  world.options().retention_interval = base::Milliseconds64(1'000);
  world.start();
  Log* log = world.open("t", 0, {.segment_bytes = 1'000, .retention_bytes = 3'000});
  fill(world, *log, 100);
  log->set_high_watermark(Offset(50));
  world.simulation.run_for(3s);
  EXPECT_LE(log->log_start_offset(), Offset(50)) << "not above the high watermark";
  log->set_high_watermark(Offset(100));
  world.simulation.run_for(3s);
  EXPECT_GE(log->size_bytes(), 3'000U);
  EXPECT_LT(log->size_bytes(), 4'200U);
}

TEST(Remove, TheFilesGoInTheBackgroundAndForGood) {
  World world(7);
  world.start();
  Log* log = world.open("t", 0, {.file_delete_delay = base::Milliseconds64(1'000)});
  fill(world, *log, 20);
  ASSERT_TRUE(world.run(0, world.storage->store(0).remove(*log)).has_value());
  std::size_t directories = 0;
  for (const auto& name : world.list("")) directories += name.ends_with("-delete") ? 1 : 0;
  EXPECT_EQ(directories, 1U);
  // The same name again, with another id.
  log = world.open("t", 0, {}, 101);
  EXPECT_EQ(log->end_offset(), Offset(0));
  fill(world, *log, 3);
  world.crash(sim::CrashKind::kPower);
  world.start();
  EXPECT_EQ(world.marks("crash during topic deletion"), 1U);
  log = world.open("t", 0, {}, 101);
  EXPECT_EQ(log->end_offset(), Offset(3));
  world.simulation.run_for(3s);
  for (const auto& name : world.list("")) EXPECT_FALSE(name.ends_with("-delete")) << name;
}

TEST(Remove, AnotherTopicsFilesAreNotTaken) {
  World world(8);
  world.start();
  Log* log = world.open("t");
  fill(world, *log, 3);
  ASSERT_TRUE(world.stop().has_value());
  world.start();
  const LogSpec spec{.partition = {base::TopicName("t"), base::PartitionIndex(0)},
                     .topic_id = base::TopicId(uuid(999))};
  const auto opened =
      world.run(0, world.storage->store(0).open(*world.storage->directories()[0], spec, nullptr));
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kInconsistentTopicId);
}

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

TEST(Failure, AFullDiskStopsTheLogAndNothingElse) {
  World world(10);
  world.start();
  Log* log = world.open("t");
  fill(world, *log, 5);
  world.simulation.run_for(3s);
  world.node->disk_options().capacity_bytes = 0;
  ASSERT_TRUE(world.append(*log, {.value_bytes = 5'000}).has_value());
  const auto durable = world.durable(*log);
  ASSERT_FALSE(durable.has_value());
  EXPECT_EQ(durable.error().code, ErrorCode::kKafkaStorageError);
  EXPECT_NE(durable.error().message.find("no space left"), std::string::npos);
  EXPECT_FALSE(world.append(*log, {}).has_value());
  EXPECT_EQ(log->durable_end(), Offset(5));
  const auto values = world.run(0, log->read({.from = Offset(0),
                                              .upto = log->durable_end(),
                                              .bytes_max = 10'000,
                                              .at_least_one_batch = true}));
  ASSERT_TRUE(values.has_value()) << values.error().message;
  EXPECT_EQ(values_of(values->batches).size(), 5U);
  EXPECT_EQ(world.storage->store(0).stats().pending_bytes, 0U);
}

TEST(Failure, TheReserveIsNotTouched) {
  World world(11);
  world.options().reserve_bytes = 10'000'000;
  world.start();
  Log* log = world.open("t");
  fill(world, *log, 5);
  world.node->disk_options().capacity_bytes = 5'000'000;
  world.simulation.run_for(6s);
  const auto refused = world.append(*log, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kKafkaStorageError);
  world.node->disk_options().capacity_bytes = 500'000'000;
  world.simulation.run_for(6s);
  EXPECT_TRUE(world.append(*log, {}).has_value()) << "space came back, and so does the log";
}

TEST(Failure, DamageBelowTheRecoveryPointIsReportedByName) {
  World world(12);
  world.start();
  Log* log = world.open("t");
  fill(world, *log, 20);
  ASSERT_TRUE(world.run(0, log->flush()).has_value());
  world.simulation.run_for(61s);
  world.crash(sim::CrashKind::kProcess);
  const auto flip = [](rt::Disk& disk) -> rt::Task<> {
    const auto file =
        co_await disk.open("/data/t-0/00000000000000000000.log", rt::OpenMode::kReadWrite);
    const std::byte byte{0xFF};
    [[maybe_unused]] const auto written = co_await disk.write_at(*file, 300, base::Bytes(&byte, 1));
  };
  world.run(0, flip(world.node->disk()));
  world.start();
  const LogSpec spec{.partition = {base::TopicName("t"), base::PartitionIndex(0)},
                     .topic_id = base::TopicId(uuid(100))};
  const auto opened =
      world.run(0, world.storage->store(0).open(*world.storage->directories()[0], spec, nullptr));
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kCorruptMessage);
  EXPECT_NE(opened.error().message.find("/data/t-0/00000000000000000000.log is damaged at byte"),
            std::string::npos)
      << opened.error().message;
  EXPECT_EQ(world.open("other")->end_offset(), Offset(0)) << "the node goes on";
}

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

}  // namespace
}  // namespace moldau::storage
