#include "storage/internal/space_ahead.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "storage/internal/world_test.h"

namespace moldau::storage::internal {
namespace {

using namespace std::chrono_literals;
using namespace storage::testing;

StorageOptions from_size(std::uint64_t bytes) {
  StorageOptions options;
  options.store.space_ahead_from = bytes;
  options.store.in_place_bytes = 1;
  return options;
}

// Appends are journaled, and write zeros behind themselves.
StorageOptions filling() {
  StorageOptions options;
  options.store.space_ahead_from = 50'000;
  return options;
}

std::uint64_t size_on_disk(World& world, const std::string& name) {
  const auto info =
      world.run(0, world.node->disk().info(std::string(kPath) + "/t-0/" + name + ".log"));
  EXPECT_TRUE(info.has_value());
  return info ? info->size : 0;
}

// What the files take beyond their sizes in whole blocks.
std::uint64_t space_ahead(World& world) {
  constexpr std::uint64_t kBlockBytes = 4096;
  const auto space = world.run(0, world.node->disk().space(std::string(kPath)));
  EXPECT_TRUE(space.has_value());
  std::uint64_t bytes = space ? space->total_bytes - space->free_bytes : 0;
  for (const std::string folder : {"", "t-0/"}) {
    for (const std::string& name : world.list(folder)) {
      const auto path = std::string(kPath) + "/" + folder + name;
      const std::uint64_t size = world.run(0, world.node->disk().info(path)).value().size;
      bytes -= (size + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
    }
  }
  return bytes;
}

void append(World& world, Log& log, int count) {
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(world.append(log, {.value_bytes = 10'000}).has_value());
    ASSERT_TRUE(world.durable(log).has_value());
  }
  world.simulation.run_for(1s);
}

TEST(SpaceAhead, AGrowingSegmentHasAQuarterMoreWhichItsSizeDoesNotShow) {
  World world(1, from_size(100'000));
  world.start();
  Log* log = world.open("t");
  append(world, *log, 9);
  EXPECT_EQ(world.storage->store(0).stats().reserved_bytes, 0U) << "a small log takes nothing";
  append(world, *log, 31);
  const std::uint64_t size = size_on_disk(world, "00000000000000000000");
  EXPECT_EQ(size, log->size_bytes());
  const std::uint64_t reserved = world.storage->store(0).stats().reserved_bytes;
  EXPECT_GE(reserved, size / 2);
  EXPECT_LE(reserved, size / 4 + size) << "at most a quarter beyond what was written";
}

TEST(SpaceAhead, ARollAndACleanStopGiveBackWhatIsLeft) {
  World world(2, from_size(20'000));
  world.start();
  Log* log = world.open("t", 0, {.segment_bytes = 350'000});
  append(world, *log, 30);
  EXPECT_GE(space_ahead(world), 8'000U);
  append(world, *log, 5);
  EXPECT_EQ(log->describe().segment_count, 2U);
  EXPECT_EQ(space_ahead(world), 0U) << "the second segment is still small";
  append(world, *log, 20);
  EXPECT_GE(space_ahead(world), 8'000U);
  ASSERT_TRUE(world.stop().has_value());
  EXPECT_EQ(space_ahead(world), 0U);
}

TEST(SpaceAhead, NothingIsReservedBeyondTheSegment) {
  World world(3, from_size(20'000));
  world.start();
  Log* log = world.open("t", 0, {.segment_bytes = 350'000});
  append(world, *log, 34);
  EXPECT_EQ(log->describe().segment_count, 1U);
  EXPECT_LE(world.storage->store(0).stats().reserved_bytes, 350'000U);
}

// What a killed process had reserved is not lost for good.
TEST(SpaceAhead, AfterACrashTheNextCleanStopGivesItBack) {
  World world(4, from_size(20'000));
  world.start();
  Log* log = world.open("t");
  append(world, *log, 20);
  world.crash(sim::CrashKind::kProcess);
  world.start();
  world.open("t");
  EXPECT_GE(space_ahead(world), 8'000U);
  ASSERT_TRUE(world.stop().has_value());
  EXPECT_EQ(space_ahead(world), 0U);
}

TEST(SpaceAhead, AFullDiskRefusesItAndNothingElse) {
  World world(5, from_size(20'000));
  world.start();
  Log* log = world.open("t");
  append(world, *log, 2);
  const auto space = world.run(0, world.node->disk().space(std::string(kPath))).value();
  world.node->disk_options().capacity_bytes = space.total_bytes - space.free_bytes + 21'000;
  append(world, *log, 2);
  EXPECT_EQ(log->failure(), nullptr);
  EXPECT_EQ(world.read_all(*log).size(), 4U);
}

constexpr const char* kFirst = "00000000000000000000";

TEST(SpaceAhead, SmallAppendsWriteZerosBehindThemselvesUntilACleanStop) {
  World world(6, filling());
  world.start();
  Log* log = world.open("t");
  append(world, *log, 4);
  EXPECT_EQ(size_on_disk(world, kFirst), log->size_bytes()) << "a small log gets none";
  append(world, *log, 17);
  EXPECT_GT(size_on_disk(world, kFirst), log->size_bytes());
  EXPECT_EQ(size_on_disk(world, kFirst) % filling().store.fill_bytes, 0U);
  EXPECT_EQ(world.read_all(*log).size(), 21U);
  const std::uint64_t bytes = log->size_bytes();
  ASSERT_TRUE(world.stop().has_value());
  EXPECT_EQ(size_on_disk(world, kFirst), bytes);
  world.crash(sim::CrashKind::kPower);
  world.start();
  EXPECT_EQ(size_on_disk(world, kFirst), bytes) << "the cut is durable";
}

TEST(SpaceAhead, ZerosBehindAKilledLogAreNoTornTail) {
  World world(7, filling());
  world.start();
  Log* log = world.open("t");
  append(world, *log, 21);
  const std::uint64_t bytes = log->size_bytes();
  ASSERT_GT(size_on_disk(world, kFirst), bytes);
  world.crash(sim::CrashKind::kProcess);
  world.start();
  log = world.open("t");
  EXPECT_EQ(world.read_all(*log).size(), 21U);
  EXPECT_EQ(size_on_disk(world, kFirst), bytes);
  EXPECT_EQ(world.marks("torn tail cut"), 0U);
}

// Nobody had opened it, and so recovered it, when the node was stopped in order.
TEST(SpaceAhead, AStopBeforeRecoveryIsNotTakenForAClean) {
  World world(9, filling());
  world.start();
  Log* log = world.open("t");
  append(world, *log, 4);
  append(world, *log, 17);
  const std::uint64_t bytes = log->size_bytes();
  ASSERT_GT(size_on_disk(world, kFirst), bytes);
  world.crash(sim::CrashKind::kProcess);
  world.start();
  ASSERT_TRUE(world.stop().has_value());
  world.start();
  log = world.open("t");
  EXPECT_EQ(world.read_all(*log).size(), 21U);
  EXPECT_EQ(size_on_disk(world, kFirst), bytes);
  ASSERT_TRUE(world.stop().has_value());
  world.start();
  EXPECT_EQ(world.read_all(*world.open("t")).size(), 21U);
}

// Else a recovery that meets zeros in a segment would give up what lies in the next.
TEST(SpaceAhead, TheNextSegmentIsMadeOnlyWhenTheZerosAreGone) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed, filling());
    world.start();
    Log* log = world.open("t", 0, {.segment_bytes = 400'000});
    append(world, *log, 10);
    append(world, *log, 11);
    ASSERT_GT(size_on_disk(world, kFirst), log->size_bytes());
    const std::uint64_t first = log->size_bytes();
    world.node->disk_faults().odd_path = std::string(kPath) + "/t-0/" + kFirst + ".log";
    world.node->disk_faults().odd_sync_lag = 500ms;
    ASSERT_TRUE(log->roll().has_value());
    ASSERT_TRUE(world.append(*log, {.value_bytes = 100}).has_value());
    ASSERT_TRUE(world.durable(*log).has_value());
    world.crash(seed % 2 == 0 ? sim::CrashKind::kPower : sim::CrashKind::kProcess);
    world.start();
    EXPECT_EQ(size_on_disk(world, kFirst), first);
    log = world.open("t", 0, {.segment_bytes = 400'000});
    EXPECT_EQ(world.read_all(*log).size(), 22U);
  }
}

TEST(SpaceAhead, ATruncatedLogHasNoZerosBehindIt) {
  World world(8, filling());
  world.start();
  Log* log = world.open("t");
  append(world, *log, 21);
  ASSERT_TRUE(world.run(0, log->truncate_to(base::Offset(19))).has_value());
  EXPECT_EQ(size_on_disk(world, kFirst), log->size_bytes());
  append(world, *log, 3);
  EXPECT_EQ(world.read_all(*log).size(), 22U);
}

}  // namespace
}  // namespace moldau::storage::internal
