// Admin asks a cluster to change or describe itself: topics, configs, brokers, the quorum. Each
// call goes to any broker (which passes changes on to the controller), tries again while that can
// help, and yields one result per named thing: a refusal of one leaves the others. Messages are
// whole sentences for people. One loop. Holds nothing but the Cluster, which outlives it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "client/client_error.h"
#include "client/cluster.h"
#include "rt/task.h"
#include "wire/describe_cluster_response.h"
#include "wire/describe_configs_response.h"
#include "wire/describe_quorum_response.h"

namespace moldau::client {

struct NewTopic {
  base::TopicName name;
  std::int32_t partitions = -1;          // -1: the cluster's default
  std::int16_t replication_factor = -1;  // -1: the cluster's default
  std::vector<std::pair<std::string, std::string>> configs;
};

struct TopicOutcome {
  base::TopicName name;
  ClientResult<base::TopicId> result;
};

struct TopicDescription {
  base::TopicName name;
  ClientResult<TopicInfo> info;
};

// Numbers are the protocol's.
enum class ConfigResource : std::int8_t { kTopic = 2, kBroker = 4 };

struct OffsetRange {
  base::Offset earliest;
  base::Offset latest;
};

class Admin {
 public:
  using TopicConfigs = wire::DescribeConfigsResponse::DescribeConfigsResult;

  explicit Admin(Cluster& cluster) : cluster_(&cluster) {}

  rt::Task<ClientResult<std::vector<TopicOutcome>>> create_topics(std::vector<NewTopic> topics,
                                                                  bool validate_only = false);
  rt::Task<ClientResult<std::vector<TopicOutcome>>> delete_topics(
      std::vector<base::TopicName> names);
  // All topics, by name.
  rt::Task<ClientResult<std::vector<TopicInfo>>> list_topics();
  // In the order asked for.
  rt::Task<ClientResult<std::vector<TopicDescription>>> describe_topics(
      std::vector<base::TopicName> names);
  rt::Task<ClientResult<std::vector<OffsetRange>>> offsets(TopicInfo topic);
  rt::Task<ClientResult<TopicConfigs>> describe_configs(ConfigResource kind, std::string name);
  rt::Task<ClientResult<wire::DescribeClusterResponse>> cluster();
  // The metadata quorum's partition.
  rt::Task<ClientResult<wire::DescribeQuorumResponse>> quorum();

 private:
  rt::Task<ClientResult<base::Offset>> offset(TopicInfo topic, std::size_t index,
                                              base::Timestamp timestamp);
  Cluster* cluster_;
};

}  // namespace moldau::client
