// Consumer reads records of partitions that it was assigned, from wherever it was told to start. It
// keeps one Fetch per leader under way, ahead of what its user has taken, up to `buffer_bytes_max`
// (plus one answer). Batches come in offset order per partition; checksums are verified and batches
// unpacked when they are taken. Control batches are passed over. A partition whose leader moves is
// looked up anew; an offset that is gone is an error or a jump, as `out_of_range` says.
// Isolation is read_uncommitted. No groups. One loop. close() is awaited before destruction; the
// Cluster outlives it. Give it a Cluster of its own when a Producer works beside it: brokers answer
// a connection's requests in order, so a fetch that waits holds up what is behind it. Source:
// KIP-74, KIP-516, clients/.../consumer/internals/Fetcher.java.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "client/client_error.h"
#include "client/cluster.h"
#include "record/reader.h"
#include "rt/scope.h"
#include "rt/timed_event.h"
#include "wire/fetch_response.h"

namespace moldau::client {

enum class OutOfRange : std::uint8_t { kFail, kEarliest, kLatest };

struct ConsumerOptions {
  base::Duration wait_max = std::chrono::milliseconds(500);  // of one fetch
  std::int32_t bytes_min = 1;
  std::int32_t bytes_max = 50 << 20;           // of one answer
  std::int32_t partition_bytes_max = 1 << 20;  // of one partition in an answer
  std::size_t buffer_bytes_max = std::size_t{64} << 20;
  std::size_t unpacked_bytes_max = record::kDecompressedBytesMax;
  OutOfRange out_of_range = OutOfRange::kFail;
};

// Where reading begins.
struct StartAt {
  enum class Kind : std::uint8_t { kEarliest, kLatest, kOffset, kTimestamp, kBeforeEnd };
  Kind kind = Kind::kEarliest;
  std::int64_t value = 0;  // offset, milliseconds since 1970, or how many records before the end
};

// One batch, being read. Records before the wanted offset are left out.
class ConsumedBatch {
 public:
  ConsumedBatch(base::TopicPartition partition, record::BatchHeader header, base::Offset from,
                record::RecordReader reader)
      : partition_(std::move(partition)),
        header_(header),
        from_(from),
        reader_(std::move(reader)) {}

  [[nodiscard]] const base::TopicPartition& partition() const [[clang::lifetimebound]] {
    return partition_;
  }
  [[nodiscard]] const record::BatchHeader& header() const [[clang::lifetimebound]] {
    return header_;
  }
  // The next record; false at the end. Its views are valid until the next call.
  [[nodiscard]] ClientResult<bool> next(record::RecordView& record);

 private:
  base::TopicPartition partition_;
  record::BatchHeader header_;
  base::Offset from_;
  record::RecordReader reader_;
};

class Consumer {
 public:
  Consumer(Cluster& cluster, ConsumerOptions options);
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Adds partitions of a topic (all when the list is empty), each from its start.
  rt::Task<ClientResult<void>> assign(base::TopicName topic,
                                      std::vector<base::PartitionIndex> partitions, StartAt start);
  // The next batch, or nothing when none came until the instant. A failure concerns one partition
  // and ends only that one.
  rt::Task<ClientResult<std::optional<ConsumedBatch>>> poll(base::Instant until);

  // The offset after the last batch that poll() gave.
  [[nodiscard]] std::optional<base::Offset> position(const base::TopicPartition& partition) const;
  // Whether every partition was read up to the end that it had when it was assigned.
  [[nodiscard]] bool reached_ends() const;
  // Whether every partition was read up to the newest end that the broker told.
  [[nodiscard]] bool caught_up() const;
  [[nodiscard]] std::vector<base::TopicPartition> assignment() const;

  rt::Task<> close();

 private:
  struct Partition {
    base::TopicId topic_id;
    base::Offset fetch_from;      // next offset to ask for
    base::Offset position;        // next offset to give
    base::Offset end_at_start;    // when assigned
    base::Offset high_watermark;  // as last told
    std::optional<Backoff> backoff;
    base::Instant not_before{};
    bool fetching = false;
    bool failed = false;
  };
  using Partitions = std::map<base::TopicPartition, Partition>;
  struct Buffered {
    base::TopicPartition partition;
    base::SharedBytes records;  // whole batches, the last one possibly cut
    std::size_t at = 0;
    base::Offset from;
    std::optional<ClientError> error;
  };
  using Wanted = std::vector<base::TopicPartition>;

  rt::Task<ClientResult<base::Offset>> offset_at(base::TopicPartition partition,
                                                 base::Timestamp timestamp);
  rt::Task<ClientResult<base::Offset>> resolve(base::TopicPartition partition, StartAt start,
                                               base::Offset end);
  void start_fetches();
  [[nodiscard]] base::Instant next_retry() const;
  rt::Task<> fetch(base::BrokerId leader, Wanted wanted);
  rt::Task<ClientResult<wire::FetchResponse>> ask(base::BrokerId leader, const Wanted& wanted);
  void take(const wire::FetchResponse& answer, const Wanted& wanted);
  void take_partition(const base::TopicPartition& id, Partition& partition,
                      const wire::FetchResponse::PartitionData& said);
  void take_error(const base::TopicPartition& id, Partition& partition, wire::ErrorCode code);
  void fail_partition(const base::TopicPartition& id, ClientError error);
  void postpone(const base::TopicPartition& id, Partition& partition);
  rt::Task<> refresh_topic(base::TopicName topic);
  rt::Task<> reset(base::TopicPartition id, StartAt start);
  ClientResult<std::optional<ConsumedBatch>> next_batch();
  void changed();

  rt::Loop* loop_;
  Cluster* cluster_;
  ConsumerOptions options_;
  record::CodecContexts contexts_;
  Partitions partitions_;
  std::map<base::BrokerId, bool> busy_;  // a fetch is under way
  std::map<base::TopicName, bool> refreshing_;
  std::deque<Buffered> buffered_;
  std::size_t buffered_bytes_ = 0;
  rt::TimedEvent* sleeping_ = nullptr;
  rt::Scope scope_;  // last: its frames use the members above
};

}  // namespace moldau::client
