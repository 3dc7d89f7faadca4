#include "broker/handlers/on_partition.h"

#include "broker/broker.h"
#include "broker/route.h"
#include "broker/shard.h"

namespace moldau::broker {

std::expected<Located, wire::ErrorCode> locate(Shard& asking, const metadata::Topic* topic,
                                               wire::ErrorCode topic_error,
                                               base::PartitionIndex partition) {
  if (topic == nullptr) return std::unexpected(topic_error);
  const metadata::Partition* found = topic->partitions.find(partition);
  if (found == nullptr) return std::unexpected(wire::ErrorCode::kUnknownTopicOrPartition);
  const base::TopicIdPartition id{.topic_id = topic->id, .partition = partition};
  const Route route = route_of(*found, id, asking.node_id(), asking.broker().shard_count());
  const auto* here = std::get_if<LoopRoute>(&route);
  if (here == nullptr) return std::unexpected(wire::ErrorCode::kNotLeaderOrFollower);
  return Located{.shard = &asking.broker().shard(here->loop), .id = id};
}

rt::Task<std::expected<Partition*, wire::ErrorCode>> prepared_partition(
    Shard& shard, base::TopicIdPartition id, base::LeaderEpoch current_leader_epoch) {
  Partition* partition = shard.partitions().find(id);
  if (partition == nullptr) co_return std::unexpected(wire::ErrorCode::kNotLeaderOrFollower);
  const Partition::Use use(*partition);
  co_await partition->wait_open();
  wire::ErrorCode error = partition->check_read(current_leader_epoch);
  if (error != wire::ErrorCode::kNone) co_return std::unexpected(error);
  if (!partition->log()->prepared()) {
    const auto prepared = co_await partition->log()->prepare();
    if (!prepared) co_return std::unexpected(error_of(prepared.error()));
    error = partition->check_read(current_leader_epoch);
    if (error != wire::ErrorCode::kNone) co_return std::unexpected(error);
  }
  co_return partition;
}

}  // namespace moldau::broker
