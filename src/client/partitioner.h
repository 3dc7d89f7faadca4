// Which partition a record goes to, as Kafka's default partitioner decides: murmur2 of the key, so
// that every client agrees; without a key one partition is kept until its batch is full, or a
// batch's worth of bytes went to it in smaller batches, then another is drawn (KIP-794). Source:
// clients/.../producer/internals/ {BuiltInPartitioner,DefaultPartitioner}.java,
// common/utils/Utils.java. One loop.
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
  // `switch_bytes` is how much one partition gets in a row at most, in encoded bytes.
  explicit StickyPartition(std::size_t switch_bytes) : switch_bytes_(switch_bytes) {}
  [[nodiscard]] base::PartitionIndex current(std::size_t partitions, base::Rng& rng);
  // Its batch grew by so much, and may be full now; of no account for one that is not current.
  void took(base::PartitionIndex index, std::size_t bytes, bool full);
  // Another one's turn.
  void move_on() { turn_over_ = true; }

 private:
  std::size_t switch_bytes_;
  std::size_t bytes_ = 0;
  bool turn_over_ = false;
  base::PartitionIndex current_{-1};
};

}  // namespace moldau::client
