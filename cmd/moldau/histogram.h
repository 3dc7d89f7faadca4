// Histogram counts durations in buckets of about 1.6 % width from a microsecond to hours, in
// constant memory, so that percentiles of many millions of samples are cheap and can be merged.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace moldau::cmd {

class Histogram {
 public:
  void add(base::Duration duration, std::uint64_t times = 1) {
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count() / 1000, 0));
    counts_[bucket(us)] += times;
    count_ += times;
    total_us_ += us * times;
    max_us_ = std::max(max_us_, us);
  }
  void merge(const Histogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    total_us_ += other.total_us_;
    max_us_ = std::max(max_us_, other.max_us_);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] base::Duration max() const { return std::chrono::microseconds(max_us_); }
  [[nodiscard]] base::Duration mean() const {
    return std::chrono::microseconds(count_ == 0 ? 0 : total_us_ / count_);
  }
  // The smallest duration that `per_mille` of the samples do not exceed, rounded up to its bucket.
  [[nodiscard]] base::Duration percentile(std::uint64_t per_mille) const {
    const std::uint64_t wanted = (count_ * per_mille + 999) / 1000;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen >= wanted && seen > 0) {
        return std::chrono::microseconds(std::min(upper_end(i), max_us_));
      }
    }
    return {};
  }

 private:
  // 64 buckets for each power of two; exact below 64 us.
  static constexpr std::size_t kPerPower = 64;
  static constexpr unsigned kPowerBits = 6;
  static constexpr std::size_t kBuckets = kPerPower * 36;

  static std::size_t bucket(std::uint64_t us) {
    if (us < kPerPower) return us;
    const auto shift = static_cast<unsigned>(std::bit_width(us)) - kPowerBits - 1;
    const std::size_t index = kPerPower * (shift + 1) + ((us >> shift) - kPerPower);
    return std::min(index, kBuckets - 1);
  }
  static std::uint64_t upper_end(std::size_t index) {
    if (index < kPerPower) return index;
    const std::size_t shift = index / kPerPower - 1;
    return ((index % kPerPower + kPerPower + 1) << shift) - 1;
  }

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t total_us_ = 0;
  std::uint64_t max_us_ = 0;
};

}  // namespace moldau::cmd
