// Route says where a partition is served: on a loop of this node, or on another node. Every request
// addresses partitions through it. The loop follows from the partition's id alone, so that no table
// has to be kept in step. Any loop.
#pragma once

#include <cstddef>
#include <variant>

#include "base/ids.h"
#include "metadata/image.h"

namespace moldau::broker {

struct LoopRoute {
  std::size_t loop = 0;
};
struct NodeRoute {
  base::BrokerId node{-1};  // the leader; -1 while there is none
};
using Route = std::variant<LoopRoute, NodeRoute>;

[[nodiscard]] inline std::size_t loop_of(const base::TopicIdPartition& id, std::size_t loops) {
  // Consecutive partitions of a topic go to consecutive loops: the load of one topic spreads
  // evenly.
  return static_cast<std::size_t>(
      (hash_value(id.topic_id) + static_cast<std::uint64_t>(id.partition.value())) % loops);
}

// Where requests for the partition go. A replica of ours answers even when another node leads: it
// knows best what to say.
[[nodiscard]] inline Route route_of(const metadata::Partition& partition,
                                    const base::TopicIdPartition& id, base::BrokerId self,
                                    std::size_t loops) {
  for (const base::BrokerId replica : partition.replicas) {
    if (replica == self) return LoopRoute{loop_of(id, loops)};
  }
  return NodeRoute{partition.leader};
}

}  // namespace moldau::broker
