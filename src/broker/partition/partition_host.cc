#include "broker/partition/partition_host.h"

#include <algorithm>

#include "broker/broker.h"
#include "broker/shard.h"

namespace moldau::broker {

PartitionHost::PartitionHost(Shard& shard)
    : shard_(&shard), removed_(shard.loop()), changing_(shard.loop()) {}
PartitionHost::~PartitionHost() = default;

Partition* PartitionHost::find(const base::TopicIdPartition& id) const {
  const auto found = partitions_.find(id);
  return found == partitions_.end() ? nullptr : found->second.get();
}

void PartitionHost::for_each(const std::function<void(Partition&)>& visit) const {
  std::vector<Partition*> ordered;
  ordered.reserve(partitions_.size());
  for (const auto& [id, partition] : partitions_) ordered.push_back(partition.get());
  std::ranges::sort(ordered, {}, [](const Partition* partition) { return partition->id(); });
  for (Partition* partition : ordered) visit(*partition);
}

void PartitionHost::update(const metadata::Topic& topic, base::PartitionIndex index,
                           std::shared_ptr<const config::TopicConfig> config) {
  const base::TopicIdPartition id{.topic_id = topic.id, .partition = index};
  std::unique_ptr<Partition>& slot = partitions_[id];
  if (slot == nullptr) {
    slot = std::make_unique<Partition>(*shard_, id, topic.name, std::move(config));
    changing_.spawn(open(slot.get()));
    return;
  }
  const metadata::Partition* registration = topic.partitions.find(index);
  ASSERT(registration != nullptr);
  slot->set_registration(*registration);
}

void PartitionHost::remove(const base::TopicIdPartition& id) {
  const auto found = partitions_.find(id);
  if (found == partitions_.end()) return;
  Partition* partition = leaving_.emplace_back(std::move(found->second)).get();
  partitions_.erase(found);
  partition->stop(wire::ErrorCode::kUnknownTopicOrPartition);
  changing_.spawn(close_and_delete(partition));
}

rt::Task<> PartitionHost::removed() {
  while (!leaving_.empty()) co_await removed_.wait();
}

void PartitionHost::set_configs(const Configs& configs) {
  for_each([&](Partition& partition) {
    const auto found = configs.find(partition.id().topic_id);
    if (found != configs.end()) partition.set_config(found->second);
  });
}

rt::Task<> PartitionHost::stop() {
  std::vector<Partition*> partitions;
  for_each([&](Partition& partition) { partitions.push_back(&partition); });
  for (Partition* partition : partitions) {
    partition->stop(wire::ErrorCode::kNotLeaderOrFollower);
  }
  co_await changing_.stop_and_join();
  for (Partition* partition : partitions) {
    co_await partition->idle();
    partition->detach();
  }
}

// The image may have moved on while the log was opened, and the partition may even be gone: it is
// then deleted by the task that its removal has started, which waits for the end of this one.
rt::Task<> PartitionHost::open(Partition* partition) {
  const Partition::Use use(*partition);
  auto opened = co_await shard_->open_log(partition->topic(), partition->id(), partition->config(),
                                          *partition);
  if (!opened) {
    LOG_ERROR(shard_->loop().log(), "partition", "cannot open the log of {}-{}: {}",
              partition->topic(), partition->id().partition, opened.error().message);
    partition->failed_to_open();
    co_return;
  }
  partition->opened(**opened);
  // They may have changed while the log was opened, which takes as long as its recovery.
  (*opened)->set_options(shard_->log_options(partition->config()));
  const auto image = shard_->image();
  const metadata::Partition* registration = image->partition(partition->id());
  if (registration != nullptr) partition->set_registration(*registration);
  partition->opening_done();
}

rt::Task<> PartitionHost::close_and_delete(Partition* partition) {
  co_await partition->idle();
  partition->stop(wire::ErrorCode::kUnknownTopicOrPartition);
  if (storage::Log* log = partition->log(); log != nullptr) {
    partition->detach();
    const auto deleted = co_await shard_->log_store().remove(*log);
    if (!deleted) {
      LOG_ERROR(shard_->loop().log(), "partition", "cannot delete the log of {}-{}: {}",
                partition->topic(), partition->id().partition, deleted.error().message);
    }
  }
  std::erase_if(leaving_, [&](const auto& each) { return each.get() == partition; });
  removed_.notify_all();
}

}  // namespace moldau::broker
