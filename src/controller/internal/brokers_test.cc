#include "controller/internal/controller_fixture.h"

namespace moldau::controller {
namespace {

class BrokersTest : public ControllerTest {};

TEST_F(BrokersTest, ABrokerThatGoesAndReturnsLeadsItsOnlyReplicasAgain) {
  start_broker(1);
  create("t", 3);
  now_ = now_ + seconds(10);
  run_upkeep();
  EXPECT_TRUE(controller_.image().broker(BrokerId(1))->fenced);
  EXPECT_EQ(partition("t", 0).leader, metadata::kNoLeader);
  EXPECT_EQ(partition("t", 0).isr, metadata::Replicas({BrokerId(1)}));
  EXPECT_EQ(partition("t", 0).leader_epoch, base::LeaderEpoch(1));
  start_broker(1, 2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(partition("t", i).leader, BrokerId(1));
    EXPECT_EQ(partition("t", i).leader_epoch, base::LeaderEpoch(2));
    EXPECT_EQ(partition("t", i).leader_recovery_state, metadata::LeaderRecoveryState::kRecovered);
  }
}

TEST_F(BrokersTest, ASessionEndsAndTheLeadersMove) {
  start_broker(1);
  start_broker(2);
  create("t", 4, 2);
  for (int i = 0; i < 20; ++i) {
    now_ = now_ + milliseconds(500);
    beat(2);
    run_upkeep();
  }
  EXPECT_TRUE(controller_.image().broker(BrokerId(1))->fenced);
  EXPECT_FALSE(controller_.image().broker(BrokerId(2))->fenced);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(partition("t", i).leader, BrokerId(2));
    EXPECT_EQ(partition("t", i).isr, metadata::Replicas({BrokerId(2)}));
  }
}

TEST_F(BrokersTest, HeartbeatsKeepASessionAndUpkeepIsIdle) {
  start_broker(1);
  const auto before = log_.size();
  for (int i = 0; i < 60; ++i) {
    EXPECT_LE(controller_.wake_at(), now_ + milliseconds(500));
    now_ = now_ + milliseconds(500);
    beat(1);
    run_upkeep();
  }
  EXPECT_FALSE(controller_.image().broker(BrokerId(1))->fenced);
  // A NoOp record each half second, nothing else.
  EXPECT_EQ(log_.size() - before, 60u);
  EXPECT_EQ(metadata::record_name(log_.back().record), "NoOpRecord");
}

TEST_F(BrokersTest, AControlledShutdownHandsOverFirst) {
  start_broker(1);
  start_broker(2);
  create("t", 4, 2);
  auto response = beat(1, false, true);
  EXPECT_FALSE(response.should_shut_down);
  EXPECT_TRUE(controller_.image().broker(BrokerId(1))->in_controlled_shutdown);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(partition("t", i).leader, BrokerId(2));
  // Broker 2 has not read of it yet.
  response = beat(1, false, true);
  EXPECT_FALSE(response.should_shut_down);
  beat(2);
  response = beat(1, false, true);
  EXPECT_TRUE(response.should_shut_down);
  EXPECT_TRUE(controller_.image().broker(BrokerId(1))->fenced);
}

TEST_F(BrokersTest, TheOnlyBrokerMayStopAtOnce) {
  start_broker(1);
  create("t", 2);
  EXPECT_FALSE(beat(1, false, true).should_shut_down);
  EXPECT_TRUE(beat(1, false, true).should_shut_down);
  start_broker(1, 2);
  EXPECT_FALSE(controller_.image().broker(BrokerId(1))->in_controlled_shutdown);
  EXPECT_EQ(partition("t", 1).leader, BrokerId(1));
}

TEST_F(BrokersTest, AFencedBrokerStopsAtOnce) {
  ASSERT_EQ(serve(registration(1)).error_code, ErrorCode::kNone);
  epochs_[1] = BrokerEpoch(3);
  EXPECT_TRUE(beat(1, true, true).should_shut_down);
}

TEST_F(BrokersTest, AnOfflineDirectoryLosesItsLeaders) {
  start_broker(1);
  start_broker(2);
  create("t", 2, 2);
  wire::BrokerHeartbeatRequest request;
  request.broker_id = BrokerId(1);
  request.broker_epoch = epochs_[1];
  request.current_metadata_offset = next_ - 1;
  request.offline_log_dirs = {directory(1)};
  serve(request);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(partition("t", i).leader, BrokerId(2));
}

TEST_F(BrokersTest, AnUnregisteredBrokerIsGone) {
  start_broker(1);
  start_broker(2);
  create("t", 2, 2);
  wire::UnregisterBrokerRequest request;
  request.broker_id = BrokerId(1);
  EXPECT_EQ(serve(request).error_code, ErrorCode::kNone);
  EXPECT_EQ(controller_.image().broker(BrokerId(1)), nullptr);
  EXPECT_EQ(partition("t", 0).leader, BrokerId(2));
  EXPECT_EQ(serve(request).error_code, ErrorCode::kBrokerIdNotRegistered);
}

TEST_F(BrokersTest, LeadersGoBackToPreferredReplicas) {
  start_broker(1);
  start_broker(2);
  create("t", 10, 2);
  beat(1, true);
  EXPECT_FALSE(beat(1).is_fenced);
  // Back in sync, but not leading.
  for (int i = 0; i < 10; ++i) {
    const auto& now = partition("t", i);
    wire::AlterPartitionRequest request;
    request.broker_id = BrokerId(2);
    request.broker_epoch = epochs_[2];
    request.topics.emplace_back();
    request.topics[0].topic_id = controller_.image().topic("t")->id;
    request.topics[0].partitions.emplace_back();
    auto& data = request.topics[0].partitions[0];
    data.partition_index = PartitionIndex(i);
    data.leader_epoch = now.leader_epoch;
    data.partition_epoch = now.partition_epoch;
    data.new_isr_with_epochs.push_back(
        {.broker_id = BrokerId(1), .broker_epoch = epochs_[1], .unknown_tags = {}});
    data.new_isr_with_epochs.push_back(
        {.broker_id = BrokerId(2), .broker_epoch = epochs_[2], .unknown_tags = {}});
    EXPECT_EQ(serve(request).topics[0].partitions[0].error_code, ErrorCode::kNone);
    EXPECT_EQ(partition("t", i).leader, BrokerId(2));
  }
  for (int i = 0; i < 400; ++i) {
    now_ = now_ + seconds(1);
    beat(1);
    beat(2);
    run_upkeep();
  }
  int moved = 0;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(partition("t", i).has_preferred_leader());
    moved += partition("t", i).leader == BrokerId(1) ? 1 : 0;
  }
  EXPECT_EQ(moved, 5);
}

}  // namespace
}  // namespace moldau::controller
