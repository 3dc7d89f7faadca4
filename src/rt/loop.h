// Loop is one event loop and everything a task on it may ask of the world: its queue, clock,
// chance, network, disk, off-loop work and log. One thread runs a loop, and whatever lives on a
// loop is touched only from it; post() is the one call that other threads may make. A node is a
// list of loops: the real runtime (io) gives each a thread, the simulator runs all loops of all
// nodes in one thread, in an order drawn from its seed. Nothing above this seam knows which one it
// runs on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/assert.h"
#include "base/rng.h"
#include "base/time.h"
#include "base/trace.h"
#include "rt/job.h"
#include "rt/loop_stats.h"

namespace moldau::rt {

class Net;
class Disk;
class Work;

// A timer is owned by whoever waits for it and is armed on one loop. It fires by running its job.
struct Timer : Job {
  explicit Timer(Function function) : Job(function) {}
  base::Instant at{};
  std::size_t slot = kIdle;    // owned by the loop
  std::uint64_t sequence = 0;  // owned by the loop: equal instants fire in the order of arming
  static constexpr std::size_t kIdle = ~std::size_t{0};
  [[nodiscard]] bool armed() const { return slot != kIdle; }
};

class Loop {
 public:
  virtual ~Loop() = default;

  // Position in the node's list of loops.
  [[nodiscard]] virtual std::size_t index() const = 0;

  // Runs the job on this loop, later and once. Any thread. Jobs that one loop posts to another keep
  // their order, in both runtimes: that is what keeps two produce requests of one connection in
  // order. Nothing is promised between two posters.
  virtual void post(Job& job) = 0;
  // Takes back a job that is queued here and has not run yet, on this loop's thread only. Needed
  // when a waiting frame is destroyed.
  virtual void withdraw(Job& job) = 0;
  // For Call and CallAll only: the frame that waits for another loop is being destroyed. The other
  // loop may be running what it waits for, so only the crash of a simulated node does this; the
  // real runtime aborts.
  virtual void abandon_call() {
    base::assertion_failed("no call in flight when its frame is destroyed", __FILE__, __LINE__);
  }
  [[nodiscard]] virtual bool is_current() const = 0;

  // Monotonic time, constant within one turn of the loop is allowed.
  [[nodiscard]] virtual base::Instant now() = 0;
  // Milliseconds since 1970; may jump in both directions.
  [[nodiscard]] virtual base::Timestamp wall_now() = 0;
  // The timer is not armed; disarm() takes one that is not, too.
  virtual void arm(Timer& timer, base::Instant at) = 0;
  virtual void disarm(Timer& timer) = 0;

  [[nodiscard]] virtual base::Rng& rng() = 0;
  // Unpredictable bytes for secrets and ids that must be unique between nodes (seeded in the
  // simulator).
  virtual void fill_random(std::span<std::byte> bytes) = 0;

  [[nodiscard]] virtual Net& net() = 0;
  [[nodiscard]] virtual Disk& disk() = 0;
  [[nodiscard]] virtual Work& work() = 0;
  [[nodiscard]] virtual base::Logger& log() = 0;

  // Coverage mark: a rare path says that it was reached ("journal replayed"). The real runtime
  // ignores it; the simulator counts marks, and a batch of seeds that never reaches a listed one
  // fails.
  virtual void mark(std::string_view name) = 0;

  // Any thread. The simulator keeps none.
  [[nodiscard]] virtual LoopStats stats() const { return {}; }
};

// All loops of a node, in order of index(). Outlives everything that runs on them.
using Loops = std::span<Loop* const>;

}  // namespace moldau::rt
