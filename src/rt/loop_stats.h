// LoopStats are the running totals of one loop, for /metrics: a snapshot, readable from any loop.
// The fields are read one by one while the loop runs on, so they fit each other only roughly.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace moldau::rt {

struct LoopStats {
  std::uint64_t turns = 0;            // rounds of jobs, timers and readiness
  std::uint64_t jobs = 0;             // jobs run, timers included
  std::uint64_t sleeps = 0;           // turns that waited in the kernel
  std::uint64_t posts_received = 0;   // jobs that came from other threads
  std::uint64_t queue_depth = 0;      // jobs that waited when the turn began to run them; 0 asleep
  std::uint64_t queue_depth_max = 0;  // the largest such number since start
  base::Duration busy{0};             // time not spent waiting; busy / uptime is the utilisation
  base::Duration uptime{0};
  std::uint64_t connections = 0;  // open now
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t disk_operations = 0;  // finished: reads, writes, syncs
  std::uint64_t disk_in_flight = 0;   // now
};

}  // namespace moldau::rt
