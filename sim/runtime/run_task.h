// run_task() runs one task on one loop of a simulated world until it has its result: the bridge
// from a test to code under the seam. The rest of the world goes on meanwhile. A task that does not
// finish within the virtual time aborts the test. Called from outside the loops.
#pragma once

#include <optional>
#include <utility>

#include "base/time.h"
#include "rt/loop.h"
#include "rt/scope.h"
#include "rt/task.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {

inline constexpr base::Duration kTaskTimeMax = std::chrono::minutes(10);

namespace internal {

// Says which seed and when, and aborts.
[[noreturn]] void unfinished_task(const Simulation& world);

template <class T>
rt::Task<> keep_result(rt::Task<T> task, std::optional<T>* into) {
  into->emplace(co_await std::move(task));
}
inline rt::Task<> keep_end(rt::Task<> task, bool* ended) {
  co_await std::move(task);
  *ended = true;
}

}  // namespace internal

template <class T>
T run_task(Simulation& world, rt::Loop& loop, rt::Task<T> task,
           base::Duration limit = kTaskTimeMax) {
  std::optional<T> result;
  rt::Scope scope(loop);
  scope.spawn(internal::keep_result(std::move(task), &result));
  if (!world.run_until([&] { return result.has_value(); }, limit)) {
    internal::unfinished_task(world);
  }
  return std::move(*result);
}

inline void run_task(Simulation& world, rt::Loop& loop, rt::Task<> task,
                     base::Duration limit = kTaskTimeMax) {
  bool ended = false;
  rt::Scope scope(loop);
  scope.spawn(internal::keep_end(std::move(task), &ended));
  if (!world.run_until([&] { return ended; }, limit)) internal::unfinished_task(world);
}

}  // namespace moldau::sim
