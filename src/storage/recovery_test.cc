// What a start has to find out about the crash before it: names that may not be durable, files that
// are damaged, ends that were cut off.
#include <tuple>

#include <gtest/gtest.h>

#include "storage/internal/world_test.h"

namespace moldau::storage {
namespace {

using namespace testing;

void put_file(World& world, const std::string& name, std::string content) {
  world
      .run(0, rt::write_file_atomically(world.node->disk(), std::string(kPath) + "/" + name,
                                        base::SharedBytes::copy_of(content)))
      .value();
}

// The process that made the directory died before it synced anything. The next one must not rely on
// partition.metadata being on the disk: without it the log is nobody's.
TEST(Recovery, TheDirectoryOfAKilledProcessIsMadeDurable) {
  int made = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    World world(seed);
    world.options().store.in_place_bytes = 1;
    world.start();
    Log* log = world.open("t");
    ASSERT_TRUE(world.append(*log, {}).has_value());
    world.simulation.run_for(std::chrono::microseconds(seed * 5));
    world.crash(sim::CrashKind::kProcess);
    if (!world.file("t-0/partition.metadata").starts_with("version")) continue;
    ++made;
    world.start();
    log = world.open("t");
    ASSERT_NE(log, nullptr);
    const Offset before = log->end_offset();
    fill(world, *log, 1);
    world.crash(sim::CrashKind::kPower);
    world.start();
    log = world.open("t");
    ASSERT_NE(log, nullptr);
    ASSERT_EQ(log->end_offset(), before + 1);
  }
  EXPECT_GT(made, 10);
}

TEST(Recovery, EpochsThatAreDamagedAreTakenFromAllSegments) {
  for (const bool clean : {false, true}) {
    SCOPED_TRACE(clean);
    World world(60);
    world.start();
    Log* log = world.open("t", 0, {.segment_bytes = 1'000});
    for (int epoch = 1; epoch <= 3; ++epoch) fill(world, *log, 30, LeaderEpoch(epoch));
    ASSERT_TRUE(world.run(0, log->flush()).has_value());
    world.simulation.run_for(61s);  // The recovery point is in the checkpoint.
    if (clean) {
      ASSERT_TRUE(world.stop().has_value());
    } else {
      world.crash(sim::CrashKind::kProcess);
    }
    put_file(world, "t-0/leader-epoch-checkpoint", "0\n7\nnonsense");
    world.start();
    log = world.open("t", 0, {.segment_bytes = 1'000});
    ASSERT_NE(log, nullptr);
    for (int epoch = 1; epoch <= 3; ++epoch) {
      EXPECT_EQ(log->end_offset_for_epoch(LeaderEpoch(epoch)).end_offset, Offset(30 * epoch));
    }
    ASSERT_TRUE(world.run(0, log->flush()).has_value());
    EXPECT_EQ(world.file("t-0/leader-epoch-checkpoint"), "0\n3\n1 0\n2 30\n3 60\n");
  }
}

// A start after a crash reads what lies behind the recovery points: it must not be the load of a
// whole minute, which is their interval.
TEST(Recovery, UnderLoadRecoveryPointsAreWrittenBeforeTheirInterval) {
  World world(61);
  world.options().store.in_place_bytes = 1;
  world.options().store.recovery_point_bytes = 50'000;
  world.start();
  Log* log = world.open("t");
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(world.append(*log, {.value_bytes = 10'000}).has_value());
    ASSERT_TRUE(world.durable(*log).has_value());
    world.simulation.run_for(100ms);
  }
  const std::string points = world.file("recovery-point-offset-checkpoint");
  ASSERT_TRUE(points.starts_with("0\n1\nt 0 ")) << points;
  // Once a second and ten batches a second.
  EXPECT_GE(std::stoi(points.substr(8)), 80) << points;
  world.crash(sim::CrashKind::kProcess);
  world.start();
  EXPECT_EQ(world.open("t")->end_offset(), Offset(100));
}

// A cut that is not durable may come back behind records that were appended since.
TEST(Recovery, ACutAtTheVeryFrontIsDurable) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    World world(seed);
    world.start();
    Log* log = world.open("t");
    fill(world, *log, 3);
    ASSERT_TRUE(world.run(0, log->flush()).has_value());
    world.crash(sim::CrashKind::kProcess);
    std::string bytes = world.file("t-0/00000000000000000000.log");
    bytes[70] ^= '\1';
    put_file(world, "t-0/00000000000000000000.log", bytes);
    std::ignore = world.run(0, world.node->disk().remove("/data/moldau.journal"));
    world.start();
    EXPECT_EQ(world.open("t")->end_offset(), Offset(0));
    world.crash(sim::CrashKind::kPower);
    ASSERT_EQ(world.file("t-0/00000000000000000000.log"), "");
  }
}

}  // namespace
}  // namespace moldau::storage
