// What the conversions of all raft RPCs share.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "raft/messages.h"
#include "raft/wire_messages.h"

namespace moldau::raft::internal {

inline bool same_cluster(const std::optional<std::string>& named, std::string_view ours) {
  return !named || *named == ours;
}

template <class Topics>
bool is_metadata_log(const Topics& topics) {
  if (topics.size() != 1 || topics[0].partitions.size() != 1) return false;
  return topics[0].topic_name.view() == kMetadataTopicName &&
         topics[0].partitions[0].partition_index == base::PartitionIndex(0);
}

// The one topic with the one partition.
template <class Message, class Partition>
void set_partition(Message& message, Partition partition) {
  typename decltype(message.topics)::value_type topic;
  topic.topic_name = base::TopicName(kMetadataTopicName);
  topic.partitions.push_back(std::move(partition));
  message.topics.push_back(std::move(topic));
}

// The leader's address on one listener, when there is a leader and the version has room for it.
template <class NodeEndpoint>
void add_leader_endpoint(const LeaderView& view, const RpcOrigin& origin,
                         std::int16_t first_version, std::vector<NodeEndpoint>& endpoints) {
  if (origin.api_version < first_version || !view.leader) return;
  const auto address = address_of(view.endpoints, origin.listener);
  if (!address) return;
  NodeEndpoint endpoint;
  endpoint.node_id = *view.leader;
  endpoint.host = address->host;
  endpoint.port = address->port;
  endpoints.push_back(std::move(endpoint));
}

template <class NodeEndpoint>
LeaderView view_of(base::BrokerId leader, base::LeaderEpoch epoch,
                   const std::vector<NodeEndpoint>& endpoints, std::string_view listener) {
  LeaderView view{.leader = std::nullopt, .epoch = epoch, .endpoints = {}};
  if (leader.value() < 0) return view;
  view.leader = leader;
  for (const auto& endpoint : endpoints) {
    if (endpoint.node_id != leader || endpoint.port <= 0 || endpoint.port > 65535) continue;
    view.endpoints.emplace(std::string(listener),
                           HostPort{endpoint.host, static_cast<std::uint16_t>(endpoint.port)});
  }
  return view;
}

template <class Endpoint>
Endpoints endpoints_of(const std::vector<Endpoint>& listed) {
  Endpoints endpoints;
  for (const auto& each : listed) {
    endpoints.insert_or_assign(each.name, HostPort{each.host, each.port});
  }
  return endpoints;
}

template <class Endpoint>
std::vector<Endpoint> list_of(const Endpoints& endpoints) {
  std::vector<Endpoint> listed;
  for (const auto& [name, address] : endpoints) {
    Endpoint each;
    each.name = name;
    each.host = address.host;
    each.port = address.port;
    listed.push_back(std::move(each));
  }
  return listed;
}

inline base::BrokerId id_or_none(const std::optional<base::BrokerId>& id) {
  return id.value_or(base::kNoBroker);
}

inline std::uint32_t bytes_max_of(std::int32_t wanted) {
  return static_cast<std::uint32_t>(std::max(wanted, 0));
}

// A whole response that is an error.
inline RpcFailure failure_of(wire::ErrorCode error) {
  return error == wire::ErrorCode::kUnsupportedVersion ? RpcFailure::kUnsupportedVersion
                                                       : RpcFailure::kRefused;
}

}  // namespace moldau::raft::internal
