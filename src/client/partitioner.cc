#include "client/partitioner.h"

#include "base/assert.h"

namespace moldau::client {
namespace {

constexpr std::uint32_t kSeed = 0x9747b28c;
constexpr std::uint32_t kMultiplier = 0x5bd1e995;
constexpr unsigned kShift = 24;
constexpr std::size_t kWordBytes = 4;

std::uint32_t byte_at(base::Bytes bytes, std::size_t index) {
  return std::to_integer<std::uint32_t>(bytes[index]);
}

}  // namespace

std::int32_t murmur2(base::Bytes bytes) {
  std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(bytes.size());
  std::size_t at = 0;
  for (; at + kWordBytes <= bytes.size(); at += kWordBytes) {
    std::uint32_t word = byte_at(bytes, at) | byte_at(bytes, at + 1) << 8 |
                         byte_at(bytes, at + 2) << 16 | byte_at(bytes, at + 3) << 24;
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash = (hash * kMultiplier) ^ word;
  }
  if (at < bytes.size()) {
    for (std::size_t i = bytes.size(); i > at; --i) {
      hash ^= byte_at(bytes, i - 1) << (8 * (i - 1 - at));
    }
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return static_cast<std::int32_t>(hash);
}

base::PartitionIndex partition_of_key(base::Bytes key, std::size_t partitions) {
  ASSERT(partitions > 0);
  const std::uint32_t positive = static_cast<std::uint32_t>(murmur2(key)) & 0x7fffffff;
  return base::PartitionIndex(static_cast<std::int32_t>(positive % partitions));
}

base::PartitionIndex StickyPartition::current(std::size_t partitions, base::Rng& rng) {
  ASSERT(partitions > 0);
  const bool gone = static_cast<std::size_t>(current_.value()) >= partitions;
  if (current_.value() < 0 || gone || turn_over_) {
    std::uint64_t drawn = rng.below(partitions);
    // Another than before, where there is one: a full batch needs its time to be sent.
    if (partitions > 1 && drawn == static_cast<std::uint64_t>(current_.value())) {
      drawn = (drawn + 1) % partitions;
    }
    current_ = base::PartitionIndex(static_cast<std::int32_t>(drawn));
    bytes_ = 0;
    turn_over_ = false;
  }
  return current_;
}

void StickyPartition::took(base::PartitionIndex index, std::size_t bytes, bool full) {
  if (index != current_) return;
  bytes_ += bytes;
  if (full || bytes_ >= switch_bytes_) turn_over_ = true;
}

}  // namespace moldau::client
