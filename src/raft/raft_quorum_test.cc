// Whole quorums of cores under crashes, partitions and loss, by seed (internal/test_quorum.h says
// what is checked after each step), and the paths that need more than one replica.
#include <algorithm>

#include <gtest/gtest.h>

#include "raft/internal/test_quorum.h"

namespace moldau::raft::testing {
namespace {

using namespace std::chrono_literals;

std::set<std::string> data_of(TestQuorum& quorum, std::int32_t id) { return quorum.at(id).data; }

TEST(RaftQuorum, ElectsOneLeaderAndReplicates) {
  TestQuorum quorum({.seed = 7});
  quorum.start_all();
  ASSERT_TRUE(quorum.run_until([&] { return quorum.leader().has_value(); }, 10s));
  const std::int32_t leader = *quorum.leader();
  ASSERT_TRUE(quorum.append(leader, "a"));
  ASSERT_TRUE(quorum.append(leader, "b"));
  const std::set<std::string> both{"a", "b"};
  ASSERT_TRUE(quorum.run_until(
      [&] {
        return data_of(quorum, 1) == both && data_of(quorum, 2) == both &&
               data_of(quorum, 3) == both;
      },
      2s));
  for (const auto& node : quorum.nodes()) EXPECT_TRUE(node.faults.empty());
}

TEST(RaftQuorum, PutsTheVotersOfTheBootstrapSnapshotIntoTheLog) {
  TestQuorum quorum({.seed = 8});
  quorum.start_all();
  ASSERT_TRUE(quorum.run_until([&] { return quorum.leader().has_value(); }, 10s));
  quorum.run_for(1s);
  for (auto& node : quorum.nodes()) {
    EXPECT_EQ(node.raft->log().voters_offset(), base::Offset(2));
    EXPECT_EQ(node.raft->log().kraft_version(), kKRaftVersion1);
    EXPECT_EQ(node.raft->voters().size(), 3U);
  }
}

TEST(RaftQuorum, ElectsANewLeaderWhenTheOldOneIsCutOff) {
  TestQuorum quorum({.seed = 9});
  quorum.start_all();
  ASSERT_TRUE(quorum.run_until([&] { return quorum.leader().has_value(); }, 10s));
  const std::int32_t old = *quorum.leader();
  quorum.isolate(old);
  ASSERT_TRUE(quorum.append(old, "never committed"));
  ASSERT_TRUE(quorum.run_until([&] { return quorum.leader() && *quorum.leader() != old; }, 20s));
  ASSERT_TRUE(quorum.append(*quorum.leader(), "committed"));
  // Without a majority the old one gives up (check quorum).
  ASSERT_TRUE(quorum.run_until([&] { return !quorum.at(old).raft->leading(); }, 5s));
  quorum.heal();
  ASSERT_TRUE(quorum.run_until([&] { return data_of(quorum, old).contains("committed"); }, 20s));
  quorum.run_for(1s);
  for (auto& node : quorum.nodes()) EXPECT_FALSE(node.data.contains("never committed"));
}

TEST(RaftQuorum, AReplicaThatComesBackDoesNotDisturbTheLeader) {
  TestQuorum quorum({.seed = 10});
  quorum.start_all();
  ASSERT_TRUE(quorum.run_until([&] { return quorum.leader().has_value(); }, 10s));
  const std::int32_t leader = *quorum.leader();
  const std::int32_t other = leader == 1 ? 2 : 1;
  const base::LeaderEpoch epoch = quorum.at(leader).raft->epoch();
  quorum.isolate(other);
  quorum.run_for(30s);  // many elections that it cannot win
  quorum.heal();
  quorum.run_for(10s);
  EXPECT_EQ(quorum.leader(), leader);
  EXPECT_EQ(quorum.at(leader).raft->epoch(), epoch);  // pre-votes bump no epoch (KIP-996)
  EXPECT_EQ(quorum.at(other).raft->role(), Role::kFollower);
}

TEST(RaftQuorum, AResigningLeaderIsSucceededAtOnce) {
  TestQuorum quorum({.seed = 11});
  quorum.start_all();
  ASSERT_TRUE(quorum.run_until([&] { return quorum.leader().has_value(); }, 10s));
  quorum.run_for(1s);
  const std::int32_t old = *quorum.leader();
  const base::Instant at = quorum.instant();
  quorum.step(quorum.at(old), input::ShutDown{});
  ASSERT_TRUE(quorum.run_until([&] { return quorum.leader().has_value(); }, 10s));
  EXPECT_NE(*quorum.leader(), old);
  EXPECT_LT(quorum.instant() - at, base::Duration(1s));  // less than any timeout
  ASSERT_TRUE(quorum.run_until([&] { return quorum.at(old).raft->drained(); }, 1s));
}

TEST(RaftQuorum, AnObserverFollowsAndFindsTheNextLeader) {
  TestQuorum quorum({.seed = 12, .observers = 1});
  quorum.start_all();
  ASSERT_TRUE(quorum.run_until([&] { return quorum.leader().has_value(); }, 10s));
  ASSERT_TRUE(quorum.append(*quorum.leader(), "a"));
  ASSERT_TRUE(quorum.run_until([&] { return data_of(quorum, 4).contains("a"); }, 5s));
  const auto described =
      std::get<DescribeQuorumResponse>(*quorum.ask(*quorum.leader(), DescribeQuorumRequest{}));
  EXPECT_EQ(described.voters.size(), 3U);
  ASSERT_EQ(described.observers.size(), 1U);
  EXPECT_EQ(described.observers[0].key.id, base::BrokerId(4));
  const std::int32_t old = *quorum.leader();
  quorum.crash(old);
  ASSERT_TRUE(quorum.run_until([&] { return quorum.leader().has_value(); }, 20s));
  ASSERT_TRUE(quorum.append(*quorum.leader(), "b"));
  ASSERT_TRUE(quorum.run_until([&] { return data_of(quorum, 4).contains("b"); }, 20s));
  EXPECT_EQ(quorum.at(4).raft->role(), Role::kFollower);
}

TEST(RaftQuorum, AReplicaFarBehindLoadsASnapshot) {
  TestQuorum quorum({.seed = 13});
  quorum.start_all();
  ASSERT_TRUE(quorum.run_until([&] { return quorum.leader().has_value(); }, 10s));
  const std::int32_t leader = *quorum.leader();
  const std::int32_t behind = leader == 3 ? 2 : 3;
  quorum.crash(behind);
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(quorum.append(leader, "value " + std::to_string(i)));
    quorum.run_for(50ms);
  }
  quorum.snapshot(leader);
  ASSERT_TRUE(quorum.append(leader, "after"));
  quorum.run_for(100ms);
  quorum.snapshot(leader);
  ASSERT_GT(quorum.at(leader).disk.start, base::Offset(10));
  quorum.start(behind);
  ASSERT_TRUE(quorum.run_until([&] { return data_of(quorum, behind).size() == 31; }, 10s));
  EXPECT_GT(quorum.at(behind).disk.start, base::Offset(10));
  EXPECT_EQ(quorum.at(behind).raft->log().kraft_version(), kKRaftVersion1);
  ASSERT_TRUE(quorum.append(leader, "live"));
  ASSERT_TRUE(quorum.run_until([&] { return data_of(quorum, behind).contains("live"); }, 5s));
}

class RaftStorm : public ::testing::TestWithParam<std::uint64_t> {};

void strike(TestQuorum& quorum, int& next_value) {
  base::Rng& rng = quorum.rng();
  const auto id =
      static_cast<std::int32_t>(rng.between(1, static_cast<std::int64_t>(quorum.nodes().size())));
  switch (rng.below(10)) {
    case 0:
      if (quorum.at(id).raft != nullptr) quorum.crash(id);
      break;
    case 1:
    case 2:
      for (auto& node : quorum.nodes()) {
        if (node.raft == nullptr) quorum.start(node.key.id.value());
      }
      break;
    case 3:
      quorum.isolate(id);
      break;
    case 4:
      quorum.heal();
      break;
    case 5:
      quorum.snapshot(id);
      break;
    case 6:
      if (quorum.at(id).raft != nullptr) {
        quorum.step(quorum.at(id), input::Resign{quorum.at(id).raft->epoch()});
      }
      break;
    default:
      for (auto& node : quorum.nodes()) {
        if (node.raft != nullptr && node.raft->leading()) {
          quorum.append(node.key.id.value(), "value " + std::to_string(next_value++));
        }
      }
  }
}

// Safety under all faults, then everybody is healed and must agree.
void storm(TestOptions options) {
  SCOPED_TRACE(::testing::Message() << "seed " << options.seed);
  TestQuorum quorum(options);
  int next_value = 0;
  quorum.start_all();
  for (int i = 0; i < 120; ++i) {
    strike(quorum, next_value);
    quorum.run_for(milliseconds(quorum.rng().below(900)));
    ASSERT_FALSE(::testing::Test::HasFatalFailure());
  }
  quorum.heal();
  quorum.set_lost_percent(0);
  for (auto& node : quorum.nodes()) {
    if (node.raft == nullptr) quorum.start(node.key.id.value());
  }
  const auto agreed = [&] {
    const auto& first = quorum.nodes().front().data;
    return first.contains("the last") &&
           std::ranges::all_of(quorum.nodes(),
                               [&](const TestNode& node) { return node.data == first; });
  };
  // The leader of the moment may be an old one that does not know it yet.
  for (int attempt = 0; attempt < 5 && !agreed(); ++attempt) {
    ASSERT_TRUE(quorum.run_until([&] { return quorum.leader().has_value(); }, 60s))
        << "no leader" << quorum.describe();
    quorum.append(*quorum.leader(), "the last");
    quorum.run_until(agreed, 10s);
  }
  ASSERT_TRUE(agreed()) << "the replicas do not agree" << quorum.describe();
}

TEST_P(RaftStorm, ThreeVotersWithTheVotersInTheLog) {
  storm({.seed = GetParam(), .voters = 3, .lost_percent = 5});
}
TEST_P(RaftStorm, ThreeStaticVotersAndAnObserver) {
  storm({.seed = GetParam() + 1000,
         .voters = 3,
         .observers = 1,
         .kraft_version = kKRaftVersion0,
         .lost_percent = 2});
}
TEST_P(RaftStorm, FiveVotersOnSlowDisksAndWires) {
  storm({.seed = GetParam() + 2000,
         .voters = 5,
         .lost_percent = 5,
         .delay_max = milliseconds(200),
         .sync_max = milliseconds(300)});
}
TEST_P(RaftStorm, OneVoter) { storm({.seed = GetParam() + 3000, .voters = 1, .observers = 1}); }

INSTANTIATE_TEST_SUITE_P(Seeds, RaftStorm, ::testing::Range<std::uint64_t>(1, 41));

}  // namespace
}  // namespace moldau::raft::testing
