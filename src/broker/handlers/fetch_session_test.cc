// Incremental fetch sessions: epochs, what counts as news, slots.
#include "broker/handlers/fetch_session.h"

#include <limits>

#include <gtest/gtest.h>

namespace moldau::broker {
namespace {

using namespace std::chrono_literals;
using PartitionData = wire::FetchResponse::PartitionData;

constexpr std::int16_t kByName = 12;
constexpr std::int16_t kById = 13;
const base::TopicName kTopic("orders");
const base::TopicId kTopicId(base::Uuid{.msb = 1, .lsb = 2});

wire::FetchRequest request(std::int32_t id, std::int32_t epoch,
                           std::vector<std::int32_t> partitions) {
  wire::FetchRequest request;
  request.session_id = id;
  request.session_epoch = epoch;
  if (partitions.empty()) return request;
  auto& topic = request.topics.emplace_back();
  topic.topic = kTopic;
  topic.topic_id = kTopicId;
  for (const std::int32_t index : partitions) {
    auto& partition = topic.partitions.emplace_back();
    partition.partition = base::PartitionIndex(index);
    partition.partition_max_bytes = 1024;
  }
  return request;
}

PartitionData data(std::int32_t partition, std::int64_t high_watermark, std::size_t bytes = 0) {
  PartitionData data;
  data.partition_index = base::PartitionIndex(partition);
  data.high_watermark = base::Offset(high_watermark);
  data.log_start_offset = base::Offset(0);
  data.records.emplace(base::SharedBytes::copy_of(std::string(bytes, 'x')));
  return data;
}

wire::FetchResponse response(std::vector<PartitionData> partitions) {
  wire::FetchResponse response;
  auto& topic = response.responses.emplace_back();
  topic.topic = kTopic;
  topic.topic_id = kTopicId;
  topic.partitions = std::move(partitions);
  return response;
}

class FetchSessionTest : public testing::Test {
 protected:
  std::int32_t open(std::vector<std::int32_t> partitions, std::int16_t version = kByName) {
    const auto plan = cache_.plan(request(0, kInitialSessionEpoch, partitions), version, now_);
    EXPECT_TRUE(plan.has_value());
    EXPECT_TRUE(plan->wants_session);
    std::vector<PartitionData> answers;
    for (const std::int32_t index : partitions) answers.push_back(data(index, 10));
    return cache_.create(*plan, response(std::move(answers)), version, now_);
  }

  FetchSessionCache cache_{2, base::Rng(1)};
  base::Instant now_{};
};

TEST_F(FetchSessionTest, AnIncrementalRequestReadsAllPartitionsOfTheSession) {
  const std::int32_t id = open({0, 1});
  ASSERT_NE(id, 0);
  const auto plan = cache_.plan(request(id, 1, {2}), kByName, now_);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->incremental, id);
  EXPECT_EQ(plan->targets.size(), 3U);
}

TEST_F(FetchSessionTest, ForgottenPartitionsAreNotReadAgainAndAnEmptySessionEnds) {
  const std::int32_t id = open({0, 1});
  wire::FetchRequest forget = request(id, 1, {});
  auto& forgotten = forget.forgotten_topics_data.emplace_back();
  forgotten.topic = kTopic;
  forgotten.partitions = {base::PartitionIndex(0)};
  auto plan = cache_.plan(forget, kByName, now_);
  ASSERT_TRUE(plan.has_value());
  ASSERT_EQ(plan->targets.size(), 1U);
  EXPECT_EQ(plan->targets[0].partition, base::PartitionIndex(1));

  forget.session_epoch = 2;
  forget.forgotten_topics_data[0].partitions = {base::PartitionIndex(1)};
  plan = cache_.plan(forget, kByName, now_);
  ASSERT_TRUE(plan.has_value());
  EXPECT_TRUE(plan->targets.empty());
  EXPECT_EQ(cache_.find(id), nullptr);
}

TEST_F(FetchSessionTest, WrongIdEpochOrKindOfTopicNameIsRefusedWithItsOwnCode) {
  const std::int32_t id = open({0});
  EXPECT_EQ(cache_.plan(request(id + 1, 1, {}), kByName, now_).error(),
            wire::ErrorCode::kFetchSessionIdNotFound);
  EXPECT_EQ(cache_.plan(request(id, 2, {}), kByName, now_).error(),
            wire::ErrorCode::kInvalidFetchSessionEpoch);
  EXPECT_EQ(cache_.plan(request(id, 1, {}), kById, now_).error(),
            wire::ErrorCode::kFetchSessionTopicIdError);
  // None of these moved the epoch.
  EXPECT_TRUE(cache_.plan(request(id, 1, {}), kByName, now_).has_value());
}

TEST_F(FetchSessionTest, OnlyRecordsErrorsAndMovedOffsetsAreNews) {
  const std::int32_t id = open({0});
  FetchSession* session = cache_.find(id);
  ASSERT_NE(session, nullptr);
  EXPECT_FALSE(session->is_news(kTopic, kTopicId, data(0, 10)));
  EXPECT_TRUE(session->is_news(kTopic, kTopicId, data(0, 11)));
  EXPECT_FALSE(session->is_news(kTopic, kTopicId, data(0, 11)));
  EXPECT_TRUE(session->is_news(kTopic, kTopicId, data(0, 11, 100)));
  PartitionData failed = data(0, 11);
  failed.error_code = wire::ErrorCode::kNotLeaderOrFollower;
  EXPECT_TRUE(session->is_news(kTopic, kTopicId, failed));
  // After an error the next good answer is news even when nothing moved.
  EXPECT_TRUE(session->is_news(kTopic, kTopicId, data(0, 11)));
}

TEST_F(FetchSessionTest, APartitionWithRecordsGoesToTheEndSoThatAllGetTheirTurn) {
  const std::int32_t id = open({0, 1, 2});
  FetchSession* session = cache_.find(id);
  session->is_news(kTopic, kTopicId, data(0, 10, 500));
  const auto targets = session->targets();
  ASSERT_EQ(targets.size(), 3U);
  EXPECT_EQ(targets[0].partition, base::PartitionIndex(1));
  EXPECT_EQ(targets[2].partition, base::PartitionIndex(0));
}

TEST_F(FetchSessionTest, FullSlotsGiveNoSessionUntilOneIsIdleLongEnough) {
  const std::int32_t first = open({0});
  now_ = now_ + 1s;
  open({0});
  EXPECT_EQ(open({0}), 0);
  now_ = now_ + kSessionEvictableAfter;
  EXPECT_NE(open({0}), 0);
  EXPECT_EQ(cache_.find(first), nullptr);
  EXPECT_EQ(cache_.size(), 2U);
}

TEST_F(FetchSessionTest, TheEpochWrapsToOneAndNotToZero) {
  const std::int32_t id = open({0});
  for (std::int32_t epoch = 1; epoch < 5; ++epoch) {
    ASSERT_TRUE(cache_.plan(request(id, epoch, {}), kByName, now_).has_value());
  }
  // A final request ends the session and is answered in full.
  const auto last = cache_.plan(request(id, kFinalSessionEpoch, {0}), kByName, now_);
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->incremental, 0);
  EXPECT_FALSE(last->wants_session);
  EXPECT_EQ(cache_.find(id), nullptr);
}

}  // namespace
}  // namespace moldau::broker
