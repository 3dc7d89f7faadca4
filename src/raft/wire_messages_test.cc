#include "raft/wire_messages.h"

#include <gtest/gtest.h>

#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::raft {
namespace {

using wire::ErrorCode;

constexpr const char* kCluster = "cluster";
constexpr const char* kListener = "CONTROLLER";
const ReplicaKey kOne{.id = base::BrokerId(1),
                      .directory = base::DirectoryId(base::Uuid{.msb = 1, .lsb = 2})};
const ReplicaKey kTwo{.id = base::BrokerId(2),
                      .directory = base::DirectoryId(base::Uuid{.msb = 3, .lsb = 4})};
const LeaderView kView{.leader = base::BrokerId(1),
                       .epoch = base::LeaderEpoch(5),
                       .endpoints = {{kListener, {"one", 9093}}, {"OTHER", {"uno", 9}}}};

// As a peer that speaks `version` gets it.
template <class Message>
Message sent(const Message& message, std::int16_t version) {
  wire::Writer out;
  encode(message, version, out);
  const auto bytes = out.finish();
  EXPECT_TRUE(bytes.has_value()) << "version " << version;
  wire::Reader in(bytes->flatten());
  Message decoded;
  EXPECT_TRUE(decode(decoded, version, in).has_value());
  return decoded;
}

RpcOrigin origin(std::int16_t version) { return {.listener = kListener, .api_version = version}; }

TEST(WireMessages, VoteKeepsWhatItsVersionCarries) {
  const VoteRequest request{.candidate = kOne,
                            .voter = kTwo,
                            .epoch = base::LeaderEpoch(6),
                            .last = {.offset = base::Offset(9), .epoch = base::LeaderEpoch(5)},
                            .pre_vote = true};
  const auto v2 = take_request(sent(give_request(request, kCluster), 2), kCluster);
  ASSERT_TRUE(v2.has_value());
  EXPECT_EQ(v2->candidate, kOne);
  EXPECT_EQ(v2->voter, kTwo);
  EXPECT_EQ(v2->epoch, request.epoch);
  EXPECT_EQ(v2->last, request.last);
  EXPECT_TRUE(v2->pre_vote);
  auto standard = request;
  standard.pre_vote = false;
  const auto v0 = take_request(sent(give_request(standard, kCluster), 0), kCluster);
  ASSERT_TRUE(v0.has_value());
  EXPECT_EQ(v0->candidate.id, kOne.id);
  EXPECT_TRUE(v0->candidate.directory.is_zero());
  EXPECT_EQ(v0->voter, std::nullopt);
}

TEST(WireMessages, ResponsesNameTheLeaderOnTheListenerThatWasAsked) {
  const VoteResponse response{.error = ErrorCode::kNone, .view = kView, .granted = true};
  const auto v1 = sent(give_response(response, origin(1)), 1);
  ASSERT_EQ(v1.node_endpoints.size(), 1U);
  EXPECT_EQ(v1.node_endpoints[0].host, "one");
  const auto taken = take_response(v1, kListener);
  ASSERT_TRUE(taken.has_value());
  EXPECT_TRUE(taken->granted);
  EXPECT_EQ(taken->view.leader, kView.leader);
  EXPECT_EQ(taken->view.endpoints, (Endpoints{{kListener, {"one", 9093}}}));

  const auto v0 = sent(give_response(response, origin(0)), 0);
  EXPECT_TRUE(v0.node_endpoints.empty());
  EXPECT_TRUE(take_response(v0, kListener)->view.endpoints.empty());

  const RpcOrigin elsewhere{.listener = "UNKNOWN", .api_version = 1};
  EXPECT_TRUE(give_response(response, elsewhere).node_endpoints.empty());
}

TEST(WireMessages, EpochRequestsKeepTheirEndpoints) {
  const BeginQuorumEpochRequest begin{.leader = kOne.id,
                                      .epoch = base::LeaderEpoch(5),
                                      .voter = kTwo,
                                      .leader_endpoints = kView.endpoints};
  const auto begun = take_request(sent(give_request(begin, kCluster), 1), kCluster);
  ASSERT_TRUE(begun.has_value());
  EXPECT_EQ(begun->leader, kOne.id);
  EXPECT_EQ(begun->voter, kTwo);
  EXPECT_EQ(begun->leader_endpoints, kView.endpoints);

  const EndQuorumEpochRequest end{.leader = kOne.id,
                                  .epoch = base::LeaderEpoch(5),
                                  .preferred = {kTwo, kOne},
                                  .leader_endpoints = {}};
  const auto v1 = take_request(sent(give_request(end, kCluster), 1), kCluster);
  ASSERT_TRUE(v1.has_value());
  EXPECT_EQ(v1->preferred, end.preferred);
  const auto v0 = take_request(sent(give_request(end, kCluster), 0), kCluster);
  ASSERT_TRUE(v0.has_value());
  ASSERT_EQ(v0->preferred.size(), 2U);
  EXPECT_EQ(v0->preferred[0].id, kTwo.id);
  EXPECT_TRUE(v0->preferred[0].directory.is_zero());
}

TEST(WireMessages, FetchOfEachVersionThatReplicasSpeak) {
  const FetchRequest request{.replica = kOne,
                             .current_leader_epoch = base::LeaderEpoch(5),
                             .fetch_offset = base::Offset(100),
                             .last_fetched_epoch = base::LeaderEpoch(4),
                             .high_watermark = base::Offset(90),
                             .wait_max = std::chrono::milliseconds(500),
                             .bytes_max = 1000};
  for (std::int16_t version = 13; version <= 18; ++version) {
    auto message = give_request(request, kCluster);
    if (version < 15) {
      message.replica_id = kOne.id;
      message.replica_state = {};
    }
    if (version < 17) message.topics[0].partitions[0].replica_directory_id = {};
    if (version < 18) {
      message.topics[0].partitions[0].high_watermark =
          wire::FetchRequest::FetchPartition{}.high_watermark;
    }
    const auto taken = take_request(sent(message, version), kCluster);
    ASSERT_TRUE(taken.has_value()) << version;
    EXPECT_EQ(taken->replica.id, kOne.id) << version;
    EXPECT_EQ(taken->replica.directory.is_zero(), version < 17) << version;
    EXPECT_EQ(taken->fetch_offset, request.fetch_offset);
    EXPECT_EQ(taken->wait_max, request.wait_max);
    // One that does not say never counts as behind.
    EXPECT_EQ(taken->high_watermark.value(),
              version < 18 ? 0x7FFFFFFFFFFFFFFF : request.high_watermark.value());
  }
}

TEST(WireMessages, FetchResponsesCarryRecordsDivergenceOrASnapshot) {
  FetchResponse response{.error = ErrorCode::kNone,
                         .view = kView,
                         .high_watermark = base::Offset(7),
                         .log_start_offset = base::Offset(3),
                         .diverging = std::nullopt,
                         .snapshot = std::nullopt,
                         .records = base::ByteChain(base::SharedBytes::copy_of("records"))};
  auto taken = take_response(sent(give_response(response, origin(17)), 17), kListener);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->records.flatten().text(), "records");
  EXPECT_EQ(taken->high_watermark, base::Offset(7));
  EXPECT_EQ(taken->log_start_offset, base::Offset(3));
  EXPECT_EQ(taken->view.endpoints.size(), 1U);
  EXPECT_FALSE(taken->diverging || taken->snapshot);
  // Only from version 17 on do raft's answers name the address.
  EXPECT_TRUE(give_response(response, origin(16)).node_endpoints.empty());

  response.records = {};
  response.high_watermark = std::nullopt;
  response.diverging = OffsetAndEpoch{.offset = base::Offset(5), .epoch = base::LeaderEpoch(2)};
  taken = take_response(sent(give_response(response, origin(18)), 18), kListener);
  EXPECT_EQ(taken->diverging, response.diverging);
  EXPECT_EQ(taken->high_watermark, std::nullopt);

  response.diverging.reset();
  response.snapshot = SnapshotId{.offset = base::Offset(50), .epoch = base::LeaderEpoch(2)};
  taken = take_response(sent(give_response(response, origin(18)), 18), kListener);
  EXPECT_EQ(taken->snapshot, response.snapshot);
}

TEST(WireMessages, SnapshotsTravelInPieces) {
  const FetchSnapshotRequest request{
      .replica = kOne,
      .current_leader_epoch = base::LeaderEpoch(5),
      .id = {.offset = base::Offset(50), .epoch = base::LeaderEpoch(2)},
      .position = 4096,
      .bytes_max = 1000};
  const auto taken = take_request(sent(give_request(request, kCluster), 1), kCluster);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->replica, kOne);
  EXPECT_EQ(taken->id, request.id);
  EXPECT_EQ(taken->position, 4096);
  const FetchSnapshotResponse response{
      .error = ErrorCode::kNone,
      .view = kView,
      .id = request.id,
      .size = 9000,
      .position = 4096,
      .bytes = base::ByteChain(base::SharedBytes::copy_of("part"))};
  const auto answer = take_response(sent(give_response(response, origin(1)), 1), kListener);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->bytes.flatten().text(), "part");
  EXPECT_EQ(answer->size, 9000);
  EXPECT_EQ(answer->id, request.id);
}

TEST(WireMessages, AnotherClusterIsRefusedAndNoneIsAccepted) {
  auto vote =
      give_request(VoteRequest{.candidate = kOne, .voter = {}, .epoch = {}, .last = {}}, "other");
  EXPECT_EQ(take_request(vote, kCluster).error().error_code, ErrorCode::kInconsistentClusterId);
  vote.cluster_id.reset();
  EXPECT_TRUE(take_request(vote, kCluster).has_value());
}

TEST(WireMessages, OtherPartitionsAreRefused) {
  const auto vote =
      give_request(VoteRequest{.candidate = kOne, .voter = {}, .epoch = {}, .last = {}}, kCluster);
  auto two = vote;
  two.topics.push_back(vote.topics[0]);
  EXPECT_EQ(take_request(two, kCluster).error().error_code, ErrorCode::kInvalidRequest);
  auto none = vote;
  none.topics[0].partitions.clear();
  EXPECT_EQ(take_request(none, kCluster).error().error_code, ErrorCode::kInvalidRequest);
  auto other = vote;
  other.topics[0].partitions[0].partition_index = base::PartitionIndex(1);
  EXPECT_EQ(take_request(other, kCluster).error().error_code, ErrorCode::kInvalidRequest);

  auto fetch = give_request(FetchRequest{.replica = kOne,
                                         .current_leader_epoch = {},
                                         .fetch_offset = {},
                                         .last_fetched_epoch = {}},
                            kCluster);
  fetch.topics[0].topic_id = base::TopicId(base::Uuid{.msb = 9, .lsb = 9});
  EXPECT_EQ(take_request(fetch, kCluster).error().error_code, ErrorCode::kInvalidRequest);
  // Before version 13 there is no id, and before version 12 no place to say who leads.
  fetch.topics[0].topic_id = {};
  EXPECT_EQ(take_request(fetch, kCluster).error().error_code, ErrorCode::kInvalidRequest);

  auto snapshot = give_request(
      FetchSnapshotRequest{.replica = kOne, .current_leader_epoch = {}, .id = {}}, kCluster);
  snapshot.topics[0].name = base::TopicName("other");
  const auto refused = take_request(snapshot, kCluster);
  EXPECT_EQ(refused.error().topics.at(0).partitions.at(0).error_code,
            ErrorCode::kUnknownTopicOrPartition);
}

TEST(WireMessages, ErrorsOfAWholeResponseAreFailures) {
  wire::VoteResponse vote;
  vote.error_code = ErrorCode::kUnsupportedVersion;
  EXPECT_EQ(take_response(vote, kListener).error(), RpcFailure::kUnsupportedVersion);
  vote.error_code = ErrorCode::kBrokerNotAvailable;
  EXPECT_EQ(take_response(vote, kListener).error(), RpcFailure::kRefused);
  EXPECT_EQ(take_response(wire::FetchResponse{}, kListener).error(), RpcFailure::kRefused);
}

TEST(WireMessages, DescribeQuorumTellsNodesFromVersion2On) {
  const DescribeQuorumResponse response{
      .error = ErrorCode::kNone,
      .view = kView,
      .high_watermark = base::Offset(9),
      .voters = {{.key = kOne, .log_end_offset = base::Offset(10)}},
      .observers = {{.key = kTwo, .log_end_offset = base::Offset(8)}},
      .nodes = {{.key = kOne, .endpoints = kView.endpoints, .supported = {}}}};
  // Regression: directories stood in versions that have none, so that nothing could be encoded.
  const auto v1 = sent(give_response(response, origin(1)), 1);
  EXPECT_TRUE(v1.nodes.empty());
  EXPECT_EQ(v1.topics.at(0).partitions.at(0).current_voters.at(0).replica_id, kOne.id);
  const auto v2 = sent(give_response(response, origin(2)), 2);
  ASSERT_EQ(v2.nodes.size(), 1U);
  EXPECT_EQ(v2.nodes[0].listeners.size(), 2U);
  const auto& partition = v2.topics.at(0).partitions.at(0);
  EXPECT_EQ(partition.current_voters.at(0).replica_directory_id, kOne.directory);
  EXPECT_EQ(partition.observers.at(0).log_end_offset, base::Offset(8));
  EXPECT_EQ(partition.high_watermark, base::Offset(9));
}

}  // namespace
}  // namespace moldau::raft
