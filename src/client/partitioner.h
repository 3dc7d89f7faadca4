// Which partition a record goes to, as Kafka's default partitioner decides: murmur2 of the key, so
// that every client agrees; without a key one partition is kept until a batch's worth of bytes went
// to it, then another is drawn (KIP-794). Source: clients/.../producer/internals/
// {BuiltInPartitioner,DefaultPartitioner}.java, common/utils/Utils.java. One loop.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/rng.h"

namespace moldau::client {

// Kafka's 32-bit murmur2 with its seed (frozen: clients in all languages share it).
[[nodiscard]] std::int32_t murmur2(base::Bytes bytes);

[[nodiscard]] base::PartitionIndex partition_of_key(base::Bytes key, std::size_t partitions);

// The partition for records without a key.
class StickyPartition {
 public:
  // `switch_bytes` is how much one partition gets in a row.
  explicit StickyPartition(std::size_t switch_bytes) : switch_bytes_(switch_bytes) {}
  [[nodiscard]] base::PartitionIndex next(std::size_t partitions, std::size_t record_bytes,
                                          base::Rng& rng);

 private:
  std::size_t switch_bytes_;
  std::size_t bytes_ = 0;
  base::PartitionIndex current_{-1};
};

}  // namespace moldau::client
