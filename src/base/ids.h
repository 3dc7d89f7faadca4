// The ids, offsets and epochs of Kafka's protocol as types that cannot be swapped. Widths are the
// wire's. Negative values carry Kafka's meanings (-1: none, unknown). Free to use on any loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/strong.h"
#include "base/uuid.h"

namespace moldau::base {

using BrokerId = Strong<struct BrokerIdTag, std::int32_t>;  // also a controller's (node) id
using PartitionIndex = Strong<struct PartitionIndexTag, std::int32_t>;
using Offset = Strong<struct OffsetTag, std::int64_t>;
using LeaderEpoch = Strong<struct LeaderEpochTag, std::int32_t>;        // also KRaft's epoch
using PartitionEpoch = Strong<struct PartitionEpochTag, std::int32_t>;  // version of the ISR
using BrokerEpoch = Strong<struct BrokerEpochTag, std::int64_t>;        // a registration's offset
using ProducerId = Strong<struct ProducerIdTag, std::int64_t>;
using ProducerEpoch = Strong<struct ProducerEpochTag, std::int16_t>;
using Sequence = Strong<struct SequenceTag, std::int32_t>;
using CorrelationId = Strong<struct CorrelationIdTag, std::int32_t>;

inline constexpr BrokerId kNoBroker{-1};
inline constexpr LeaderEpoch kNoLeaderEpoch{-1};
inline constexpr Offset kNoOffset{-1};
inline constexpr ProducerId kNoProducerId{-1};
inline constexpr ProducerEpoch kNoProducerEpoch{-1};
inline constexpr Sequence kNoSequence{-1};
inline constexpr BrokerEpoch kNoBrokerEpoch{-1};

using TopicName = StrongString<struct TopicNameTag>;
using GroupId = StrongString<struct GroupIdTag>;
using TransactionalId = StrongString<struct TransactionalIdTag>;

// A partition by topic id: the key of everything that a broker owns.
struct TopicIdPartition {
  TopicId topic_id;
  PartitionIndex partition;

  friend constexpr auto operator<=>(const TopicIdPartition&, const TopicIdPartition&) = default;
  friend constexpr bool operator==(const TopicIdPartition&, const TopicIdPartition&) = default;
  friend std::size_t hash_value(const TopicIdPartition& key) {
    return hash_value(key.topic_id) * 31 + hash_value(key.partition);
  }
};

// A partition by name: a log's directory is "<topic>-<partition>".
struct TopicPartition {
  TopicName topic;
  PartitionIndex partition;

  [[nodiscard]] std::string to_string() const {
    return topic.value() + "-" + std::to_string(partition.value());
  }
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
  friend bool operator==(const TopicPartition&, const TopicPartition&) = default;
  friend std::size_t hash_value(const TopicPartition& key) {
    return hash_value(key.topic) * 31 + hash_value(key.partition);
  }
};

}  // namespace moldau::base

template <>
struct std::hash<moldau::base::TopicIdPartition> {
  std::size_t operator()(const moldau::base::TopicIdPartition& key) const {
    return hash_value(key);
  }
};
template <>
struct std::hash<moldau::base::TopicPartition> {
  std::size_t operator()(const moldau::base::TopicPartition& key) const { return hash_value(key); }
};
