#include "cmd/moldau/bench_load.h"

#include <algorithm>
#include <optional>

#include "base/endian.h"
#include "client/consumer.h"
#include "rt/scope.h"
#include "rt/sleep.h"

namespace moldau::cmd {
namespace {

// Records sent in one go before others on the loop have their turn.
constexpr std::uint64_t kBurst = 256;
constexpr auto kTick = std::chrono::milliseconds(1);
constexpr auto kLoadPollTime = std::chrono::milliseconds(200);
constexpr auto kDrainTime = std::chrono::seconds(10);

// What a value of an end-to-end load begins with; nobody else's records look like it.
struct Stamp {
  std::int64_t at = 0;  // on the loop's clock, nanoseconds
  std::uint32_t client = 0;

  static constexpr std::uint32_t kMagic = 0x4d6f'6c64;
  static constexpr std::size_t kBytes = sizeof(at) + sizeof(client) + sizeof(kMagic);

  void store(std::byte* to) const {
    base::store_be(to, at);
    base::store_be(to + sizeof(at), client);
    base::store_be(to + sizeof(at) + sizeof(client), kMagic);
  }
  static std::optional<Stamp> load(const std::optional<base::Bytes>& value) {
    if (!value || value->size() < kBytes) return std::nullopt;
    const std::byte* from = value->data();
    const Stamp stamp{.at = base::load_be<std::int64_t>(from),
                      .client = base::load_be<std::uint32_t>(from + sizeof(at))};
    const auto magic = base::load_be<std::uint32_t>(from + sizeof(at) + sizeof(client));
    return magic == kMagic ? std::optional(stamp) : std::nullopt;
  }
};

// Values are windows into text that compresses about as well as log lines do.
class Payload {
 public:
  Payload(std::size_t size, base::Rng& rng) : size_(size) {
    constexpr std::string_view kWords[] = {
        "order", "client", "2026-01-31", "status=", "shipped", "Praha", "amount:", "{\"id\":"};
    while (text_.size() < size_ + kWindow) {
      text_ += kWords[rng.below(std::size(kWords))];
      text_ += std::to_string(rng.below(100'000));
      text_ += ' ';
    }
  }
  // The value of record n, which starts with the stamp if there is one.
  base::Bytes value(std::uint64_t n, const std::optional<Stamp>& stamp) {
    char* at = text_.data() + n * 37 % kWindow;
    if (stamp) stamp->store(reinterpret_cast<std::byte*>(at));
    return base::as_bytes(std::string_view(at, size_));
  }

 private:
  static constexpr std::size_t kWindow = std::size_t{16} << 10;
  std::size_t size_;
  std::string text_;
};

// When the n-th record is due; the start plus nothing without a rate.
class Schedule {
 public:
  Schedule(base::Instant start, double rate) : start_(start), rate_(rate) {}
  [[nodiscard]] base::Instant due(std::uint64_t n) const {
    return start_ + std::chrono::duration_cast<base::Duration>(
                        std::chrono::duration<double>(static_cast<double>(n) / rate_));
  }
  [[nodiscard]] bool paced() const { return rate_ > 0; }

 private:
  base::Instant start_;
  double rate_;
};

bool over(const LoadOptions& options, std::uint64_t sent, base::Duration elapsed) {
  if (options.records > 0 && sent >= options.records) return true;
  return options.duration > base::Duration(0) && elapsed >= options.duration + options.warmup;
}

base::Instant instant_of(std::int64_t nanoseconds) {
  return base::Instant{base::Duration(nanoseconds)};
}

// Sends to the end of the load; the tag of a record is the instant at which it was due or sent. A
// load with a rate ends with the last record that is due in its time, however late it leaves: to
// leave out what a stall held up would flatter the latencies.
rt::Task<client::ClientResult<void>> send_all(client::Cluster& cluster, client::Producer& producer,
                                              const LoadOptions& options, bool stamped) {
  rt::Loop& loop = cluster.loop();
  const auto info = CO_TRY(co_await cluster.topic(options.topic));
  const std::uint64_t partitions = info.partitions.size();
  std::optional<base::PartitionIndex> partition;
  Payload payload(stamped ? std::max(options.record_bytes, Stamp::kBytes) : options.record_bytes,
                  loop.rng());
  const base::Instant start = loop.now();
  const Schedule schedule(start, options.rate);
  const auto elapsed = [&](std::uint64_t sent) {
    return (schedule.paced() ? schedule.due(sent) : loop.now()) - start;
  };
  for (std::uint64_t sent = 0; !over(options, sent, elapsed(sent));) {
    if (schedule.paced() && schedule.due(sent) > loop.now()) {
      co_await rt::sleep_until(loop, std::max(schedule.due(sent), loop.now() + kTick));
      continue;
    }
    for (std::uint64_t i = 0; i < kBurst && !over(options, sent, elapsed(sent)); ++i, ++sent) {
      if (schedule.paced() && schedule.due(sent) > loop.now()) break;
      const base::Instant at = schedule.paced() ? schedule.due(sent) : loop.now();
      std::optional<Stamp> stamp;
      if (stamped) stamp = {.at = at.since_start.count(), .client = options.client};
      const record::NewRecord record{.value = payload.value(sent, stamp)};
      const auto tag = static_cast<client::DeliveryTag>(at.since_start.count());
      if (options.spread == Spread::kRoundRobin) {
        partition = base::PartitionIndex(static_cast<std::int32_t>(sent % partitions));
      }
      if (producer.try_send(options.topic, record, partition, tag)) continue;
      CO_TRY(co_await producer.send(options.topic, record, partition, tag));
    }
    co_await rt::sleep_until(loop, loop.now());
  }
  co_return {};
}

}  // namespace

rt::Task<LoadResult> produce_load(client::Cluster& cluster, LoadOptions options,
                                  Progress& progress) {
  rt::Loop& loop = cluster.loop();
  LoadResult result;
  const base::Instant measured_from = loop.now() + options.warmup;
  base::Instant last = measured_from;
  client::Producer producer(cluster, options.producer, [&](const client::Delivery& delivery) {
    const base::Instant now = loop.now();
    progress.records += delivery.tags.size();
    if (!delivery.base_offset) {
      result.failed += delivery.tags.size();
      return;
    }
    for (const client::DeliveryTag tag : delivery.tags) {
      const base::Instant at = instant_of(static_cast<std::int64_t>(tag));
      if (at < measured_from) continue;
      result.latency.add(now - at);
      ++result.records;
      last = now;
    }
  });
  const auto sent = co_await send_all(cluster, producer, options, false);
  const auto flushed = co_await producer.flush();
  co_await producer.close();
  if (!sent) result.error = sent.error().message;
  if (!flushed) result.error = flushed.error().message;
  result.bytes = result.records * options.record_bytes;
  result.took = last - measured_from;
  co_return result;
}

rt::Task<LoadResult> consume_load(client::Cluster& cluster, LoadOptions options,
                                  Progress& progress) {
  rt::Loop& loop = cluster.loop();
  LoadResult result;
  client::Consumer consumer(cluster, {});
  std::vector<base::PartitionIndex> partitions;
  const auto info = co_await cluster.topic(options.topic);
  if (info) {
    for (std::int32_t i = options.partition_first;
         i < static_cast<std::int32_t>(info->partitions.size()); i += options.partition_step) {
      partitions.emplace_back(i);
    }
  }
  client::ClientResult<void> well;
  if (!info) well = std::unexpected(info.error());
  const base::Instant start = loop.now();
  if (well && !partitions.empty()) {
    well = co_await consumer.assign(options.topic, std::move(partitions), {});
  }
  while (well && !consumer.reached_ends() && !over(options, result.records, loop.now() - start)) {
    auto batch = co_await consumer.poll(loop.now() + kLoadPollTime);
    if (!batch) {
      well = std::unexpected(batch.error());
    } else if (*batch) {
      record::RecordView record;
      std::uint64_t count = 0;
      auto more = (*batch)->next(record);
      for (; more.value_or(false); more = (*batch)->next(record)) {
        ++count;
        result.bytes += record.value ? record.value->size() : 0;
      }
      if (!more) well = std::unexpected(more.error());
      result.records += count;
      progress.records += count;
    }
  }
  if (!well) result.error = well.error().message;
  result.took = loop.now() - start;
  // Ends a fetch that waits for more.
  co_await cluster.close();
  co_await consumer.close();
  co_return result;
}

namespace {

// On a connection of its own: a fetch that waits for records holds up the answers behind it.
struct Reading {
  Reading(const client::Cluster& like, std::uint32_t of_client)
      : client(of_client), cluster(like.loop(), like.options()), consumer(cluster, {}) {}
  std::uint32_t client;
  client::Cluster cluster;
  client::Consumer consumer;
  Histogram latency;
  std::uint64_t records = 0;
  std::uint64_t seen = 0;
  base::Instant measured_from;
  base::Instant last;
  std::string error;
};

rt::Task<> read_stamps(Reading& reading, Progress& progress) {
  rt::Loop& loop = reading.cluster.loop();
  for (;;) {
    auto batch = co_await reading.consumer.poll(loop.now() + kLoadPollTime);
    if (!batch) {
      if (batch.error().kind != client::ClientErrorKind::kStopped) {
        reading.error = batch.error().message;
      }
      co_return;
    }
    if (!*batch) continue;
    record::RecordView record;
    const base::Instant now = loop.now();
    auto more = (*batch)->next(record);
    for (; more.value_or(false); more = (*batch)->next(record)) {
      const std::optional<Stamp> stamp = Stamp::load(record.value);
      // Other clients of the load, and other programs, may write to the topic too.
      if (!stamp || stamp->client != reading.client) continue;
      ++reading.seen;
      ++progress.records;
      const base::Instant at = instant_of(stamp->at);
      if (at < reading.measured_from) continue;
      reading.latency.add(now - at);
      ++reading.records;
      reading.last = now;
    }
    if (!more) {
      reading.error = more.error().message;
      co_return;
    }
  }
}

}  // namespace

rt::Task<LoadResult> end_to_end_load(client::Cluster& cluster, LoadOptions options,
                                     Progress& progress) {
  rt::Loop& loop = cluster.loop();
  LoadResult result;
  std::uint64_t delivered = 0;
  Reading reading(cluster, options.client);
  const auto assigned =
      co_await reading.consumer.assign(options.topic, {}, {.kind = client::StartAt::Kind::kLatest});
  if (!assigned) {
    result.error = assigned.error().message;
    co_await reading.cluster.close();
    co_return result;
  }
  client::Producer producer(cluster, options.producer, [&](const client::Delivery& delivery) {
    (delivery.base_offset ? delivered : result.failed) += delivery.tags.size();
  });
  reading.measured_from = reading.last = loop.now() + options.warmup;
  rt::Scope scope(loop);
  scope.spawn(read_stamps(reading, progress));
  const auto sent = co_await send_all(cluster, producer, options, true);
  const auto flushed = co_await producer.flush();
  const base::Instant drained = loop.now() + kDrainTime;
  while (reading.seen < delivered && reading.error.empty() && loop.now() < drained) {
    co_await rt::sleep_for(loop, kTick);
  }
  co_await producer.close();
  co_await reading.cluster.close();
  co_await scope.join();
  co_await reading.consumer.close();
  if (reading.seen < delivered) result.error = "not all delivered records were read";
  if (!reading.error.empty()) result.error = reading.error;
  if (!flushed) result.error = flushed.error().message;
  if (!sent) result.error = sent.error().message;
  result.latency = reading.latency;
  result.records = reading.records;
  result.bytes = reading.records * options.record_bytes;
  result.took = reading.last - reading.measured_from;
  co_return result;
}

}  // namespace moldau::cmd
