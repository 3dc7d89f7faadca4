// The world itself: order, time, crashes of loops, determinism.
#include "sim/runtime/simulation.h"

#include <gtest/gtest.h>

#include "rt/scope.h"
#include "rt/sleep.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;

rt::Task<> nap(rt::Loop& loop, base::Duration duration) { co_await rt::sleep_for(loop, duration); }

TEST(Simulation, TimePassesWithoutWaiting) {
  Simulation world({});
  Node& node = world.add_node();
  const base::Instant before = world.now();
  run_task(world, node.loop(0), nap(node.loop(0), 1h), 2h);
  EXPECT_GE(world.now() - before, 1h);
}

}  // namespace
}  // namespace moldau::sim
