// Truncation, DeleteRecords, retention, removal: what they take away stays away through crashes,
// and nothing else goes with it.
#include <algorithm>

#include <gtest/gtest.h>

#include "rt/scope.h"
#include "rt/sleep.h"
#include "storage/internal/world_test.h"

namespace moldau::storage {
namespace {

using namespace testing;

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

// The directory's names and partition.metadata may be where only the journal knows of them, and the
// note of the truncation voids its entries: a truncation has to make the names durable itself.
TEST(Truncate, OfALogThatOnlyTheJournalHas) {
  const auto change = [](Log& log, int kind) -> rt::Task<bool> {
    if (kind == 0) {
      const auto done = co_await log.truncate_fully_and_start_at(Offset(500));
      co_return done.has_value();
    }
    const auto done = co_await log.truncate_to(Offset(kind == 1 ? 0 : 3));
    co_return done.has_value();
  };
  const Offset ends[] = {Offset(500), Offset(0), Offset(3)};
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    for (const int kind : {0, 1, 2}) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << " kind " << kind);
      World world(seed);
      world.start();
      world.simulation.run_for(2s);  // The journal gets ready.
      Log* log = world.open("t");
      fill(world, *log, 5);
      ASSERT_GT(world.storage->store(0).stats().journaled_bytes, 0U);
      ASSERT_TRUE(world.run(0, change(*log, kind)));
      world.crash(sim::CrashKind::kPower);
      world.start();
      log = world.open("t");
      ASSERT_NE(log, nullptr);
      ASSERT_EQ(log->end_offset(), ends[kind]);
      ASSERT_EQ(world.marks("journal entry refused"), 0U);
    }
  }
}

TEST(Truncate, RestartsALogThatWasNeverWritten) {
  World world(41);
  world.start();
  Log* log = world.open("t");
  ASSERT_TRUE(world.run(0, log->truncate_fully_and_start_at(Offset(500))).has_value());
  world.crash(sim::CrashKind::kPower);
  world.start();
  log = world.open("t");
  EXPECT_EQ(log->log_start_offset(), Offset(500));
  EXPECT_EQ(log->end_offset(), Offset(500));
}

// A snapshot of the producers that were cut off must be gone for good: once the log has grown past
// it again, it would answer "duplicate" for batches that nobody wrote.
TEST(Truncate, SnapshotsOfWhatIsGoneDoNotComeBack) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    World world(seed);
    world.options().store.checkpoint_bytes = 1;
    world.start();
    world.simulation.run_for(2s);
    Log* log = world.open("t");
    const auto append_as = [&](int producer, int count) {
      for (int i = 0; i < count; ++i) {
        ASSERT_TRUE(world.append(*log, {.timestamp = now_of(world),
                                        .producer = base::ProducerId(producer),
                                        .sequence = base::Sequence(i)}));
        ASSERT_TRUE(world.durable(*log).has_value());
        world.simulation.run_for(5ms);  // A snapshot is written.
      }
    };
    append_as(9, 10);
    ASSERT_TRUE(world.run(0, log->flush()).has_value());
    ASSERT_TRUE(*world.run(0, log->truncate_to(Offset(0))));
    append_as(10, 12);
    world.crash(sim::CrashKind::kPower);
    world.start();
    log = world.open("t");
    ASSERT_EQ(log->end_offset(), Offset(12));
    ASSERT_EQ(log->producers().find(base::ProducerId(9)), nullptr);
    ASSERT_NE(log->producers().find(base::ProducerId(10)), nullptr);
  }
}

// The log start used to stay, above the end; the next start then dropped what was appended since.
TEST(Truncate, BelowTheLogStartTakesTheStartAlong) {
  World world(42);
  world.start();
  Log* log = world.open("t");
  fill(world, *log, 50);
  log->set_high_watermark(Offset(50));
  EXPECT_EQ(*world.run(0, log->delete_records_to(Offset(40))), Offset(40));
  EXPECT_TRUE(*world.run(0, log->truncate_to(Offset(30))));
  EXPECT_EQ(log->log_start_offset(), Offset(30));
  EXPECT_EQ(log->end_offset(), Offset(30));
  fill(world, *log, 5);
  for (const auto kind : {sim::CrashKind::kProcess, sim::CrashKind::kPower}) {
    world.crash(kind);
    world.start();
    log = world.open("t");
    EXPECT_EQ(log->log_start_offset(), Offset(30));
    expect_dense(world, *log, Offset(30), Offset(35));
  }
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

// A log beside a model of what must be in it: random appends, truncations, DeleteRecords, new
// topics of the same name, and crashes.
class ModelWorld {
 public:
  explicit ModelWorld(std::uint64_t seed) : rng_(seed), world_(seed, {}, 1) {
    world_.options().store.in_place_bytes = rng_.chance(1, 2) ? 1'000 : 100'000;
    world_.options().store.checkpoint_bytes = 3'000 + rng_.below(30'000);
    world_.options().recovery_point_interval =
        base::Milliseconds64(rng_.chance(1, 2) ? 50 : 60'000);
    options_ = {.segment_bytes = 3'000 + static_cast<std::int32_t>(rng_.below(10'000)),
                .index_interval_bytes = 300};
  }

  void run() {
    restart();
    for (int step = 0; step < 40; ++step) {
      SCOPED_TRACE(::testing::Message() << "step " << step);
      take_step();
      if (::testing::Test::HasFailure()) return;
      ASSERT_EQ(log_->log_start_offset(), Offset(start_));
      ASSERT_EQ(log_->end_offset(), Offset(end()));
    }
    check_all();
    EXPECT_EQ(world_.marks("journal entry refused"), 0U);
    EXPECT_EQ(world_.marks("damaged segment"), 0U);
    EXPECT_EQ(world_.marks("records below the log start dropped"), 0U);
  }

 private:
  [[nodiscard]] std::int64_t end() const { return std::ssize(values_); }

  void restart() {
    world_.start();
    log_ = world_.open("t", 0, options_, id_);
    ++epoch_;
  }

  void take_step() {
    const auto what = rng_.below(12);
    if (what < 6) {
      append(1 + rng_.below(8));
    } else if (what < 8 && end() > start_) {
      truncate();
    } else if (what == 8) {
      world_.simulation.run_for(std::chrono::milliseconds(rng_.below(200)));
    } else if (what == 9) {
      delete_records();
    } else if (what == 10 && rng_.chance(1, 3)) {
      recreate();
    } else {
      world_.crash(rng_.chance(1, 2) ? sim::CrashKind::kPower : sim::CrashKind::kProcess);
      restart();
      check_producer();
    }
  }

  void append(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      values_.push_back(std::to_string(epoch_) + ":" + std::to_string(rng_.next()) +
                        std::string(rng_.below(600), '.'));
      // A producer for each stretch between truncations: one that was cut off must not be known.
      const auto info = world_.append(*log_,
                                      {.timestamp = now_of(world_),
                                       .producer = base::ProducerId(producer_),
                                       .sequence = base::Sequence(sequence_++),
                                       .text = values_.back()},
                                      LeaderEpoch(epoch_));
      ASSERT_TRUE(info.has_value()) << info.error().message;
      ASSERT_FALSE(info->duplicate);
      producers_.push_back(producer_);
    }
    ASSERT_TRUE(world_.durable(*log_).has_value());
  }

  void truncate() {
    const auto span = static_cast<std::uint64_t>(end() - start_ + 1);
    const std::int64_t keep =
        start_ + (rng_.chance(1, 8) ? 0 : static_cast<std::int64_t>(rng_.below(span)));
    const auto cut = world_.run(0, log_->truncate_to(Offset(keep)));
    ASSERT_TRUE(cut.has_value()) << cut.error().message;
    values_.resize(static_cast<std::size_t>(keep));
    producers_.resize(static_cast<std::size_t>(keep));
    ++epoch_;
    begin_producer();
  }

  void delete_records() {
    log_->set_high_watermark(log_->end_offset());
    const auto span = static_cast<std::uint64_t>(end() - start_ + 1);
    start_ += static_cast<std::int64_t>(rng_.below(span));
    const auto moved = world_.run(0, log_->delete_records_to(Offset(start_)));
    ASSERT_TRUE(moved.has_value()) << moved.error().message;
  }

  void recreate() {
    ASSERT_TRUE(world_.run(0, world_.storage->store(0).remove(*log_)).has_value());
    id_ = 1 + rng_.below(1'000'000);  // Smaller or greater than those before.
    values_.clear();
    producers_.clear();
    start_ = 0;
    epoch_ = 0;
    begin_producer();
    log_ = world_.open("t", 0, options_, id_);
  }

  void begin_producer() {
    ++producer_;
    sequence_ = 0;
  }

  // Whoever has no record in the log is unknown; the last one can go on.
  void check_producer() {
    for (const auto& [id, entry] : log_->producers().producers()) {
      ASSERT_TRUE(std::ranges::count(producers_, id.value()) > 0) << "producer " << id.value();
    }
    begin_producer();
  }

  void check_all() {
    const auto values = world_.read_all(*log_);
    ASSERT_EQ(std::ssize(values), end() - start_);
    for (const auto& [offset, value] : values) {
      ASSERT_EQ(value, values_[static_cast<std::size_t>(offset.value())]);
    }
  }

  base::Rng rng_;
  World world_;
  LogOptions options_;
  Log* log_ = nullptr;
  std::uint64_t id_ = 500'000;
  // By offset, from 0 on: values and producers.
  std::vector<std::string> values_;
  std::vector<std::int64_t> producers_;
  std::int64_t start_ = 0;
  std::int32_t epoch_ = -1;
  std::int64_t producer_ = 1'000;
  std::int32_t sequence_ = 0;
};

TEST(Change, HoldsThroughCrashes) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    ModelWorld(seed).run();
    if (HasFailure()) return;
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

// Regression: whoever asked for the same again was answered while the first was still on its way.
TEST(DeleteRecords, IsNotAnsweredBeforeItHolds) {
  World world(7);
  world.start();
  Log* log = world.open("t");
  fill(world, *log, 50);
  log->set_high_watermark(Offset(50));
  // The journal has nothing, so that the checkpoint alone knows the start.
  ASSERT_TRUE(world.stop().has_value());
  world.start();
  log = world.open("t");
  log->set_high_watermark(Offset(50));
  struct Both {
    static rt::Task<> first(Log& log) { (void)co_await log.delete_records_to(Offset(40)); }
    static rt::Task<Result<Offset>> second(rt::Loop& loop, Log& log) {
      rt::Scope scope(loop);
      scope.spawn(first(log));
      while (log.log_start_offset() < Offset(40)) co_await rt::sleep_for(loop, 10us);
      const auto moved = co_await log.delete_records_to(Offset(30));
      EXPECT_NE(co_await start_in_file(loop), "");
      co_await scope.join();
      co_return moved;
    }
    static rt::Task<std::string> start_in_file(rt::Loop& loop) {
      const auto file =
          co_await rt::read_file(loop.disk(), std::string(kPath) + "/log-start-offset-checkpoint");
      co_return file && file->text().find("t 0 40") != std::string_view::npos ? "there" : "";
    }
  };
  EXPECT_EQ(*world.run(0, Both::second(world.node->loop(0), *log)), Offset(40));
}

// Regression: what a replay learnt was in no file until the next checkpoint, and its regions were
// free before that.
TEST(DeleteRecords, HoldThroughTwoCrashes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    World world(seed);
    world.start();
    Log* log = world.open("t");
    world.simulation.run_for(2s);  // The journal gets ready.
    fill(world, *log, 50);
    log->set_high_watermark(Offset(50));
    // Noted in the journal; the checkpoint is not written before the crash.
    world.node->disk_faults().odd_path = "/log-start-offset-checkpoint";
    world.node->disk_faults().odd_sync_fails = true;
    ASSERT_FALSE(world.run(0, log->delete_records_to(Offset(20))).has_value());
    world.crash(sim::CrashKind::kPower);
    world.node->disk_faults() = {};
    world.start();
    log = world.open("t");
    ASSERT_EQ(log->log_start_offset(), Offset(20));
    world.simulation.run_for(5s);  // The journal writes, and frees what it adopted.
    Log* other = world.open("other", 2);
    fill(world, *other, 5);
    world.crash(sim::CrashKind::kPower);
    world.start();
    ASSERT_EQ(world.open("t")->log_start_offset(), Offset(20));
  }
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

// Regression: without timestamps the segment's creation was its age, so that retention took records
// that were seconds old.
TEST(Retention, RecordsWithoutTimestampsAgeFromTheLastWrite) {
  World world(15);
  world.options().retention_interval = base::Milliseconds64(1'000);
  world.start();
  Log* log = world.open("t", 0, {.retention_time = base::Milliseconds64(60'000)});
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(world.append(*log, {.timestamp = -1}).has_value());
    ASSERT_TRUE(world.durable(*log).has_value());
    log->set_high_watermark(log->end_offset());
    world.simulation.run_for(40s);
  }
  EXPECT_EQ(log->log_start_offset(), Offset(0));
  world.simulation.run_for(30s);
  EXPECT_EQ(log->log_start_offset(), Offset(5));
}

// When nothing is left, the end is known from the name of the new segment alone: offsets must not
// be handed out twice after a crash.
TEST(Retention, ALogOfWhichNothingIsLeftKeepsItsEnd) {
  for (const LogSync sync : {LogSync::kAck, LogSync::kOs}) {
    for (const auto kind : {sim::CrashKind::kProcess, sim::CrashKind::kPower}) {
      for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        SCOPED_TRACE(::testing::Message() << "seed " << seed << " sync " << int(sync));
        World world(seed);
        world.options().sync = sync;
        world.options().retention_interval = base::Milliseconds64(1'000);
        world.start();
        const LogOptions options{
            .segment_bytes = 1'000, .retention_time = base::Milliseconds64(10'000), .sync = sync};
        Log* log = world.open("t", 0, options);
        fill(world, *log, 35);
        log->set_high_watermark(Offset(35));
        while (log->log_start_offset() < Offset(35)) world.simulation.run_for(1s);
        world.simulation.run_for(1s);
        world.crash(kind);
        world.start();
        log = world.open("t", 0, options);
        ASSERT_EQ(log->end_offset(), Offset(35));
        ASSERT_EQ(log->log_start_offset(), Offset(35));
      }
    }
  }
}

Log* open_unprepared(World& world, const LogOptions& options) {
  const LogSpec spec{.partition = {base::TopicName("t"), base::PartitionIndex(0)},
                     .topic_id = base::TopicId(uuid(100)),
                     .options = options};
  return world.run(0, world.storage->store(0).open(*world.storage->directories()[0], spec, nullptr))
      .value();
}

// Since the start nobody has read or written the log: its data must not live for ever.
TEST(Retention, ALogThatNobodyTouchesIsNotForgotten) {
  World world(16);
  world.options().retention_interval = base::Milliseconds64(1'000);
  world.start();
  const LogOptions options{.segment_bytes = 1'000, .retention_time = base::Milliseconds64(60'000)};
  Log* log = world.open("t", 0, options);
  fill(world, *log, 35);
  log->set_high_watermark(Offset(35));
  const std::uint64_t bytes = log->size_bytes();
  for (int restart = 0; restart < 2; ++restart) {
    ASSERT_TRUE(world.stop().has_value());
    world.start();
    log = open_unprepared(world, options);
    EXPECT_EQ(world.run(0, world.storage->store(0).sizes()).at(0).bytes, bytes);
    world.simulation.run_for(5s);
    EXPECT_EQ(log->log_start_offset(), Offset(0));
    EXPECT_FALSE(log->prepared()) << "looked at, and let go again";
    EXPECT_EQ(world.run(0, world.storage->store(0).sizes()).at(0).bytes, bytes);
  }
  ASSERT_TRUE(world.run(0, log->prepare()).has_value());
  expect_dense(world, *log, Offset(0), Offset(35));
  ASSERT_TRUE(world.stop().has_value());
  world.start();
  log = open_unprepared(world, options);
  world.simulation.run_for(90s);
  EXPECT_EQ(log->log_start_offset(), Offset(35));
  EXPECT_EQ(world.run(0, world.storage->store(0).sizes()).at(0).bytes, 0U);
  ASSERT_TRUE(world.stop().has_value());
  world.start();
  EXPECT_EQ(world.open("t", 0, options)->end_offset(), Offset(35));
}

TEST(Retention, ForgetsProducersThatWriteNothing) {
  World world(17);
  world.options().retention_interval = base::Milliseconds64(1'000);
  world.start();
  Log* log = world.open("t", 0, {.producer_id_expiration = base::Milliseconds64(10'000)});
  for (const int producer : {1, 2}) {
    ASSERT_TRUE(world.append(*log, {.timestamp = now_of(world),
                                    .producer = base::ProducerId(producer),
                                    .sequence = base::Sequence(0)}));
    world.simulation.run_for(6s);
  }
  EXPECT_EQ(log->producers().find(base::ProducerId(1)), nullptr);
  EXPECT_NE(log->producers().find(base::ProducerId(2)), nullptr);
}

TEST(DeleteRecords, UpToTheEndKeepsTheEnd) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    World world(seed);
    world.start();
    if (seed % 2 == 0) world.simulation.run_for(2s);  // The journal gets ready.
    const LogOptions options{.segment_bytes = seed % 4 < 2 ? 1'000 : 1 << 20};
    Log* log = world.open("t", 0, options);
    fill(world, *log, 35);
    log->set_high_watermark(Offset(35));
    ASSERT_EQ(*world.run(0, log->delete_records_to(Offset(35))), Offset(35));
    world.crash(sim::CrashKind::kRandom);
    world.start();
    log = world.open("t", 0, options);
    ASSERT_EQ(log->end_offset(), Offset(35));
    ASSERT_EQ(log->log_start_offset(), Offset(35));
    fill(world, *log, 5);
    world.crash(sim::CrashKind::kRandom);
    world.start();
    log = world.open("t", 0, options);
    expect_dense(world, *log, Offset(35), Offset(40));
    ASSERT_EQ(world.marks("records below the log start dropped"), 0U);
  }
}

TEST(DeleteRecords, TogetherWithRetentionTakesNoMoreThanAsked) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    World world(seed);
    world.start();
    Log* log = world.open("t", 0, {.segment_bytes = 1'000, .retention_bytes = 5'000});
    fill(world, *log, 100);
    log->set_high_watermark(Offset(100));
    const auto both = [](rt::Loop& loop, Log& of) -> rt::Task<> {
      struct Retention {
        static rt::Task<> run(Log& of) {
          const auto removed = co_await of.apply_retention();
          EXPECT_TRUE(removed.has_value());
        }
      };
      rt::Scope scope(loop);
      scope.spawn(Retention::run(of));
      scope.spawn(Retention::run(of));
      const auto deleted = co_await of.delete_records_to(Offset(30));
      EXPECT_TRUE(deleted.has_value());
      co_await scope.join();
    };
    world.run(0, both(world.node->loop(0), *log));
    ASSERT_GE(log->size_bytes(), 5'000U);
    expect_dense(world, *log, log->log_start_offset(), Offset(100));
  }
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

// After a crash the logs are loaded by their recovery: retention took that for its own loading, and
// let go of what was being written.
TEST(Retention, LeavesALogAloneThatWasRecoveredAndIsWritten) {
  World world(8);
  world.options().retention_interval = base::Milliseconds64(1'000);
  world.start();
  Log* log = world.open("t", 0, {.retention_bytes = 1'000'000});
  fill(world, *log, 20);
  world.crash(sim::CrashKind::kProcess);
  world.start();
  const LogSpec spec{.partition = {base::TopicName("t"), base::PartitionIndex(0)},
                     .topic_id = base::TopicId(uuid(100)),
                     .options = {.retention_bytes = 1'000'000, .retention_time = -1ms}};
  DataDirectory& directory = world.storage->directory_of(spec.partition);
  log = world.run(0, world.storage->store(0).open(directory, spec, nullptr)).value();
  ASSERT_TRUE(log->prepared());
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(world.append(*log, {}).has_value());
    world.simulation.run_for(500ms);
    EXPECT_TRUE(log->prepared());
  }
  ASSERT_TRUE(world.durable(*log).has_value());
  EXPECT_EQ(world.read_all(*log).size(), 30U);
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

TEST(CleanStop, LeavesNoMoreThanTwoProducerSnapshots) {
  World world(18);
  world.start();
  for (int stop = 0; stop < 6; ++stop) {
    fill(world, *world.open("t"), 3);
    ASSERT_TRUE(world.stop().has_value());
    world.start();
  }
  std::size_t snapshots = 0;
  for (const auto& name : world.list("t-0")) snapshots += name.ends_with(".snapshot") ? 1 : 0;
  EXPECT_LE(snapshots, 2U);
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

}  // namespace
}  // namespace moldau::storage
