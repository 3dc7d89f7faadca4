// The journal's fate after a crash: replayed by its own writer, discarded when anybody else ran on
// the directory since; and what it does while it fills, fails, or holds what is no longer true.
#include <gtest/gtest.h>

#include "storage/internal/journal_format.h"
#include "storage/internal/world_test.h"

namespace moldau::storage {
namespace {

using namespace testing;

// A world whose journal holds acknowledged appends that no segment has on disk for certain.
struct Filled {
  explicit Filled(std::uint64_t seed) : world(seed) {
    world.start();
    log = world.open("t");
    world.simulation.run_for(2s);  // The journal gets ready.
    append(20);
  }
  void append(int count) {
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(world.append(*log, {.text = "value " + std::to_string(i)}).has_value());
      EXPECT_TRUE(world.durable(*log).has_value());
    }
  }
  World world;
  Log* log;
};

TEST(Journal, TakesSmallAppends) {
  Filled filled(1);
  const LogStoreStats stats = filled.world.storage->store(0).stats();
  EXPECT_GT(stats.journaled_bytes, 0U);
  EXPECT_EQ(stats.in_place_bytes, 0U);
}

TEST(Journal, IsReplayedAfterACrash) {
  Filled filled(2);
  filled.world.crash(sim::CrashKind::kPower);
  const auto outcomes = filled.world.start();
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_FALSE(outcomes[0].discarded);
  EXPECT_GT(outcomes[0].entries_replayed, 0U);
  filled.log = filled.world.open("t");
  EXPECT_EQ(filled.log->end_offset(), Offset(20));
}

TEST(Journal, IsReplayedWhenTheWriterNeverRegistered) {
  Filled filled(3);
  filled.world.crash(sim::CrashKind::kPower);
  filled.world.start(false);
  filled.log = filled.world.open("t");
  filled.append(5);
  filled.world.crash(sim::CrashKind::kPower);
  EXPECT_FALSE(filled.world.start()[0].discarded);
  EXPECT_EQ(filled.world.open("t")->end_offset(), Offset(25));
}

TEST(Journal, IsDiscardedAfterAnothersRegistration) {
  Filled filled(4);
  filled.world.crash(sim::CrashKind::kProcess);
  filled.world.registration = {.incarnation = uuid(1), .epoch = filled.world.next_broker_epoch()};
  const auto outcomes = filled.world.start();
  EXPECT_TRUE(outcomes[0].discarded);
  EXPECT_NE(outcomes[0].reason.find("registered by another process"), std::string::npos);
  EXPECT_EQ(filled.world.marks("journal discarded"), 1U);
}

TEST(Journal, IsDiscardedAtAHigherQuorumEpoch) {
  Filled filled(5);
  filled.world.crash(sim::CrashKind::kProcess);
  filled.world.quorum_epoch = filled.world.quorum_epoch + 1;
  const auto outcomes = filled.world.start();
  EXPECT_TRUE(outcomes[0].discarded);
  EXPECT_NE(outcomes[0].reason.find("quorum is at epoch"), std::string::npos);
}

TEST(Journal, IsDiscardedBesideAnothersCleanStop) {
  Filled filled(6);
  filled.world.crash(sim::CrashKind::kProcess);
  filled.world
      .run(0, rt::write_file_atomically(filled.world.node->disk(), "/data/.kafka_cleanshutdown",
                                        base::SharedBytes::copy_of("{\"version\":0}")))
      .value();
  const auto outcomes = filled.world.start();
  EXPECT_TRUE(outcomes[0].discarded);
  EXPECT_NE(outcomes[0].reason.find("stopped cleanly"), std::string::npos);
}

TEST(Journal, IsDiscardedInACopyOfTheDirectory) {
  Filled filled(7);
  filled.world.crash(sim::CrashKind::kProcess);
  const MetaProperties meta{.cluster_id = std::string(kClusterId),
                            .node_id = base::BrokerId(1),
                            .directory_id = base::DirectoryId(uuid(8))};
  filled.world
      .run(0, rt::write_file_atomically(filled.world.node->disk(), "/data/meta.properties",
                                        base::SharedBytes::copy_of(meta.to_text())))
      .value();
  EXPECT_TRUE(filled.world.start()[0].discarded);
}

TEST(Journal, NeverOverwritesABatchOfSomebodyElse) {
  Filled filled(8);
  World& world = filled.world;
  world.crash(sim::CrashKind::kProcess);
  // Somebody cut the log and appended a batch of their own, without any trace elsewhere.
  auto foreign = make_batch({.text = "foreign"});
  foreign.assign(Offset(0), LeaderEpoch(9));
  const std::string path = "/data/t-0/00000000000000000000.log";
  const auto file = world.run(0, world.node->disk().open(path, rt::OpenMode::kCreateTruncate));
  const base::SharedBytes bytes = foreign.flatten();
  const auto write = [](rt::Disk& disk, rt::FileRef to, base::SharedBytes what) -> rt::Task<bool> {
    const auto written = co_await disk.write_at(to, 0, what.span());
    co_return written.has_value();
  };
  EXPECT_TRUE(world.run(0, write(world.node->disk(), *file, bytes)));
  world.start();
  EXPECT_EQ(world.marks("journal entry refused"), 1U);
  EXPECT_EQ(world.file("t-0/00000000000000000000.log"), bytes.text());
}

TEST(Journal, IsSealedAndEmptyAfterACleanStop) {
  Filled filled(9);
  ASSERT_TRUE(filled.world.stop().has_value());
  const std::string bytes = filled.world.file("moldau.journal");
  std::optional<internal::JournalHeader> newest;
  for (const std::size_t at : {std::size_t{0}, std::size_t{4096}}) {
    const auto header = internal::decode_journal_header(base::as_bytes(bytes).subspan(at));
    if (header && (!newest.has_value() || header->counter > newest->counter)) newest = *header;
  }
  ASSERT_TRUE(newest.has_value());
  EXPECT_TRUE(newest->sealed);
  filled.world.start();
  EXPECT_EQ(filled.world.marks("journal replayed"), 0U);
}

TEST(Journal, RecyclesItsRegions) {
  Filled filled(10);
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(filled.world.append(*filled.log, {.value_bytes = 9'000}).has_value());
    ASSERT_TRUE(filled.world.durable(*filled.log).has_value());
  }
  const LogStoreStats stats = filled.world.storage->store(0).stats();
  EXPECT_GT(stats.journaled_bytes, 3U << 20) << "three times its size";
  filled.world.crash(sim::CrashKind::kPower);
  filled.world.start();
  filled.log = filled.world.open("t");
  EXPECT_EQ(filled.log->end_offset(), Offset(420));
  EXPECT_EQ(filled.world.read_all(*filled.log).size(), 420U);
}

TEST(Journal, IsGivenUpWhenItsSyncFailsAndNothingIsLost) {
  Filled filled(11);
  filled.world.node->disk_faults().sync_errors = 1'000'000;
  ASSERT_TRUE(filled.world.append(*filled.log, {.text = "during the fault"}).has_value());
  filled.world.simulation.run_for(20ms);
  filled.world.node->disk_faults().sync_errors = 0;
  EXPECT_EQ(filled.world.marks("journal given up"), 1U);
  // The log could not sync its own file either: it stopped, and says why.
  ASSERT_NE(filled.log->failure(), nullptr);
  EXPECT_TRUE(filled.log->failure()->io.has_value()) << filled.log->failure()->message;
  EXPECT_EQ(filled.log->durable_end(), Offset(20));
  filled.world.crash(sim::CrashKind::kPower);
  filled.world.start();
  const auto values = filled.world.read_all(*filled.world.open("t"));
  EXPECT_EQ(values.at(Offset(19)), "value 19");
}

TEST(Journal, WithoutSyncItIsNotUsed) {
  World world(12);
  world.options().sync = LogSync::kOs;
  world.start();
  Log* log = world.open("t", 0, {.sync = LogSync::kOs});
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(world.append(*log, {}).has_value());
  ASSERT_TRUE(world.durable(*log).has_value());
  EXPECT_EQ(world.list("").size(), 3U) << ".lock, meta.properties, t-0";
  world.crash(sim::CrashKind::kProcess);
  world.start();
  EXPECT_EQ(world.open("t", 0, {.sync = LogSync::kOs})->end_offset(), Offset(30));
}

TEST(JournalFormat, EntriesAreRecognisedOnlyWhole) {
  const internal::EntryHeader header{.number = 7,
                                     .kind = internal::EntryKind::kTruncate,
                                     .log = {base::TopicId(uuid(1)), base::PartitionIndex(3)},
                                     .end_offset = Offset(99),
                                     .name_bytes = 5};
  std::vector<std::byte> bytes(internal::entry_bytes(5, 0));
  internal::encode_entry_header(header, uuid(2), "topic", bytes);
  std::ranges::copy(base::as_bytes("topic"), bytes.begin() + internal::kEntryHeaderBytes);
  const auto parsed = internal::parse_entry(bytes, uuid(2), 7);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->header, header);
  EXPECT_EQ(parsed->name, "topic");
  EXPECT_EQ(parsed->size, bytes.size());
  EXPECT_FALSE(internal::parse_entry(bytes, uuid(2), 8).has_value());
  EXPECT_FALSE(internal::parse_entry(bytes, uuid(3), 7).has_value());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(internal::parse_entry(std::span(bytes).first(size), uuid(2), 7).has_value());
  }
  for (std::size_t at = 0; at < internal::kEntryHeaderBytes + 5; ++at) {
    auto damaged = bytes;
    damaged[at] ^= std::byte{1};
    EXPECT_FALSE(internal::parse_entry(damaged, uuid(2), 7).has_value()) << at;
  }
}

}  // namespace
}  // namespace moldau::storage
