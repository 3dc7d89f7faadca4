// Answers of a whole broker to single requests: what Kafka refuses, what rights are asked for and
// in which order, and that a small request has no huge answer.
#include <gtest/gtest.h>

#include "sim/scenario/one_broker_test.h"
#include "wire/api_versions_request.h"
#include "wire/api_versions_response.h"
#include "wire/create_partitions_request.h"
#include "wire/create_partitions_response.h"
#include "wire/create_topics_request.h"
#include "wire/create_topics_response.h"
#include "wire/delete_topics_request.h"
#include "wire/delete_topics_response.h"
#include "wire/describe_cluster_request.h"
#include "wire/describe_cluster_response.h"
#include "wire/describe_configs_request.h"
#include "wire/describe_configs_response.h"
#include "wire/describe_topic_partitions_request.h"
#include "wire/describe_topic_partitions_response.h"
#include "wire/init_producer_id_request.h"
#include "wire/init_producer_id_response.h"
#include "wire/metadata_request.h"
#include "wire/metadata_response.h"
#include "wire/produce_request.h"
#include "wire/produce_response.h"

namespace moldau::sim {
namespace {

using wire::ErrorCode;

constexpr std::int8_t kTopic = 2;
constexpr std::int8_t kBroker = 4;
constexpr std::int8_t kBrokerLogger = 8;
constexpr std::int8_t kClientMetrics = 16;
constexpr std::int8_t kGroup = 32;

ErrorCode create(OneBroker& node, const std::string& name) {
  wire::CreateTopicsRequest request;
  request.timeout_ms = base::Milliseconds32(10'000);
  auto& topic = request.topics.emplace_back();
  topic.name = base::TopicName(name);
  topic.num_partitions = 2;
  topic.replication_factor = 1;
  return node.ask<wire::CreateTopicsResponse>(std::move(request)).topics.at(0).error_code;
}

wire::MetadataRequest about(const std::string& name, std::size_t copies = 1) {
  wire::MetadataRequest request;
  for (std::size_t i = 0; i < copies; ++i) {
    request.topics->emplace_back().name = base::TopicName(name);
  }
  return request;
}

wire::MetadataResponse metadata(OneBroker& node, wire::MetadataRequest request,
                                std::int16_t version = -1) {
  return node.ask<wire::MetadataResponse>(std::move(request), OneBroker::broker(), version);
}

// 2,000 copies of one id were 2,000 answers with all partitions.
TEST(Requests, CopiesOfATopicOrResourceAreAnsweredOnce) {
  OneBroker node(1);
  EXPECT_EQ(create(node, "t"), ErrorCode::kNone);
  const auto by_name = metadata(node, about("t", 500));
  ASSERT_EQ(by_name.topics.size(), 1U);
  wire::MetadataRequest ids;
  for (int i = 0; i < 500; ++i) {
    auto& topic = ids.topics->emplace_back();
    topic.name = std::nullopt;
    topic.topic_id = by_name.topics[0].topic_id;
  }
  EXPECT_EQ(metadata(node, std::move(ids)).topics.size(), 1U);

  wire::DescribeConfigsRequest configs;
  for (int i = 0; i < 500; ++i) {
    auto& resource = configs.resources.emplace_back();
    resource.resource_type = kTopic;
    resource.resource_name = "t";
  }
  EXPECT_EQ(node.ask<wire::DescribeConfigsResponse>(std::move(configs)).results.size(), 1U);
}

TEST(Requests, MetadataOfVersionsThatKnowNamesOnly) {
  OneBroker node(2);
  EXPECT_EQ(create(node, "t"), ErrorCode::kNone);
  auto request = about("t");
  request.topics->at(0).topic_id = metadata(node, about("t")).topics.at(0).topic_id;
  EXPECT_EQ(metadata(node, request, 10).topics.at(0).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(metadata(node, about("t"), 11).topics.at(0).error_code, ErrorCode::kNone);
}

// With one partition and no compaction they would be of no use to whoever serves groups later.
TEST(Requests, InternalTopicsDoNotComeIntoBeingByBeingAskedFor) {
  OneBroker node(3);
  for (const char* name : {"__consumer_offsets", "__transaction_state", "__share_group_state"}) {
    EXPECT_EQ(metadata(node, about(name)).topics.at(0).error_code,
              ErrorCode::kUnknownTopicOrPartition);
  }
  EXPECT_EQ(metadata(node, about("ordinary")).topics.at(0).error_code, ErrorCode::kNone);
  EXPECT_EQ(metadata(node, {.topics = std::nullopt}).topics.size(), 1U);
}

wire::DescribeConfigsResponse::DescribeConfigsResult describe(OneBroker& node, std::int8_t type,
                                                              std::string name) {
  wire::DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = type;
  resource.resource_name = std::move(name);
  return node.ask<wire::DescribeConfigsResponse>(std::move(request)).results.at(0);
}

template <class Result>
std::string value_in(const Result& result, std::string_view key) {
  for (const auto& config : result.configs) {
    if (config.name == key) return config.value.value_or("null");
  }
  return "absent";
}

// What could be stored for groups and subscriptions could not be read back.
TEST(Requests, ConfigsOfAllKindsAreReadBack) {
  OneBroker node(4);
  EXPECT_EQ(node.alter(kGroup, "g", "consumer.session.timeout.ms", "50000").error_code,
            ErrorCode::kNone);
  EXPECT_EQ(value_in(describe(node, kGroup, "g"), "consumer.session.timeout.ms"), "50000");
  EXPECT_EQ(node.alter(kClientMetrics, "m", "interval.ms", "5000").error_code, ErrorCode::kNone);
  EXPECT_EQ(value_in(describe(node, kClientMetrics, "m"), "interval.ms"), "5000");
  EXPECT_EQ(describe(node, kGroup, "").error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(describe(node, kBrokerLogger, "1").error_code, ErrorCode::kInvalidRequest);
}

TEST(Requests, AConfigKeyTwiceIsRefused) {
  OneBroker node(5);
  wire::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kBroker;
  for (const char* value : {"5", "6"}) {
    auto& config = resource.configs.emplace_back();
    config.name = "log.retention.ms";
    config.value = value;
  }
  const auto answer = node.ask<wire::IncrementalAlterConfigsResponse>(std::move(request));
  EXPECT_EQ(answer.responses.at(0).error_code, ErrorCode::kInvalidRequest);
}

TEST(Requests, DescribeClusterOnTheWrongListener) {
  OneBroker node(6);
  const auto ask = [&](rt::Endpoint where, std::int16_t version, std::int8_t type) {
    wire::DescribeClusterRequest request;
    request.endpoint_type = type;
    return node.ask<wire::DescribeClusterResponse>(std::move(request), std::move(where), version);
  };
  constexpr std::int8_t kBrokers = 1;
  constexpr std::int8_t kControllers = 2;
  // Version 0 cannot say which kind it means; it got no answer at all.
  EXPECT_EQ(ask(OneBroker::controller(), 0, kBrokers).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(ask(OneBroker::controller(), 1, kBrokers).error_code,
            ErrorCode::kMismatchedEndpointType);
  EXPECT_EQ(ask(OneBroker::broker(), 1, 9).error_code, ErrorCode::kUnsupportedEndpointType);
  EXPECT_EQ(ask(OneBroker::controller(), 1, kControllers).controller_id, base::BrokerId(1));
  EXPECT_EQ(ask(OneBroker::broker(), 0, kBrokers).brokers.size(), 1U);
}

TEST(Requests, ACursorMustBelongToTheList) {
  OneBroker node(7);
  EXPECT_EQ(create(node, "t"), ErrorCode::kNone);
  const auto ask = [&](const char* topic, std::int32_t partition) {
    wire::DescribeTopicPartitionsRequest request;
    request.topics.emplace_back().name = base::TopicName("t");
    request.cursor.emplace();
    request.cursor->topic_name = base::TopicName(topic);
    request.cursor->partition_index = base::PartitionIndex(partition);
    return node.ask<wire::DescribeTopicPartitionsResponse>(std::move(request)).topics.at(0);
  };
  EXPECT_EQ(ask("other", 0).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(ask("t", -1).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(ask("t", 1).partitions.size(), 1U);
}

TEST(Requests, HalfAProducerIdentityIsRefused) {
  OneBroker node(8);
  wire::InitProducerIdRequest request;
  request.transactional_id = std::nullopt;
  request.producer_id = base::ProducerId(5);
  EXPECT_EQ(node.ask<wire::InitProducerIdResponse>(request).error_code, ErrorCode::kInvalidRequest);
  request.producer_id = base::kNoProducerId;
  EXPECT_EQ(node.ask<wire::InitProducerIdResponse>(request).error_code, ErrorCode::kNone);
}

// KIP-1242: a client that came to another cluster's or node's broker looks for its own again.
TEST(Requests, ApiVersionsJudgesTheTargetAsKafkaDoes) {
  OneBroker node(9);
  const std::string cluster = *metadata(node, {.topics = std::nullopt}).cluster_id;
  const auto ask = [&](std::optional<std::string> id, std::int32_t target, rt::Endpoint where) {
    wire::ApiVersionsRequest request;
    request.client_software_name = "test";
    request.client_software_version = "1";
    request.cluster_id = std::move(id);
    request.node_id = base::BrokerId(target);
    return node.ask<wire::ApiVersionsResponse>(std::move(request), std::move(where)).error_code;
  };
  EXPECT_EQ(ask(cluster, 1, OneBroker::broker()), ErrorCode::kNone);
  EXPECT_EQ(ask(cluster, 2, OneBroker::broker()), ErrorCode::kRebootstrapRequired);
  EXPECT_EQ(ask("other", 1, OneBroker::broker()), ErrorCode::kRebootstrapRequired);
  EXPECT_EQ(ask(std::nullopt, 2, OneBroker::broker()), ErrorCode::kNone);
  EXPECT_EQ(ask("other", 2, OneBroker::controller()), ErrorCode::kNone);
}

// --- Rights and quotas --------------------------------------------------------------------------

// Denies whatever has "secret" in its name, and the cluster to everybody but the node itself.
class Guarded final : public broker::Authorizer {
 public:
  bool authorize(const broker::RequestContext& context, broker::Operation operation,
                 broker::ResourceType type, std::string_view name) const override {
    if (type != broker::ResourceType::kCluster) return name.find("secret") == std::string::npos;
    return operation == broker::Operation::kClusterAction &&
           context.listener->kind == broker::ListenerKind::kController;
  }
  bool authorize_any(const broker::RequestContext&, broker::Operation,
                     broker::ResourceType) const override {
    return true;
  }
};

TEST(Requests, RightsAreAskedForNameByName) {
  const Guarded guarded;
  OneBroker node(10, {}, {.authorizer = &guarded});
  EXPECT_EQ(create(node, "secret"), ErrorCode::kTopicAuthorizationFailed);
  EXPECT_EQ(create(node, "open"), ErrorCode::kNone);
  EXPECT_EQ(metadata(node, about("secret2")).topics.at(0).error_code,
            ErrorCode::kTopicAuthorizationFailed);

  EXPECT_EQ(node.alter(kTopic, "secret", "retention.ms", "5").error_code,
            ErrorCode::kTopicAuthorizationFailed);
  EXPECT_EQ(node.alter(kTopic, "open", "retention.ms", "5").error_code, ErrorCode::kNone);
  EXPECT_EQ(node.alter(kBroker, "", "log.retention.ms", "5").error_code,
            ErrorCode::kClusterAuthorizationFailed);
  EXPECT_EQ(node.alter(kGroup, "secret", "consumer.session.timeout.ms", "50000").error_code,
            ErrorCode::kGroupAuthorizationFailed);

  wire::CreatePartitionsRequest more;
  more.timeout_ms = base::Milliseconds32(10'000);
  for (const char* name : {"secret", "open"}) {
    auto& topic = more.topics.emplace_back();
    topic.name = base::TopicName(name);
    topic.count = 5;
    topic.assignments = std::nullopt;
  }
  std::map<std::string, ErrorCode> results;
  for (const auto& result : node.ask<wire::CreatePartitionsResponse>(std::move(more)).results) {
    results[result.name.value()] = result.error_code;
  }
  EXPECT_EQ(results["secret"], ErrorCode::kTopicAuthorizationFailed);
  EXPECT_EQ(results["open"], ErrorCode::kNone);

  wire::DeleteTopicsRequest gone;
  gone.timeout_ms = base::Milliseconds32(10'000);
  for (const char* name : {"secret", "open", "unknown"}) {
    gone.topics.emplace_back().name = base::TopicName(name);
  }
  for (const auto& result : node.ask<wire::DeleteTopicsResponse>(std::move(gone)).responses) {
    results[result.name->value()] = result.error_code;
  }
  EXPECT_EQ(results["secret"], ErrorCode::kTopicAuthorizationFailed);
  EXPECT_EQ(results["open"], ErrorCode::kNone);
  EXPECT_EQ(results["unknown"], ErrorCode::kUnknownTopicOrPartition);
}

// Slows down requests of one API.
class Slow final : public broker::Quotas {
 public:
  explicit Slow(wire::ApiKey api) : api_(api) {}
  base::Milliseconds32 throttle(const broker::RequestContext& context, std::size_t) const override {
    return base::Milliseconds32(context.api_key == api_ ? 3'000 : 0);
  }

 private:
  wire::ApiKey api_;
};

template <class Response, class Request>
rt::Task<base::Duration> two_requests(rt::Loop& loop, Request request) {
  auto channel = co_await client::Channel::connect(loop, OneBroker::broker(), {});
  EXPECT_TRUE(channel.has_value());
  const base::Instant from = loop.now();
  const auto first = co_await (*channel)->template call<Response>(Request(request));
  EXPECT_EQ(first->throttle_time_ms, base::Milliseconds32(3'000));
  EXPECT_LT(loop.now() - from, std::chrono::seconds(1));
  co_await (*channel)->template call<Response>(std::move(request));
  const base::Duration took = loop.now() - from;
  co_await (*channel)->close_and_join();
  co_return took;
}

TEST(Requests, AQuotaIsToldAtOnceAndKeptByNotReading) {
  const Slow slow(wire::ApiKey::kMetadata);
  OneBroker node(11, {}, {.quotas = &slow});
  const base::Duration took =
      node.run(two_requests<wire::MetadataResponse>(node.loop(), wire::MetadataRequest{}));
  EXPECT_GE(took, std::chrono::seconds(3));
  EXPECT_LT(took, std::chrono::seconds(4));
}

// Forwarded requests did not ask: the controller slows nobody down.
TEST(Requests, QuotasSlowForwardedRequestsDownToo) {
  const Slow slow(wire::ApiKey::kDeleteTopics);
  OneBroker node(13, {}, {.quotas = &slow});
  const base::Duration took =
      node.run(two_requests<wire::DeleteTopicsResponse>(node.loop(), wire::DeleteTopicsRequest{}));
  EXPECT_GE(took, std::chrono::seconds(3));
  EXPECT_LT(took, std::chrono::seconds(4));
}

// Produce has a way of its own, and did not ask.
TEST(Requests, QuotasSlowProducersDownToo) {
  const Slow slow(wire::ApiKey::kProduce);
  OneBroker node(12, {}, {.quotas = &slow});
  wire::ProduceRequest request;
  request.acks = 1;
  request.timeout_ms = base::Milliseconds32(1'000);
  const base::Duration took =
      node.run(two_requests<wire::ProduceResponse>(node.loop(), std::move(request)));
  EXPECT_GE(took, std::chrono::seconds(3));
  EXPECT_LT(took, std::chrono::seconds(4));
}

}  // namespace
}  // namespace moldau::sim
