#include "client/consumer.h"

#include <algorithm>

#include "wire/list_offsets_request.h"
#include "wire/list_offsets_response.h"

namespace moldau::client {
namespace {

constexpr base::Timestamp kLatestTimestamp{-1};
constexpr base::Timestamp kEarliestTimestamp{-2};
constexpr base::BrokerId kConsumerReplicaId{-1};
// From ListOffsets 10 on the request carries a timeout that only remote tiers need.
constexpr std::int16_t kListOffsetsVersionMax = 9;

ClientError corrupt(const base::TopicPartition& partition, base::Offset offset,
                    const record::Fault& fault) {
  return {.kind = ClientErrorKind::kMalformed,
          .message = partition.to_string() + ", the batch at offset " +
                     std::to_string(offset.value()) +
                     " or after it cannot be read: " + fault.message};
}

}  // namespace

ClientResult<bool> ConsumedBatch::next(record::RecordView& record) {
  for (;;) {
    const auto more = reader_.next(record);
    if (!more) return std::unexpected(corrupt(partition_, header_.base_offset, more.error()));
    if (!*more || record.offset >= from_) return *more;
  }
}

Consumer::Consumer(Cluster& cluster, ConsumerOptions options)
    : loop_(&cluster.loop()), cluster_(&cluster), options_(options), scope_(*loop_) {}

rt::Task<ClientResult<base::Offset>> Consumer::offset_at(base::TopicPartition partition,
                                                         base::Timestamp timestamp) {
  const base::Instant deadline = cluster_->default_deadline();
  Backoff delays = cluster_->backoff();
  for (;;) {
    const TopicInfo info = CO_TRY(co_await cluster_->topic(partition.topic));
    const auto index = static_cast<std::size_t>(partition.partition.value());
    if (partition.partition.value() < 0 || index >= info.partitions.size()) {
      co_return fail(ClientErrorKind::kUsage, "topic " + partition.topic.value() + " has " +
                                                  std::to_string(info.partitions.size()) +
                                                  " partitions; there is no " +
                                                  std::to_string(partition.partition.value()));
    }
    wire::ListOffsetsRequest request;
    request.replica_id = kConsumerReplicaId;
    request.topics.push_back({.name = partition.topic});
    request.topics[0].partitions.push_back(
        {.partition_index = partition.partition, .timestamp = timestamp});
    const auto answer = co_await cluster_->call_broker<wire::ListOffsetsResponse>(
        info.partitions[index].leader, std::move(request), kListOffsetsVersionMax);
    ClientError error;
    if (!answer) {
      error = answer.error();
    } else if (answer->topics.size() != 1 || answer->topics[0].partitions.size() != 1) {
      error = {.kind = ClientErrorKind::kMalformed, .message = "ListOffsets: no partition in it"};
    } else {
      const auto& said = answer->topics[0].partitions[0];
      if (said.error_code == wire::ErrorCode::kNone) co_return said.offset;
      error = {.kind = ClientErrorKind::kBroker,
               .code = said.error_code,
               .message = partition.to_string() + ": " + wire::to_string(said.error_code)};
    }
    if (!Cluster::worth_retrying(error)) co_return std::unexpected(error);
    cluster_->mark_stale(partition.topic);
    if (!co_await cluster_->pause(delays.next(loop_->rng()), deadline)) {
      co_return std::unexpected(error);
    }
  }
}

rt::Task<ClientResult<base::Offset>> Consumer::resolve(base::TopicPartition partition,
                                                       StartAt start, base::Offset end) {
  switch (start.kind) {
    case StartAt::Kind::kLatest:
      co_return end;
    case StartAt::Kind::kOffset:
      co_return base::Offset(start.value);
    case StartAt::Kind::kTimestamp: {
      const base::Offset found =
          CO_TRY(co_await offset_at(partition, base::Timestamp(start.value)));
      co_return found < base::Offset(0) ? end : found;
    }
    case StartAt::Kind::kEarliest:
    case StartAt::Kind::kBeforeEnd:
      break;
  }
  const base::Offset earliest = CO_TRY(co_await offset_at(partition, kEarliestTimestamp));
  if (start.kind == StartAt::Kind::kEarliest) co_return earliest;
  const std::int64_t count = std::min(start.value, end - earliest);
  co_return end - std::max<std::int64_t>(count, 0);
}

rt::Task<ClientResult<void>> Consumer::assign(base::TopicName topic,
                                              std::vector<base::PartitionIndex> partitions,
                                              StartAt start) {
  const TopicInfo info = CO_TRY(co_await cluster_->topic(topic));
  if (partitions.empty()) {
    for (std::size_t i = 0; i < info.partitions.size(); ++i) {
      partitions.emplace_back(static_cast<std::int32_t>(i));
    }
  }
  for (const base::PartitionIndex index : partitions) {
    const base::TopicPartition id{.topic = topic, .partition = index};
    const base::Offset end = CO_TRY(co_await offset_at(id, kLatestTimestamp));
    const base::Offset from = CO_TRY(co_await resolve(id, start, end));
    partitions_[id] = {.topic_id = info.id,
                       .fetch_from = from,
                       .position = from,
                       .end_at_start = end,
                       .high_watermark = end};
  }
  co_return {};
}

void Consumer::changed() {
  if (sleeping_ != nullptr) sleeping_->set();
}

base::Instant Consumer::next_retry() const {
  base::Instant next = base::kNever;
  for (const auto& [id, partition] : partitions_) {
    if (partition.failed || partition.fetching) continue;
    if (partition.not_before > loop_->now()) next = std::min(next, partition.not_before);
  }
  return next;
}

rt::Task<ClientResult<std::optional<ConsumedBatch>>> Consumer::poll(base::Instant until) {
  for (;;) {
    if (cluster_->closing() || scope_.stop_requested()) {
      co_return std::unexpected(Cluster::stopped());
    }
    start_fetches();
    auto batch = next_batch();
    if (!batch || batch->has_value()) co_return batch;
    if (loop_->now() >= until) co_return std::optional<ConsumedBatch>();
    rt::TimedEvent sleep(*loop_, std::min(until, next_retry()));
    sleeping_ = &sleep;
    co_await sleep.wait(cluster_->token());
    sleeping_ = nullptr;
  }
}

// The next batch of what is buffered; control batches, and batches before the wanted offset (a
// broker sends whole batches), only move the position.
ClientResult<std::optional<ConsumedBatch>> Consumer::next_batch() {
  while (!buffered_.empty()) {
    Buffered& front = buffered_.front();
    if (front.error) {
      const ClientError error = *front.error;
      buffered_.pop_front();
      return std::unexpected(error);
    }
    record::BatchIterator batches(front.records.slice(front.at));
    const auto view = batches.next();
    if (!view || !*view) {
      const base::TopicPartition id = front.partition;
      buffered_bytes_ -= front.records.size();
      buffered_.pop_front();
      if (view) continue;
      const ClientError error = corrupt(id, partitions_[id].position, view.error());
      partitions_[id].failed = true;
      return std::unexpected(error);
    }
    const record::BatchView& batch = **view;
    front.at += batches.position();
    Partition& partition = partitions_[front.partition];
    const base::Offset from = std::max(front.from, partition.position);
    if (partition.failed || batch.header().next_offset() <= from) continue;
    if (auto whole = batch.check_crc(); !whole) {
      partition.failed = true;
      return std::unexpected(corrupt(front.partition, from, whole.error()));
    }
    partition.position = batch.header().next_offset();
    if (batch.header().attributes.control()) continue;
    auto reader = record::RecordReader::open(batch, contexts_, options_.unpacked_bytes_max);
    if (!reader) {
      partition.failed = true;
      return std::unexpected(corrupt(front.partition, from, reader.error()));
    }
    return ConsumedBatch(front.partition, batch.header(), from, std::move(*reader));
  }
  return std::optional<ConsumedBatch>();
}

std::optional<base::Offset> Consumer::position(const base::TopicPartition& partition) const {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return std::nullopt;
  return found->second.position;
}

bool Consumer::reached_ends() const {
  return std::all_of(partitions_.begin(), partitions_.end(), [](const auto& entry) {
    return entry.second.failed || entry.second.position >= entry.second.end_at_start;
  });
}

bool Consumer::caught_up() const {
  return std::all_of(partitions_.begin(), partitions_.end(), [](const auto& entry) {
    return entry.second.failed || entry.second.position >= entry.second.high_watermark;
  });
}

std::vector<base::TopicPartition> Consumer::assignment() const {
  std::vector<base::TopicPartition> list;
  for (const auto& [id, partition] : partitions_) list.push_back(id);
  return list;
}

rt::Task<> Consumer::close() {
  scope_.stop();
  changed();
  co_await scope_.join();
  partitions_.clear();
  buffered_.clear();
  buffered_bytes_ = 0;
}

}  // namespace moldau::client
