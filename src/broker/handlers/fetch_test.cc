// Fetch against a whole simulated node with two loops: long polls, min_bytes and the byte limits
// over partitions of both loops.
#include "broker/handlers/node_test.h"

namespace moldau::broker::testing {
namespace {

using wire::ErrorCode;

struct Polled {
  std::optional<wire::FetchResponse> response;
  base::Instant at;
};

rt::Task<> poll(rt::Loop& loop, rt::Task<wire::FetchResponse> task, Polled& into) {
  into.response = co_await std::move(task);
  into.at = loop.now();
}

class FetchTest : public ::testing::Test {
 protected:
  // Begins a fetch on loop 0 and lets it park.
  void begin(wire::FetchRequest request, rt::StopToken token = {}) {
    polling_.spawn(poll(loop(), node.fetch_task(std::move(request), token), polled));
    node.world.run_for(50ms);
  }
  [[nodiscard]] bool answered(base::Duration limit) {
    return node.world.run_until([this] { return polling_.size() == 0; }, limit);
  }
  [[nodiscard]] rt::Loop& loop() { return node.node->loop(0); }

  TestNode node;
  Polled polled;

 private:
  rt::Scope polling_{node.node->loop(0)};
};

TEST_F(FetchTest, ReadsWhatIsThereFromBothLoops) {
  node.create("t", 4);
  for (std::int32_t i = 0; i < 4; ++i) {
    for (int n = 0; n <= i; ++n) node.produce("t", i, batch_of({}));
  }
  for (std::size_t from = 0; from < 2; ++from) {
    const auto response =
        node.fetch(TestNode::fetch_request("t", {{3, 0}, {0, 0}, {2, 1}, {1, 2}}), from);
    EXPECT_EQ(offsets_of(response, 3), (std::vector<std::int64_t>{0, 1, 2, 3}));
    EXPECT_EQ(offsets_of(response, 0), (std::vector<std::int64_t>{0}));
    EXPECT_EQ(offsets_of(response, 2), (std::vector<std::int64_t>{1, 2}));
    EXPECT_TRUE(offsets_of(response, 1).empty());
    EXPECT_EQ(part_of(response, 1).high_watermark, base::Offset(2));
    // In the order of the request.
    ASSERT_EQ(response.responses.size(), 1U);
    EXPECT_EQ(response.responses[0].partitions[0].partition_index, base::PartitionIndex(3));
  }
}

TEST_F(FetchTest, ALongPollEndsWithTheFirstRecordsOnEitherLoop) {
  node.create("t", 2);
  for (std::int32_t i = 0; i < 2; ++i) {
    auto request = TestNode::fetch_request("t", {{0, i == 0 ? 0 : 1}, {1, 0}});
    request.max_wait_ms = base::Milliseconds32(600'000);
    begin(std::move(request));
    EXPECT_FALSE(answered(1s));
    node.produce("t", i, batch_of({}));
    ASSERT_TRUE(answered(1s)) << "partition " << i;
    EXPECT_EQ(offsets_of(*polled.response, i), (std::vector<std::int64_t>{0}));
    EXPECT_TRUE(offsets_of(*polled.response, 1 - i).empty());
  }
}

TEST_F(FetchTest, TheTimeIsUp) {
  node.create("t", 2);
  const base::Instant began = loop().now();
  begin(TestNode::fetch_request("t", {{0, 0}, {1, 0}}));
  ASSERT_TRUE(answered(1s));
  EXPECT_GE(polled.at - began, 500ms);
  EXPECT_LT(polled.at - began, 600ms);
  EXPECT_EQ(part_of(*polled.response, 0).error_code, ErrorCode::kNone);
}

// What lies on different loops counts together, and nothing that was read is lost.
TEST_F(FetchTest, MinBytesAreGatheredOverLoopsAndTime) {
  node.create("t", 2);
  const base::SharedBytes batch = batch_of({.value_bytes = 100});
  auto request = TestNode::fetch_request("t", {{0, 0}, {1, 0}});
  request.min_bytes = static_cast<std::int32_t>(batch.size() * 4);
  request.max_wait_ms = base::Milliseconds32(600'000);
  begin(std::move(request));
  for (const std::int32_t i : {0, 1, 0}) {
    node.produce("t", i, batch);
    EXPECT_FALSE(answered(1s));
  }
  node.produce("t", 1, batch);
  ASSERT_TRUE(answered(1s));
  EXPECT_EQ(offsets_of(*polled.response, 0), (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(offsets_of(*polled.response, 1), (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(part_of(*polled.response, 0).high_watermark, base::Offset(2));
}

TEST_F(FetchTest, WhatWasGatheredIsAnsweredWhenTheTimeIsUp) {
  node.create("t", 2);
  auto request = TestNode::fetch_request("t", {{0, 0}, {1, 0}});
  request.min_bytes = 1'000'000;
  request.max_wait_ms = base::Milliseconds32(5'000);
  begin(std::move(request));
  node.produce("t", 0, batch_of({}));
  node.produce("t", 1, batch_of({}));
  ASSERT_TRUE(answered(6s));
  EXPECT_EQ(offsets_of(*polled.response, 0), (std::vector<std::int64_t>{0}));
  EXPECT_EQ(offsets_of(*polled.response, 1), (std::vector<std::int64_t>{0}));
}

// Regression: a batch that a limit held back was taken for news again and again, and the loop did
// nothing else until the time was up.
TEST_F(FetchTest, ABatchHeldBackIsNoNews) {
  node.create("t", 3);
  ASSERT_EQ(node.loop_of_partition("t", 0), node.loop_of_partition("t", 2));
  node.produce("t", 0, batch_of({}));
  node.produce("t", 2, batch_of({.value_bytes = 5'000}));
  auto request = TestNode::fetch_request("t", {{0, 0}, {2, 0}});
  request.topics[0].partitions[1].partition_max_bytes = 1'000;
  request.min_bytes = 100'000;
  request.max_wait_ms = base::Milliseconds32(30'000);
  const std::uint64_t steps = node.world.steps();
  begin(std::move(request));
  EXPECT_FALSE(answered(20s));
  EXPECT_LT(node.world.steps() - steps, 20'000U);
  ASSERT_TRUE(answered(20s));
  EXPECT_EQ(offsets_of(*polled.response, 0), (std::vector<std::int64_t>{0}));
  EXPECT_TRUE(offsets_of(*polled.response, 2).empty());
}

// What a partition's limit holds back counts toward min_bytes as in Kafka.
TEST_F(FetchTest, HeldBackBytesCountTowardMinBytes) {
  node.create("t", 3);
  node.produce("t", 0, batch_of({}));
  node.produce("t", 2, batch_of({.value_bytes = 5'000}));
  auto request = TestNode::fetch_request("t", {{0, 0}, {2, 0}});
  request.topics[0].partitions[1].partition_max_bytes = 1'000;
  request.min_bytes = 1'000;
  request.max_wait_ms = base::Milliseconds32(600'000);
  begin(std::move(request));
  ASSERT_TRUE(answered(1s));
  EXPECT_EQ(offsets_of(*polled.response, 0), (std::vector<std::int64_t>{0}));
}

TEST_F(FetchTest, TheFirstBatchMayPassTheLimits) {
  node.create("t", 1);
  for (int i = 0; i < 3; ++i) node.produce("t", 0, batch_of({.value_bytes = 5'000}));
  auto request = TestNode::fetch_request("t", {{0, 0}});
  request.topics[0].partitions[0].partition_max_bytes = 10;
  EXPECT_EQ(offsets_of(node.fetch(request), 0), (std::vector<std::int64_t>{0}));
  request.topics[0].partitions[0].partition_max_bytes = 1 << 20;
  request.max_bytes = 0;
  EXPECT_EQ(offsets_of(node.fetch(request), 0), (std::vector<std::int64_t>{0}));
}

TEST_F(FetchTest, MaxBytesBoundsTheWholeAnswer) {
  node.create("t", 8);
  for (std::int32_t i = 0; i < 8; ++i) {
    for (int n = 0; n < 20; ++n) node.produce("t", i, batch_of({.value_bytes = 1'000}));
  }
  auto request = TestNode::fetch_request(
      "t", {{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {6, 0}, {7, 0}});
  request.max_bytes = 50'000;
  const auto response = node.fetch(request);
  std::size_t bytes = 0;
  for (std::int32_t i = 0; i < 8; ++i) bytes += bytes_of(response, i);
  EXPECT_LE(bytes, 50'000U);
  EXPECT_GT(bytes, 45'000U);
}

TEST_F(FetchTest, APartitionThatGoesEndsThePoll) {
  node.create("t", 2);
  auto request = TestNode::fetch_request("t", {{0, 0}, {1, 0}});
  request.max_wait_ms = base::Milliseconds32(600'000);
  begin(std::move(request));
  wire::DeleteTopicsRequest removal;
  auto& topic = removal.topics.emplace_back();
  topic.topic_id = node.id("t", 0)->topic_id;
  topic.name = std::nullopt;
  const auto removed =
      node.run(node.broker->controller_channel().call<wire::DeleteTopicsResponse>(removal));
  ASSERT_TRUE(removed.has_value());
  ASSERT_TRUE(answered(5s));
  const bool told = part_of(*polled.response, 0).error_code != ErrorCode::kNone ||
                    part_of(*polled.response, 1).error_code != ErrorCode::kNone;
  EXPECT_TRUE(told);
}

TEST_F(FetchTest, AnUnknownPartitionIsAnsweredAtOnce) {
  node.create("t", 1);
  auto request = TestNode::fetch_request("t", {{0, 0}, {7, 0}});
  request.max_wait_ms = base::Milliseconds32(600'000);
  begin(std::move(request));
  ASSERT_TRUE(answered(1s));
  EXPECT_EQ(part_of(*polled.response, 7).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(part_of(*polled.response, 0).error_code, ErrorCode::kNone);
}

// Regression: a poll of a client that had left waited for its time, which the client chooses.
TEST_F(FetchTest, APollEndsWhenTheClientHasLeft) {
  node.create("t", 2);
  for (const bool both : {false, true}) {
    rt::StopSource gone;
    auto request = both ? TestNode::fetch_request("t", {{0, 0}, {1, 0}})
                        : TestNode::fetch_request("t", {{1, 0}});
    request.max_wait_ms = base::Milliseconds32(0x7FFFFFFF);
    begin(std::move(request), rt::StopToken(gone));
    EXPECT_FALSE(answered(1min));
    gone.request_stop();
    ASSERT_TRUE(answered(1s));
  }
}

}  // namespace
}  // namespace moldau::broker::testing
