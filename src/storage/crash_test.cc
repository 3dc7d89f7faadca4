// Crashes at random moments: whatever was acknowledged is served again, in order, once, and a batch
// that is sent again after the crash is recognised. Every seed is a world of its own.
#include <algorithm>
#include <optional>
#include <set>

#include <gtest/gtest.h>

#include "rt/scope.h"
#include "rt/sleep.h"
#include "storage/internal/world_test.h"

namespace moldau::storage {
namespace {

using namespace testing;

// One partition's producer: sends numbered batches, remembers what was acknowledged.
struct Producer {
  std::string topic;
  int partition = 0;
  base::ProducerId id{-1};
  std::uint64_t topic_number = 0;
  Log* log = nullptr;
  std::int32_t next_sequence = 0;
  // By sequence: the value, and its offset once acknowledged.
  std::vector<std::string> values;
  std::map<std::int32_t, Offset> acknowledged;
  Offset log_start{0};
};

class CrashWorld {
 public:
  explicit CrashWorld(std::uint64_t seed)
      : rng_(seed), world_(seed, options(rng_), 1 + rng_.below(2)) {
    world_.sets_aside = true;
    const auto count = 1 + static_cast<int>(rng_.below(5));
    for (int i = 0; i < count; ++i) {
      producers_.push_back({.topic = "topic" + std::to_string(i),
                            .partition = static_cast<int>(rng_.below(4)),
                            .id = base::ProducerId(50 + i),
                            .topic_number = 200 + static_cast<std::uint64_t>(i)});
    }
    segment_bytes_ =
        rng_.chance(1, 2) ? 21'000 + static_cast<std::int32_t>(rng_.below(20'000)) : 1 << 30;
  }

  void run() {
    const auto crashes = 2 + rng_.below(3);
    for (std::uint64_t i = 0; i < crashes; ++i) {
      const bool stops = rng_.chance(1, 8);
      live(stops);
      if (::testing::Test::HasFailure()) return;
      stopped_cleanly_ = stops;
      if (stopped_cleanly_) {
        const auto closed = world_.stop();
        ASSERT_TRUE(closed.has_value()) << closed.error().message;
      } else {
        world_.crash(sim::CrashKind::kRandom);
      }
    }
    live(true);
    ASSERT_TRUE(world_.stop().has_value());
  }

  [[nodiscard]] const World& world() const { return world_; }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  static StorageOptions options(base::Rng& rng) {
    StorageOptions options;
    options.journal_bytes_max = std::size_t{1} << (20 + rng.below(2));
    options.store.space_ahead_from = rng.chance(1, 2) ? 2'000 : 20'000;
    options.store.fill_bytes = rng.chance(1, 2) ? 1'000 : 20'000;
    options.store.recovery_point_bytes = rng.chance(1, 2) ? 30'000 : 64 << 20;
    options.store.in_place_bytes = rng.chance(1, 2) ? 4'000 : 100'000;
    options.store.checkpoint_bytes = 4'000 + rng.below(100'000);
    options.store.tail_cache_bytes_max = rng.chance(1, 2) ? 10'000 : 10'000'000;
    options.store.open_files_max = rng.chance(1, 4) ? 2 : 100;
    options.recovery_point_interval = base::Milliseconds64(50 + static_cast<int>(rng.below(2000)));
    options.high_watermark_interval = options.recovery_point_interval;
    return options;
  }

  // `in_order`: the producers end by themselves; else what is left of them ends as in a crash.
  void live(bool in_order) {
    world_.start(rng_.chance(4, 5));
    for (Producer& producer : producers_) {
      producer.log = world_.open(producer.topic, producer.partition,
                                 {.segment_bytes = segment_bytes_, .index_interval_bytes = 500},
                                 producer.topic_number);
      ASSERT_NE(producer.log, nullptr);
      ++epoch_;
      check(producer);
      if (::testing::Test::HasFailure()) return;
    }
    const base::Duration time = std::chrono::microseconds(1 + rng_.below(400'000));
    std::vector<std::unique_ptr<rt::Scope>> scopes;
    for (Producer& producer : producers_) {
      auto& loop = world_.node->loop(world_.loop_of(producer.partition));
      scopes.push_back(std::make_unique<rt::Scope>(loop));
      scopes.back()->spawn(produce(*this, producer, loop, scopes.back()->token()));
    }
    world_.simulation.run_for(time);
    for (auto& scope : scopes) scope->stop();
    if (rng_.chance(1, 2)) world_.simulation.run_for(100ms);
    for (std::size_t i = 0; in_order && i < scopes.size(); ++i) {
      world_.run(world_.loop_of(producers_[i].partition), scopes[i]->join());
    }
  }

  static rt::Task<> produce(CrashWorld& self, Producer& producer, rt::Loop& loop,
                            rt::StopToken token) {
    const LeaderEpoch epoch(self.epoch_);
    Log& log = *producer.log;
    while (!token.stop_requested()) {
      const std::int32_t sequence = producer.next_sequence++;
      producer.values.push_back(producer.topic + " " + std::to_string(sequence));
      const std::size_t extra =
          self.rng_.chance(1, 20) ? self.rng_.below(20'000) : self.rng_.below(300);
      producer.values.back().resize(producer.values.back().size() + extra, '.');
      if (!co_await send(self, producer, log, epoch, sequence, token)) co_return;
      if (self.rng_.chance(1, 4)) {
        co_await rt::sleep_for(loop, std::chrono::microseconds(self.rng_.below(3'000)), token);
      }
      if (self.rng_.chance(1, 300)) {
        log.set_high_watermark(log.durable_end());
        const Offset to = log.log_start_offset() +
                          static_cast<std::int64_t>(self.rng_.below(static_cast<std::uint64_t>(
                              log.high_watermark() - log.log_start_offset() + 1)));
        const auto moved = co_await log.delete_records_to(to);
        if (moved) producer.log_start = std::max(producer.log_start, *moved);
      }
    }
  }

  static rt::Task<bool> send(CrashWorld& self, Producer& producer, Log& log, LeaderEpoch epoch,
                             std::int32_t sequence, rt::StopToken token) {
    const auto batch = make_batch({.timestamp = self.world_.node->loop(0).wall_now().value(),
                                   .producer = producer.id,
                                   .sequence = base::Sequence(sequence),
                                   .text = producer.values[static_cast<std::size_t>(sequence)]});
    const auto info = log.append_as_leader(one(batch), epoch, logstate::AppendOrigin::kClient);
    if (!info) {
      ADD_FAILURE() << info.error().message;
      co_return false;
    }
    const auto durable = co_await log.wait_durable(info->last_offset + 1, token);
    if (!durable) co_return false;
    producer.acknowledged[sequence] = info->base_offset;
    ++self.acknowledged_;
    co_return true;
  }

  // Everything acknowledged is there, in order, once; what was sent but not acknowledged may be.
  void check(Producer& producer) {
    Log& log = *producer.log;
    ASSERT_GE(log.log_start_offset(), producer.log_start) << "the log start went back";
    const auto values = world_.read_all(log, producer.partition);
    for (const auto& [sequence, offset] : producer.acknowledged) {
      if (offset < log.log_start_offset()) continue;
      const auto at = values.find(offset);
      ASSERT_TRUE(at != values.end()) << producer.topic << " lost offset " << offset.value()
                                      << " of " << log.end_offset().value();
      ASSERT_EQ(at->second, producer.values[static_cast<std::size_t>(sequence)]);
    }
    // One record a batch: offsets are dense, and sequences follow them.
    std::int32_t expected = -1;
    Offset next = log.log_start_offset();
    for (const auto& [offset, value] : values) {
      if (offset < log.log_start_offset()) continue;
      ASSERT_EQ(offset, next);
      next = offset + 1;
      const std::int32_t sequence = std::stoi(value.substr(producer.topic.size()));
      if (expected >= 0) ASSERT_EQ(sequence, expected) << "twice or out of order";
      expected = sequence + 1;
    }
    ASSERT_EQ(next, log.end_offset());
    if (expected >= 0) {
      resend_last(producer, expected);
    } else {
      // All was deleted, or nothing ever arrived: the producer goes on behind it, since each of its
      // batches takes one offset.
      producer.next_sequence = static_cast<std::int32_t>(log.end_offset().value());
      producer.values.resize(static_cast<std::size_t>(producer.next_sequence));
    }
  }

  // The producer cannot know whether its last batches arrived: it sends the oldest unacknowledged
  // one again.
  void resend_last(Producer& producer, std::int32_t in_log) {
    const std::int32_t last_acknowledged =
        producer.acknowledged.empty() ? -1 : producer.acknowledged.rbegin()->first;
    if (in_log > last_acknowledged + 1 || rng_.chance(1, 3)) {
      const std::int32_t again =
          in_log > last_acknowledged + 1 ? last_acknowledged + 1 : last_acknowledged;
      // Known are the last five batches of a producer; after a clean stop, as in Kafka, the last
      // one.
      const std::int32_t known = stopped_cleanly_ ? 1 : 5;
      if (again >= 0 && again >= in_log - known && again < in_log) {
        const Offset end = producer.log->end_offset();
        const auto info = world_.append(*producer.log,
                                        {.timestamp = world_.node->loop(0).wall_now().value(),
                                         .producer = producer.id,
                                         .sequence = base::Sequence(again),
                                         .text = producer.values[static_cast<std::size_t>(again)]},
                                        LeaderEpoch(epoch_));
        ASSERT_TRUE(info.has_value()) << info.error().message;
        ASSERT_TRUE(info->duplicate)
            << producer.topic << " sequence " << again << " of " << in_log << ", log from "
            << producer.log->log_start_offset().value() << " to " << end.value();
        ASSERT_EQ(producer.log->end_offset(), end);
      }
    }
    producer.next_sequence = in_log;
    producer.values.resize(static_cast<std::size_t>(in_log));
  }

  base::Rng rng_;
  World world_;
  std::vector<Producer> producers_;
  std::int32_t segment_bytes_ = 0;
  std::int32_t epoch_ = 0;
  bool stopped_cleanly_ = false;
  std::uint64_t acknowledged_ = 0;
};

TEST(Crash, WhatWasAcknowledgedIsServedAgain) {
  std::map<std::string, std::uint64_t> marks;
  std::uint64_t acknowledged = 0;
  const std::uint64_t seeds = 120;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    CrashWorld crash(seed);
    crash.run();
    if (HasFatalFailure() || HasNonfatalFailure()) return;
    acknowledged += crash.acknowledged();
    for (const auto& [name, count] : crash.world().simulation.marks()) marks[name] += count;
  }
  EXPECT_GT(acknowledged, seeds * 50);
  for (const char* mark : {"journal replayed", "journal filled a gap", "torn tail cut",
                           "crash during a segment roll", "duplicate recognised after a crash"}) {
    EXPECT_GT(marks[mark], 0U) << mark;
  }
  for (const char* mark : {"journal entry refused", "journal damaged", "damaged segment",
                           "journal discarded", "log failed", "journal given up"}) {
    EXPECT_EQ(marks[mark], 0U) << mark;
  }
}

// Regression, found by `moldau sim --seed 252`: with large batches the newest producer snapshot
// seemed to lie far enough behind what a producer may send again, and batches before it were
// refused as out of order.
TEST(Crash, LargeBatchesAreRecognisedAcrossASnapshot) {
  World world(7);
  world.start();
  const LogOptions options{.segment_bytes = 350'000};
  Log* log = world.open("t", 0, options);
  const auto send = [&](std::int32_t sequence) {
    return world.append(*log, {.value_bytes = 100'000,
                               .producer = base::ProducerId(9),
                               .sequence = base::Sequence(sequence)});
  };
  for (std::int32_t i = 0; i < 6; ++i) ASSERT_TRUE(send(i).has_value());  // A roll after the third.
  ASSERT_TRUE(world.durable(*log).has_value());
  world.simulation.run_for(1s);  // The snapshot at the roll is written.
  world.crash(sim::CrashKind::kProcess);
  world.start();
  log = world.open("t", 0, options);
  for (std::int32_t i = 1; i < 6; ++i) {
    const auto again = send(i);
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_TRUE(again->duplicate) << i;
  }
  EXPECT_EQ(log->end_offset(), Offset(6));
}

}  // namespace
}  // namespace moldau::storage
