// Time as values. Instant is monotonic and starts anywhere; Timestamp is Kafka's wall clock,
// milliseconds since 1970, with -1 for none. Neither reads a clock: rt::Clock does. Any loop.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

#include "base/strong.h"

namespace moldau::base {

using Duration = std::chrono::nanoseconds;

struct Instant {
  Duration since_start{0};

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr bool operator==(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant at, Duration by) {
    return Instant{at.since_start + by};
  }
  friend constexpr Instant operator-(Instant at, Duration by) {
    return Instant{at.since_start - by};
  }
  friend constexpr Duration operator-(Instant later, Instant earlier) {
    return later.since_start - earlier.since_start;
  }
};

inline constexpr Instant kNever{Duration::max()};

using Timestamp = Strong<struct TimestampTag, std::int64_t>;
inline constexpr Timestamp kNoTimestamp{-1};

// Durations as the wire has them.
using Milliseconds32 = std::chrono::duration<std::int32_t, std::milli>;
using Milliseconds64 = std::chrono::duration<std::int64_t, std::milli>;

}  // namespace moldau::base
