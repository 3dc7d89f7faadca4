#include "controller/internal/controller_fixture.h"

namespace moldau::controller {
namespace {

class ProducerIdsTest : public ControllerTest {};

class ConfigsTest : public ControllerTest {
 protected:
  void SetUp() override {
    start_broker(1);
    create("t", 1);
  }
  std::string alter(std::int8_t type, std::string name, std::string key, std::int8_t operation,
                    std::optional<std::string> value, bool validate_only = false) {
    wire::IncrementalAlterConfigsRequest request;
    request.resources.emplace_back();
    request.resources[0].resource_type = type;
    request.resources[0].resource_name = std::move(name);
    request.resources[0].configs.push_back({.name = std::move(key),
                                            .config_operation = operation,
                                            .value = std::move(value),
                                            .unknown_tags = {}});
    request.validate_only = validate_only;
    const auto answer = serve(request).responses[0];
    return std::string(wire::name(answer.error_code)) + ": " + answer.error_message.value_or("");
  }
  std::string stored(metadata::ResourceType type, std::string_view name, std::string_view key) {
    const auto& values = controller_.image().configs(type, name);
    const auto at = values.find(key);
    return at == values.end() ? "none" : at->second;
  }
  std::string topic(std::string_view key) {
    return stored(metadata::ResourceType::kTopic, "t", key);
  }
};

TEST_F(ConfigsTest, TopicConfigsAreSetAndRemoved) {
  EXPECT_EQ(alter(2, "t", "retention.ms", 0, "5"), "NONE: ");
  EXPECT_EQ(topic("retention.ms"), "5");
  EXPECT_EQ(alter(2, "t", "retention.ms", 0, "5"), "NONE: ");
  EXPECT_EQ(records_, 0u);
  EXPECT_EQ(alter(2, "t", "retention.ms", 1, std::nullopt), "NONE: ");
  EXPECT_EQ(topic("retention.ms"), "none");
  EXPECT_EQ(alter(2, "t", "retention.ms", 0, "x"),
            "INVALID_CONFIG: Invalid value x for configuration retention.ms: Not a number of type "
            "LONG");
  EXPECT_TRUE(alter(2, "nope", "retention.ms", 0, "5").starts_with("UNKNOWN_TOPIC_OR_PARTITION: "));
  EXPECT_TRUE(alter(2, "", "retention.ms", 0, "5").starts_with("INVALID_REQUEST: "));
  EXPECT_EQ(alter(2, "t", "retention.ms", 0, "7", true), "NONE: ");
  EXPECT_EQ(topic("retention.ms"), "none");
}

TEST_F(ConfigsTest, ListsGrowAndShrink) {
  EXPECT_EQ(alter(2, "t", "cleanup.policy", 2, "compact"), "NONE: ");
  EXPECT_EQ(topic("cleanup.policy"), "delete,compact");
  EXPECT_EQ(alter(2, "t", "cleanup.policy", 2, "compact"), "NONE: ");
  EXPECT_EQ(topic("cleanup.policy"), "delete,compact");
  EXPECT_EQ(alter(2, "t", "cleanup.policy", 3, "delete"), "NONE: ");
  EXPECT_EQ(topic("cleanup.policy"), "compact");
  EXPECT_EQ(alter(2, "t", "retention.ms", 2, "5"),
            "INVALID_CONFIG: Can't APPEND to key retention.ms because its type is not LIST.");
  EXPECT_TRUE(alter(2, "t", "retention.ms", 9, "5").starts_with("INVALID_REQUEST: "));
  EXPECT_TRUE(alter(2, "t", "retention.ms", 0, std::nullopt).starts_with("INVALID_REQUEST: "));
}

TEST_F(ConfigsTest, BrokerGroupAndMetricsConfigsAreStored) {
  using metadata::ResourceType;
  EXPECT_EQ(alter(4, "", "log.retention.ms", 0, "5"), "NONE: ");
  EXPECT_EQ(alter(4, "1", "log.retention.ms", 0, "6"), "NONE: ");
  EXPECT_EQ(stored(ResourceType::kBroker, "1", "log.retention.ms"), "6");
  EXPECT_TRUE(alter(4, "x", "log.retention.ms", 0, "6").starts_with("INVALID_REQUEST: "));
  EXPECT_TRUE(alter(4, "55", "log.retention.ms", 0, "6").starts_with("BROKER_ID_NOT_REGISTERED: "));
  EXPECT_EQ(alter(4, "1", "num.partitions", 0, "6"),
            "INVALID_REQUEST: Cannot update these configs dynamically: [num.partitions]");
  EXPECT_EQ(alter(4, "1", "num.partitions", 1, std::nullopt), "NONE: ");
  EXPECT_TRUE(alter(4, "", "log.retention.ms", 0, "x").starts_with("INVALID_REQUEST: "));
  EXPECT_EQ(alter(32, "g", "consumer.session.timeout.ms", 0, "50000"), "NONE: ");
  EXPECT_TRUE(
      alter(32, "g", "consumer.session.timeout.ms", 0, "1").starts_with("INVALID_CONFIG: "));
  EXPECT_EQ(alter(16, "m", "interval.ms", 0, "1000"), "NONE: ");
  EXPECT_TRUE(alter(99, "m", "interval.ms", 0, "1000").starts_with("UNSUPPORTED_VERSION: "));
}

TEST_F(ConfigsTest, AClusterWideValueCountsForElections) {
  EXPECT_EQ(alter(4, "", "unclean.leader.election.enable", 0, "true"), "NONE: ");
  start_broker(2);
  wire::CreateTopicsRequest request;
  request.topics.emplace_back();
  request.topics[0].name = base::TopicName("u");
  request.topics[0].num_partitions = -1;
  request.topics[0].replication_factor = -1;
  request.topics[0].assignments.emplace_back();
  request.topics[0].assignments[0].broker_ids = {BrokerId(1), BrokerId(2)};
  serve(request);
  beat(2, true);
  EXPECT_FALSE(beat(2).is_fenced);
  EXPECT_EQ(partition("u", 0).isr, metadata::Replicas({BrokerId(1)}));
  beat(1, true);
  EXPECT_EQ(partition("u", 0).leader, BrokerId(2));
  EXPECT_EQ(partition("u", 0).leader_recovery_state, metadata::LeaderRecoveryState::kRecovering);
}

TEST_F(ConfigsTest, TheOlderRequestReplacesEverything) {
  alter(2, "t", "retention.ms", 0, "5");
  alter(2, "t", "segment.ms", 0, "6");
  wire::AlterConfigsRequest request;
  request.resources.emplace_back();
  request.resources[0].resource_type = 2;
  request.resources[0].resource_name = "t";
  request.resources[0].configs.push_back(
      {.name = "retention.bytes", .value = "7", .unknown_tags = {}});
  EXPECT_EQ(serve(request).responses[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(topic("retention.ms"), "none");
  EXPECT_EQ(topic("segment.ms"), "none");
  EXPECT_EQ(topic("retention.bytes"), "7");
}

TEST_F(ConfigsTest, OneResourceTwiceIsRefused) {
  wire::IncrementalAlterConfigsRequest request;
  for (int i = 0; i < 2; ++i) {
    request.resources.emplace_back();
    request.resources.back().resource_type = 2;
    request.resources.back().resource_name = "t";
  }
  const auto response = serve(request);
  ASSERT_EQ(response.responses.size(), 1u);
  EXPECT_EQ(response.responses[0].error_code, ErrorCode::kInvalidRequest);
}

TEST_F(ProducerIdsTest, ProducerIdsComeInBlocks) {
  start_broker(1);
  wire::AllocateProducerIdsRequest request;
  request.broker_id = BrokerId(1);
  request.broker_epoch = epochs_[1];
  for (const std::int64_t first : {0, 1000, 2000}) {
    const auto response = serve(request);
    EXPECT_EQ(response.producer_id_start, base::ProducerId(first));
    EXPECT_EQ(response.producer_id_len, 1000);
  }
  request.broker_epoch = BrokerEpoch(99);
  EXPECT_EQ(serve(request).error_code, ErrorCode::kStaleBrokerEpoch);
}

class FeaturesTest : public ControllerTest {
 protected:
  std::string update(std::string feature, std::int16_t level, std::int8_t type = 1) {
    wire::UpdateFeaturesRequest request;
    request.feature_updates.emplace_back();
    request.feature_updates[0].feature = std::move(feature);
    request.feature_updates[0].max_version_level = level;
    request.feature_updates[0].upgrade_type = type;
    const auto response = serve(request);
    return std::string(wire::name(response.error_code)) + ": " +
           response.error_message.value_or("");
  }
};

TEST_F(FeaturesTest, OnlyWhatIsServedMayBeFinalized) {
  EXPECT_EQ(update("metadata.version", 30), "NONE: ");
  EXPECT_TRUE(update("metadata.version", 31).starts_with("INVALID_UPDATE_VERSION: "));
  EXPECT_EQ(
      update("share.version", 1),
      "INVALID_UPDATE_VERSION: The update failed for all features since the following feature "
      "had an error: Invalid update version 1 for feature share.version. Local controller 100 "
      "does not support this feature.");
  EXPECT_EQ(update("share.version", 0), "NONE: ");
  EXPECT_TRUE(update("metadata.version", -1).starts_with("INVALID_UPDATE_VERSION: "));
  EXPECT_EQ(update("kraft.version", 1), "NONE: ");
  EXPECT_TRUE(update("kraft.version", 0, 2).starts_with("INVALID_UPDATE_VERSION: "));
  EXPECT_TRUE(update("metadata.version", 30, 0).starts_with("INVALID_UPDATE_VERSION: "));
}

TEST_F(FeaturesTest, ADowngradeMustBeAskedForAndLoseNothing) {
  EXPECT_NE(update("metadata.version", 29).find("Can't downgrade"), std::string::npos);
  EXPECT_NE(update("metadata.version", 29, 2).find("Refusing to perform"), std::string::npos);
  EXPECT_NE(update("metadata.version", 29, 3).find("not supported in this version"),
            std::string::npos);
  EXPECT_EQ(controller_.image().metadata_version()->level(), 30);
}

TEST_F(FeaturesTest, EachBrokerMustKnowTheLevel) {
  auto old = registration(1);
  old.features.back().max_supported_version = 30;
  old.features.back().min_supported_version = 30;
  ASSERT_EQ(serve(old).error_code, ErrorCode::kNone);
  EXPECT_NE(update("metadata.version", 29, 2).find("Broker 1 only supports versions 30-30"),
            std::string::npos);
}

}  // namespace
}  // namespace moldau::controller
