// The controller listener of a node, frame by frame: each API that nothing but other nodes and
// tools calls.
#include <gtest/gtest.h>

#include "broker/node_test.h"
#include "client/channel.h"
#include "raft/wire_messages.h"
#include "wire/allocate_producer_ids_request.h"
#include "wire/allocate_producer_ids_response.h"
#include "wire/default_principal_data.h"
#include "wire/describe_cluster_request.h"
#include "wire/describe_cluster_response.h"
#include "wire/envelope_request.h"
#include "wire/envelope_response.h"
#include "wire/frame.h"

namespace moldau::broker {
namespace {

using wire::ErrorCode;

class ControllerListener : public NodeTest {
 protected:
  void SetUp() override {
    format();
    broker_ = std::make_unique<Broker>(node_.loops(), config());
    const auto started = run(broker_->start());
    ASSERT_TRUE(started.has_value()) << started.error();
    channel_ = connect(9093);
    ASSERT_NE(channel_, nullptr);
  }
  void TearDown() override {
    if (channel_ != nullptr) sim::run_task(world_, loop(), channel_->close_and_join());
    channel_.reset();
    sim::run_task(world_, loop(), broker_->stop());
  }

  std::unique_ptr<client::Channel> connect(std::uint16_t port) {
    auto channel = run(client::Channel::connect(
        loop(), {.host = "server", .port = port},
        {.client_id = "test", .connect_timeout = 10s, .request_timeout = 30s}));
    EXPECT_TRUE(channel.has_value()) << channel.error().message;
    return channel ? std::move(*channel) : nullptr;
  }
  template <class Response, class Request>
  Response call(Request request) {
    auto answer = run(channel_->call<Response>(std::move(request)));
    EXPECT_TRUE(answer.has_value()) << answer.error().message;
    return answer ? std::move(*answer) : Response{};
  }
  [[nodiscard]] base::LeaderEpoch epoch() { return broker_->raft().leader_and_epoch().epoch; }

  static base::SharedBytes principal() {
    wire::Writer out;
    out.i16(0);
    encode(wire::DefaultPrincipalData{.type = "User", .name = "someone"}, 0, out);
    return out.finish()->flatten();
  }
  template <class Request>
  static wire::EnvelopeRequest envelope(const Request& request) {
    auto frame = wire::request_frame(request, Request::kStableVersion, base::CorrelationId(7),
                                     std::string("client"));
    wire::EnvelopeRequest made;
    made.request_data = frame->flatten().slice(sizeof(std::int32_t));
    made.request_principal = principal();
    made.client_host_address = base::SharedBytes::copy_of(std::string_view("\x7f\0\0\1", 4));
    return made;
  }
  static wire::CreateTopicsRequest create(const std::string& name) {
    wire::CreateTopicsRequest request;
    request.topics.emplace_back();
    request.topics[0].name = base::TopicName(name);
    request.topics[0].num_partitions = 1;
    request.topics[0].replication_factor = 1;
    return request;
  }
  ErrorCode update(const std::string& feature, std::int16_t level) {
    wire::UpdateFeaturesRequest request;
    auto& change = request.feature_updates.emplace_back();
    change.feature = feature;
    change.max_version_level = level;
    return call<wire::UpdateFeaturesResponse>(request).error_code;
  }
  // The leader gives up; with a slow disk it takes a while until there is one again.
  void resign() {
    struct OnLoop {
      static rt::Task<> resign(RaftDriver& raft) {
        raft.resign(raft.leader_and_epoch().epoch);
        co_return;
      }
    };
    node_.disk_faults().slowness = 200;
    sim::run_task(world_, loop(), OnLoop::resign(broker_->raft()));
  }

  std::unique_ptr<Broker> broker_;
  std::unique_ptr<client::Channel> channel_;
};

TEST_F(ControllerListener, ServesTheQuorumsOwnRequests) {
  const std::string cluster = broker_->cluster_id();
  const raft::ReplicaKey other{.id = base::BrokerId(9), .directory = {}};
  const auto fetched = call<wire::FetchResponse>(
      raft::give_request(raft::FetchRequest{.replica = other,
                                            .current_leader_epoch = epoch(),
                                            .fetch_offset = base::Offset(0),
                                            .last_fetched_epoch = base::LeaderEpoch(0),
                                            .bytes_max = 1 << 20},
                         cluster));
  const auto& partition = fetched.responses.at(0).partitions.at(0);
  EXPECT_EQ(partition.error_code, ErrorCode::kNone);
  EXPECT_EQ(partition.current_leader.leader_id, base::BrokerId(1));
  EXPECT_GT(partition.records->size(), 0U);

  const auto snapshot = call<wire::FetchSnapshotResponse>(raft::give_request(
      raft::FetchSnapshotRequest{.replica = other,
                                 .current_leader_epoch = epoch(),
                                 .id = {.offset = base::Offset(1), .epoch = base::LeaderEpoch(1)},
                                 .position = 0,
                                 .bytes_max = 1000},
      cluster));
  EXPECT_EQ(snapshot.topics.at(0).partitions.at(0).error_code, ErrorCode::kSnapshotNotFound);

  const auto vote =
      call<wire::VoteResponse>(raft::give_request(raft::VoteRequest{.candidate = other,
                                                                    .voter = std::nullopt,
                                                                    .epoch = epoch(),
                                                                    .last = {},
                                                                    .pre_vote = true},
                                                  cluster));
  EXPECT_EQ(vote.error_code, ErrorCode::kNone);
  EXPECT_FALSE(vote.topics.at(0).partitions.at(0).vote_granted);

  const base::LeaderEpoch old(0);
  const auto begun = call<wire::BeginQuorumEpochResponse>(raft::give_request(
      raft::BeginQuorumEpochRequest{
          .leader = other.id, .epoch = old, .voter = std::nullopt, .leader_endpoints = {}},
      cluster));
  EXPECT_EQ(begun.topics.at(0).partitions.at(0).error_code, ErrorCode::kFencedLeaderEpoch);
  const auto ended = call<wire::EndQuorumEpochResponse>(raft::give_request(
      raft::EndQuorumEpochRequest{
          .leader = other.id, .epoch = old, .preferred = {}, .leader_endpoints = {}},
      cluster));
  EXPECT_EQ(ended.topics.at(0).partitions.at(0).error_code, ErrorCode::kFencedLeaderEpoch);
}

TEST_F(ControllerListener, DescribesQuorumAndControllers) {
  wire::DescribeQuorumRequest request;
  request.topics.emplace_back();
  request.topics[0].topic_name = base::TopicName("__cluster_metadata");
  request.topics[0].partitions.emplace_back();
  const auto quorum = call<wire::DescribeQuorumResponse>(request);
  EXPECT_EQ(quorum.topics.at(0).partitions.at(0).leader_id, base::BrokerId(1));
  wire::DescribeClusterRequest controllers;
  controllers.endpoint_type = 2;
  const auto cluster = call<wire::DescribeClusterResponse>(controllers);
  EXPECT_EQ(cluster.error_code, ErrorCode::kNone);
  ASSERT_EQ(cluster.brokers.size(), 1U);
  EXPECT_EQ(cluster.brokers[0].port, 9093);
}

TEST_F(ControllerListener, RefusesFeaturesThatAreNotServed) {
  EXPECT_EQ(update("metadata.version", 31), ErrorCode::kInvalidUpdateVersion);
  EXPECT_EQ(update("group.version", 1), ErrorCode::kInvalidUpdateVersion);
  EXPECT_EQ(update("metadata.version", 30), ErrorCode::kNone);
}

TEST_F(ControllerListener, RefusesBrokersOfAnotherEpoch) {
  wire::BrokerHeartbeatRequest beat;
  beat.broker_id = base::BrokerId(1);
  beat.broker_epoch = base::BrokerEpoch(1);
  EXPECT_EQ(call<wire::BrokerHeartbeatResponse>(beat).error_code, ErrorCode::kStaleBrokerEpoch);
  wire::AllocateProducerIdsRequest ids;
  ids.broker_id = base::BrokerId(1);
  ids.broker_epoch = base::BrokerEpoch(1);
  EXPECT_EQ(call<wire::AllocateProducerIdsResponse>(ids).error_code, ErrorCode::kStaleBrokerEpoch);
  wire::AlterPartitionRequest change;
  change.broker_id = base::BrokerId(1);
  change.broker_epoch = base::BrokerEpoch(1);
  EXPECT_EQ(call<wire::AlterPartitionResponse>(change).error_code, ErrorCode::kStaleBrokerEpoch);
}

TEST_F(ControllerListener, OpensAnEnvelope) {
  const auto answered = call<wire::EnvelopeResponse>(envelope(create("topic")));
  EXPECT_EQ(answered.error_code, ErrorCode::kNone);
  ASSERT_TRUE(answered.response_data.has_value());

  auto garbage = envelope(create("garbage"));
  garbage.request_principal = base::SharedBytes::copy_of("who?");
  EXPECT_EQ(call<wire::EnvelopeResponse>(garbage).error_code,
            ErrorCode::kPrincipalDeserializationFailure);
  // Not forwardable.
  EXPECT_EQ(call<wire::EnvelopeResponse>(envelope(wire::VoteRequest())).error_code,
            ErrorCode::kInvalidRequest);
  auto cut = envelope(create("cut"));
  cut.request_data = cut.request_data.slice(0, 3);
  EXPECT_EQ(call<wire::EnvelopeResponse>(cut).error_code, ErrorCode::kInvalidRequest);
}

// Regression: the Envelope said NONE, so that the client got the raw NOT_CONTROLLER.
TEST_F(ControllerListener, AnEnvelopeSaysItselfThatThereIsNoController) {
  resign();
  const auto answered = call<wire::EnvelopeResponse>(envelope(create("early")));
  EXPECT_EQ(answered.error_code, ErrorCode::kNotController);
  EXPECT_FALSE(answered.response_data.has_value());
}

// Regression: forwarding did not try again.
TEST_F(ControllerListener, AForwardedRequestOutlivesAChangeOfTheLeader) {
  resign();
  const auto clients = connect(9092);
  ASSERT_NE(clients, nullptr);
  const auto created = run(clients->call<wire::CreateTopicsResponse>(create("patient")));
  ASSERT_TRUE(created.has_value()) << created.error().message;
  EXPECT_EQ(created->topics.at(0).error_code, ErrorCode::kNone);
  sim::run_task(world_, loop(), clients->close_and_join());
}

}  // namespace
}  // namespace moldau::broker
