// What a log needs to know of its topic's and broker's configuration, as values; whoever owns the
// topic's config fills it in and hands it over again when the config changes (Log::set_options).
// Sizes are bytes; -1 means no limit where Kafka's does. Value types; any loop.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "config/topic_config.h"

namespace moldau::storage {

// moldau.log.sync: what "durable" means for a log.
enum class LogSync : std::uint8_t {
  kAck,  // on disk before it counts
  kOs,   // in the page cache, as Apache Kafka
};

struct LogOptions {
  std::int32_t segment_bytes = 1 << 30;
  base::Milliseconds64 segment_time{
      604'800'000};  // the smaller of segment.ms and compaction's bound
  base::Milliseconds64 segment_jitter{0};
  std::int32_t index_interval_bytes = 4096;
  std::int32_t segment_index_bytes = 10 << 20;
  bool cleanup_delete = true;
  std::int64_t retention_bytes = -1;
  base::Milliseconds64 retention_time{604'800'000};
  base::Milliseconds64 file_delete_delay{60'000};
  base::Milliseconds64 producer_id_expiration{86'400'000};
  LogSync sync = LogSync::kAck;

  friend bool operator==(const LogOptions&, const LogOptions&) = default;
};

[[nodiscard]] LogOptions log_options(const config::TopicConfig& topic, LogSync sync,
                                     base::Milliseconds64 producer_id_expiration);

}  // namespace moldau::storage
