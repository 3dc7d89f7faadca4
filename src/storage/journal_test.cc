// The journal's fate after a crash: replayed by its own writer, discarded when anybody else ran on
// the directory since; and what it does while it fills, fails, or holds what is no longer true.
#include <tuple>
#include <vector>

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

class ForeignBatch : public ::testing::TestWithParam<std::size_t> {};

// Regression: one that was larger than ours was not recognised.
INSTANTIATE_TEST_SUITE_P(Sizes, ForeignBatch, ::testing::Values(5, 100'000));

TEST_P(ForeignBatch, IsNeverOverwritten) {
  Filled filled(8);
  World& world = filled.world;
  world.crash(sim::CrashKind::kProcess);
  // Somebody cut the log and appended a batch of their own, without any trace elsewhere.
  auto foreign = make_batch({.value_bytes = GetParam()});
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

void put_journal_header(World& world, const internal::JournalHeader& header) {
  std::string bytes = world.file("moldau.journal");
  const base::SharedBytes encoded = internal::encode_journal_header(header);
  bytes.replace(header.counter % 2 == 0 ? 0 : 4096, encoded.size(), encoded.text());
  world
      .run(0, rt::write_file_atomically(world.node->disk(), "/data/moldau.journal",
                                        base::SharedBytes::copy_of(bytes)))
      .value();
}

std::string refusal_of(World& world) {
  auto opened = world.run(0, Storage::open(world.node->loops(), world.options()));
  return opened ? "" : opened.error().message;
}

// A program that was rolled back must not forget what its later version acknowledged.
TEST(Journal, OfALaterVersionIsNotTakenUnlessItIsSealed) {
  Filled filled(20);
  World& world = filled.world;
  world.crash(sim::CrashKind::kProcess);
  internal::JournalHeader later{.version = 2, .counter = 1'000, .region_bytes = 1 << 16};
  put_journal_header(world, later);
  const std::string refusal = refusal_of(world);
  EXPECT_NE(refusal.find("/data/moldau.journal has format version 2"), std::string::npos)
      << refusal;
  EXPECT_NE(refusal.find("stop it cleanly first"), std::string::npos) << refusal;
  world.crash(sim::CrashKind::kProcess);  // Nothing is left of the attempt.
  later.sealed = true;
  later.counter = 1'001;
  put_journal_header(world, later);
  EXPECT_FALSE(world.start()[0].discarded);
  filled.log = world.open("t");
  world.simulation.run_for(2s);
  filled.append(5);
  world.crash(sim::CrashKind::kPower);
  world.start();
  EXPECT_GE(world.marks("journal replayed"), 1U);
}

TEST(Journal, ThatIsDamagedIsNotDropped) {
  Filled filled(21);
  World& world = filled.world;
  world.crash(sim::CrashKind::kProcess);
  std::string bytes = world.file("moldau.journal");
  bytes[20] ^= '\1';
  bytes[4096 + 20] ^= '\1';
  world
      .run(0, rt::write_file_atomically(world.node->disk(), "/data/moldau.journal",
                                        base::SharedBytes::copy_of(bytes)))
      .value();
  const std::string refusal = refusal_of(world);
  EXPECT_NE(refusal.find("/data/moldau.journal cannot be used"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("or remove it"), std::string::npos) << refusal;
  std::ignore = world.run(0, world.node->disk().remove("/data/moldau.journal"));
  world.crash(sim::CrashKind::kProcess);
  world.start();
  EXPECT_EQ(world.open("t")->end_offset(), Offset(20)) << "all of it is in the page cache";
}

// One bad sector in the journal costs what it held, not the node.
TEST(Journal, ARegionThatCannotBeReadIsLeftOut) {
  Filled filled(22);
  World& world = filled.world;
  world.crash(sim::CrashKind::kProcess);
  world.storage = world.run(0, Storage::open(world.node->loops(), world.options())).value();
  world.node->disk_faults().read_errors = 1'000'000;
  const auto recovered =
      world.run(0, world.storage->recover({.latest_registration = world.registration,
                                           .quorum_epoch = world.quorum_epoch,
                                           .incarnation = uuid(5)}));
  world.node->disk_faults().read_errors = 0;
  EXPECT_TRUE(recovered.has_value()) << recovered.error().message;
  EXPECT_GT(world.marks("journal damaged"), 0U);
  EXPECT_EQ(world.open("t")->end_offset(), Offset(20));
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

// What a committer knew of a nearly full journal stayed with it when the journal was free again, so
// that every larger append was synced in place from then on.
TEST(Journal, IsUsedAgainAfterItWasNearlyFull) {
  World world(11);
  world.start();
  std::vector<Log*> logs;
  for (int i = 0; i < 24; ++i) logs.push_back(world.open("t", i));
  world.simulation.run_for(2s);
  const auto stats = [&] { return world.storage->store(0).stats(); };
  for (int i = 0; i < 400 && stats().in_place_bytes == 0; ++i) {
    for (Log* log : logs) ASSERT_TRUE(world.append(*log, {.value_bytes = 9'000}).has_value());
    ASSERT_TRUE(world.durable(*logs[0]).has_value());
  }
  ASSERT_GT(stats().in_place_bytes, 0U) << "it never was nearly full";
  for (Log* log : logs) ASSERT_TRUE(world.durable(*log).has_value());
  world.simulation.run_for(5s);
  const std::uint64_t before = stats().journaled_bytes;
  ASSERT_TRUE(world.append(*logs[0], {.value_bytes = 9'000}).has_value());
  ASSERT_TRUE(world.durable(*logs[0]).has_value());
  EXPECT_GT(stats().journaled_bytes, before);
}

TEST(Journal, IsSharedByTheLoopsAndRecycledForBoth) {
  std::uint64_t journaled = 0;
  for (std::uint64_t seed = 30; seed < 40; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    World world(seed);
    world.start();
    Log* logs[] = {world.open("t", 0), world.open("t", 1)};
    world.simulation.run_for(2s);
    // Partition 1 writes now and then: its entries lie in regions that the other one fills.
    std::int64_t counts[] = {0, 0};
    for (int i = 0; i < 300; ++i) {
      for (const int partition : {0, 1}) {
        if (partition == 1 && i % 20 != 0) continue;
        ASSERT_TRUE(world.append(*logs[partition], {.value_bytes = 9'000}).has_value());
        ASSERT_TRUE(world.durable(*logs[partition], partition).has_value());
        ++counts[partition];
      }
    }
    journaled += world.storage->store(0).stats().journaled_bytes;
    world.crash(sim::CrashKind::kPower);
    world.start();
    for (const int partition : {0, 1}) {
      Log* log = world.open("t", partition);
      ASSERT_EQ(log->end_offset(), Offset(counts[partition]));
      ASSERT_EQ(std::ssize(world.read_all(*log, partition)), counts[partition]);
    }
  }
  EXPECT_GT(journaled, 10U << 20) << "more than its size in each world";
}

TEST(Journal, ADiskThatIsFullDuringTheReplayLosesNothing) {
  Filled filled(23);
  World& world = filled.world;
  world.crash(sim::CrashKind::kPower);
  world.node->disk_options().capacity_bytes = 0;
  world.storage = world.run(0, Storage::open(world.node->loops(), world.options())).value();
  const auto recovered =
      world.run(0, world.storage->recover({.latest_registration = world.registration,
                                           .quorum_epoch = world.quorum_epoch,
                                           .incarnation = uuid(5)}));
  ASSERT_FALSE(recovered.has_value());
  EXPECT_NE(recovered.error().message.find("no space left"), std::string::npos)
      << recovered.error().message;
  world.crash(sim::CrashKind::kProcess);
  world.node->disk_options().capacity_bytes.reset();
  EXPECT_FALSE(world.start()[0].discarded);
  filled.log = world.open("t");
  EXPECT_EQ(filled.log->end_offset(), Offset(20));
  EXPECT_EQ(world.read_all(*filled.log).at(Offset(19)), "value 19");
}

// A record that was acknowledged lived in the page cache only: another loop's appends had made the
// journal free its region while the segment was still being written.
TEST(Journal, KeepsARegionUntilItsSegmentsAreWritten) {
  for (std::uint64_t seed = 50; seed < 60; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Filled filled(seed);
    World& world = filled.world;
    Log* busy = world.open("busy", 1);
    world.node->disk_faults().odd_path = "/t-0/00000000000000000000.log";
    world.node->disk_faults().odd_write_lag = 60s;
    ASSERT_TRUE(world.append(*filled.log, {.text = "late"}).has_value());
    for (int i = 0; i < 300; ++i) {
      ASSERT_TRUE(world.append(*busy, {.value_bytes = 9'000}).has_value());
      ASSERT_TRUE(world.durable(*busy, 1).has_value());
    }
    ASSERT_EQ(filled.log->durable_end(), Offset(20)) << "the write still lasts";
    ASSERT_TRUE(world.durable(*filled.log).has_value());
    world.crash(sim::CrashKind::kPower);
    world.node->disk_faults() = {};
    world.start();
    ASSERT_EQ(world.open("t")->end_offset(), Offset(21));
  }
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

// A journal that a log keeps full because it cannot be synced.
struct FullJournal {
  explicit FullJournal(World& world) {
    world.options().retention_interval = base::Milliseconds64(1'000);
    world.start();
    sick = world.open("sick", 0, {}, 300);
    busy = world.open("busy", 1, {.segment_bytes = 100'000, .retention_bytes = 200'000});
    world.simulation.run_for(2s);  // The journal gets ready.
    EXPECT_TRUE(world.append(*sick, {}).has_value());
    EXPECT_TRUE(world.durable(*sick).has_value());
    world.node->disk_faults().odd_path = "/sick-0/";
    world.node->disk_faults().odd_sync_fails = true;
    for (int i = 0; i < 900; ++i) {  // The small ones fill it to the last byte.
      EXPECT_TRUE(world.append(*busy, {.value_bytes = i < 200 ? 9'000U : 400U}).has_value());
      EXPECT_TRUE(world.durable(*busy, 1).has_value());
    }
    EXPECT_NE(sick->failure(), nullptr) << "the journal asked for its room back";
  }

  // Nothing that was acknowledged is gone after a power loss.
  static void check(World& world) {
    world.node->disk_faults() = {};
    world.crash(sim::CrashKind::kPower);
    world.start();
    EXPECT_EQ(world.open("sick", 0, {}, 300)->end_offset(), Offset(1));
    EXPECT_EQ(world.open("busy", 1)->end_offset(), Offset(900));
  }

  Log* sick = nullptr;
  Log* busy = nullptr;
};

// A stop waited for ever for room in it.
TEST(Journal, AStopDoesNotWaitForRoomThatNeverComes) {
  World world(14);
  const FullJournal full(world);
  full.busy->set_high_watermark(full.busy->end_offset());
  world.simulation.run_for(3s);
  EXPECT_EQ(full.busy->log_start_offset(), Offset(0)) << "retention waits for room in the journal";
  const base::Instant before = world.simulation.now();
  EXPECT_FALSE(world.stop().has_value()) << "it ends, and not cleanly";
  EXPECT_LT(world.simulation.now() - before, 10s);
  FullJournal::check(world);
}

// Regression: once the sick log was closed nobody kept its region, and a stop that lasted longer
// than the journal's next try gave away the only copy of its records.
TEST(Journal, AStopThatLastsKeepsWhatOnlyTheJournalHas) {
  World world(14);
  const FullJournal full(world);
  world.node->disk_faults().slowness = 5'000;
  const base::Instant before = world.simulation.now();
  EXPECT_FALSE(world.stop().has_value());
  EXPECT_GT(world.simulation.now() - before, 3s);
  FullJournal::check(world);
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
