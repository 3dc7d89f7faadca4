// The producer's batches, partitions and topics; only producer.cc and producer_sender.cc see them.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "client/producer.h"

namespace moldau::client {

// Somebody who waits for one record.
struct Producer::Waiter {
  explicit Waiter(rt::Loop& loop) : done(loop) {}
  rt::Event done;
  ClientResult<base::Offset> result{base::kNoOffset};
};

struct Producer::Batch {
  explicit Batch(const record::BuilderOptions& options) : builder(options) {}

  record::BatchBuilder builder;  // until closed
  record::StoredBatch stored;    // from then on
  std::vector<DeliveryTag> tags;
  std::vector<std::pair<std::int32_t, std::shared_ptr<Waiter>>> waiters;
  std::size_t memory = 0;  // bytes taken from the buffer
  base::Instant opened;
  Identity identity;  // under which it was numbered
  bool attempted = false;
  bool in_flight = false;
};

struct Producer::Partition {
  Topic* topic = nullptr;
  base::PartitionIndex index;
  std::unique_ptr<Batch> open;                // being filled
  bool open_due = false;                      // to be sent although not full
  std::size_t last_bytes = 0;                 // of the last batch, uncompressed
  std::deque<std::unique_ptr<Batch>> closed;  // in order; not yet delivered
  std::size_t in_flight = 0;
  Identity identity;
  base::Sequence next_sequence{0};
  // The broker has taken a batch of this identity. Until then one is on its way at a time: a broker
  // that does not know a producer takes any sequence, so a second batch could overtake the first.
  bool established = false;
  std::optional<Backoff> backoff;
  base::Instant not_before{};
  bool listed = false;  // in ready_ or postponed_
};

struct Producer::Topic {
  Topic(base::TopicName topic_name, std::size_t switch_bytes)
      : name(std::move(topic_name)), sticky(switch_bytes) {}
  base::TopicName name;
  StickyPartition sticky;
  std::vector<std::unique_ptr<Partition>> partitions;
  bool refreshing = false;
};

struct Producer::Outcome {
  std::optional<ClientError> error;
  base::Offset base_offset = base::kNoOffset;
};

// A batch on its way. The partition keeps it until it is settled.
struct Producer::Item {
  Partition* partition;
  Batch* batch;
  Outcome outcome;
};

}  // namespace moldau::client
