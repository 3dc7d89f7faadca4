// Producer turns records into batches per partition and batches into Produce requests to the
// partitions' leaders. A batch leaves when it is full or `linger` old; one that is not full grows
// while its broker has no room for another request. Partitions take turns. With idempotence (the
// default) each batch carries the producer's id and a sequence; a failed batch is sent again in
// order, with its sequence, until its delivery timeout, so that a broker stores each record once. A
// batch that the broker will never take under its sequence (it, or one before it, was refused) gets
// a new producer id once all attempts under the old one are settled. Bounds: bytes of all records
// not yet delivered (`buffer_bytes_max`: senders wait), requests in flight per broker
// (`in_flight_max`), time (`delivery_timeout`). Every accepted record is reported once, by its
// batch's Delivery. Order within a partition is the order of send(). One loop. close() is awaited
// before destruction; the Cluster outlives it. Source: KIP-98, KIP-91, KIP-480,
// clients/.../producer/internals/{Sender,RecordAccumulator}.java.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "client/client_error.h"
#include "client/cluster.h"
#include "client/partitioner.h"
#include "record/builder.h"
#include "rt/scope.h"
#include "rt/sync.h"
#include "rt/timed_event.h"

namespace moldau::client {

// Brokers remember the last five batches of a producer: more in flight could not be recognised.
inline constexpr std::size_t kIdempotentInFlightMax = 5;

struct ProducerOptions {
  std::int16_t acks = -1;  // -1 all in-sync replicas, 1 the leader, 0 no answer
  bool idempotent = true;  // only with acks = -1
  record::Compression compression;
  std::size_t batch_bytes = std::size_t{128} << 10;  // uncompressed
  std::size_t record_bytes_max = std::size_t{1} << 20;
  std::size_t request_bytes_max = std::size_t{1} << 20;
  std::size_t buffer_bytes_max = std::size_t{32} << 20;
  std::size_t in_flight_max = kIdempotentInFlightMax;  // requests per broker
  base::Duration linger = std::chrono::milliseconds(5);
  base::Duration delivery_timeout = std::chrono::seconds(120);
  base::Duration request_timeout = std::chrono::seconds(30);
};

// Whatever the sender wants to see again with the delivery.
using DeliveryTag = std::uint64_t;

// The fate of one batch; valid during the callback.
struct Delivery {
  const base::TopicName& topic;
  base::PartitionIndex partition;
  // Of the batch's first record; -1 when the broker did not say (acks 0, or a known duplicate).
  const ClientResult<base::Offset>& base_offset;
  std::span<const DeliveryTag> tags;  // one a record, in order
};
using OnDelivery = std::function<void(const Delivery&)>;

class Producer {
 public:
  Producer(Cluster& cluster, ProducerOptions options, OnDelivery on_delivery = {});
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;
  ~Producer();

  // Accepts the record; waits for the topic's metadata and for room in the buffer. The views of
  // `record` are copied before the result is there. A partition given here wins over the key.
  rt::Task<ClientResult<void>> send(base::TopicName topic, record::NewRecord record,
                                    std::optional<base::PartitionIndex> partition = {},
                                    DeliveryTag tag = 0);
  // The same without waiting: false when send() has to be used.
  [[nodiscard]] bool try_send(const base::TopicName& topic, const record::NewRecord& record,
                              std::optional<base::PartitionIndex> partition = {},
                              DeliveryTag tag = 0);
  // Accepts the record and waits for its delivery: yields its offset.
  rt::Task<ClientResult<base::Offset>> send_and_wait(
      base::TopicName topic, record::NewRecord record,
      std::optional<base::PartitionIndex> partition = {});

  // Sends everything now and waits until nothing is left. Yields the first failure since the last
  // flush().
  rt::Task<ClientResult<void>> flush();
  // Stops sending; what was not delivered is reported as stopped. flush() first to keep it.
  rt::Task<> close();

  [[nodiscard]] std::size_t outstanding() const { return outstanding_; }  // records
  [[nodiscard]] base::ProducerId producer_id() const { return identity_.id; }

 private:
  struct Identity {
    base::ProducerId id = base::kNoProducerId;
    base::ProducerEpoch epoch = base::kNoProducerEpoch;
    [[nodiscard]] bool known() const { return id != base::kNoProducerId; }
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  struct Batch;
  struct Partition;
  struct Topic;
  struct Waiter;
  struct Item;
  struct Outcome;
  class Asked;
  using Items = std::vector<Item>;

  // Accepting.
  Topic& topic_state(const TopicInfo& info);
  [[nodiscard]] Partition* choose(Topic& topic, const record::NewRecord& record,
                                  std::optional<base::PartitionIndex> partition, std::size_t cost);
  [[nodiscard]] Partition* sticky(Topic& topic, std::size_t cost);
  bool append(Partition& partition, const record::NewRecord& record, DeliveryTag tag,
              std::shared_ptr<Waiter> waiter);
  void open_batch(Partition& partition, std::size_t record_bytes);
  void close_batch(Partition& partition);
  rt::Task<ClientResult<void>> accept(base::TopicName topic, record::NewRecord record,
                                      std::optional<base::PartitionIndex> partition,
                                      DeliveryTag tag, std::shared_ptr<Waiter> waiter);

  // Sending.
  rt::Task<> run();
  rt::Task<bool> ensure_identity();
  void collect_due(base::Instant now);
  [[nodiscard]] base::Instant next_wake() const;
  void send_ready();
  [[nodiscard]] std::size_t room_at(base::BrokerId leader, std::size_t taken) const;
  [[nodiscard]] Batch* sendable(Partition& partition, std::size_t room);
  bool number(Partition& partition, Batch& batch);
  [[nodiscard]] std::optional<base::BrokerId> leader_of(Partition& partition);
  void mark_ready(Partition& partition);
  void postpone(Partition& partition);
  void ask_metadata(const base::TopicName& topic);
  rt::Task<> refresh_topic(base::TopicName topic);
  rt::Task<> send_request(base::BrokerId leader, Items items);
  rt::Task<ClientResult<void>> exchange(base::BrokerId leader, Items& items);
  void wake();

  // Settling.
  void settle(Item& item);
  void retry(Item& item);
  void complete(Partition& partition, Batch& batch, const ClientResult<base::Offset>& result);

  rt::Loop* loop_;
  Cluster* cluster_;
  ProducerOptions options_;
  OnDelivery on_delivery_;
  rt::Semaphore memory_;  // bytes
  rt::Signal delivered_;
  record::CodecContexts contexts_;

  std::map<base::TopicName, std::unique_ptr<Topic>> topics_;
  std::deque<Partition*> ready_;
  std::vector<Partition*> postponed_;
  std::deque<std::pair<base::Instant, Partition*>> lingering_;
  std::map<base::BrokerId, std::size_t> in_flight_;  // requests
  Identity identity_;
  std::size_t outstanding_ = 0;
  std::size_t flushing_ = 0;
  std::optional<ClientError> failure_;
  rt::TimedEvent* sleeping_ = nullptr;
  bool woken_ = false;
  bool running_ = false;
  rt::Scope scope_;  // last: its frames use the members above
};

}  // namespace moldau::client
