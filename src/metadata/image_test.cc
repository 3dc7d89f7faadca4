#include "metadata/image.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "metadata/delta.h"
#include "metadata/loader.h"
#include "metadata/snapshot.h"

namespace moldau::metadata {
namespace {

using base::BrokerId;
using base::DirectoryId;
using base::PartitionIndex;
using base::TopicId;
using base::TopicName;

TopicId topic_id(std::uint64_t number) { return TopicId(base::Uuid{.msb = 7, .lsb = number}); }
DirectoryId directory(std::uint64_t number) {
  return DirectoryId(base::Uuid{.msb = 9, .lsb = number});
}

template <class T>
Record at30(T record) {
  const wire::MetadataRecord any = record;
  return {.record = any, .version = record_version(any, kDefaultMetadataVersion)};
}

wire::FeatureLevelRecord level(std::string name, std::int16_t value) {
  wire::FeatureLevelRecord record;
  record.name = std::move(name);
  record.feature_level = value;
  return record;
}

wire::TopicRecord topic(std::string name, std::uint64_t id) {
  wire::TopicRecord record;
  record.name = TopicName(std::move(name));
  record.topic_id = topic_id(id);
  return record;
}

wire::PartitionRecord partition(std::uint64_t id, int index, std::vector<BrokerId> replicas) {
  wire::PartitionRecord record;
  record.topic_id = topic_id(id);
  record.partition_id = PartitionIndex(index);
  record.replicas = replicas;
  record.isr = replicas;
  record.leader = replicas.front();
  record.leader_epoch = base::LeaderEpoch(0);
  record.partition_epoch = base::PartitionEpoch(0);
  for (const auto broker : replicas) {
    record.directories.push_back(directory(static_cast<std::uint64_t>(broker.value())));
  }
  return record;
}

wire::RegisterBrokerRecord broker(int id, std::int64_t epoch) {
  wire::RegisterBrokerRecord record;
  record.broker_id = BrokerId(id);
  record.broker_epoch = base::BrokerEpoch(epoch);
  record.log_dirs = {directory(static_cast<std::uint64_t>(id))};
  record.end_points.push_back(
      {.name = "PLAINTEXT", .host = "h", .port = 9092, .security_protocol = 0, .unknown_tags = {}});
  record.features.push_back({.name = "metadata.version",
                             .min_supported_version = 7,
                             .max_supported_version = 30,
                             .unknown_tags = {}});
  return record;
}

wire::ConfigRecord config(std::int8_t type, std::string name, std::string key,
                          std::optional<std::string> value) {
  wire::ConfigRecord record;
  record.resource_type = type;
  record.resource_name = std::move(name);
  record.name = std::move(key);
  record.value = std::move(value);
  return record;
}

class ImageTest : public testing::Test {
 protected:
  template <class T>
  std::string apply(T record) {
    const auto applied = delta_.apply(at30(std::move(record)));
    return applied ? "ok" : applied.error().message;
  }
  const Image& image() { return delta_.image(); }

  Delta delta_{Image()};
};

TEST_F(ImageTest, TopicsAndPartitionsAreFoundByNameAndId) {
  EXPECT_EQ(apply(topic("orders", 1)), "ok");
  EXPECT_EQ(apply(partition(1, 0, {BrokerId(1)})), "ok");
  EXPECT_EQ(apply(partition(1, 1, {BrokerId(2), BrokerId(1)})), "ok");
  ASSERT_NE(image().topic("orders"), nullptr);
  EXPECT_EQ(image().topic("orders"), image().topic(topic_id(1)));
  EXPECT_EQ(image().topic("orders")->partitions.size(), 2u);
  EXPECT_EQ(image().partition_count(), 2u);
  const Partition* found =
      image().partition({.topic_id = topic_id(1), .partition = PartitionIndex(1)});
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->leader, BrokerId(2));
  EXPECT_EQ(found->directory_of(BrokerId(1)), directory(1));
  EXPECT_EQ(found->directory_of(BrokerId(9)), base::kDirectoryUnassigned);
  EXPECT_EQ(image().topic("other"), nullptr);
  EXPECT_EQ(delta_.changes().created_topics.size(), 1u);
  EXPECT_EQ(delta_.changes().partitions.size(), 2u);
}

TEST_F(ImageTest, AnImageDoesNotSeeWhatComesLater) {
  apply(topic("orders", 1));
  apply(partition(1, 0, {BrokerId(1), BrokerId(2)}));
  apply(config(2, "orders", "retention.ms", "5"));
  const Image before = image();
  wire::PartitionChangeRecord change;
  change.topic_id = topic_id(1);
  change.partition_id = PartitionIndex(0);
  change.leader = BrokerId(2);
  EXPECT_EQ(apply(change), "ok");
  EXPECT_EQ(apply(config(2, "orders", "retention.ms", "6")), "ok");
  EXPECT_EQ(apply(topic("more", 2)), "ok");
  const base::TopicIdPartition id{.topic_id = topic_id(1), .partition = PartitionIndex(0)};
  EXPECT_EQ(before.partition(id)->leader, BrokerId(1));
  EXPECT_EQ(image().partition(id)->leader, BrokerId(2));
  EXPECT_EQ(before.configs(ResourceType::kTopic, "orders").at("retention.ms"), "5");
  EXPECT_EQ(image().configs(ResourceType::kTopic, "orders").at("retention.ms"), "6");
  EXPECT_EQ(before.topic("more"), nullptr);
}

TEST_F(ImageTest, AChangeMergesAsKafkaDoes) {
  apply(topic("t", 1));
  apply(partition(1, 0, {BrokerId(1), BrokerId(2)}));
  const base::TopicIdPartition id{.topic_id = topic_id(1), .partition = PartitionIndex(0)};
  wire::PartitionChangeRecord shrink;
  shrink.topic_id = topic_id(1);
  shrink.partition_id = PartitionIndex(0);
  shrink.isr = std::vector{BrokerId(1)};
  EXPECT_EQ(apply(shrink), "ok");
  const Partition* now = image().partition(id);
  EXPECT_EQ(now->leader_epoch, base::LeaderEpoch(0));
  EXPECT_EQ(now->partition_epoch, base::PartitionEpoch(1));
  EXPECT_EQ(now->isr, Replicas({BrokerId(1)}));
  // The same leader again still begins a new epoch.
  wire::PartitionChangeRecord same_leader;
  same_leader.topic_id = topic_id(1);
  same_leader.partition_id = PartitionIndex(0);
  same_leader.leader = BrokerId(1);
  EXPECT_EQ(apply(same_leader), "ok");
  EXPECT_EQ(image().partition(id)->leader_epoch, base::LeaderEpoch(1));
  EXPECT_EQ(image().partition(id)->partition_epoch, base::PartitionEpoch(2));
  wire::PartitionChangeRecord bad;
  bad.topic_id = topic_id(1);
  bad.partition_id = PartitionIndex(0);
  bad.replicas = std::vector{BrokerId(1)};
  EXPECT_NE(apply(bad), "ok");
  EXPECT_EQ(image().partition(id)->partition_epoch, base::PartitionEpoch(2));
}

TEST_F(ImageTest, RecordsAboutWhatIsNotThereAreErrors) {
  EXPECT_EQ(apply(partition(1, 0, {BrokerId(1)})),
            "PartitionRecord: partition " + topic_id(1).to_string() + "-0 has no topic");
  wire::RemoveTopicRecord remove;
  remove.topic_id = topic_id(5);
  EXPECT_NE(apply(remove), "ok");
  wire::PartitionChangeRecord change;
  change.topic_id = topic_id(1);
  EXPECT_NE(apply(change), "ok");
  wire::BrokerRegistrationChangeRecord fence;
  fence.broker_id = BrokerId(1);
  fence.broker_epoch = base::BrokerEpoch(1);
  EXPECT_EQ(apply(fence), "BrokerRegistrationChangeRecord: broker 1 is not registered");
  apply(broker(1, 10));
  EXPECT_EQ(apply(fence),
            "BrokerRegistrationChangeRecord: broker 1 is registered with epoch 10, not 1");
  EXPECT_NE(apply(wire::RemoveAccessControlEntryRecord()), "ok");
  EXPECT_NE(apply(wire::RemoveUserScramCredentialRecord()), "ok");
  EXPECT_NE(apply(wire::RemoveDelegationTokenRecord()), "ok");
  EXPECT_NE(apply(wire::UnregisterControllerRecord()), "ok");
  EXPECT_NE(apply(level("metadata.version", 99)), "ok");
  EXPECT_EQ(apply(topic("a", 1)), "ok");
  EXPECT_NE(apply(topic("a", 2)), "ok");
  EXPECT_NE(apply(topic("b", 1)), "ok");
}

TEST_F(ImageTest, RegistrationsChange) {
  apply(broker(1, 10));
  EXPECT_TRUE(image().broker(BrokerId(1))->fenced);
  wire::BrokerRegistrationChangeRecord change;
  change.broker_id = BrokerId(1);
  change.broker_epoch = base::BrokerEpoch(10);
  change.fenced = -1;
  EXPECT_EQ(apply(change), "ok");
  EXPECT_TRUE(image().broker(BrokerId(1))->active());
  change.fenced = 0;
  change.in_controlled_shutdown = 1;
  EXPECT_EQ(apply(change), "ok");
  EXPECT_FALSE(image().broker(BrokerId(1))->active());
  EXPECT_FALSE(image().broker(BrokerId(1))->fenced);
  change.fenced = 7;
  EXPECT_NE(apply(change), "ok");
  const BrokerRegistration* now = image().broker(BrokerId(1));
  EXPECT_TRUE(now->has_online_dir(directory(1)));
  EXPECT_FALSE(now->has_online_dir(directory(2)));
  EXPECT_TRUE(now->has_online_dir(base::kDirectoryUnassigned));
  EXPECT_FALSE(now->has_online_dir(base::kDirectoryLost));
  EXPECT_TRUE(now->has_uncordoned_dirs());
  ASSERT_NE(now->endpoint("PLAINTEXT"), nullptr);
  EXPECT_EQ(now->endpoint("SSL"), nullptr);
}

TEST_F(ImageTest, ARemovedTopicTakesItsConfigsAndChangesWithIt) {
  apply(topic("t", 1));
  apply(partition(1, 0, {BrokerId(1)}));
  apply(config(2, "t", "retention.ms", "5"));
  Delta next(image());
  wire::RemoveTopicRecord remove;
  remove.topic_id = topic_id(1);
  ASSERT_TRUE(next.apply(at30(remove)));
  EXPECT_EQ(next.image().topic("t"), nullptr);
  EXPECT_EQ(next.image().partition_count(), 0u);
  EXPECT_TRUE(next.image().configs(ResourceType::kTopic, "t").empty());
  EXPECT_EQ(next.changes().deleted_topics.at(topic_id(1)), TopicName("t"));
  EXPECT_TRUE(next.changes().partitions.empty());
  // A topic that lived only within the delta leaves no trace.
  ASSERT_TRUE(next.apply(at30(topic("u", 2))));
  ASSERT_TRUE(next.apply(at30(partition(2, 0, {BrokerId(1)}))));
  remove.topic_id = topic_id(2);
  ASSERT_TRUE(next.apply(at30(remove)));
  EXPECT_EQ(next.changes().deleted_topics.size(), 1u);
  EXPECT_TRUE(next.changes().created_topics.empty());
  EXPECT_TRUE(next.changes().partitions.empty());
}

TEST_F(ImageTest, EmptyConfigsAndQuotasDisappear) {
  apply(config(4, "", "log.retention.ms", "5"));
  EXPECT_EQ(image().configs(ResourceType::kBroker, "").size(), 1u);
  apply(config(4, "", "log.retention.ms", std::nullopt));
  EXPECT_TRUE(image().configs().empty());
  apply(config(4, "7", "not.there", std::nullopt));
  EXPECT_TRUE(image().configs().empty());
  wire::ClientQuotaRecord quota;
  quota.entity.push_back({.entity_type = "user", .entity_name = "bob", .unknown_tags = {}});
  quota.key = "producer_byte_rate";
  quota.value = 1000;
  apply(quota);
  EXPECT_EQ(image().quotas().size(), 1u);
  quota.remove = true;
  apply(quota);
  EXPECT_TRUE(image().quotas().empty());
}

TEST_F(ImageTest, ProducerIdsOnlyGrow) {
  wire::ProducerIdsRecord ids;
  ids.next_producer_id = base::ProducerId(1000);
  EXPECT_EQ(apply(ids), "ok");
  EXPECT_EQ(apply(ids), "ProducerIdsRecord: producer ids go from 1000 back to 1000");
}

TEST_F(ImageTest, ClearElrBumpsOnlyPartitionsThatHaveOne) {
  apply(topic("t", 1));
  auto with_elr = partition(1, 0, {BrokerId(1)});
  with_elr.eligible_leader_replicas = std::vector{BrokerId(2)};
  apply(with_elr);
  apply(partition(1, 1, {BrokerId(1)}));
  EXPECT_EQ(apply(wire::ClearElrRecord()), "ok");
  const auto& partitions = image().topic("t")->partitions;
  EXPECT_TRUE(partitions.find(PartitionIndex(0))->eligible_leader_replicas.empty());
  EXPECT_EQ(partitions.find(PartitionIndex(0))->partition_epoch, base::PartitionEpoch(1));
  EXPECT_EQ(partitions.find(PartitionIndex(1))->partition_epoch, base::PartitionEpoch(0));
}

// An image with something of everything.
Image full_image(std::uint64_t seed) {
  base::Rng rng(seed);
  Delta delta{Image()};
  const auto add = [&](auto record) {
    const auto applied = delta.apply(at30(std::move(record)));
    EXPECT_TRUE(applied.has_value()) << applied.error().message;
  };
  add(level("metadata.version", 30));
  add(level("group.version", 1));
  for (int id = 1; id <= 4; ++id) {
    auto record = broker(id, 10 + id);
    record.fenced = rng.chance(1, 2);
    if (rng.chance(1, 2)) record.rack = "rack" + std::to_string(rng.below(3));
    if (rng.chance(1, 2)) record.cordoned_log_dirs = record.log_dirs;
    add(record);
  }
  wire::RegisterControllerRecord controller;
  controller.controller_id = BrokerId(100);
  controller.incarnation_id = base::Uuid::random(rng);
  add(controller);
  for (std::uint64_t t = 1; t <= 30; ++t) {
    add(topic("topic" + std::to_string(t), rng.next() % 1000 * 100 + t));
  }
  std::vector<TopicId> ids;
  for (const auto& [id, of] : delta.image().topics()) ids.push_back(id);
  for (const auto& id : ids) {
    const int count = static_cast<int>(rng.below(20));
    for (int p = 0; p < count; ++p) {
      auto record = partition(1, p, {BrokerId(1), BrokerId(2), BrokerId(3), BrokerId(4)});
      record.topic_id = id;
      record.leader_epoch = base::LeaderEpoch(static_cast<int>(rng.below(9)));
      if (rng.chance(1, 4)) record.eligible_leader_replicas = std::vector{BrokerId(4)};
      if (rng.chance(1, 4)) record.adding_replicas = {BrokerId(4)};
      add(record);
    }
  }
  add(config(2, "topic1", "retention.ms", "7"));
  add(config(4, "1", "log.retention.ms", "8"));
  add(config(16, "m", "metrics", "*"));
  wire::ClientQuotaRecord quota;
  quota.entity.push_back(
      {.entity_type = "client-id", .entity_name = std::nullopt, .unknown_tags = {}});
  quota.key = "consumer_byte_rate";
  quota.value = 0.5;
  add(quota);
  wire::ProducerIdsRecord producer_ids;
  producer_ids.next_producer_id = base::ProducerId(5000);
  add(producer_ids);
  wire::AccessControlEntryRecord acl;
  acl.id = base::Uuid::random(rng);
  acl.principal = "User:bob";
  add(acl);
  wire::UserScramCredentialRecord scram;
  scram.name = "bob";
  scram.mechanism = 1;
  scram.salt = base::SharedBytes::copy_of("salt");
  scram.iterations = 4096;
  add(scram);
  wire::DelegationTokenRecord token;
  token.token_id = "token";
  add(token);
  return delta.image();
}

Image load(const std::vector<Record>& records) {
  Delta delta{Image()};
  for (const auto& record : records) {
    const auto applied = delta.apply(record);
    EXPECT_TRUE(applied.has_value()) << applied.error().message;
  }
  return delta.take_image();
}

TEST(Snapshot, LosesNothing) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    const Image image = full_image(seed);
    const auto records = snapshot_records(image);
    for (const auto& record : records) {
      EXPECT_TRUE(encode_record(record).has_value()) << to_text(record);
      EXPECT_TRUE(is_writable(record.record, record.version, kDefaultMetadataVersion));
    }
    EXPECT_EQ(load(records), image);
  }
}

TEST(Snapshot, IsTheSameHoweverItIsCut) {
  const Image image = full_image(3);
  const auto whole = snapshot_records(image);
  for (const std::size_t chunk : {1u, 2u, 7u, 100u, 100'000u}) {
    SnapshotWriter writer(image);
    std::vector<Record> records;
    for (;;) {
      auto some = writer.next(chunk);
      if (some.empty()) break;
      EXPECT_LE(some.size(), chunk + 1);
      for (auto& record : some) records.push_back(std::move(record));
    }
    ASSERT_EQ(records.size(), whole.size()) << chunk;
    for (std::size_t i = 0; i < whole.size(); ++i) ASSERT_EQ(records[i].record, whole[i].record);
  }
}

TEST(Snapshot, BeginsWithTheMetadataVersion) {
  const auto records = snapshot_records(full_image(1));
  const auto& first = std::get<wire::FeatureLevelRecord>(records[0].record);
  EXPECT_EQ(first.name, "metadata.version");
  EXPECT_EQ(first.feature_level, 30);
}

TEST(Snapshot, OfAnEmptyClusterIsItsFeatures) {
  Delta delta{Image()};
  ASSERT_TRUE(delta.apply(at30(level("metadata.version", 30))));
  EXPECT_EQ(snapshot_records(delta.image()).size(), 1u);
}

class LoaderTest : public testing::Test {
 protected:
  std::optional<Update> load(std::vector<Record> records) {
    const auto update = loader_.load({.base_offset = next_,
                                      .epoch = base::LeaderEpoch(3),
                                      .append_time = base::Timestamp(77),
                                      .records = records});
    EXPECT_TRUE(update.has_value()) << update.error().message;
    next_ += static_cast<std::int64_t>(records.size());
    return update ? *update : std::nullopt;
  }
  static Record begin() { return at30(wire::BeginTransactionRecord()); }
  static Record end() { return at30(wire::EndTransactionRecord()); }
  static Record abort() { return at30(wire::AbortTransactionRecord()); }

  Loader loader_;
  base::Offset next_{0};
};

TEST_F(LoaderTest, PublishesEachBatch) {
  const auto update = load({at30(topic("a", 1)), at30(wire::NoOpRecord())});
  ASSERT_TRUE(update);
  EXPECT_NE(update->image.topic("a"), nullptr);
  EXPECT_EQ(update->provenance.last_offset, base::Offset(1));
  EXPECT_EQ(update->provenance.last_append_time, base::Timestamp(77));
  EXPECT_EQ(update->changes.created_topics.size(), 1u);
  const auto idle = load({at30(wire::NoOpRecord())});
  ASSERT_TRUE(idle);
  EXPECT_TRUE(idle->changes.empty());
  EXPECT_EQ(loader_.provenance().last_offset, base::Offset(2));
}

TEST_F(LoaderTest, ATransactionBecomesVisibleAtItsEnd) {
  EXPECT_FALSE(load({begin(), at30(topic("a", 1))}));
  EXPECT_FALSE(load({at30(topic("b", 2))}));
  EXPECT_EQ(loader_.image().topic("a"), nullptr);
  const auto update = load({at30(topic("c", 3)), end(), at30(topic("d", 4))});
  ASSERT_TRUE(update);
  EXPECT_EQ(update->changes.created_topics.size(), 4u);
}

TEST_F(LoaderTest, AnAbortedTransactionNeverHappened) {
  load({at30(topic("a", 1))});
  EXPECT_FALSE(load({begin(), at30(topic("b", 2))}));
  const auto update = load({abort(), at30(topic("c", 3))});
  ASSERT_TRUE(update);
  EXPECT_EQ(update->image.topic("b"), nullptr);
  EXPECT_NE(update->image.topic("c"), nullptr);
  EXPECT_EQ(update->changes.created_topics.size(), 1u);
  // Its id and name are free again.
  EXPECT_TRUE(load({at30(topic("b", 2))}));
}

TEST_F(LoaderTest, WhatStandsBeforeATransactionDoesNotWait) {
  const auto update = load({at30(topic("a", 1)), begin(), at30(topic("b", 2))});
  ASSERT_TRUE(update);
  EXPECT_NE(update->image.topic("a"), nullptr);
  EXPECT_EQ(update->image.topic("b"), nullptr);
  EXPECT_EQ(update->provenance.last_offset, base::Offset(0));
  const auto later = load({end()});
  ASSERT_TRUE(later);
  EXPECT_EQ(later->changes.created_topics.size(), 1u);
}

TEST_F(LoaderTest, MarkersMustFitTogether) {
  const auto refuse = [&](Record record) {
    const std::vector<Record> records{std::move(record)};
    const auto update = loader_.load({.base_offset = next_,
                                      .epoch = base::LeaderEpoch(3),
                                      .append_time = base::Timestamp(0),
                                      .records = records});
    return update ? std::string("ok") : update.error().message;
  };
  EXPECT_EQ(refuse(end()), "EndTransactionRecord at offset 0: no metadata transaction is open");
  EXPECT_NE(refuse(abort()), "ok");
  load({begin()});
  EXPECT_NE(refuse(begin()), "ok");
}

TEST_F(LoaderTest, AnErrorNamesTheOffset) {
  const std::vector<Record> records{at30(topic("a", 1)), at30(topic("a", 2))};
  const auto update = loader_.load({.base_offset = base::Offset(40),
                                    .epoch = base::LeaderEpoch(1),
                                    .append_time = base::Timestamp(0),
                                    .records = records});
  ASSERT_FALSE(update);
  EXPECT_EQ(update.error().message, "TopicRecord: topic a exists already (offset 41)");
}

TEST(ImageScale, AHundredThousandPartitionsAreOrdinary) {
  Delta delta{Image()};
  ASSERT_TRUE(delta.apply(at30(level("metadata.version", 30))));
  constexpr int kTopics = 10'000;
  for (int t = 0; t < kTopics; ++t) {
    const auto id = static_cast<std::uint64_t>(t) * 7919 % kTopics;
    ASSERT_TRUE(delta.apply(at30(topic("topic" + std::to_string(id), id))));
    for (int p = 0; p < 10; ++p) {
      ASSERT_TRUE(delta.apply(at30(partition(id, p, {BrokerId(1)}))));
    }
  }
  const Image image = delta.take_image();
  EXPECT_EQ(image.partition_count(), 100'000u);
  // One change shares everything else: a hundred images at once are no hundred copies.
  std::vector<Image> history;
  for (int i = 0; i < 100; ++i) {
    Delta one(history.empty() ? image : history.back());
    wire::PartitionChangeRecord change;
    change.topic_id = topic_id(static_cast<std::uint64_t>(i));
    change.partition_id = PartitionIndex(i % 10);
    change.leader = kNoLeader;
    ASSERT_TRUE(one.apply(at30(change)));
    history.push_back(one.take_image());
  }
  EXPECT_EQ(history.back().partition_count(), 100'000u);
  EXPECT_EQ(load(snapshot_records(history.back())), history.back());
}

}  // namespace
}  // namespace moldau::metadata
