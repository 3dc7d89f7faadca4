// A topic that is deleted and made again, or that comes where another one of its name was: it
// inherits nothing, neither from the checkpoints, which go by name, nor from the journal.
#include <tuple>

#include <gtest/gtest.h>

#include "storage/internal/log_files.h"
#include "storage/internal/world_test.h"

namespace moldau::storage {
namespace {

using namespace testing;

constexpr std::uint64_t kOldIds[] = {99, 101};  // below and above the new topic's
constexpr std::uint64_t kNewId = 100;

// Five acknowledged records of the new topic outlive crashes.
void expect_new_topic_survives(World& world) {
  Log* log = world.open("t", 0, {}, kNewId);
  ASSERT_NE(log, nullptr);
  ASSERT_EQ(log->end_offset(), Offset(0));
  fill(world, *log, 5, LeaderEpoch(7));
  for (const auto kind : {sim::CrashKind::kRandom, sim::CrashKind::kRandom}) {
    world.crash(kind);
    world.start();
    log = world.open("t", 0, {}, kNewId);
    ASSERT_NE(log, nullptr);
    ASSERT_EQ(log->log_start_offset(), Offset(0));
    expect_dense(world, *log, Offset(0), Offset(5));
    ASSERT_EQ(world.read_all(*log).at(Offset(4)), "7:4");
  }
}

// An old topic whose checkpoints say: begins at 25, is on disk up to 50.
Log* fill_old_topic(World& world, std::uint64_t id) {
  world.start();
  world.simulation.run_for(2s);  // The journal gets ready.
  Log* log = world.open("t", 0, {.segment_bytes = 1'000}, id);
  fill(world, *log, 50);
  log->set_high_watermark(Offset(50));
  EXPECT_TRUE(world.run(0, log->flush()).has_value());
  EXPECT_EQ(*world.run(0, log->delete_records_to(Offset(25))), Offset(25));
  return log;
}

rt::Task<Result<void>> set_aside(LogStore& store, DataDirectory& directory) {
  co_return co_await store.set_aside(directory, {base::TopicName("t"), base::PartitionIndex(0)});
}

// The checkpoint files go by name. The new topic used to inherit the old one's: its log start was
// above everything the new one had, which the next start then dropped.
TEST(Recreate, InheritsNothingFromARemovedTopic) {
  for (const std::uint64_t old : kOldIds) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << " id " << old);
      World world(seed);
      Log* log = fill_old_topic(world, old);
      ASSERT_TRUE(world.run(0, world.storage->store(0).remove(*log)).has_value());
      EXPECT_EQ(world.file("log-start-offset-checkpoint"), "0\n0\n");
      EXPECT_EQ(world.file("recovery-point-offset-checkpoint"), "0\n0\n");
      expect_new_topic_survives(world);
      if (HasFailure()) return;
    }
  }
}

TEST(Recreate, InheritsNothingAfterACrashDuringTheRemoval) {
  for (const std::uint64_t old : kOldIds) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << " id " << old);
      World world(seed);
      Log* log = fill_old_topic(world, old);
      const std::string starts = world.file("log-start-offset-checkpoint");
      EXPECT_EQ(starts, "0\n1\nt 0 25\n");
      ASSERT_TRUE(world.run(0, world.storage->store(0).remove(*log)).has_value());
      world.crash(sim::CrashKind::kRandom);
      // As if it had come between the directory's renaming and the checkpoint.
      world
          .run(0, rt::write_file_atomically(world.node->disk(), "/data/log-start-offset-checkpoint",
                                            base::SharedBytes::copy_of(starts)))
          .value();
      world.start();
      expect_new_topic_survives(world);
      if (HasFailure()) return;
    }
  }
}

// The journal still has entries of the old topic. After a power loss they must not take the name
// from the new one, whose directory only the journal knows.
TEST(Recreate, InheritsNothingFromFilesThatWereSetAside) {
  for (const std::uint64_t old : kOldIds) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << " id " << old);
      World world(seed);
      Log* log = fill_old_topic(world, old);
      LogStore& store = world.storage->store(0);
      ASSERT_TRUE(world.run(0, store.close(*log)).has_value());
      ASSERT_GT(store.stats().journaled_bytes, 0U);
      DataDirectory& directory = *world.storage->directories()[0];
      ASSERT_TRUE(world.run(0, set_aside(store, directory)).has_value());
      expect_new_topic_survives(world);
      std::size_t strays = 0;
      for (const auto& name : world.list("")) strays += name.ends_with("-stray") ? 1 : 0;
      EXPECT_EQ(strays, 1U);
      if (HasFailure()) return;
    }
  }
}

// What the journal says of one topic's offsets was taken for those of another one in its place.
TEST(Recreate, TheJournalSpeaksOfTheTopicItNames) {
  for (const std::uint64_t old : kOldIds) {
    SCOPED_TRACE(::testing::Message() << "id " << old);
    World world(50);
    fill_old_topic(world, old);
    world.crash(sim::CrashKind::kProcess);
    // Somebody else put a topic of the same name there.
    std::string text;
    for (int i = 0; i < 5; ++i) {
      auto batch = make_batch({.text = "foreign"});
      batch.assign(Offset(i), LeaderEpoch(0));
      text += batch.flatten().text();
    }
    const auto replace = [](rt::Disk& disk, std::string log_bytes) -> rt::Task<> {
      std::ignore = co_await disk.remove_tree("/data/t-0");
      std::ignore = co_await disk.make_directories("/data/t-0");
      const std::pair<std::string, std::string> files[] = {
          {"/data/t-0/partition.metadata",
           internal::partition_metadata_text(base::TopicId(uuid(kNewId)))},
          {"/data/t-0/00000000000000000000.log", log_bytes},
          {"/data/log-start-offset-checkpoint", "0\n0\n"},
          {"/data/recovery-point-offset-checkpoint", "0\n0\n"}};
      for (const auto& [path, content] : files) {
        const auto written =
            co_await rt::write_file_atomically(disk, path, base::SharedBytes::copy_of(content));
        EXPECT_TRUE(written.has_value());
      }
    };
    world.run(0, replace(world.node->disk(), text));
    world.start();
    Log* log = world.open("t", 0, {}, kNewId);
    ASSERT_NE(log, nullptr);
    EXPECT_EQ(log->log_start_offset(), Offset(0));
    EXPECT_EQ(world.read_all(*log).size(), 5U);
  }
}

}  // namespace
}  // namespace moldau::storage
