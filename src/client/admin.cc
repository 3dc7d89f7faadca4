#include "client/admin.h"

#include <algorithm>

#include "wire/create_topics_request.h"
#include "wire/create_topics_response.h"
#include "wire/delete_topics_request.h"
#include "wire/delete_topics_response.h"
#include "wire/describe_cluster_request.h"
#include "wire/describe_configs_request.h"
#include "wire/describe_quorum_request.h"
#include "wire/list_offsets_request.h"
#include "wire/list_offsets_response.h"

namespace moldau::client {
namespace {

constexpr auto kOperationTimeout = base::Milliseconds32(30'000);
constexpr base::Timestamp kLatestTimestamp{-1};
constexpr base::Timestamp kEarliestTimestamp{-2};
constexpr std::int16_t kListOffsetsVersionMax = 9;
constexpr std::string_view kMetadataTopic = "__cluster_metadata";

ClientError refusal(const std::string& what, wire::ErrorCode code,
                    const std::optional<std::string>& message) {
  const bool told = message && !message->empty();
  return {
      .kind = ClientErrorKind::kBroker,
      .code = code,
      .message = what + ": " +
                 (told ? *message + " (" + wire::to_string(code) + ")" : wire::to_string(code))};
}

template <class Result>
TopicOutcome outcome_of(base::TopicName name, const Result& said) {
  if (said.error_code == wire::ErrorCode::kNone) return {.name = name, .result = said.topic_id};
  return {.name = name,
          .result = std::unexpected(
              refusal("topic " + name.value(), said.error_code, said.error_message))};
}

// A node that just lost the controller says so for everything that was asked.
template <class Results>
bool lost_controller(const Results& results) {
  return std::any_of(results.begin(), results.end(), [](const auto& result) {
    return result.error_code == wire::ErrorCode::kNotController;
  });
}

}  // namespace

rt::Task<ClientResult<std::vector<TopicOutcome>>> Admin::create_topics(std::vector<NewTopic> topics,
                                                                       bool validate_only) {
  wire::CreateTopicsRequest request;
  request.timeout_ms = kOperationTimeout;
  request.validate_only = validate_only;
  for (const NewTopic& topic : topics) {
    request.topics.push_back({.name = topic.name,
                              .num_partitions = topic.partitions,
                              .replication_factor = topic.replication_factor});
    for (const auto& [name, value] : topic.configs) {
      request.topics.back().configs.push_back({.name = name, .value = value});
    }
  }
  const base::Instant deadline = cluster_->default_deadline();
  Backoff delays = cluster_->backoff();
  for (;;) {
    const auto answer =
        CO_TRY(co_await cluster_->call_any<wire::CreateTopicsResponse>(request, deadline));
    if (lost_controller(answer.topics) &&
        co_await cluster_->pause(delays.next(cluster_->loop().rng()), deadline)) {
      continue;
    }
    std::vector<TopicOutcome> outcomes;
    for (const auto& said : answer.topics) outcomes.push_back(outcome_of(said.name, said));
    co_return outcomes;
  }
}

rt::Task<ClientResult<std::vector<TopicOutcome>>> Admin::delete_topics(
    std::vector<base::TopicName> names) {
  wire::DeleteTopicsRequest request;
  request.timeout_ms = kOperationTimeout;
  // Version 6 names topics one way, the versions before it another.
  for (const base::TopicName& name : names) request.topics.push_back({.name = name});
  request.topic_names = names;
  const base::Instant deadline = cluster_->default_deadline();
  Backoff delays = cluster_->backoff();
  for (;;) {
    const auto answer =
        CO_TRY(co_await cluster_->call_any<wire::DeleteTopicsResponse>(request, deadline));
    if (lost_controller(answer.responses) &&
        co_await cluster_->pause(delays.next(cluster_->loop().rng()), deadline)) {
      continue;
    }
    std::vector<TopicOutcome> outcomes;
    for (const auto& said : answer.responses) {
      outcomes.push_back(outcome_of(said.name.value_or(base::TopicName()), said));
    }
    co_return outcomes;
  }
}

rt::Task<ClientResult<std::vector<TopicInfo>>> Admin::list_topics() {
  const auto answer = CO_TRY(
      co_await cluster_->refresh(std::vector<base::TopicName>(), cluster_->default_deadline()));
  std::vector<TopicInfo> topics;
  for (const auto& topic : answer.topics) {
    if (!topic.name) continue;
    const TopicInfo* info = cluster_->cached_topic(*topic.name);
    if (info != nullptr) topics.push_back(*info);
  }
  std::sort(topics.begin(), topics.end(),
            [](const TopicInfo& a, const TopicInfo& b) { return a.name < b.name; });
  co_return topics;
}

rt::Task<ClientResult<std::vector<TopicDescription>>> Admin::describe_topics(
    std::vector<base::TopicName> names) {
  const auto answer = CO_TRY(co_await cluster_->refresh(names, cluster_->default_deadline()));
  std::vector<TopicDescription> topics;
  for (const base::TopicName& name : names) {
    const TopicInfo* info = cluster_->cached_topic(name);
    if (info != nullptr) {
      topics.push_back({.name = name, .info = *info});
      continue;
    }
    const auto said = std::find_if(answer.topics.begin(), answer.topics.end(),
                                   [&](const auto& topic) { return topic.name == name; });
    const auto code =
        said == answer.topics.end() ? wire::ErrorCode::kUnknownTopicOrPartition : said->error_code;
    topics.push_back({.name = name,
                      .info = std::unexpected(refusal("topic " + name.value(), code,
                                                      "the cluster has no such topic"))});
  }
  co_return topics;
}

rt::Task<ClientResult<base::Offset>> Admin::offset(TopicInfo topic, std::size_t index,
                                                   base::Timestamp timestamp) {
  const base::PartitionIndex partition(static_cast<std::int32_t>(index));
  wire::ListOffsetsRequest request;
  request.replica_id = base::kNoBroker;
  request.topics.push_back({.name = topic.name});
  request.topics[0].partitions.push_back({.partition_index = partition, .timestamp = timestamp});
  const auto answer = CO_TRY(co_await cluster_->call_broker<wire::ListOffsetsResponse>(
      topic.partitions[index].leader, std::move(request), kListOffsetsVersionMax));
  if (answer.topics.size() != 1 || answer.topics[0].partitions.size() != 1) {
    co_return fail(ClientErrorKind::kMalformed, "ListOffsets: no partition in the answer");
  }
  const auto& said = answer.topics[0].partitions[0];
  if (said.error_code == wire::ErrorCode::kNone) co_return said.offset;
  const base::TopicPartition id{.topic = topic.name, .partition = partition};
  co_return std::unexpected(refusal(id.to_string(), said.error_code, std::nullopt));
}

rt::Task<ClientResult<std::vector<OffsetRange>>> Admin::offsets(TopicInfo topic) {
  std::vector<OffsetRange> ranges;
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    const base::Offset earliest = CO_TRY(co_await offset(topic, i, kEarliestTimestamp));
    const base::Offset latest = CO_TRY(co_await offset(topic, i, kLatestTimestamp));
    ranges.push_back({.earliest = earliest, .latest = latest});
  }
  co_return ranges;
}

rt::Task<ClientResult<Admin::TopicConfigs>> Admin::describe_configs(ConfigResource kind,
                                                                    std::string name) {
  wire::DescribeConfigsRequest request;
  request.resources.push_back({.resource_type = static_cast<std::int8_t>(kind),
                               .resource_name = name,
                               .configuration_keys = std::nullopt});
  auto answer = CO_TRY(co_await cluster_->call_any<wire::DescribeConfigsResponse>(
      std::move(request), cluster_->default_deadline()));
  if (answer.results.size() != 1) {
    co_return fail(ClientErrorKind::kMalformed, "DescribeConfigs: not one result in the answer");
  }
  TopicConfigs& said = answer.results[0];
  if (said.error_code == wire::ErrorCode::kNone) co_return std::move(said);
  co_return std::unexpected(refusal(name, said.error_code, said.error_message));
}

rt::Task<ClientResult<wire::DescribeClusterResponse>> Admin::cluster() {
  wire::DescribeClusterRequest request;
  auto answer = CO_TRY(co_await cluster_->call_any<wire::DescribeClusterResponse>(
      std::move(request), cluster_->default_deadline()));
  if (answer.error_code == wire::ErrorCode::kNone) co_return std::move(answer);
  co_return std::unexpected(refusal("the cluster", answer.error_code, answer.error_message));
}

rt::Task<ClientResult<wire::DescribeQuorumResponse>> Admin::quorum() {
  wire::DescribeQuorumRequest request;
  request.topics.push_back({.topic_name = base::TopicName(kMetadataTopic)});
  request.topics[0].partitions.push_back({.partition_index = base::PartitionIndex(0)});
  auto answer = CO_TRY(co_await cluster_->call_any<wire::DescribeQuorumResponse>(
      std::move(request), cluster_->default_deadline()));
  if (answer.error_code == wire::ErrorCode::kNone) co_return std::move(answer);
  co_return std::unexpected(
      refusal("the metadata quorum", answer.error_code, answer.error_message));
}

}  // namespace moldau::client
