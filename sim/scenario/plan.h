// Plan is what is drawn for a world of produce-consume before it begins: the broker's
// configuration, the topics and clients that use it, when and how its process ends, and what
// happens at the very end. It is drawn from the seed alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "config/broker_config.h"
#include "sim/runtime/options.h"
#include "sim/scenario/workload.h"

namespace moldau::sim {

// When a crash comes.
enum class Moment : std::uint8_t { kAny, kRoll, kDeletion, kRecovery };

struct Crash {
  std::uint64_t after_batches = 0;
  Moment moment = Moment::kAny;
  CrashKind kind = CrashKind::kRandom;
};

// A crash so long after a start, whether it serves by then or not.
struct EarlyCrash {
  base::Duration after{0};
  CrashKind kind = CrashKind::kRandom;
};

enum class LastEnd : std::uint8_t {
  kStop,    // in order
  kOthers,  // kill -9, and somebody else uses the directory before we start again
  kCrash,
};

struct Plan {
  config::BrokerConfig broker;
  std::size_t loops = 2;
  NetOptions net;
  std::vector<EarlyCrash> during_first_start;
  std::vector<EarlyCrash> during_creation;  // of the topics
  WorkloadOptions workload;
  std::vector<Crash> crashes;
  LastEnd last_end = LastEnd::kCrash;
  CrashKind last_crash = CrashKind::kRandom;
};

[[nodiscard]] Plan draw_plan(base::Rng& rng);

// Uniform, 0 to `longest`.
[[nodiscard]] base::Duration up_to(base::Rng& rng, base::Duration longest);

}  // namespace moldau::sim
