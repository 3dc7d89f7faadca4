// What a simulated world is made of: sizes, delays and faults, all with defaults that suit a unit
// test. Delays are drawn from the seed: mostly near the low end, seldom far beyond the high one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/trace.h"

namespace moldau::sim {

// A delay between low and high; once in `tail_every` draws up to `tail` instead (0: never).
struct Delay {
  base::Duration low{0};
  base::Duration high{0};
  std::uint64_t tail_every = 0;
  base::Duration tail{0};
};

struct SchedulingOptions {
  // Virtual time that one job of a loop takes, at most.
  base::Duration job_cost_max = std::chrono::microseconds(1);
  // Once in this many jobs the loop stands still for up to stall_max (0: never).
  std::uint64_t stall_every = 5'000;
  base::Duration stall_max = std::chrono::milliseconds(5);
  // A world that takes more steps than this is taken for a livelock and aborts.
  std::uint64_t steps_max = 100'000'000;
};

// Faults of one disk. Rates are per million operations.
struct DiskFaults {
  std::uint32_t read_errors = 0;
  std::uint32_t write_errors = 0;
  std::uint32_t sync_errors = 0;
  // Every delay times this.
  std::uint32_t slowness = 1;
  // Files with this in their path are unlike the others: their writes and syncs take so much
  // longer, or their syncs fail. Empty: none.
  std::string odd_path;
  base::Duration odd_write_lag{0};
  base::Duration odd_sync_lag{0};
  bool odd_sync_fails = false;
};

struct DiskOptions {
  std::size_t sector_bytes = 512;
  // No limit unless set: then writes beyond it fail with kNoSpace.
  std::optional<std::uint64_t> capacity_bytes;
  // A read or write finishes within the call this often, in percent (as the page cache allows).
  std::uint32_t immediate_percent = 50;
  Delay write{std::chrono::microseconds(2), std::chrono::microseconds(50), 200,
              std::chrono::milliseconds(10)};
  Delay read{std::chrono::microseconds(2), std::chrono::microseconds(200), 200,
             std::chrono::milliseconds(10)};
  Delay sync{std::chrono::microseconds(100), std::chrono::milliseconds(2), 50,
             std::chrono::milliseconds(50)};
  Delay metadata{std::chrono::microseconds(5), std::chrono::microseconds(100), 200,
                 std::chrono::milliseconds(5)};
};

struct NetOptions {
  Delay local{std::chrono::microseconds(5), std::chrono::microseconds(30), 500,
              std::chrono::milliseconds(1)};
  Delay remote{std::chrono::microseconds(50), std::chrono::microseconds(500), 200,
               std::chrono::milliseconds(20)};
  // Bytes that a connection takes in before its reader has read them.
  std::size_t window_bytes_min = 16 << 10;
  std::size_t window_bytes_max = 256 << 10;
  // A receive yields only part of what has arrived this often, in percent.
  std::uint32_t short_read_percent = 20;
  // Segments after which a connection is reset, per million.
  std::uint32_t resets = 0;
  std::size_t backlog_max = 128;
};

struct Options {
  std::uint64_t seed = 1;
  SchedulingOptions scheduling;
  NetOptions net;
  Delay work{std::chrono::microseconds(5), std::chrono::milliseconds(1), 100,
             std::chrono::milliseconds(20)};
  base::LogLevel log_level = base::LogLevel::kInfo;
  // Sees every log line with its virtual time and node; all lines go into the trace hash anyway.
  std::function<void(std::string_view line)> on_log;
};

struct NodeOptions {
  std::string name;  // "node<index>" when empty; resolves to the node's address
  std::size_t loops = 2;
  DiskOptions disk;
  // The node's wall clock differs from the world's by up to this much in both directions.
  base::Duration wall_clock_error_max = std::chrono::milliseconds(500);
};

// What ends a node. kProcess: kill -9, the page cache stays. kPower: unsynced state is settled by
// the seed. kRandom: one of the two.
enum class CrashKind : std::uint8_t { kProcess, kPower, kRandom };

}  // namespace moldau::sim
