// Settings that are stored in the cluster for one broker or for all: they act while the node runs,
// and after a restart.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "client/admin.h"
#include "client/producer.h"
#include "sim/scenario/one_broker_test.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::int8_t kBroker = 4;
constexpr std::int64_t kRecords = 3;

rt::Task<wire::ErrorCode> create_and_fill(rt::Loop& loop, base::TopicName topic,
                                          std::size_t value_bytes) {
  client::Cluster cluster(loop, OneBroker::cluster_options());
  client::Admin admin(cluster);
  const auto created = co_await admin.create_topics(
      {{.name = topic, .partitions = 1, .replication_factor = 1, .configs = {}}});
  EXPECT_TRUE(created.has_value());
  client::Producer producer(cluster, {});
  const std::string value(value_bytes, 'x');
  wire::ErrorCode error = wire::ErrorCode::kNone;
  for (std::int64_t i = 0; i < kRecords; ++i) {
    const auto sent = co_await producer.send_and_wait(topic, {.value = base::as_bytes(value)});
    if (!sent) error = sent.error().code;
  }
  co_await producer.close();
  co_await cluster.close();
  co_return error;
}

rt::Task<client::OffsetRange> offsets(rt::Loop& loop, base::TopicName topic) {
  client::Cluster cluster(loop, OneBroker::cluster_options());
  client::Admin admin(cluster);
  const auto info = co_await cluster.topic(topic);
  EXPECT_TRUE(info.has_value());
  const auto ranges = co_await admin.offsets(*info);
  EXPECT_TRUE(ranges.has_value());
  co_await cluster.close();
  co_return ranges->at(0);
}

std::int64_t kept(OneBroker& node, const std::string& topic) {
  const auto range = node.run(offsets(node.loop(), base::TopicName(topic)));
  return range.latest.value() - range.earliest.value();
}

// Records that an operator told the cluster to keep for ever were deleted after the file's
// retention: the broker's settings in the metadata were shown and not followed.
TEST(BrokerConfigs, RetentionForAllBrokersIsFollowedAlsoAfterARestart) {
  OneBroker node(1, {{"log.retention.ms", "60000"}, {"log.retention.check.interval.ms", "1000"}});
  EXPECT_EQ(node.alter(kBroker, "", "log.retention.ms", "-1").error_code, wire::ErrorCode::kNone);
  EXPECT_EQ(node.run(create_and_fill(node.loop(), base::TopicName("kept"), 100)),
            wire::ErrorCode::kNone);
  node.world().run_for(3min);
  EXPECT_EQ(kept(node, "kept"), kRecords);
  node.stop_and_start();
  node.world().run_for(3min);
  EXPECT_EQ(kept(node, "kept"), kRecords);
  // What is removed leaves the file's value, for topics that are open too.
  EXPECT_EQ(node.alter(kBroker, "", "log.retention.ms", std::nullopt).error_code,
            wire::ErrorCode::kNone);
  node.world().run_for(3min);
  EXPECT_EQ(kept(node, "kept"), 0);
}

TEST(BrokerConfigs, ASettingForThisBrokerIsStrongerThanOneForAll) {
  OneBroker node(2, {{"log.retention.check.interval.ms", "1000"}});
  EXPECT_EQ(node.run(create_and_fill(node.loop(), base::TopicName("kept"), 100)),
            wire::ErrorCode::kNone);
  node.alter(kBroker, "1", "log.retention.ms", "-1");
  node.alter(kBroker, "", "log.retention.ms", "1000");
  node.world().run_for(1min);
  EXPECT_EQ(kept(node, "kept"), kRecords);
  node.alter(kBroker, "1", "log.retention.ms", std::nullopt);
  node.world().run_for(1min);
  EXPECT_EQ(kept(node, "kept"), 0);
}

TEST(BrokerConfigs, LimitsOfRecordsFollowToo) {
  OneBroker node(3);
  node.alter(kBroker, "", "message.max.bytes", "500");
  EXPECT_EQ(node.run(create_and_fill(node.loop(), base::TopicName("small"), 1000)),
            wire::ErrorCode::kMessageTooLarge);
}

TEST(BrokerConfigs, WhatWouldHaveNoEffectIsRefused) {
  OneBroker node(4);
  const auto refused = node.alter(kBroker, "", "log.cleaner.threads", "2");
  EXPECT_EQ(refused.error_code, wire::ErrorCode::kInvalidRequest);
  EXPECT_EQ(refused.error_message,
            "log.cleaner.threads cannot be changed while the node runs: logs are not compacted "
            "yet");
}

}  // namespace
}  // namespace moldau::sim
