// RequestStats are the running totals of one shard: requests and their times by API, bytes and
// records of the data path. Times fall into buckets that double from 64 microseconds on. Written by
// the shard's loop only; /metrics asks each loop for a copy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "wire/api_key.h"

namespace moldau::broker {

inline constexpr std::size_t kApiKeysMax = 128;
inline constexpr std::size_t kLatencyBuckets = 16;
inline constexpr base::Duration kLatencyFirstBucket = std::chrono::microseconds(64);

struct ApiStats {
  std::uint64_t count = 0;
  base::Duration total{0};
  // Requests that took at most kLatencyFirstBucket * 2^index; the last one holds the rest.
  std::array<std::uint64_t, kLatencyBuckets> buckets{};
};

struct RequestStats {
  std::array<ApiStats, kApiKeysMax> by_api{};
  std::uint64_t appended_bytes = 0;
  std::uint64_t appended_records = 0;
  std::uint64_t fetched_bytes = 0;

  void count(wire::ApiKey key, base::Duration took) {
    ApiStats& api = by_api[static_cast<std::size_t>(key) % kApiKeysMax];
    ++api.count;
    api.total += took;
    std::size_t bucket = 0;
    while (bucket + 1 < kLatencyBuckets && took > kLatencyFirstBucket * (1U << bucket)) ++bucket;
    ++api.buckets[bucket];
  }

  RequestStats& operator+=(const RequestStats& other) {
    for (std::size_t key = 0; key < kApiKeysMax; ++key) {
      by_api[key].count += other.by_api[key].count;
      by_api[key].total += other.by_api[key].total;
      for (std::size_t i = 0; i < kLatencyBuckets; ++i) {
        by_api[key].buckets[i] += other.by_api[key].buckets[i];
      }
    }
    appended_bytes += other.appended_bytes;
    appended_records += other.appended_records;
    fetched_bytes += other.fetched_bytes;
    return *this;
  }
};

}  // namespace moldau::broker
