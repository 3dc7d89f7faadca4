// ListOffsets and OffsetForLeaderEpoch: questions about one partition's log, each asked on the
// partition's loop. Special timestamps as in ListOffsetsRequest.java (4.4).
#include <set>
#include <vector>

#include "broker/broker.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/on_partition.h"
#include "broker/shard.h"
#include "broker/topic_lookup.h"

namespace moldau::broker {
namespace {

constexpr base::Timestamp kLatest{-1};
constexpr base::Timestamp kEarliest{-2};
constexpr base::Timestamp kMaxTimestamp{-3};
constexpr base::Timestamp kEarliestLocal{-4};
constexpr base::Timestamp kLatestTiered{-5};
constexpr base::Timestamp kEarliestPendingUpload{-6};
constexpr std::int8_t kReadCommitted = 1;
constexpr base::BrokerId kConsumer{-1};
constexpr std::int16_t kOffsetNotAvailableVersion = 5;
constexpr std::int16_t kLeaderEpochVersion = 4;

using ListedOffset = wire::ListOffsetsResponse::ListOffsetsPartitionResponse;

// The version that brought a special timestamp; asking earlier is an error.
bool is_supported(base::Timestamp timestamp, std::int16_t version) {
  if (timestamp >= kEarliest) return true;
  if (timestamp == kMaxTimestamp) return version >= 7;
  if (timestamp == kEarliestLocal) return version >= 8;
  if (timestamp == kLatestTiered) return version >= 9;
  if (timestamp == kEarliestPendingUpload) return version >= 11;
  return false;
}

struct ListTerms {
  base::Timestamp timestamp;
  base::LeaderEpoch current_leader_epoch;
  base::BrokerId replica;
  bool committed = false;
  std::int16_t version = 0;
};

base::Offset visible_end(const Partition& partition, const ListTerms& terms) {
  if (terms.replica != kConsumer) return partition.log()->end_offset();
  return partition.readable_end(terms.committed);
}

void set(ListedOffset& listed, const storage::FoundOffset& found) {
  listed.offset = found.offset;
  listed.timestamp = found.timestamp;
  listed.leader_epoch = found.leader_epoch;
}

rt::Task<> look_up(Partition& partition, const ListTerms terms, ListedOffset& listed) {
  storage::Log& log = *partition.log();
  const base::Offset end = visible_end(partition, terms);
  if (terms.timestamp == kLatest) {
    if (partition.replica()->high_watermark_lags()) {
      listed.error_code = terms.version >= kOffsetNotAvailableVersion
                              ? wire::ErrorCode::kOffsetNotAvailable
                              : wire::ErrorCode::kLeaderNotAvailable;
      co_return;
    }
    set(listed, {.offset = end, .leader_epoch = log.latest_epoch().value_or(base::kNoLeaderEpoch)});
    co_return;
  }
  if (terms.timestamp == kEarliest || terms.timestamp == kEarliestLocal) {
    const base::Offset start =
        terms.timestamp == kEarliest ? log.log_start_offset() : log.local_log_start_offset();
    set(listed, {.offset = start,
                 .leader_epoch = log.epoch_for_offset(start).value_or(base::kNoLeaderEpoch)});
    co_return;
  }
  // Nothing is tiered here: there is no such offset.
  if (terms.timestamp < kMaxTimestamp) co_return;
  const auto found = terms.timestamp == kMaxTimestamp
                         ? co_await log.offset_for_max_timestamp()
                         : co_await log.offset_for_timestamp(terms.timestamp, end);
  if (!found) {
    listed.error_code = error_of(found.error());
  } else if (*found && (*found)->offset < end) {
    set(listed, **found);
  }
}

rt::Task<ListedOffset> list_here(Shard& shard, base::TopicIdPartition id, ListTerms terms) {
  ListedOffset listed;
  listed.partition_index = id.partition;
  auto ready = co_await prepared_partition(shard, id, terms.current_leader_epoch);
  if (!ready) {
    listed.error_code = ready.error();
    co_return listed;
  }
  const Partition::Use use(**ready);
  co_await look_up(**ready, terms, listed);
  if (terms.version < kLeaderEpochVersion) listed.leader_epoch = base::kNoLeaderEpoch;
  co_return listed;
}

using EpochEnd = wire::OffsetForLeaderEpochResponse::EpochEndOffset;

rt::Task<EpochEnd> epoch_end_here(Shard& shard, base::TopicIdPartition id,
                                  base::LeaderEpoch current, base::LeaderEpoch requested) {
  EpochEnd end;
  end.partition = id.partition;
  auto ready = co_await prepared_partition(shard, id, current);
  if (!ready) {
    end.error_code = ready.error();
    co_return end;
  }
  const auto found = (*ready)->replica()->end_offset_for(requested, (*ready)->log()->epochs());
  end.leader_epoch = found.epoch;
  end.end_offset = found.end_offset;
  co_return end;
}

}  // namespace

rt::Task<wire::ListOffsetsResponse> handle_list_offsets(Shard& shard, RequestContext context,
                                                        wire::ListOffsetsRequest request) {
  wire::ListOffsetsResponse response;
  const ImagePtr image = shard.image();
  std::set<base::TopicPartition> seen;
  for (const auto& topic : request.topics) {
    auto& answered = response.topics.emplace_back();
    answered.name = topic.name;
    const FoundTopic found = find_topic(*image, topic.name, {}, false);
    const bool allowed = shard.authorizer().authorize(context, Operation::kDescribe,
                                                      ResourceType::kTopic, topic.name.view());
    for (const auto& asked : topic.partitions) {
      auto& listed = answered.partitions.emplace_back();
      listed.partition_index = asked.partition_index;
      const bool twice = !seen.insert({topic.name, asked.partition_index}).second;
      const auto located = locate(shard, found.topic, found.error, asked.partition_index);
      if (!allowed) {
        listed.error_code = wire::ErrorCode::kTopicAuthorizationFailed;
      } else if (twice) {
        listed.error_code = wire::ErrorCode::kInvalidRequest;
      } else if (!is_supported(asked.timestamp, context.api_version)) {
        listed.error_code = wire::ErrorCode::kUnsupportedVersion;
      } else if (!located) {
        listed.error_code = located.error();
      } else {
        listed =
            co_await rt::call(shard.loop(), located->shard->loop(),
                              list_here(*located->shard, located->id,
                                        {.timestamp = asked.timestamp,
                                         .current_leader_epoch = asked.current_leader_epoch,
                                         .replica = request.replica_id,
                                         .committed = request.isolation_level == kReadCommitted,
                                         .version = context.api_version}));
      }
    }
  }
  co_return response;
}

rt::Task<wire::OffsetForLeaderEpochResponse> handle_offset_for_leader_epoch(
    Shard& shard, RequestContext context, wire::OffsetForLeaderEpochRequest request) {
  wire::OffsetForLeaderEpochResponse response;
  // Followers ask for all topics.
  const bool for_brokers = shard.authorizer().authorize(context, Operation::kClusterAction,
                                                        ResourceType::kCluster, kClusterResource);
  const ImagePtr image = shard.image();
  for (const auto& topic : request.topics) {
    auto& answered = response.topics.emplace_back();
    answered.topic = topic.topic;
    const FoundTopic found = find_topic(*image, topic.topic, {}, false);
    const bool allowed =
        for_brokers || shard.authorizer().authorize(context, Operation::kDescribe,
                                                    ResourceType::kTopic, topic.topic.view());
    for (const auto& asked : topic.partitions) {
      auto& end = answered.partitions.emplace_back();
      end.partition = asked.partition;
      const auto located = locate(shard, found.topic, found.error, asked.partition);
      if (!allowed) {
        end.error_code = wire::ErrorCode::kTopicAuthorizationFailed;
      } else if (!located) {
        end.error_code = located.error();
      } else {
        end = co_await rt::call(shard.loop(), located->shard->loop(),
                                epoch_end_here(*located->shard, located->id,
                                               asked.current_leader_epoch, asked.leader_epoch));
      }
    }
  }
  co_return response;
}

}  // namespace moldau::broker
