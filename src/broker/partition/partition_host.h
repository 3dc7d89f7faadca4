// PartitionHost holds the partitions of one loop. The publisher tells it what the metadata says; it
// opens and removes logs in the background, each partition serving as soon as its own log is open.
// Changes of one partition are applied in the order of the images. One loop.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/ids.h"
#include "broker/partition/partition.h"
#include "metadata/image.h"
#include "rt/scope.h"
#include "rt/sync.h"

namespace moldau::broker {

class PartitionHost {
 public:
  explicit PartitionHost(Shard& shard);
  ~PartitionHost();

  // Null when this loop does not hold it.
  [[nodiscard]] Partition* find(const base::TopicIdPartition& id) const;
  [[nodiscard]] std::size_t size() const { return partitions_.size(); }
  // In order of topic id and partition.
  void for_each(const std::function<void(Partition&)>& visit) const;

  // A partition that this broker shall hold, new or changed.
  void update(const metadata::Topic& topic, base::PartitionIndex partition,
              std::shared_ptr<const config::TopicConfig> config);
  // A partition that this broker shall hold no more: its log is deleted.
  void remove(const base::TopicIdPartition& id);
  // Returns when the logs of all partitions that were removed have left their directories.
  rt::Task<> removed();
  // By topic; the others keep what they have.
  using Configs = std::map<base::TopicId, std::shared_ptr<const config::TopicConfig>>;
  void set_configs(const Configs& configs);

  // Partitions whose log is being opened or removed.
  [[nodiscard]] std::size_t opening() const { return changing_.size(); }
  // Answers everything that waits; the logs stay for Storage to close.
  rt::Task<> stop();

 private:
  rt::Task<> open(Partition* partition);
  rt::Task<> close_and_delete(Partition* partition);

  using Map = boost::unordered_flat_map<base::TopicIdPartition, std::unique_ptr<Partition>>;

  Shard* shard_;
  Map partitions_;
  // Removed, but their tasks are not done. They are not in a task's frame: a node that is dropped
  // as it stands destroys its tasks in any order, and another one may still use the partition.
  std::vector<std::unique_ptr<Partition>> leaving_;
  rt::Signal removed_;
  rt::Scope changing_;
};

}  // namespace moldau::broker
