#include "config/topic_config.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "config/describe.h"
#include "config/layers.h"

namespace moldau::config {
namespace {

using base::Milliseconds64;

std::string verdict(const Values& overrides, const Values& before = {}, const Layers& broker = {}) {
  const auto valid = check_topic(broker, overrides, before);
  return valid ? "ok" : valid.error();
}

const Entry& entry(const std::vector<Entry>& entries, std::string_view name) {
  const auto at = std::ranges::find(entries, name, &Entry::name);
  EXPECT_NE(at, entries.end()) << name;
  return *at;
}

TEST(TopicConfig, WithoutAnythingItIsKafkasDefault) {
  EXPECT_EQ(resolve_topic({}, {}), TopicConfig{});
}

TEST(TopicConfig, TheStrongestLayerWins) {
  Layers broker;
  broker.file["log.segment.bytes"] = "2000000";
  EXPECT_EQ(resolve_topic(broker, {}).segment_bytes, 2'000'000);
  broker.dynamic_default["log.segment.bytes"] = "3000000";
  EXPECT_EQ(resolve_topic(broker, {}).segment_bytes, 3'000'000);
  broker.dynamic_broker["log.segment.bytes"] = "4000000";
  EXPECT_EQ(resolve_topic(broker, {}).segment_bytes, 4'000'000);
  EXPECT_EQ(resolve_topic(broker, {{"segment.bytes", "5000000"}}).segment_bytes, 5'000'000);
}

TEST(TopicConfig, ReadsEachKind) {
  const TopicConfig topic = resolve_topic({}, {{"cleanup.policy", "compact"},
                                               {"compression.type", "zstd"},
                                               {"compression.zstd.level", "-5"},
                                               {"message.timestamp.type", "LogAppendTime"},
                                               {"retention.ms", "-1"},
                                               {"min.cleanable.dirty.ratio", "0.25"},
                                               {"leader.replication.throttled.replicas", "0:1"},
                                               {"max.compaction.lag.ms", "1000"}});
  EXPECT_TRUE(topic.cleanup_compact);
  EXPECT_FALSE(topic.cleanup_delete);
  EXPECT_EQ(topic.compression_type, CompressionType::kZstd);
  EXPECT_EQ(topic.zstd_level, -5);
  EXPECT_EQ(topic.timestamp_type, TimestampType::kLogAppendTime);
  EXPECT_EQ(topic.retention_time, Milliseconds64(-1));
  EXPECT_EQ(topic.min_cleanable_dirty_ratio, 0.25);
  EXPECT_EQ(topic.leader_throttled_replicas, std::vector<std::string>{"0:1"});
  EXPECT_EQ(topic.segment_time_max(), Milliseconds64(1000));
}

TEST(TopicConfig, AStoredValueThatDoesNotParseCountsAsNotSet) {
  Layers broker;
  broker.file["log.retention.ms"] = "77";
  EXPECT_EQ(resolve_topic(broker, {{"retention.ms", "rubbish"}}).retention_time,
            Milliseconds64(77));
}

TEST(TopicConfig, ChecksNamesValuesAndTheirFit) {
  EXPECT_EQ(verdict({{"retention.ms", "5"}}), "ok");
  EXPECT_EQ(verdict({{"retention", "5"}}), "Unknown topic config name: retention");
  EXPECT_EQ(verdict({{"min.insync.replicas", "0"}}),
            "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1");
  EXPECT_EQ(verdict({{"min.compaction.lag.ms", "10"}, {"max.compaction.lag.ms", "9"}}),
            "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (9)");
  EXPECT_NE(verdict({{"remote.storage.enable", "true"}}), "ok");
  EXPECT_NE(verdict({}, {{"remote.storage.enable", "true"}}), "ok");
  EXPECT_EQ(
      verdict({{"remote.log.delete.on.disable", "true"}}, {{"remote.storage.enable", "true"}}),
      "ok");
}

TEST(TopicConfig, ChecksWhatIsStoredForBrokers) {
  EXPECT_TRUE(check_dynamic_broker({{"log.retention.ms", "5"}, {"plugin.key", "x"}}, true));
  EXPECT_EQ(check_dynamic_broker({{"node.id", "5"}}, false).error(),
            "Cannot update these configs dynamically: [node.id]");
  EXPECT_FALSE(check_dynamic_broker({{"listeners", "PLAINTEXT://:1"}}, true));
  EXPECT_EQ(check_dynamic_broker({{"listeners", "PLAINTEXT://:1"}}, false).error(),
            "listeners cannot be changed while the node runs: set it in the properties file; it is "
            "read at the start");
  EXPECT_EQ(check_dynamic_broker({{"num.io.threads", "4"}}, true).error(),
            "num.io.threads cannot be changed while the node runs: the number of loops follows "
            "moldau.cores");
  EXPECT_FALSE(check_dynamic_broker({{"max.connections.per.ip.overrides", "a"}}, true));
  EXPECT_TRUE(check_dynamic_broker({{"max.connections.per.ip.overrides", "a:5"}}, true));
  EXPECT_FALSE(check_dynamic_broker({{"log.retention.ms", "x"}}, false));
}

TEST(TopicConfig, ChecksGroupsAgainstTheBrokersBounds) {
  EXPECT_TRUE(check_group({}, {{"consumer.session.timeout.ms", "50000"}}));
  EXPECT_EQ(check_group({}, {{"consumer.session.timeout.ms", "70000"}}).error(),
            "consumer.session.timeout.ms must be less than or equal to "
            "group.consumer.max.session.timeout.ms (60000)");
  EXPECT_FALSE(check_group({}, {{"consumer.session.timeout.ms", "1000"}}));
  EXPECT_EQ(check_group({}, {{"nonsense", "1"}}).error(), "Unknown group config name: nonsense");
}

TEST(TopicConfig, ChecksClientMetrics) {
  EXPECT_TRUE(check_client_metrics({{"match", "client_id=a.*,client_software_name = Java"}}));
  EXPECT_FALSE(check_client_metrics({{"match", "colour=red"}}));
  EXPECT_FALSE(check_client_metrics({{"interval.ms", "10"}}));
}

TEST(Describe, ATopicShowsValueSourceAndSynonyms) {
  Layers broker;
  broker.file["log.segment.bytes"] = "2000000";
  const auto entries =
      describe_topic(broker, {{"retention.ms", " 5 "}, {"segment.bytes", "3000000"}});
  const Entry& segment = entry(entries, "segment.bytes");
  EXPECT_EQ(segment.value, "3000000");
  EXPECT_EQ(segment.source, Source::kTopic);
  ASSERT_EQ(segment.synonyms.size(), 3u);
  EXPECT_EQ(segment.synonyms[1].name, "log.segment.bytes");
  EXPECT_EQ(segment.synonyms[1].source, Source::kStaticBroker);
  EXPECT_EQ(segment.synonyms[2].value, "1073741824");
  EXPECT_EQ(entry(entries, "retention.ms").value, "5");
  EXPECT_EQ(entry(entries, "segment.ms").value, "604800000");
  EXPECT_EQ(entry(entries, "segment.ms").source, Source::kDefault);
  EXPECT_TRUE(entry(entries, "segment.ms").synonyms.empty());
  EXPECT_EQ(entry(entries, "cleanup.policy").type, Type::kList);
  EXPECT_EQ(std::ranges::find(entries, "internal.segment.bytes", &Entry::name), entries.end());
}

TEST(Describe, ABrokerHidesSecretsAndStrangers) {
  Layers broker;
  broker.file["ssl.key.password"] = "secret";
  broker.file["my.plugin.key"] = "secret too";
  broker.file["listener.name.x.ssl.key.password"] = "secret three";
  broker.dynamic_default["log.retention.ms"] = "9";
  const auto entries = describe_broker(broker);
  for (const auto& each : entries) {
    EXPECT_EQ(each.value.value_or("").find("secret"), std::string::npos) << each.name;
    for (const auto& synonym : each.synonyms) {
      EXPECT_EQ(synonym.value.value_or("").find("secret"), std::string::npos) << each.name;
    }
  }
  EXPECT_TRUE(entry(entries, "ssl.key.password").sensitive);
  EXPECT_TRUE(entry(entries, "my.plugin.key").sensitive);
  EXPECT_TRUE(entry(entries, "node.id").read_only);
  EXPECT_FALSE(entry(entries, "log.retention.ms").read_only);
  EXPECT_EQ(entry(entries, "log.retention.ms").source, Source::kDynamicDefaultBroker);
  // Keys that Kafka does not list appear when they are set.
  const auto listed = [&](std::string_view name) {
    const auto all = describe_broker(broker);
    return std::ranges::find(all, name, &Entry::name) != all.end();
  };
  EXPECT_FALSE(listed("leader.replication.throttled.rate"));
  broker.dynamic_broker["leader.replication.throttled.rate"] = "5";
  EXPECT_TRUE(listed("leader.replication.throttled.rate"));
  const auto defaults = describe_broker_defaults(broker);
  ASSERT_EQ(defaults.size(), 1u);
  EXPECT_EQ(defaults[0].value, "9");
}

TEST(Describe, AGroupFallsBackToItsBroker) {
  Layers broker;
  broker.file["group.consumer.session.timeout.ms"] = "50000";
  broker.file["group.streams.assignors"] = "sticky,other";
  const auto entries = describe_group(broker, {{"consumer.heartbeat.interval.ms", "7000"}});
  EXPECT_EQ(entry(entries, "consumer.session.timeout.ms").value, "50000");
  EXPECT_EQ(entry(entries, "consumer.heartbeat.interval.ms").source, Source::kGroup);
  EXPECT_EQ(entry(entries, "streams.assignor.name").value, "sticky");
  EXPECT_EQ(entry(describe_client_metrics({}), "interval.ms").value, "300000");
}

}  // namespace
}  // namespace moldau::config
