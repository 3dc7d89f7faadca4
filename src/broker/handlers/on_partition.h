// What requests about single partitions share: finding the loop that holds one, and getting it
// ready to be asked there.
#pragma once

#include <expected>

#include "base/ids.h"
#include "broker/partition/partition.h"
#include "metadata/image.h"
#include "rt/call.h"
#include "rt/task.h"
#include "storage/error.h"
#include "wire/error_code.h"

namespace moldau::broker {

class Shard;

struct Located {
  Shard* shard = nullptr;
  base::TopicIdPartition id;
};

// The shard of this node that holds the partition. `topic_error` is for a null topic.
[[nodiscard]] std::expected<Located, wire::ErrorCode> locate(Shard& asking,
                                                             const metadata::Topic* topic,
                                                             wire::ErrorCode topic_error,
                                                             base::PartitionIndex partition);

// On the partition's loop: led by us in the epoch asked for (-1: any), open, and its state loaded.
[[nodiscard]] rt::Task<std::expected<Partition*, wire::ErrorCode>> prepared_partition(
    Shard& shard, base::TopicIdPartition id, base::LeaderEpoch current_leader_epoch);

[[nodiscard]] inline wire::ErrorCode error_of(const storage::Error& error) {
  return static_cast<wire::ErrorCode>(static_cast<std::int16_t>(error.code));
}

}  // namespace moldau::broker
