// A topic's settings as typed values: its own overrides, else the broker keys that stand in for
// them, else Kafka's defaults. Value type; resolve once per config change and share the result.
// Sizes are bytes, -1 means no limit where Kafka's does. Any loop. Source: LogConfig.java (4.4).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/value.h"

namespace moldau::config {

struct Layers;

// compression.type: what a leader stores.
enum class CompressionType : std::uint8_t {
  kProducer,
  kUncompressed,
  kGzip,
  kSnappy,
  kLz4,
  kZstd,
};

// The numbers are those of the batch attribute (frozen).
enum class TimestampType : std::uint8_t { kCreateTime = 0, kLogAppendTime = 1 };

struct TopicConfig {
  std::int32_t segment_bytes = 1 << 30;  // with internal.segment.bytes, when a test sets it
  base::Milliseconds64 segment_time{604'800'000};
  base::Milliseconds64 segment_jitter{0};
  std::int32_t segment_index_bytes = 10 << 20;
  std::int64_t flush_messages = INT64_MAX;
  base::Milliseconds64 flush_interval{INT64_MAX};
  std::int64_t retention_bytes = -1;
  base::Milliseconds64 retention_time{604'800'000};
  std::int32_t message_bytes_max = 1'048'588;
  std::int32_t decompressed_message_bytes_max = 2'147'483'639;
  std::int32_t index_interval_bytes = 4096;
  base::Milliseconds64 delete_retention{86'400'000};
  base::Milliseconds64 min_compaction_lag{0};
  base::Milliseconds64 max_compaction_lag{INT64_MAX};
  base::Milliseconds64 file_delete_delay{60'000};
  double min_cleanable_dirty_ratio = 0.5;
  bool cleanup_compact = false;
  bool cleanup_delete = true;
  bool unclean_leader_election = false;
  std::int32_t min_insync_replicas = 1;
  CompressionType compression_type = CompressionType::kProducer;
  std::int32_t gzip_level = -1;
  std::int32_t lz4_level = 9;
  std::int32_t zstd_level = 3;
  bool preallocate = false;
  TimestampType timestamp_type = TimestampType::kCreateTime;
  base::Milliseconds64 timestamp_before_max{INT64_MAX};
  base::Milliseconds64 timestamp_after_max{3'600'000};
  std::vector<std::string> leader_throttled_replicas;
  std::vector<std::string> follower_throttled_replicas;
  bool remote_storage = false;
  bool remote_copy_disabled = false;
  bool remote_delete_on_disable = false;
  base::Milliseconds64 local_retention_time{-2};  // -2: as retention_time
  std::int64_t local_retention_bytes = -2;        // -2: as retention_bytes

  // How long a segment may stay active: compaction may ask for less than segment.ms.
  [[nodiscard]] base::Milliseconds64 segment_time_max() const;

  friend bool operator==(const TopicConfig&, const TopicConfig&) = default;
};

// Resolves a topic's settings. A stored override that no longer parses counts as not set: it was
// checked when it was stored, by us or by another Kafka.
[[nodiscard]] TopicConfig resolve_topic(const Layers& broker, const Values& overrides);

// Whether a topic may have these overrides, all of them (the outcome of a change, not the change).
// `before` is what it has now. The message is Kafka's form, for the client to show.
[[nodiscard]] std::expected<void, std::string> check_topic(const Layers& broker,
                                                           const Values& overrides,
                                                           const Values& before = {});

// Whether the keys and values that a client stores for a broker ("" for all) may be stored.
[[nodiscard]] std::expected<void, std::string> check_dynamic_broker(const Values& values,
                                                                    bool for_all_brokers);
// The same for the resource types GROUP and CLIENT_METRICS.
[[nodiscard]] std::expected<void, std::string> check_group(const Layers& broker,
                                                           const Values& values);
[[nodiscard]] std::expected<void, std::string> check_client_metrics(const Values& values);

}  // namespace moldau::config
