// PartitionHost holds the partitions of one loop. The publisher tells it what the metadata says; it
// opens and removes logs in the background, each partition serving as soon as its own log is open.
// Changes of one partition are applied in the order of the images. One loop.
#pragma once

#include <cstddef>
#include <functional>
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
  void set_config(const base::TopicId& topic, std::shared_ptr<const config::TopicConfig> config);

  // Partitions whose log is being opened or removed.
  [[nodiscard]] std::size_t opening() const { return changing_.size(); }
  // Answers everything that waits; the logs stay for Storage to close.
  rt::Task<> stop();

 private:
  rt::Task<> open(Partition* partition);
  rt::Task<> close_and_delete(std::unique_ptr<Partition> partition);

  using Map = boost::unordered_flat_map<base::TopicIdPartition, std::unique_ptr<Partition>>;

  Shard* shard_;
  Map partitions_;
  std::size_t removing_ = 0;
  rt::Signal removed_;
  rt::Scope changing_;
};

}  // namespace moldau::broker
