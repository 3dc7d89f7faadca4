// The controller listener of a node, frame by frame: each API that nothing but other nodes and
// tools calls.
#include <array>

#include <gtest/gtest.h>

#include "base/endian.h"
#include "broker/node_test.h"
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

class ControllerListener : public ServingNodeTest {
 protected:
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
  // Sends a CreateTopics that ends too early to the broker; how many bytes came back.
  std::size_t hang_up_on_malformed() {
    struct OnLoop {
      static rt::Task<std::size_t> send(rt::Loop& loop, base::SharedBytes frame) {
        auto connection = co_await loop.net().connect({.host = "server", .port = 9092}, 10s, {});
        EXPECT_TRUE(connection.has_value());
        EXPECT_TRUE((co_await (*connection)->send(frame.span())).has_value());
        std::array<std::byte, 100> answer{};
        const auto got = co_await (*connection)->receive(answer);
        (*connection)->close();
        co_return got.value_or(0);
      }
    };
    const auto whole = wire::request_frame(create("cut"), wire::CreateTopicsRequest::kStableVersion,
                                           base::CorrelationId(7), std::string("client"));
    base::ByteBuffer frame;
    constexpr std::int32_t kCutBytes = 3;
    const auto body = whole->flatten().slice(sizeof(std::int32_t));
    std::array<std::byte, sizeof(std::int32_t)> size{};
    base::store_be(size.data(), static_cast<std::int32_t>(body.size()) - kCutBytes);
    frame.append(size);
    frame.append(body.slice(0, body.size() - kCutBytes).span());
    return run(OnLoop::send(loop(), frame.freeze()));
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

// Whoever forwards says for whom; a node that does not is at fault itself.
TEST_F(ControllerListener, AnEnvelopeNamesItsClient) {
  auto cut = envelope(create("cut"));
  cut.request_data = cut.request_data.slice(0, cut.request_data.size() - 1);
  EXPECT_EQ(call<wire::EnvelopeResponse>(cut).error_code, ErrorCode::kInvalidRequest);
  EXPECT_NE(log_.find("127.0.0.1"), std::string::npos) << log_;

  auto nobody = envelope(create("nobody"));
  nobody.client_host_address = base::SharedBytes::copy_of("123");
  EXPECT_EQ(call<wire::EnvelopeResponse>(nobody).error_code, ErrorCode::kInvalidRequest);
}

// Regression: it was logged twice, first with the node's own channel as the peer.
TEST_F(ControllerListener, AMalformedRequestToForwardEndsWhereItCame) {
  EXPECT_EQ(hang_up_on_malformed(), 0U);
  EXPECT_NE(log_.find(": malformed request, api key 19"), std::string::npos) << log_;
  EXPECT_EQ(log_.find("WARN"), log_.rfind("WARN")) << "logged twice: " << log_;
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
