// The machine's clocks; both reads stay in user space (vdso).
#pragma once

#include <ctime>

#include "base/time.h"

namespace moldau::io::internal {

[[nodiscard]] inline base::Instant monotonic_now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return {std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec)};
}
[[nodiscard]] inline base::Timestamp wall_clock_now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return base::Timestamp(static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000);
}

}  // namespace moldau::io::internal
