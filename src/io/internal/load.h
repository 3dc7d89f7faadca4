// Load is how busy a loop was lately, in thousandths: a moving average over about a fifth of a
// second that fades while the loop sleeps. The loop writes it, any thread reads it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/time.h"
#include "io/internal/counter.h"

namespace moldau::io::internal {

class Load {
 public:
  // The loop begins. Before the first slept().
  void start(base::Instant now) {
    updated_ = now;
    updated_ns_.set(static_cast<std::uint64_t>(now.since_start.count()));
  }

  // Of the time since the last call the loop waited this long, and worked the rest. Called also by
  // a loop that never waits.
  void slept(base::Duration asleep, base::Instant now) {
    asleep_ns_ += asleep.count();
    const std::int64_t passed = (now - updated_).count();
    if (passed < kStep.count()) return;
    const std::int64_t idle = std::min<std::int64_t>(1000, asleep_ns_ * 1000 / passed);
    const auto before = static_cast<std::int64_t>(permille_.value());
    permille_.set(static_cast<std::uint64_t>(blend(before, 1000 - idle, passed)));
    start(now);
    asleep_ns_ = 0;
  }

  // Any thread. A loop that has not reported for long sleeps.
  [[nodiscard]] std::uint64_t permille(base::Instant now) const {
    const auto since = now.since_start.count() - static_cast<std::int64_t>(updated_ns_.value());
    return static_cast<std::uint64_t>(
        blend(static_cast<std::int64_t>(permille_.value()), 0, std::max<std::int64_t>(0, since)));
  }

 private:
  static constexpr base::Duration kStep = std::chrono::milliseconds(10);
  static constexpr base::Duration kWindow = std::chrono::milliseconds(200);

  static std::int64_t blend(std::int64_t before, std::int64_t now, std::int64_t passed_ns) {
    const std::int64_t weight = std::min<std::int64_t>(1000, passed_ns * 1000 / kWindow.count());
    return (before * (1000 - weight) + now * weight) / 1000;
  }

  base::Instant updated_;
  std::int64_t asleep_ns_ = 0;
  Counter permille_;
  Counter updated_ns_;
};

}  // namespace moldau::io::internal
