// The scenario produce-consume: one world per seed with one broker and one machine of clients.
// Producers of every codec write to several partitions with small segments, a small journal and
// frequent metadata snapshots, readers follow, retention takes old segments of a topic, another one
// comes and goes, connections are reset, and the broker crashes at least kCrashesMin times while it
// is used: at any moment, while a segment rolls, while a topic is deleted, while it recovers; also
// while it starts for the first time and while topics are created. At the end everything is read
// again and held against what was acknowledged. The same seed gives the same trace hash on every
// build and machine.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/runtime/simulation.h"

namespace moldau::sim {

inline constexpr std::uint64_t kCrashesMin = 2;
inline constexpr std::uint64_t kBatchesMin = 1'000;
inline constexpr std::string_view kServerName = "server";
inline constexpr std::uint16_t kServerPort = 9092;
inline constexpr std::string_view kDataDirectory = "/data";

struct ProduceConsumeOptions {
  std::uint64_t seed = 1;
  // Sees every log line; changes nothing else.
  std::function<void(std::string_view line)> on_log;
};

struct WorldReport {
  std::uint64_t seed = 0;
  std::uint64_t trace_hash = 0;
  std::uint64_t steps = 0;
  std::uint64_t batches = 0;  // acknowledged
  std::uint64_t crashes = 0;
  Simulation::Marks marks;
  std::vector<std::string> problems;  // empty: the world kept its promises
};

[[nodiscard]] WorldReport run_produce_consume(const ProduceConsumeOptions& options);

}  // namespace moldau::sim
