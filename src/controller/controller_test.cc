#include "controller/internal/controller_fixture.h"

namespace moldau::controller {
namespace {

TEST_F(ControllerTest, AnEmptyLogGetsTheBootstrapRecordsInATransaction) {
  ASSERT_EQ(log_.size(), 3u);
  EXPECT_EQ(metadata::record_name(log_[0].record), "BeginTransactionRecord");
  EXPECT_EQ(metadata::record_name(log_[1].record), "FeatureLevelRecord");
  EXPECT_EQ(metadata::record_name(log_[2].record), "EndTransactionRecord");
  EXPECT_EQ(controller_.image().metadata_version(), metadata::kDefaultMetadataVersion);
  controller_.deactivate();
  EXPECT_TRUE(controller_.activate(context(), bootstrap_records({})).records.empty());
}

TEST_F(ControllerTest, AnOpenTransactionIsAborted) {
  append({{.record = wire::BeginTransactionRecord(), .version = 0}});
  wire::FeatureLevelRecord record;
  record.name = "group.version";
  record.feature_level = 1;
  append({{.record = record, .version = 0}});
  EXPECT_EQ(controller_.image().feature_level("group.version"), 1);
  controller_.deactivate();
  const Upkeep first = controller_.activate(context(), bootstrap_records({}));
  ASSERT_EQ(first.records.size(), 1u);
  append(first.records);
  EXPECT_EQ(controller_.image().feature_level("group.version"), 0);
}

TEST_F(ControllerTest, AHalfWrittenBootstrapIsDoneAgain) {
  Controller fresh(settings());
  std::vector<Record> half(log_.begin(), log_.begin() + 2);
  ASSERT_TRUE(fresh.replay(half, base::Offset(0)));
  const Upkeep first = fresh.activate({.now = now_, .next_offset = base::Offset(2), .chance = rng_},
                                      bootstrap_records({}));
  ASSERT_EQ(first.records.size(), 4u);
  EXPECT_EQ(metadata::record_name(first.records[0].record), "AbortTransactionRecord");
  ASSERT_TRUE(fresh.replay(first.records, base::Offset(2)));
  EXPECT_TRUE(fresh.image().metadata_version().has_value());
}

TEST_F(ControllerTest, ABrokerRegistersFencedAndUnfencesWhenCaughtUp) {
  const auto response = serve(registration(1));
  EXPECT_EQ(response.error_code, ErrorCode::kNone);
  EXPECT_EQ(response.broker_epoch, BrokerEpoch(3));  // where its batch begins
  EXPECT_TRUE(controller_.image().broker(BrokerId(1))->fenced);
  epochs_[1] = response.broker_epoch;
  wire::BrokerHeartbeatRequest behind;
  behind.broker_id = BrokerId(1);
  behind.broker_epoch = epochs_[1];
  behind.current_metadata_offset = base::Offset(2);
  const auto fenced = serve(behind);
  EXPECT_FALSE(fenced.is_caught_up);
  EXPECT_TRUE(fenced.is_fenced);
  EXPECT_EQ(records_, 0u);
  const auto still = beat(1, true);
  EXPECT_TRUE(still.is_caught_up);
  EXPECT_TRUE(still.is_fenced);
  EXPECT_FALSE(beat(1).is_fenced);
  EXPECT_TRUE(controller_.image().broker(BrokerId(1))->active());
  beat(1);
  EXPECT_EQ(records_, 0u);
}

TEST_F(ControllerTest, RegistrationsAreChecked) {
  const auto error = [&](const wire::BrokerRegistrationRequest& request) {
    return serve(request).error_code;
  };
  auto other_cluster = registration(1);
  other_cluster.cluster_id = "else";
  EXPECT_EQ(error(other_cluster), ErrorCode::kInconsistentClusterId);
  auto no_dirs = registration(1);
  no_dirs.log_dirs.clear();
  EXPECT_EQ(error(no_dirs), ErrorCode::kInvalidRegistration);
  auto reserved = registration(1);
  reserved.log_dirs = {base::kDirectoryLost};
  EXPECT_EQ(error(reserved), ErrorCode::kInvalidRegistration);
  auto twice = registration(1);
  twice.log_dirs.push_back(twice.log_dirs[0]);
  EXPECT_EQ(error(twice), ErrorCode::kInvalidRegistration);
  auto zk = registration(1);
  zk.is_migrating_zk_broker = true;
  EXPECT_EQ(error(zk), ErrorCode::kBrokerIdNotRegistered);
  auto no_version = registration(1);
  no_version.features.pop_back();
  EXPECT_EQ(error(no_version), ErrorCode::kInvalidRegistration);
  auto too_old = registration(1);
  too_old.features.back().max_supported_version = 29;
  EXPECT_EQ(error(too_old), ErrorCode::kUnsupportedVersion);
  auto no_kraft = registration(1);
  no_kraft.features.erase(no_kraft.features.begin());
  EXPECT_EQ(error(no_kraft), ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(error(registration(1)), ErrorCode::kNone);
  auto same_dir = registration(2);
  same_dir.log_dirs = {directory(1)};
  EXPECT_EQ(error(same_dir), ErrorCode::kInvalidRegistration);
}

TEST_F(ControllerTest, ALiveSessionKeepsItsId) {
  start_broker(1);
  EXPECT_EQ(serve(registration(1, 2)).error_code, ErrorCode::kDuplicateBrokerRegistration);
  now_ = now_ + seconds(9);
  const auto later = serve(registration(1, 2));
  EXPECT_EQ(later.error_code, ErrorCode::kNone);
  EXPECT_GT(later.broker_epoch, epochs_[1]);
  EXPECT_EQ(beat(1).error_code, ErrorCode::kStaleBrokerEpoch);
}

TEST_F(ControllerTest, TheSameIncarnationAmendsItsRegistration) {
  start_broker(1);
  auto again = registration(1);
  again.rack = "r";
  const auto response = serve(again);
  EXPECT_EQ(response.broker_epoch, epochs_[1]);
  EXPECT_FALSE(controller_.image().broker(BrokerId(1))->fenced);
  EXPECT_EQ(controller_.image().broker(BrokerId(1))->rack, "r");
}

TEST_F(ControllerTest, OurOwnRestartNeedNotWaitForTheOldSession) {
  start_broker(100);
  start_broker(1);
  controller_.deactivate();
  now_ = now_ + seconds(1);
  activate();
  EXPECT_EQ(serve(registration(1, 2)).error_code, ErrorCode::kDuplicateBrokerRegistration);
  EXPECT_EQ(serve(registration(100, 2)).error_code, ErrorCode::kNone);
}

TEST_F(ControllerTest, AHeartbeatOfNobodyIsStale) {
  EXPECT_EQ(beat(9).error_code, ErrorCode::kStaleBrokerEpoch);
}

TEST_F(ControllerTest, AStandbyThatReplaysTheLogIsTheSame) {
  start_broker(1);
  start_broker(2);
  create("a", 3, 2, {{"retention.ms", "5"}});
  create("b", 2, 1);
  beat(1, true);
  beat(1);
  Controller standby(settings());
  base::Offset offset(0);
  for (std::size_t at = 0; at < log_.size(); at += 4) {
    const std::size_t count = std::min<std::size_t>(4, log_.size() - at);
    ASSERT_TRUE(standby.replay(std::span(log_).subspan(at, count), offset));
    offset += static_cast<std::int64_t>(count);
  }
  EXPECT_EQ(standby.image(), controller_.image());
  EXPECT_EQ(standby.last_offset(), controller_.last_offset());
  // And one that starts from a snapshot.
  Controller late(settings());
  metadata::Delta delta{metadata::Image()};
  for (const auto& record : metadata::snapshot_records(controller_.image())) {
    ASSERT_TRUE(delta.apply(record));
  }
  ASSERT_TRUE(late.load(delta.image(), next_ - 1));
  EXPECT_EQ(late.image(), controller_.image());
  EXPECT_TRUE(late.activate(context(), {}).records.empty());
  // It goes on deciding as the first one would.
  wire::BrokerHeartbeatRequest stop;
  stop.broker_id = BrokerId(2);
  stop.broker_epoch = epochs_[2];
  stop.current_metadata_offset = next_ - 1;
  stop.want_shut_down = true;
  const auto a = controller_.decide(context(), stop);
  const auto b = late.decide(context(), stop);
  ASSERT_EQ(a.records.size(), b.records.size());
  for (std::size_t i = 0; i < a.records.size(); ++i)
    EXPECT_EQ(a.records[i].record, b.records[i].record);
}

TEST_F(ControllerTest, WhatWasNotCommittedIsUndone) {
  start_broker(1);
  create("kept", 1);
  const metadata::Image committed = controller_.image();
  wire::CreateTopicsRequest request;
  request.topics.emplace_back();
  request.topics[0].num_partitions = 1;
  request.topics[0].replication_factor = 1;
  base::Offset end = next_;
  for (const auto* name : {"lost1", "lost2"}) {
    request.topics[0].name = base::TopicName(name);
    const auto decision = controller_.decide(context(), request);
    ASSERT_TRUE(controller_.replay(decision.records, end));
    end += static_cast<std::int64_t>(decision.records.size());
  }
  EXPECT_NE(controller_.image().topic("lost2"), nullptr);
  controller_.deactivate();
  EXPECT_EQ(controller_.image(), committed);
  EXPECT_EQ(controller_.last_offset(), next_ - 1);
  activate();
  EXPECT_EQ(create("lost1", 1).topics[0].error_code, ErrorCode::kNone);
}

TEST_F(ControllerTest, ABadBatchChangesNothing) {
  const metadata::Image before = controller_.image();
  wire::TopicRecord topic;
  topic.name = base::TopicName("t");
  topic.topic_id = base::TopicId(base::Uuid{.msb = 1, .lsb = 2});
  wire::RemoveTopicRecord remove;
  const std::vector<Record> records{{.record = topic, .version = 0},
                                    {.record = remove, .version = 0}};
  const auto replayed = controller_.replay(records, next_);
  ASSERT_FALSE(replayed);
  EXPECT_NE(replayed.error().message.find("offset 4"), std::string::npos);
  EXPECT_EQ(controller_.image(), before);
}

TEST_F(ControllerTest, InFlightBatchesAreBounded) {
  EXPECT_TRUE(controller_.may_append());
  const std::vector<Record> no_op{{.record = wire::NoOpRecord(), .version = 0}};
  for (std::size_t i = 0; i < kBatchesInFlightMax; ++i) {
    ASSERT_TRUE(controller_.replay(no_op, next_ + static_cast<std::int64_t>(i)));
  }
  EXPECT_FALSE(controller_.may_append());
  controller_.committed(next_ + 1);
  EXPECT_TRUE(controller_.may_append());
}

TEST_F(ControllerTest, AControllerRegisters) {
  wire::ControllerRegistrationRequest request;
  request.controller_id = BrokerId(100);
  request.incarnation_id = base::Uuid{.msb = 1, .lsb = 1};
  EXPECT_EQ(serve(request).error_code, ErrorCode::kNone);
  EXPECT_TRUE(controller_.image().controllers().contains(BrokerId(100)));
  wire::UnregisterControllerRequest gone;
  gone.controller_id = BrokerId(100);
  EXPECT_EQ(serve(gone).error_code, ErrorCode::kUnsupportedVersion);
}

}  // namespace
}  // namespace moldau::controller
