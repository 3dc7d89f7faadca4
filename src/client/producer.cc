// Accepting records: topic metadata, the choice of a partition, batches under construction.
#include "client/producer.h"

#include <algorithm>

#include "base/assert.h"
#include "client/internal/producer_state.h"

namespace moldau::client {
namespace {

// What a record costs in the buffer beside its own bytes, and at most in its batch.
constexpr std::size_t kRecordOverheadBytes = 64;
constexpr std::size_t kHeaderOverheadBytes = 16;

std::size_t cost_of(const record::NewRecord& record) {
  std::size_t bytes = kRecordOverheadBytes;
  if (record.key) bytes += record.key->size();
  if (record.value) bytes += record.value->size();
  for (const record::NewHeader& header : record.headers) {
    bytes += header.key.size() + kHeaderOverheadBytes;
    if (header.value) bytes += header.value->size();
  }
  return bytes;
}

ProducerOptions checked(ProducerOptions options) {
  if (options.acks != -1) options.idempotent = false;
  if (options.idempotent) {
    options.in_flight_max = std::min(options.in_flight_max, kIdempotentInFlightMax);
  }
  options.buffer_bytes_max = std::max(options.buffer_bytes_max, options.batch_bytes);
  return options;
}

}  // namespace

Producer::Producer(Cluster& cluster, ProducerOptions options, OnDelivery on_delivery)
    : loop_(&cluster.loop()),
      cluster_(&cluster),
      options_(checked(std::move(options))),
      on_delivery_(std::move(on_delivery)),
      memory_(*loop_, options_.buffer_bytes_max),
      delivered_(*loop_),
      scope_(*loop_) {}

Producer::~Producer() = default;

Producer::Topic& Producer::topic_state(const TopicInfo& info) {
  auto& topic = topics_[info.name];
  if (topic == nullptr) topic = std::make_unique<Topic>(info.name, options_.batch_bytes);
  while (topic->partitions.size() < info.partitions.size()) {
    auto partition = std::make_unique<Partition>();
    partition->topic = topic.get();
    partition->index = base::PartitionIndex(static_cast<std::int32_t>(topic->partitions.size()));
    topic->partitions.push_back(std::move(partition));
  }
  return *topic;
}

Producer::Partition* Producer::choose(Topic& topic, const record::NewRecord& record,
                                      std::optional<base::PartitionIndex> partition,
                                      std::size_t cost) {
  const std::size_t count = topic.partitions.size();
  if (count == 0) return nullptr;
  base::PartitionIndex index{0};
  if (partition) {
    index = *partition;
  } else if (record.key) {
    index = partition_of_key(*record.key, count);
  } else {
    return sticky(topic, cost);
  }
  const auto position = static_cast<std::size_t>(index.value());
  return index.value() >= 0 && position < count ? topic.partitions[position].get() : nullptr;
}

// A batch that the record would not fit into leaves now, and another partition has its turn: left
// behind, it would have to wait out its linger.
Producer::Partition* Producer::sticky(Topic& topic, std::size_t cost) {
  const auto current = [&] {
    const base::PartitionIndex index = topic.sticky.current(topic.partitions.size(), loop_->rng());
    return topic.partitions[static_cast<std::size_t>(index.value())].get();
  };
  Partition* partition = current();
  const Batch* open = partition->open.get();
  if (open == nullptr || open->builder.count() == 0 || open->builder.has_room(cost)) {
    return partition;
  }
  close_batch(*partition);
  topic.sticky.move_on();
  return current();
}

void Producer::open_batch(Partition& partition, std::size_t record_bytes) {
  record::BuilderOptions options;
  options.compression = options_.compression;
  options.size_max = std::max(options_.batch_bytes, record::kBatchHeaderBytes + record_bytes);
  options.size_hint = std::min(partition.last_bytes, options_.batch_bytes);
  partition.open = std::make_unique<Batch>(options);
  partition.open->opened = loop_->now();
  partition.open_due = options_.linger == base::Duration(0) || flushing_ > 0;
  if (partition.open_due) {
    mark_ready(partition);
  } else {
    lingering_.emplace_back(loop_->now() + options_.linger, &partition);
    if (lingering_.size() == 1) wake();
  }
}

void Producer::close_batch(Partition& partition) {
  std::unique_ptr<Batch> batch = std::move(partition.open);
  partition.open_due = false;
  partition.last_bytes = batch->builder.size();
  auto stored = batch->builder.finish(contexts_);
  if (!stored) {
    const ClientResult<base::Offset> failed =
        fail(static_cast<wire::ErrorCode>(stored.error().code), stored.error().message);
    complete(partition, *batch, failed);
    return;
  }
  batch->stored = std::move(*stored);
  partition.closed.push_back(std::move(batch));
  mark_ready(partition);
}

bool Producer::append(Partition& partition, const record::NewRecord& record, DeliveryTag tag,
                      std::shared_ptr<Waiter> waiter) {
  const std::size_t cost = cost_of(record);
  record::NewRecord stamped = record;
  if (stamped.timestamp == base::kNoTimestamp) stamped.timestamp = loop_->wall_now();
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (partition.open == nullptr) open_batch(partition, cost);
    Batch& batch = *partition.open;
    const std::size_t before = batch.builder.size();
    if (!batch.builder.add(stamped)) {
      if (batch.builder.count() == 0) return false;
      close_batch(partition);
      continue;
    }
    if (waiter != nullptr) batch.waiters.emplace_back(batch.builder.count() - 1, waiter);
    batch.tags.push_back(tag);
    batch.memory += cost;
    ++outstanding_;
    const bool full = batch.builder.size() + kRecordOverheadBytes >= options_.batch_bytes;
    partition.topic->sticky.took(partition.index, batch.builder.size() - before, full);
    if (full) close_batch(partition);
    return true;
  }
  return false;
}

bool Producer::try_send(const base::TopicName& topic, const record::NewRecord& record,
                        std::optional<base::PartitionIndex> partition, DeliveryTag tag) {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || cluster_->closing() || scope_.stop_requested()) return false;
  const std::size_t cost = cost_of(record);
  if (cost > options_.record_bytes_max || !memory_.try_acquire(cost)) return false;
  Partition* chosen = choose(*found->second, record, partition, cost);
  if (chosen != nullptr && append(*chosen, record, tag, nullptr)) return true;
  memory_.release(cost);
  return false;
}

rt::Task<ClientResult<void>> Producer::accept(base::TopicName topic, record::NewRecord record,
                                              std::optional<base::PartitionIndex> partition,
                                              DeliveryTag tag, std::shared_ptr<Waiter> waiter) {
  const std::size_t cost = cost_of(record);
  if (cost > std::min(options_.record_bytes_max, options_.buffer_bytes_max)) {
    co_return fail(
        ClientErrorKind::kUsage,
        "a record of " + std::to_string(cost) + " bytes is over this producer's limit of " +
            std::to_string(std::min(options_.record_bytes_max, options_.buffer_bytes_max)));
  }
  if (const TopicInfo* fresh = cluster_->fresh_topic(topic)) {
    topic_state(*fresh);
  } else {
    const TopicInfo info = CO_TRY(co_await cluster_->topic(topic));
    topic_state(info);
  }
  if (!co_await memory_.acquire(cost, scope_.token())) {
    co_return std::unexpected(Cluster::stopped());
  }
  if (scope_.stop_requested()) {
    memory_.release(cost);
    co_return std::unexpected(Cluster::stopped());
  }
  if (!running_) {
    running_ = true;
    scope_.spawn(run());
  }
  Topic& state = *topics_.find(topic)->second;
  Partition* chosen = choose(state, record, partition, cost);
  if (chosen != nullptr && append(*chosen, record, tag, std::move(waiter))) co_return {};
  memory_.release(cost);
  if (chosen == nullptr) {
    co_return fail(ClientErrorKind::kUsage,
                   "topic " + topic.value() + " has partitions 0 to " +
                       std::to_string(static_cast<std::int64_t>(state.partitions.size()) - 1) +
                       ", not " + std::to_string(partition ? partition->value() : 0));
  }
  co_return fail(wire::ErrorCode::kMessageTooLarge, "the record does not fit into a batch");
}

rt::Task<ClientResult<void>> Producer::send(base::TopicName topic, record::NewRecord record,
                                            std::optional<base::PartitionIndex> partition,
                                            DeliveryTag tag) {
  if (try_send(topic, record, partition, tag)) co_return {};
  co_return co_await accept(std::move(topic), record, partition, tag, nullptr);
}

rt::Task<ClientResult<base::Offset>> Producer::send_and_wait(
    base::TopicName topic, record::NewRecord record,
    std::optional<base::PartitionIndex> partition) {
  const auto waiter = std::make_shared<Waiter>(*loop_);
  CO_TRY(co_await accept(std::move(topic), record, partition, 0, waiter));
  co_await waiter->done.wait();
  co_return waiter->result;
}

rt::Task<ClientResult<void>> Producer::flush() {
  ++flushing_;
  for (const auto& [name, topic] : topics_) {
    for (const auto& partition : topic->partitions) {
      if (partition->open == nullptr) continue;
      partition->open_due = true;
      mark_ready(*partition);
    }
  }
  wake();
  while (outstanding_ > 0) co_await delivered_.wait();
  --flushing_;
  if (failure_) co_return std::unexpected(*std::exchange(failure_, std::nullopt));
  co_return {};
}

rt::Task<> Producer::close() {
  scope_.stop();
  wake();
  co_await scope_.join();
  const ClientResult<base::Offset> dropped = std::unexpected(Cluster::stopped());
  for (const auto& [name, topic] : topics_) {
    for (const auto& partition : topic->partitions) {
      while (!partition->closed.empty()) {
        complete(*partition, *partition->closed.front(), dropped);
      }
      if (partition->open == nullptr) continue;
      const std::unique_ptr<Batch> batch = std::move(partition->open);
      complete(*partition, *batch, dropped);
    }
  }
}

}  // namespace moldau::client
