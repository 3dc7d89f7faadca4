#include "controller/internal/controller_fixture.h"

namespace moldau::controller {
namespace {

class AlterPartitionTest : public ControllerTest {
 protected:
  void SetUp() override {
    for (const int id : {1, 2, 3}) start_broker(id);
    wire::CreateTopicsRequest request;
    request.topics.emplace_back();
    request.topics[0].name = base::TopicName("t");
    request.topics[0].num_partitions = -1;
    request.topics[0].replication_factor = -1;
    request.topics[0].assignments.emplace_back();
    request.topics[0].assignments[0].broker_ids = {BrokerId(1), BrokerId(2), BrokerId(3)};
    serve(request);
    request_.broker_id = BrokerId(1);
    request_.broker_epoch = epochs_[1];
    request_.topics.emplace_back();
    request_.topics[0].topic_id = controller_.image().topic("t")->id;
    request_.topics[0].partitions.emplace_back();
    isr({1, 2});
  }
  wire::AlterPartitionRequest::PartitionData& data() { return request_.topics[0].partitions[0]; }
  void isr(std::vector<int> brokers) {
    data().new_isr_with_epochs.clear();
    for (const int id : brokers) {
      data().new_isr_with_epochs.push_back(
          {.broker_id = BrokerId(id), .broker_epoch = epochs_[id], .unknown_tags = {}});
    }
  }
  ErrorCode send() {
    const auto response = serve(request_);
    if (response.error_code != ErrorCode::kNone) return response.error_code;
    return response.topics[0].partitions[0].error_code;
  }

  wire::AlterPartitionRequest request_;
};

TEST_F(AlterPartitionTest, AnAcceptedChangeIsAnswered) {
  const auto response = serve(request_);
  const auto& answer = response.topics[0].partitions[0];
  EXPECT_EQ(answer.error_code, ErrorCode::kNone);
  EXPECT_EQ(answer.isr, (std::vector{BrokerId(1), BrokerId(2)}));
  EXPECT_EQ(answer.partition_epoch, base::PartitionEpoch(1));
  EXPECT_EQ(answer.leader_epoch, base::LeaderEpoch(0));
  EXPECT_EQ(partition("t", 0).isr, metadata::Replicas({BrokerId(1), BrokerId(2)}));
}

TEST_F(AlterPartitionTest, VersionTwoNamesMembersOnly) {
  data().new_isr_with_epochs.clear();
  data().new_isr = {BrokerId(1), BrokerId(3)};
  EXPECT_EQ(send(), ErrorCode::kNone);
  EXPECT_EQ(partition("t", 0).isr, metadata::Replicas({BrokerId(1), BrokerId(3)}));
}

TEST_F(AlterPartitionTest, EachMistakeHasItsError) {
  const auto with = [&](auto change, ErrorCode expected) {
    const auto saved = request_;
    change();
    EXPECT_EQ(send(), expected);
    EXPECT_EQ(records_, 0u);
    request_ = saved;
  };
  with([&] { request_.broker_epoch = BrokerEpoch(99); }, ErrorCode::kStaleBrokerEpoch);
  with([&] { request_.topics[0].topic_id = {}; }, ErrorCode::kUnknownTopicId);
  with([&] { data().partition_index = PartitionIndex(7); }, ErrorCode::kUnknownTopicOrPartition);
  with([&] { data().leader_epoch = base::LeaderEpoch(1); }, ErrorCode::kNotController);
  with([&] { data().partition_epoch = base::PartitionEpoch(1); }, ErrorCode::kNotController);
  with([&] { data().leader_epoch = base::LeaderEpoch(-1); }, ErrorCode::kFencedLeaderEpoch);
  with(
      [&] {
        request_.broker_id = BrokerId(2);
        request_.broker_epoch = epochs_[2];
      },
      ErrorCode::kInvalidRequest);
  with([&] { data().partition_epoch = base::PartitionEpoch(-1); },
       ErrorCode::kInvalidUpdateVersion);
  with([&] { isr({}); }, ErrorCode::kInvalidRequest);
  with([&] { isr({2}); }, ErrorCode::kInvalidRequest);
  with([&] { isr({1, 1}); }, ErrorCode::kInvalidRequest);
  with([&] { isr({1, 9}); }, ErrorCode::kInvalidRequest);
  with([&] { data().leader_recovery_state = 1; }, ErrorCode::kInvalidRequest);
  with([&] { data().new_isr_with_epochs[1].broker_epoch = BrokerEpoch(999); },
       ErrorCode::kIneligibleReplica);
  beat(2, true);
  data().leader_epoch = partition("t", 0).leader_epoch;
  data().partition_epoch = partition("t", 0).partition_epoch;
  with([&] {}, ErrorCode::kIneligibleReplica);
}

TEST_F(AlterPartitionTest, LeadersAreElectedOnRequest) {
  beat(1, true);
  EXPECT_EQ(partition("t", 0).leader, BrokerId(2));
  EXPECT_FALSE(beat(1).is_fenced);
  wire::ElectLeadersRequest request;
  request.topic_partitions.emplace();
  request.topic_partitions->emplace_back();
  request.topic_partitions->at(0).topic = base::TopicName("t");
  request.topic_partitions->at(0).partitions = {PartitionIndex(0), PartitionIndex(5)};
  const auto results = [&] {
    std::vector<ErrorCode> codes;
    for (const auto& result : serve(request).replica_election_results[0].partition_result) {
      codes.push_back(result.error_code);
    }
    return codes;
  };
  EXPECT_EQ(results(), (std::vector{ErrorCode::kPreferredLeaderNotAvailable,
                                    ErrorCode::kUnknownTopicOrPartition}));
  request_.broker_id = BrokerId(2);
  request_.broker_epoch = epochs_[2];
  data().leader_epoch = partition("t", 0).leader_epoch;
  data().partition_epoch = partition("t", 0).partition_epoch;
  isr({1, 2, 3});
  EXPECT_EQ(send(), ErrorCode::kNone);
  EXPECT_EQ(results()[0], ErrorCode::kNone);
  EXPECT_EQ(partition("t", 0).leader, BrokerId(1));
  EXPECT_EQ(results()[0], ErrorCode::kElectionNotNeeded);
  request.topic_partitions = std::nullopt;
  EXPECT_TRUE(serve(request).replica_election_results[0].partition_result.empty());
  request.election_type = 7;
  EXPECT_EQ(serve(request).error_code, ErrorCode::kInvalidRequest);
}

TEST_F(AlterPartitionTest, AnUncleanElectionIsALastResort) {
  isr({1});
  EXPECT_EQ(send(), ErrorCode::kNone);
  beat(1, true);
  EXPECT_EQ(partition("t", 0).leader, metadata::kNoLeader);
  wire::ElectLeadersRequest request;
  request.election_type = 1;
  request.topic_partitions = std::nullopt;
  const auto response = serve(request);
  EXPECT_EQ(response.replica_election_results[0].partition_result[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(partition("t", 0).leader, BrokerId(2));
  EXPECT_EQ(partition("t", 0).isr, metadata::Replicas({BrokerId(2)}));
  EXPECT_EQ(partition("t", 0).leader_recovery_state, metadata::LeaderRecoveryState::kRecovering);
}

}  // namespace
}  // namespace moldau::controller
