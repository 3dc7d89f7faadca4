#include "config/table.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "config/value.h"

namespace moldau::config {
namespace {

constexpr Scope kScopes[] = {Scope::kBroker, Scope::kTopic, Scope::kGroup, Scope::kClientMetrics};

TEST(Table, EachKeyHasOneRowInOrderWithADescription) {
  for (const Scope scope : kScopes) {
    std::string_view before;
    for (const Key& key : keys(scope)) {
      EXPECT_LT(before, key.name);
      EXPECT_GT(key.doc.size(), 10u) << key.name;
      EXPECT_TRUE(key.doc.ends_with('.')) << key.name;
      EXPECT_FALSE(key.no_effect.ends_with('.')) << key.name;
      before = key.name;
    }
  }
}

TEST(Table, HoldsAllOfKafkasKeys) {
  // 379 of AbstractKafkaConfig, six of our own, two of the authorizer, three dynamic throttles.
  EXPECT_EQ(keys(Scope::kBroker).size(), 379u + 6 + 2 + 3);
  EXPECT_EQ(keys(Scope::kTopic).size(), 38u);
  EXPECT_EQ(keys(Scope::kGroup).size(), 27u);
  EXPECT_EQ(keys(Scope::kClientMetrics).size(), 3u);
}

TEST(Table, EachDefaultPassesItsOwnCheck) {
  for (const Scope scope : kScopes) {
    for (const Key& key : keys(scope)) {
      if (key.default_value.kind == Default::Kind::kRequired) continue;
      const auto value = parse_value(key, key.default_text());
      EXPECT_TRUE(value.has_value()) << key.name << ": " << value.error();
      if (!value) continue;
      EXPECT_EQ(canonical_text(*value).has_value(), key.default_text().has_value()) << key.name;
    }
  }
}

TEST(Table, SynonymsNameKeysThatExist) {
  for (const Key& key : keys(Scope::kTopic)) {
    for (const auto& synonym : broker_synonyms(key.name)) {
      const Key* broker = find_key(Scope::kBroker, synonym.broker_key);
      ASSERT_NE(broker, nullptr) << synonym.broker_key;
      if (synonym.factor == 1) {
        EXPECT_EQ(broker->type, key.type) << key.name;
      }
    }
  }
  for (const Key& key : keys(Scope::kGroup)) {
    if (const auto broker = group_synonym(key.name)) {
      EXPECT_NE(find_key(Scope::kBroker, *broker), nullptr) << *broker;
    }
  }
}

TEST(Table, AShadowOfATopicKeyHasItsUnit) {
  const auto retention = broker_synonyms("retention.ms");
  ASSERT_EQ(retention.size(), 3u);
  EXPECT_EQ(retention[0].broker_key, "log.retention.ms");
  EXPECT_EQ(retention[1].factor, 60'000);
  EXPECT_EQ(retention[2].factor, 3'600'000);
  EXPECT_TRUE(broker_synonyms("leader.replication.throttled.replicas").empty());
}

TEST(Table, FindsTheNameThatWasMeant) {
  EXPECT_EQ(nearest_key(Scope::kBroker, "num.partition"), "num.partitions");
  EXPECT_EQ(nearest_key(Scope::kBroker, "log.retention.hour"), "log.retention.hours");
  EXPECT_EQ(nearest_key(Scope::kBroker, "lsteners"), "listeners");
  EXPECT_EQ(nearest_key(Scope::kBroker, "moldau.log.synk"), "moldau.log.sync");
  EXPECT_EQ(nearest_key(Scope::kBroker, "completely.different.words.here"), std::nullopt);
}

TEST(Table, SplitsListenerKeys) {
  const auto plain = split_listener_key("listener.name.external.ssl.keystore.type");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->listener, "external");
  EXPECT_EQ(plain->mechanism, "");
  EXPECT_EQ(plain->key, "ssl.keystore.type");
  const auto sasl = split_listener_key("listener.name.external.scram-sha-256.sasl.jaas.config");
  ASSERT_TRUE(sasl);
  EXPECT_EQ(sasl->mechanism, "scram-sha-256");
  EXPECT_EQ(sasl->key, "sasl.jaas.config");
  EXPECT_FALSE(split_listener_key("listeners"));
  EXPECT_FALSE(split_listener_key("listener.name."));
  EXPECT_FALSE(split_listener_key("listener.name.x."));
}

TEST(Table, PerBrokerKeysAreNotForTheCluster) {
  EXPECT_EQ(find_key(Scope::kBroker, "listeners")->update, Update::kPerBroker);
  EXPECT_EQ(find_key(Scope::kBroker, "log.retention.ms")->update, Update::kClusterWide);
  EXPECT_EQ(find_key(Scope::kBroker, "node.id")->update, Update::kReadOnly);
}

}  // namespace
}  // namespace moldau::config
