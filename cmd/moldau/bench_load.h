// The loads of `moldau bench`: what one loop sends or reads, and what it measured. Latencies of a
// load with a rate count from the moment at which a record was due, so that a stall shows in every
// record that it held up.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "client/cluster.h"
#include "client/producer.h"
#include "cmd/moldau/histogram.h"

namespace moldau::cmd {

// Where a record goes: one partition until its batch is full, as records without keys do, or each
// partition in turn, as keys spread records evenly.
enum class Spread : std::uint8_t { kSticky, kRoundRobin };

struct LoadOptions {
  base::TopicName topic;
  client::ProducerOptions producer;
  std::uint64_t records = 0;   // 0: no limit
  base::Duration duration{0};  // 0: no limit
  base::Duration warmup{0};    // what happens before is not measured
  double rate = 0;             // records a second; 0: as fast as it goes
  std::size_t record_bytes = 1024;
  Spread spread = Spread::kSticky;
  std::int32_t partition_step = 1;   // a reader takes one of so many partitions,
  std::int32_t partition_first = 0;  // from this one on
  std::uint32_t client = 0;          // among those that share the topic
};

struct LoadResult {
  Histogram latency;
  std::uint64_t records = 0;  // measured
  std::uint64_t bytes = 0;
  std::uint64_t failed = 0;
  base::Duration took{0};
  std::string error;  // empty: all went well
};

// Shared by the workers and the line that shows progress.
struct Progress {
  std::atomic<std::uint64_t> records = 0;
  std::atomic<bool> done = false;
};

rt::Task<LoadResult> produce_load(client::Cluster& cluster, LoadOptions options,
                                  Progress& progress);
// Reads from the beginning to the end that the topic has now, or until a limit.
rt::Task<LoadResult> consume_load(client::Cluster& cluster, LoadOptions options,
                                  Progress& progress);
// Produces at a rate and reads what it produced: latency from due to read.
rt::Task<LoadResult> end_to_end_load(client::Cluster& cluster, LoadOptions options,
                                     Progress& progress);

}  // namespace moldau::cmd
