// InitProducerId for idempotent producers, and DescribeProducers.
#include <vector>

#include "broker/broker.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/on_partition.h"
#include "broker/shard.h"
#include "broker/topic_lookup.h"

namespace moldau::broker {
namespace {

using NextId = std::expected<base::ProducerId, wire::ErrorCode>;

rt::Task<NextId> next_producer_id(Broker& broker) {
  co_return co_await broker.producer_ids().next();
}

using Described = wire::DescribeProducersResponse::PartitionResponse;

rt::Task<Described> describe_here(Shard& shard, base::TopicIdPartition id) {
  Described described;
  described.partition_index = id.partition;
  auto ready = co_await prepared_partition(shard, id, base::kNoLeaderEpoch);
  if (!ready) {
    described.error_code = ready.error();
    co_return described;
  }
  for (const auto& [producer_id, entry] : (*ready)->log()->producers().producers()) {
    auto& state = described.active_producers.emplace_back();
    state.producer_id = producer_id;
    state.producer_epoch = entry.epoch.value();
    state.last_sequence = entry.last_sequence();
    state.last_timestamp = entry.last_timestamp;
    state.coordinator_epoch = entry.coordinator_epoch;
    state.current_txn_start_offset = entry.current_txn_first_offset.value_or(base::kNoOffset);
  }
  co_return described;
}

}  // namespace

rt::Task<wire::InitProducerIdResponse> handle_init_producer_id(
    Shard& shard, RequestContext context, wire::InitProducerIdRequest request) {
  wire::InitProducerIdResponse response;
  response.producer_epoch = base::kNoProducerEpoch;
  if (request.transactional_id) {
    LOG_WARN(
        shard.loop().log(), "producers",
        "{} (client id {}) asks for the transactional id {}: transactions are not served by this "
        "version; use an idempotent producer without transactional.id",
        context.peer.to_string(), context.client_id, *request.transactional_id);
    response.error_code = wire::ErrorCode::kInvalidRequest;
    co_return response;
  }
  const bool allowed =
      shard.authorizer().authorize(context, Operation::kIdempotentWrite, ResourceType::kCluster,
                                   kClusterResource) ||
      shard.authorizer().authorize_any(context, Operation::kWrite, ResourceType::kTopic);
  if (!allowed) {
    response.error_code = wire::ErrorCode::kClusterAuthorizationFailed;
    co_return response;
  }
  if ((request.producer_id == base::kNoProducerId) !=
      (request.producer_epoch == base::kNoProducerEpoch)) {
    response.error_code = wire::ErrorCode::kInvalidRequest;
    co_return response;
  }
  const NextId id =
      co_await rt::call(shard.loop(), shard.broker().loop0(), next_producer_id(shard.broker()));
  if (!id) {
    response.error_code = id.error();
    co_return response;
  }
  response.producer_id = *id;
  response.producer_epoch = base::ProducerEpoch(0);
  co_return response;
}

rt::Task<wire::DescribeProducersResponse> handle_describe_producers(
    Shard& shard, RequestContext context, wire::DescribeProducersRequest request) {
  wire::DescribeProducersResponse response;
  const ImagePtr image = shard.image();
  for (const auto& topic : request.topics) {
    auto& answered = response.topics.emplace_back();
    answered.name = topic.name;
    const FoundTopic found = find_topic(*image, topic.name, {}, false);
    const bool allowed = shard.authorizer().authorize(context, Operation::kRead,
                                                      ResourceType::kTopic, topic.name.view());
    for (const base::PartitionIndex index : topic.partition_indexes) {
      auto& described = answered.partitions.emplace_back();
      described.partition_index = index;
      const auto located = locate(shard, found.topic, found.error, index);
      if (!allowed) {
        described.error_code = wire::ErrorCode::kTopicAuthorizationFailed;
      } else if (!located) {
        described.error_code = located.error();
      } else {
        described = co_await rt::call(shard.loop(), located->shard->loop(),
                                      describe_here(*located->shard, located->id));
      }
    }
  }
  co_return response;
}

}  // namespace moldau::broker
