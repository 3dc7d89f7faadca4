#include "broker/node_admin.h"

#include "rt/call_all.h"
#include "wire/registry.h"

namespace moldau::broker {
namespace {

rt::Task<ShardSnapshot> snapshot_here(Shard& shard) {
  ShardSnapshot snapshot;
  snapshot.requests = shard.stats();
  if (shard.broker().has_storage()) snapshot.storage = shard.log_store().stats();
  snapshot.loop = shard.loop().stats();
  snapshot.partitions = shard.partitions().size();
  snapshot.partitions_opening = shard.partitions().opening();
  snapshot.connections = shard.connections();
  snapshot.frame_bytes = shard.frame_budget().used();
  snapshot.fetch_sessions = shard.fetch_sessions().size();
  co_return snapshot;
}

}  // namespace

rt::Task<NodeSnapshot> NodeAdmin::snapshot() {
  NodeSnapshot node;
  node.node_id = broker_->node_id();
  node.cluster_id = broker_->cluster_id();
  node.lifecycle = broker_->config().is_broker ? "starting" : "controller";
  if (const Lifecycle* lifecycle = broker_->maybe_lifecycle()) {
    node.lifecycle = to_string(lifecycle->state());
    node.broker_epoch = lifecycle->broker_epoch();
  }
  if (broker_->has_quorum()) {
    const auto leader = broker_->raft().leader_and_epoch();
    node.quorum_leader = leader.leader.value_or(base::kNoBroker);
    node.quorum_epoch = leader.epoch;
    node.metadata_high_watermark = broker_->raft().high_watermark().value_or(base::kNoOffset);
  }
  node.metadata_offset = broker_->image_offset();
  const ImagePtr image = broker_->image();
  node.topics = image->topics().size();
  node.partitions = image->partition_count();
  rt::CallAll<ShardSnapshot> calls(broker_->loop0());
  for (std::size_t i = 0; i < broker_->shard_count(); ++i) {
    calls.add(broker_->shard(i).loop(), snapshot_here(broker_->shard(i)));
  }
  node.shards = co_await calls;
  co_return node;
}

std::string_view NodeAdmin::api_name(std::int16_t key) const {
  const wire::ApiInfo* info = wire::find_api(key);
  return info == nullptr ? std::string_view() : info->name;
}

}  // namespace moldau::broker
