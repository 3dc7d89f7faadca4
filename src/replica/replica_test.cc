#include "replica/replica.h"

#include <algorithm>
#include <map>
#include <utility>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace moldau::replica {
namespace {

using base::BrokerEpoch;
using base::BrokerId;
using base::Instant;
using base::LeaderEpoch;
using base::Offset;
using base::PartitionEpoch;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::ErrorCode;

constexpr Instant at(std::int64_t ms) { return Instant{milliseconds(ms)}; }

std::vector<BrokerId> ids(std::initializer_list<int> numbers) {
  std::vector<BrokerId> result;
  for (const int n : numbers) result.emplace_back(n);
  return result;
}

struct Start {
  int self = 1;
  int leader = 1;
  int leader_epoch = 5;
  int partition_epoch = 10;
  std::vector<BrokerId> replicas = ids({1});
  std::vector<BrokerId> isr = ids({1});
  int min_isr = 1;
  LogOffsets log;
};

Registration registration_of(const Start& setup) {
  return {.leader = BrokerId(setup.leader),
          .leader_epoch = LeaderEpoch(setup.leader_epoch),
          .partition_epoch = PartitionEpoch(setup.partition_epoch),
          .replicas = setup.replicas,
          .isr = setup.isr};
}

// A replica with its registration applied at time 0, and all other brokers alive with epoch 100+id.
struct Fixture {
  Replica replica;
  Output first;

  explicit Fixture(const Start& setup)
      : replica({.self = BrokerId(setup.self), .min_insync_replicas = setup.min_isr}, setup.log) {
    first = replica.step(registration_of(setup), at(0));
    BrokersChanged brokers;
    for (const BrokerId id : setup.replicas) {
      brokers.brokers.push_back({.id = id, .epoch = BrokerEpoch(100 + id.value()), .alive = true});
    }
    static_cast<void>(replica.step(brokers, at(0)));
  }

  Output append(std::int64_t end) { return replica.step(Appended{Offset(end)}, at(0)); }
  Output sync(std::int64_t end, std::int64_t ms = 0) {
    return replica.step(Synced{Offset(end)}, at(ms));
  }
  Output fetched(int id, std::int64_t offset, std::int64_t ms = 0,
                 std::optional<std::int64_t> broker_epoch = {}) {
    return replica.step(
        FollowerFetched{.id = BrokerId(id),
                        .broker_epoch = BrokerEpoch(broker_epoch.value_or(100 + id)),
                        .fetch_offset = Offset(offset),
                        .log_start = Offset(0),
                        .leader_end = replica.log_end()},
        at(ms));
  }
  Output park(ProduceToken token, std::int64_t required, int acks = -1,
              Instant deadline = base::kNever) {
    return replica.step(ParkProduce{.token = token,
                                    .required = Offset(required),
                                    .acks = static_cast<std::int16_t>(acks),
                                    .deadline = deadline},
                        at(0));
  }
  std::int64_t high_watermark() const { return replica.high_watermark().value(); }
};

Start three(std::initializer_list<int> isr, int min_isr = 1) {
  return {.replicas = ids({1, 2, 3}), .isr = ids(isr), .min_isr = min_isr};
}

using Answers = std::vector<Released>;

TEST(Replica, StartsWithTheCheckpointBoundedToTheLog) {
  const auto start = [](std::int64_t checkpoint) {
    return Replica({.self = BrokerId(1)}, {.log_start = Offset(10),
                                           .log_end = Offset(20),
                                           .durable_end = Offset(20),
                                           .high_watermark = Offset(checkpoint)})
        .high_watermark();
  };
  EXPECT_EQ(start(15), Offset(15));
  EXPECT_EQ(start(5), Offset(10));
  EXPECT_EQ(start(25), Offset(20));
}

TEST(Replica, ANewLeaderAnnouncesItsEpoch) {
  Fixture f({.log = {.log_end = Offset(30), .durable_end = Offset(30)}});
  EXPECT_TRUE(f.first.role_changed);
  EXPECT_EQ(f.first.epoch_started, (logstate::EpochEntry{LeaderEpoch(5), Offset(30)}));
  EXPECT_TRUE(f.first.high_watermark_moved);
  EXPECT_EQ(f.high_watermark(), 30);
  // The same registration again changes nothing.
  const Output again = f.replica.step(registration_of({}), at(1));
  EXPECT_FALSE(again.role_changed);
  EXPECT_EQ(again.epoch_started, std::nullopt);
}

TEST(Replica, OnItsOwnTheHighWatermarkIsTheDurableEnd) {
  Fixture f({});
  f.append(10);
  EXPECT_EQ(f.high_watermark(), 0);
  EXPECT_TRUE(f.sync(4).high_watermark_moved);
  EXPECT_EQ(f.high_watermark(), 4);
  EXPECT_FALSE(f.sync(4).high_watermark_moved);
  f.sync(10);
  EXPECT_EQ(f.high_watermark(), 10);
}

TEST(Replica, ProducesAreAnsweredWhenDurable) {
  Fixture f({});
  f.append(10);
  EXPECT_TRUE(f.park(1, 5, -1).released.empty());
  EXPECT_TRUE(f.park(2, 10, -1).released.empty());
  EXPECT_TRUE(f.park(3, 5, 1).released.empty());
  EXPECT_EQ(f.sync(5).released, (Answers{{3, ErrorCode::kNone}, {1, ErrorCode::kNone}}));
  EXPECT_EQ(f.sync(10).released, (Answers{{2, ErrorCode::kNone}}));
  // A duplicate of what is durable is answered at once.
  EXPECT_EQ(f.park(4, 7, -1).released, (Answers{{4, ErrorCode::kNone}}));
  EXPECT_EQ(f.park(5, 7, 1).released, (Answers{{5, ErrorCode::kNone}}));
  EXPECT_EQ(f.replica.parked(), 0u);
}

TEST(Replica, AcksAllWaitForEachIsrMemberAndAcksOneOnlyForTheLeader) {
  Fixture f(three({1, 2, 3}));
  f.append(10);
  f.park(1, 10, -1);
  f.park(2, 10, 1);
  EXPECT_EQ(f.sync(10).released, (Answers{{2, ErrorCode::kNone}}));
  EXPECT_TRUE(f.fetched(2, 10).released.empty());
  EXPECT_EQ(f.high_watermark(), 0);
  EXPECT_EQ(f.fetched(3, 10).released, (Answers{{1, ErrorCode::kNone}}));
  EXPECT_EQ(f.high_watermark(), 10);
}

TEST(Replica, TheLeaderCountsItselfOnlyWhenDurable) {
  Fixture f(three({1, 2, 3}));
  f.append(10);
  f.fetched(2, 10);
  f.fetched(3, 10);
  EXPECT_EQ(f.high_watermark(), 0);
  EXPECT_TRUE(f.sync(6).high_watermark_moved);
  EXPECT_EQ(f.high_watermark(), 6);
}

TEST(Replica, TheHighWatermarkNeverFalls) {
  Fixture f(three({1, 2, 3}));
  f.append(10);
  f.sync(10);
  f.fetched(2, 10);
  f.fetched(3, 10);
  f.fetched(3, 4);  // a follower that lost records
  EXPECT_EQ(f.high_watermark(), 10);
}

TEST(Replica, UnderMinIsrTheHighWatermarkStandsStill) {
  Fixture f(three({1}, 2));
  EXPECT_EQ(f.replica.check_append(-1), ErrorCode::kNotEnoughReplicas);
  EXPECT_EQ(f.replica.check_append(1), ErrorCode::kNone);
  f.append(10);
  f.park(1, 10, 1);
  const Output synced = f.sync(10);
  EXPECT_FALSE(synced.high_watermark_moved);
  EXPECT_EQ(synced.released, (Answers{{1, ErrorCode::kNone}}));
  EXPECT_EQ(f.high_watermark(), 0);
  // With the config lowered it moves at once.
  EXPECT_TRUE(f.replica.step(MinIsrChanged{1}, at(1)).high_watermark_moved);
  EXPECT_EQ(f.high_watermark(), 10);
}

TEST(Replica, MinIsrIsBoundedByTheReplicas) {
  Fixture f({.min_isr = 3});
  EXPECT_FALSE(f.replica.under_min_isr());
  f.append(5);
  f.sync(5);
  EXPECT_EQ(f.high_watermark(), 5);
}

TEST(Replica, ACaughtUpFollowerIsProposedForTheIsrAndCountsAtOnce) {
  Fixture f(three({1, 2}));
  f.append(10);
  f.sync(10);
  f.fetched(2, 10);
  EXPECT_EQ(f.high_watermark(), 10);
  EXPECT_EQ(f.fetched(3, 9).alter_partition, std::nullopt);  // below the high watermark
  const Output out = f.fetched(3, 10);
  EXPECT_EQ(out.alter_partition, (AlterPartition{.change_id = 1,
                                                 .leader_epoch = LeaderEpoch(5),
                                                 .partition_epoch = PartitionEpoch(10),
                                                 .new_isr = {{BrokerId(1), BrokerEpoch(-1)},
                                                             {BrokerId(2), BrokerEpoch(102)},
                                                             {BrokerId(3), BrokerEpoch(103)}}}));
  // One change at a time.
  EXPECT_EQ(f.fetched(3, 10).alter_partition, std::nullopt);
  f.append(20);
  f.sync(20);
  f.fetched(2, 20);
  EXPECT_EQ(f.high_watermark(), 10);  // 3 holds it back although not confirmed
  f.fetched(3, 15);
  EXPECT_EQ(f.high_watermark(), 15);
  const Output done = f.replica.step(AlterPartitionAnswer{.change_id = 1,
                                                          .leader_epoch = LeaderEpoch(5),
                                                          .partition_epoch = PartitionEpoch(11),
                                                          .isr = ids({1, 2, 3})},
                                     at(1));
  EXPECT_EQ(f.replica.isr(), ids({1, 2, 3}));
  EXPECT_EQ(f.replica.partition_epoch(), PartitionEpoch(11));
  EXPECT_FALSE(done.high_watermark_moved);
}

TEST(Replica, OnlyEligibleFollowersJoinTheIsr) {
  struct Case {
    const char* name;
    std::optional<BrokerStatus> status;
    std::int64_t fetch_epoch;
    bool joins;
  };
  const Case cases[] = {
      {"alive", BrokerStatus{BrokerId(2), BrokerEpoch(102), true}, 102, true},
      {"epoch not told", BrokerStatus{BrokerId(2), BrokerEpoch(102), true}, -1, true},
      {"fenced", BrokerStatus{BrokerId(2), BrokerEpoch(102), false}, 102, false},
      {"not registered", std::nullopt, 102, false},
      {"metadata knows an older epoch", BrokerStatus{BrokerId(2), BrokerEpoch(101), true}, 102,
       false},
      {"stale fetch", BrokerStatus{BrokerId(2), BrokerEpoch(103), true}, 102, false},
  };
  for (const Case& c : cases) {
    Fixture f({.replicas = ids({1, 2})});
    BrokersChanged brokers;
    if (c.status) brokers.brokers.push_back(*c.status);
    static_cast<void>(f.replica.step(brokers, at(0)));
    EXPECT_EQ(f.fetched(2, 0, 0, c.fetch_epoch).alter_partition.has_value(), c.joins) << c.name;
  }
}

TEST(Replica, AFollowerBelowTheEpochsStartDoesNotJoin) {
  Fixture f(
      {.replicas = ids({1, 2}),
       .log = {.log_end = Offset(50), .durable_end = Offset(40), .high_watermark = Offset(20)}});
  EXPECT_EQ(f.high_watermark(), 40);
  Fixture g(
      {.replicas = ids({1, 2, 3}),
       .isr = ids({1, 3}),
       .log = {.log_end = Offset(50), .durable_end = Offset(50), .high_watermark = Offset(20)}});
  EXPECT_EQ(g.high_watermark(), 20);
  EXPECT_EQ(g.fetched(2, 30).alter_partition, std::nullopt);
  EXPECT_TRUE(g.fetched(2, 50).alter_partition.has_value());
}

TEST(Replica, AnswersOfTheController) {
  struct Case {
    ErrorCode error;
    bool rolled_back;
    bool retried;
  };
  const Case cases[] = {
      {ErrorCode::kIneligibleReplica, true, false},
      {ErrorCode::kOperationNotAttempted, true, false},
      {ErrorCode::kUnknownTopicOrPartition, false, false},
      {ErrorCode::kUnknownTopicId, false, false},
      {ErrorCode::kFencedLeaderEpoch, false, false},
      {ErrorCode::kInvalidUpdateVersion, false, false},
      {ErrorCode::kInvalidRequest, false, false},
      {ErrorCode::kNewLeaderElected, false, false},
      {ErrorCode::kNotController, false, true},
      {ErrorCode::kUnknownServerError, false, true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(static_cast<int>(c.error));
    Fixture f(three({1, 2}));
    const auto sent = f.fetched(3, 0).alter_partition;
    ASSERT_TRUE(sent);
    static_cast<void>(f.replica.step(
        AlterPartitionAnswer{.change_id = sent->change_id, .error = c.error}, at(10)));
    // Rolled back: the next fetch proposes anew.
    EXPECT_EQ(f.fetched(3, 0, 10).alter_partition.has_value(), c.rolled_back);
    const Instant retry = at(10) + kAlterPartitionBackoff;
    EXPECT_EQ(f.replica.wake_at() == retry, c.retried);
    const Output tick = f.replica.step(Tick{}, retry);
    EXPECT_EQ(tick.alter_partition == sent, c.retried);
    EXPECT_EQ(f.replica.isr(), ids({1, 2}));
  }
}

TEST(Replica, AnAnswerToAnotherChangeOrEpochIsIgnored) {
  Fixture f(three({1, 2}));
  const auto sent = f.fetched(3, 0).alter_partition;
  ASSERT_TRUE(sent);
  const auto answer = [&](std::uint64_t change, int leader_epoch, int partition_epoch) {
    static_cast<void>(
        f.replica.step(AlterPartitionAnswer{.change_id = change,
                                            .leader_epoch = LeaderEpoch(leader_epoch),
                                            .partition_epoch = PartitionEpoch(partition_epoch),
                                            .isr = ids({1, 2, 3})},
                       at(1)));
    return f.replica.isr().size();
  };
  EXPECT_EQ(answer(sent->change_id + 1, 5, 11), 2u);
  EXPECT_EQ(answer(sent->change_id, 6, 11), 2u);
  EXPECT_EQ(answer(sent->change_id, 5, 9), 2u);
  // No update was needed: the same epoch.
  EXPECT_EQ(answer(sent->change_id, 5, 10), 3u);
}

TEST(Replica, ASilentFollowerLeavesTheIsr) {
  Fixture f(three({1, 2, 3}));
  f.append(10);
  f.sync(10);
  f.park(1, 10);
  f.fetched(2, 10, 20'000);
  // Half a lag time after the start the first look, 3 is not late yet.
  EXPECT_EQ(f.replica.wake_at(), at(15'000));
  EXPECT_EQ(f.replica.step(Tick{}, at(15'000)).alter_partition, std::nullopt);
  EXPECT_EQ(f.replica.wake_at(), at(30'000));
  EXPECT_EQ(f.replica.step(Tick{}, at(30'000)).alter_partition, std::nullopt);
  const Output out = f.replica.step(Tick{}, at(45'000));
  ASSERT_TRUE(out.alter_partition);
  EXPECT_EQ(
      out.alter_partition->new_isr,
      (std::vector<IsrMember>{{BrokerId(1), BrokerEpoch(-1)}, {BrokerId(2), BrokerEpoch(102)}}));
  // It still counts: it could be elected.
  EXPECT_EQ(f.high_watermark(), 0);
  const Output done =
      f.replica.step(AlterPartitionAnswer{.change_id = out.alter_partition->change_id,
                                          .leader_epoch = LeaderEpoch(5),
                                          .partition_epoch = PartitionEpoch(11),
                                          .isr = ids({1, 2})},
                     at(45'010));
  EXPECT_TRUE(done.high_watermark_moved);
  EXPECT_EQ(done.released, (Answers{{1, ErrorCode::kNone}}));
  EXPECT_EQ(f.high_watermark(), 10);
}

TEST(Replica, AFollowerThatKeepsPaceOneFetchBehindStays) {
  Fixture f(three({1, 2}));
  std::int64_t end = 0;
  for (std::int64_t ms = 0; ms < 120'000; ms += 500) {
    f.append(end + 10);
    f.sync(end + 10, ms);
    f.fetched(2, end, ms);  // what was there at its last fetch
    end += 10;
    EXPECT_EQ(f.replica.step(Tick{}, at(ms)).alter_partition, std::nullopt) << ms;
  }
}

TEST(Replica, AReplicaAboutToJoinHoldsBackTheHighWatermark) {
  Fixture f(three({1, 2}));
  f.append(10);
  f.sync(10);
  f.fetched(2, 10);
  // 3 is eligible and was caught up lately, and the ISR change is in flight for another reason.
  const auto pending = f.fetched(3, 10).alter_partition;
  ASSERT_TRUE(pending);
  static_cast<void>(f.replica.step(
      AlterPartitionAnswer{.change_id = pending->change_id, .error = ErrorCode::kIneligibleReplica},
      at(0)));
  f.append(20);
  f.sync(20);
  f.fetched(2, 20);
  EXPECT_EQ(f.high_watermark(), 10);
  // Long after it was caught up last, it does not count any more.
  EXPECT_TRUE(f.replica.step(Tick{}, at(31'000)).high_watermark_moved);
  EXPECT_EQ(f.high_watermark(), 20);
}

TEST(Replica, ParkedProducesTimeOut) {
  Fixture f(three({1, 2}));
  f.append(10);
  f.park(1, 5, -1, at(300));
  f.park(2, 10, -1, at(100));
  f.park(3, 10, 1, at(200));
  EXPECT_EQ(f.replica.wake_at(), at(100));
  EXPECT_TRUE(f.replica.step(Tick{}, at(99)).released.empty());
  EXPECT_EQ(f.replica.step(Tick{}, at(100)).released, (Answers{{2, ErrorCode::kRequestTimedOut}}));
  EXPECT_EQ(f.replica.wake_at(), at(200));
  EXPECT_EQ(f.replica.step(Tick{}, at(1000)).released,
            (Answers{{3, ErrorCode::kRequestTimedOut}, {1, ErrorCode::kRequestTimedOut}}));
}

TEST(Replica, ParkedProducesHaveALimit) {
  Fixture f({});
  f.append(1);
  for (std::size_t i = 0; i < kParkedProducesMax; ++i) ASSERT_TRUE(f.park(i, 1).released.empty());
  EXPECT_EQ(f.replica.check_append(-1), ErrorCode::kRequestTimedOut);
  EXPECT_EQ(f.park(7, 1).released, (Answers{{7, ErrorCode::kRequestTimedOut}}));
  EXPECT_EQ(f.sync(1).released.size(), kParkedProducesMax);
  EXPECT_EQ(f.replica.check_append(-1), ErrorCode::kNone);
}

TEST(Replica, LosingLeadershipAnswersAll) {
  Fixture f(three({1, 2}));
  f.append(10);
  f.park(1, 10, -1);
  f.park(2, 10, 1);
  Start next = three({2});
  next.leader = 2;
  next.leader_epoch = 6;
  next.partition_epoch = 11;
  const Output out = f.replica.step(registration_of(next), at(1));
  EXPECT_TRUE(out.role_changed);
  EXPECT_EQ(out.released,
            (Answers{{2, ErrorCode::kNotLeaderOrFollower}, {1, ErrorCode::kNotLeaderOrFollower}}));
  EXPECT_EQ(f.replica.role(), Role::kFollower);
  EXPECT_EQ(f.replica.check_append(1), ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(f.park(3, 10).released, (Answers{{3, ErrorCode::kNotLeaderOrFollower}}));
  EXPECT_EQ(f.replica.wake_at(), base::kNever);
}

TEST(Replica, AnOldRegistrationIsIgnored) {
  Fixture f({});
  Start old{.leader = 2, .leader_epoch = 4, .partition_epoch = 9};
  EXPECT_FALSE(f.replica.step(registration_of(old), at(1)).role_changed);
  EXPECT_TRUE(f.replica.is_leader());
}

TEST(Replica, StoppingAnswersAll) {
  Fixture f({});
  f.append(10);
  f.park(1, 10);
  EXPECT_EQ(f.replica.stop(ErrorCode::kKafkaStorageError).released,
            (Answers{{1, ErrorCode::kKafkaStorageError}}));
  EXPECT_EQ(f.replica.role(), Role::kNone);
  EXPECT_EQ(f.replica.check_read(base::kNoLeaderEpoch, false), ErrorCode::kNotLeaderOrFollower);
}

TEST(Replica, EpochsAndRolesOfReaders) {
  Fixture leader({});
  Fixture follower({.leader = 2, .replicas = ids({1, 2}), .isr = ids({1, 2})});
  struct Case {
    int epoch;
    bool leader_only;
    ErrorCode at_leader;
    ErrorCode at_follower;
  };
  const Case cases[] = {
      {-1, true, ErrorCode::kNone, ErrorCode::kNotLeaderOrFollower},
      {-1, false, ErrorCode::kNone, ErrorCode::kNone},
      {4, true, ErrorCode::kFencedLeaderEpoch, ErrorCode::kFencedLeaderEpoch},
      {5, true, ErrorCode::kNone, ErrorCode::kNotLeaderOrFollower},
      {6, false, ErrorCode::kUnknownLeaderEpoch, ErrorCode::kUnknownLeaderEpoch},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(leader.replica.check_read(LeaderEpoch(c.epoch), c.leader_only), c.at_leader)
        << c.epoch;
    EXPECT_EQ(follower.replica.check_read(LeaderEpoch(c.epoch), c.leader_only), c.at_follower)
        << c.epoch;
  }
}

TEST(Replica, Followers) {
  Fixture f({.replicas = ids({1, 2})});
  const auto check = [&](int id, std::int64_t broker_epoch, int leader_epoch) {
    return f.replica.check_follower(BrokerId(id), BrokerEpoch(broker_epoch),
                                    LeaderEpoch(leader_epoch));
  };
  EXPECT_EQ(check(2, 102, 5), ErrorCode::kNone);
  EXPECT_EQ(check(2, -1, 5), ErrorCode::kNone);
  EXPECT_EQ(check(2, 101, 5), ErrorCode::kNotLeaderOrFollower);  // an earlier incarnation
  EXPECT_EQ(check(3, 103, 5), ErrorCode::kUnknownLeaderEpoch);
  EXPECT_EQ(check(3, 103, -1), ErrorCode::kNotLeaderOrFollower);
}

class FetchTest : public testing::Test {
 protected:
  // Epoch 2 holds 10..19, epoch 4 holds 20..39, epoch 5 starts at 40 and is this leader's.
  FetchTest()
      : f_({.replicas = ids({1, 2}),
            .isr = ids({1}),
            .log = {.log_start = Offset(10), .log_end = Offset(40), .durable_end = Offset(40)}}) {
    epochs_.assign(LeaderEpoch(2), Offset(10));
    epochs_.assign(LeaderEpoch(4), Offset(20));
    epochs_.assign(LeaderEpoch(5), Offset(40));
    f_.append(50);
    f_.sync(45);
  }

  FetchDecision fetch(FetchPosition position, std::optional<Offset> unstable = {}) {
    return f_.replica.check_fetch(position, epochs_, unstable);
  }

  Fixture f_;
  logstate::LeaderEpochCache epochs_;
};

TEST_F(FetchTest, ConsumersReadUpToTheHighWatermark) {
  const FetchDecision d = fetch({.fetch_offset = Offset(15)});
  EXPECT_EQ(d.error, ErrorCode::kNone);
  EXPECT_EQ(d.upto, Offset(45));
  EXPECT_EQ(d.high_watermark, Offset(45));
  EXPECT_EQ(d.log_start, Offset(10));
  EXPECT_EQ(d.log_end, Offset(50));
  const FetchDecision committed =
      fetch({.fetch_offset = Offset(15), .isolation = Isolation::kCommitted}, Offset(30));
  EXPECT_EQ(committed.upto, Offset(30));
  EXPECT_EQ(committed.last_stable_offset, Offset(30));
  EXPECT_EQ(fetch({.fetch_offset = Offset(15)}, Offset(30)).upto, Offset(45));
}

TEST_F(FetchTest, FollowersReadUpToTheLogEnd) {
  EXPECT_EQ(fetch({.fetch_offset = Offset(15), .replica = BrokerId(2)}).upto, Offset(50));
  EXPECT_EQ(fetch({.fetch_offset = Offset(15), .replica = BrokerId(3)}).error,
            ErrorCode::kNotLeaderOrFollower);
}

TEST_F(FetchTest, OffsetsOutOfTheLogAreRefused) {
  EXPECT_EQ(fetch({.fetch_offset = Offset(9)}).error, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(fetch({.fetch_offset = Offset(10)}).error, ErrorCode::kNone);
  EXPECT_EQ(fetch({.fetch_offset = Offset(48)}).error, ErrorCode::kNone);  // nothing yet
  EXPECT_EQ(fetch({.fetch_offset = Offset(50)}).error, ErrorCode::kNone);
  EXPECT_EQ(fetch({.fetch_offset = Offset(51)}).error, ErrorCode::kOffsetOutOfRange);
}

TEST_F(FetchTest, LastFetchedEpochs) {
  struct Case {
    std::int64_t offset;
    int epoch;
    ErrorCode error;
    std::optional<logstate::EpochEndOffset> diverging;
  };
  const auto end = [](int epoch, std::int64_t offset) {
    return logstate::EpochEndOffset{LeaderEpoch(epoch), Offset(offset)};
  };
  const Case cases[] = {
      {15, 2, ErrorCode::kNone, {}},
      {20, 2, ErrorCode::kNone, {}},
      {21, 2, ErrorCode::kNone, end(2, 20)},  // it has more of epoch 2 than we do
      {25, 3, ErrorCode::kNone, end(2, 20)},  // we never saw epoch 3
      {20, 3, ErrorCode::kNone, end(2, 20)},  // not even at the right offset
      {41, 4, ErrorCode::kNone, end(4, 40)},
      {50, 5, ErrorCode::kNone, {}},
      {51, 5, ErrorCode::kNone, end(5, 50)},
      {15, 6, ErrorCode::kOffsetOutOfRange, {}},  // from the future
      {9, 2, ErrorCode::kOffsetOutOfRange, {}},
      {9, 4, ErrorCode::kOffsetOutOfRange, {}},
      // Before all that we know: epoch 1 "ended" where epoch 2 starts.
      {10, 1, ErrorCode::kNone, {}},
      {11, 1, ErrorCode::kNone, end(1, 10)},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << c.offset << " epoch " << c.epoch);
    const FetchDecision d = fetch({.fetch_offset = Offset(c.offset),
                                   .current_leader_epoch = LeaderEpoch(5),
                                   .last_fetched_epoch = LeaderEpoch(c.epoch),
                                   .replica = BrokerId(2)});
    EXPECT_EQ(d.error, c.error);
    EXPECT_EQ(d.diverging, c.diverging);
  }
}

TEST_F(FetchTest, EndOffsetsOfEpochs) {
  const auto ask = [&](int epoch) {
    return f_.replica.end_offset_for(LeaderEpoch(epoch), epochs_).end_offset;
  };
  EXPECT_EQ(ask(2), Offset(20));
  EXPECT_EQ(ask(5), Offset(50));
  EXPECT_EQ(ask(6), Offset(-1));
}

TEST(Replica, ListOffsetsWaitUntilTheNewEpochIsCommitted) {
  Fixture f(
      {.replicas = ids({1, 2}),
       .isr = ids({1, 2}),
       .log = {.log_end = Offset(50), .durable_end = Offset(50), .high_watermark = Offset(20)}});
  EXPECT_TRUE(f.replica.high_watermark_lags());
  f.fetched(2, 50);
  EXPECT_FALSE(f.replica.high_watermark_lags());
}

TEST(Replica, TheLogStartMovesTheHighWatermarkAlong) {
  Fixture f(three({1, 2}));
  f.append(10);
  EXPECT_TRUE(f.replica.step(LogStartAdvanced{Offset(4)}, at(0)).high_watermark_moved);
  EXPECT_EQ(f.high_watermark(), 4);
  EXPECT_FALSE(f.replica.step(LogStartAdvanced{Offset(3)}, at(0)).high_watermark_moved);
  EXPECT_EQ(f.replica.log_start(), Offset(4));
}

// A random history of one leader with two followers. After each step, what is released, and the
// high watermark, must agree with the definitions.
class History {
 public:
  explicit History(std::uint64_t seed)
      : rng_(seed), fixture_(three({1, 2, 3}, static_cast<int>(rng_.between(1, 3)))) {}

  void step() {
    now_ += static_cast<std::int64_t>(rng_.below(4000));
    const Output out = random_step();
    if (out.alter_partition) {
      ASSERT_FALSE(in_flight_);
      in_flight_ = out.alter_partition;
    }
    check_high_watermark(out);
    for (const Released& released : out.released) {
      ASSERT_EQ(released.error, ErrorCode::kNone);
      ASSERT_LE(waiting_.at(released.token), high_watermark_);
      waiting_.erase(released.token);
    }
    for (const auto& [waiter, required] : waiting_) ASSERT_GT(required, high_watermark_);
  }

 private:
  Output random_step() {
    switch (rng_.below(6)) {
      case 0:
        end_ += static_cast<std::int64_t>(rng_.below(5));
        return fixture_.append(end_);
      case 1: {
        const std::int64_t durable = fixture_.replica.durable_end().value();
        return fixture_.sync(rng_.between(durable, end_), now_);
      }
      case 2: {
        const int id = static_cast<int>(rng_.between(2, 3));
        log_end_[id] = rng_.between(std::max<std::int64_t>(log_end_[id], 0), end_);
        return fixture_.fetched(id, log_end_[id], now_);
      }
      case 3:
        if (fixture_.replica.check_append(-1) != ErrorCode::kNone) return {};
        waiting_[++token_] = end_;
        return fixture_.park(token_, end_);
      case 4:
        return fixture_.replica.step(Tick{}, at(now_));
      default:
        return answer();
    }
  }

  Output answer() {
    if (!in_flight_) return {};
    AlterPartitionAnswer answer{.change_id = in_flight_->change_id,
                                .leader_epoch = LeaderEpoch(5),
                                .partition_epoch = PartitionEpoch(++partition_epoch_)};
    for (const auto& member : in_flight_->new_isr) answer.isr.push_back(member.id);
    in_flight_.reset();
    return fixture_.replica.step(answer, at(now_));
  }

  void check_high_watermark(const Output& out) {
    const std::int64_t before = std::exchange(high_watermark_, fixture_.high_watermark());
    ASSERT_GE(high_watermark_, before);
    if (high_watermark_ == before) return;
    ASSERT_TRUE(out.high_watermark_moved);
    ASSERT_FALSE(fixture_.replica.under_min_isr());
    ASSERT_LE(high_watermark_, fixture_.replica.durable_end().value());
    for (const BrokerId id : fixture_.replica.isr()) {
      if (id != BrokerId(1)) ASSERT_LE(high_watermark_, log_end_[id.value()]);
    }
  }

  base::Rng rng_;
  Fixture fixture_;
  std::map<ProduceToken, std::int64_t> waiting_;
  std::map<int, std::int64_t> log_end_ = {{2, -1}, {3, -1}};
  std::optional<AlterPartition> in_flight_;
  std::int64_t end_ = 0;
  std::int64_t now_ = 0;
  std::int64_t high_watermark_ = 0;
  ProduceToken token_ = 0;
  int partition_epoch_ = 10;
};

TEST(Replica, KeepsItsInvariants) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    History history(seed);
    for (int step = 0; step < 200; ++step) history.step();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace moldau::replica
