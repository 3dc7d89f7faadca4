// The world itself: order, time, work off the loops, determinism, livelocks.
#include "sim/runtime/simulation.h"

#include <csignal>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/assert.h"
#include "rt/call.h"
#include "rt/scope.h"
#include "rt/sleep.h"
#include "rt/sync.h"
#include "rt/work.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;

rt::Task<> nap(rt::Loop& loop, base::Duration duration) { co_await rt::sleep_for(loop, duration); }

rt::Task<> nap_and_note(rt::Loop& loop, base::Instant at, char name, std::string& order) {
  co_await rt::sleep_until(loop, at);
  order += name;
}

TEST(Simulation, TimePassesWithoutWaiting) {
  Simulation world({});
  Node& node = world.add_node();
  const base::Instant before = world.now();
  const base::Instant node_before = node.loop(0).now();
  const base::Timestamp wall_before = node.loop(0).wall_now();
  run_task(world, node.loop(0), nap(node.loop(0), 1h), 2h);
  EXPECT_GE(world.now() - before, 1h);
  EXPECT_EQ(node.loop(1).now() - node_before, world.now() - before);
  EXPECT_GE(node.loop(1).wall_now() - wall_before, 3'599'999);
}

TEST(Simulation, ClocksOfNodesDiffer) {
  Simulation world({});
  Node& one = world.add_node();
  Node& two = world.add_node();
  EXPECT_NE(one.loop(0).now(), two.loop(0).now());
  const base::Timestamp before = one.loop(0).wall_now();
  one.shift_wall_clock(-10s);
  EXPECT_EQ(one.loop(0).wall_now() - before, -10'000);
}

TEST(Simulation, TimersOfOneInstantKeepTheOrderOfArmingOnALoop) {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Simulation world({.seed = seed});
    Node& node = world.add_node();
    rt::Loop& zero = node.loop(0);
    rt::Loop& one = node.loop(1);
    const base::Instant at = zero.now() + 1s;
    std::string order;
    rt::Scope on_zero(zero);
    rt::Scope on_one(one);
    for (const char name : {'a', 'b', 'c'}) on_zero.spawn(nap_and_note(zero, at, name, order));
    on_one.spawn(nap_and_note(one, at, '1', order));
    ASSERT_TRUE(world.run_until_idle(1min));
    EXPECT_LT(order.find('a'), order.find('b'));
    EXPECT_LT(order.find('b'), order.find('c'));
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 4U);  // The other loop's timer may come anywhere.
}

struct Note : rt::Job {
  Note(char c, std::string& into) : Job(&Note::write), name(c), order(&into) {}
  static void write(rt::Job& job) {
    auto& note = static_cast<Note&>(job);
    *note.order += note.name;
  }
  char name;
  std::string* order;
};

rt::Task<> post_all(rt::Loop& to, std::vector<Note*> notes) {
  for (Note* note : notes) to.post(*note);
  co_return;
}

TEST(Simulation, APosterKeepsItsOrderAndTwoPostersDoNot) {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Simulation world({.seed = seed});
    Node& node = world.add_node({.loops = 3});
    std::string order;
    Note a('a', order);
    Note b('b', order);
    Note one('1', order);
    Note two('2', order);
    rt::Scope left(node.loop(0));
    rt::Scope right(node.loop(1));
    left.spawn(post_all(node.loop(2), {&a, &b}));
    right.spawn(post_all(node.loop(2), {&one, &two}));
    ASSERT_TRUE(world.run_until_idle(1s));
    EXPECT_LT(order.find('a'), order.find('b'));
    EXPECT_LT(order.find('1'), order.find('2'));
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 6U);
}

TEST(Simulation, AWithdrawnJobDoesNotRun) {
  Simulation world({});
  Node& node = world.add_node();
  std::string order;
  Note a('a', order);
  Note b('b', order);
  Note c('c', order);
  for (Note* note : {&a, &b, &c}) node.loop(0).post(*note);
  node.loop(0).withdraw(b);
  EXPECT_EQ(b.queue, nullptr);
  node.loop(0).withdraw(c);
  node.loop(0).post(b);
  ASSERT_TRUE(world.run_until_idle(1s));
  EXPECT_EQ(order, "ab");
}

TEST(Simulation, ATimerStaysArmedUntilItRunsAndCanBeDisarmedTillThen) {
  Simulation world({});
  Node& node = world.add_node();
  bool fired = false;
  struct Flag : rt::Timer {
    explicit Flag(bool& to) : Timer(&Flag::set), flag(&to) {}
    static void set(rt::Job& job) { *static_cast<Flag&>(job).flag = true; }
    bool* flag;
  } timer(fired);
  node.loop(0).arm(timer, node.loop(0).now() + 1s);
  while (timer.queue == nullptr) ASSERT_TRUE(world.step());
  EXPECT_TRUE(timer.armed());
  node.loop(0).disarm(timer);
  EXPECT_FALSE(timer.armed());
  EXPECT_FALSE(world.step());
  EXPECT_FALSE(fired);
  node.loop(0).arm(timer, node.loop(0).now());
  ASSERT_TRUE(world.run_until_idle(1s));
  EXPECT_TRUE(fired);
  EXPECT_FALSE(timer.armed());
}

rt::Task<int> compute(rt::Loop& loop, bool& on_loop) {
  bool* seen = &on_loop;
  rt::Loop* asked = &loop;
  co_return co_await rt::run_work(loop, [seen, asked] {
    *seen = asked->is_current();
    return 42;
  });
}

TEST(Simulation, WorkRunsOffTheLoopAndLater) {
  Simulation world({});
  Node& node = world.add_node();
  bool on_loop = true;
  EXPECT_EQ(run_task(world, node.loop(1), compute(node.loop(1), on_loop)), 42);
  EXPECT_FALSE(on_loop);
  EXPECT_GT(world.now().since_start, 0ns);
}

TEST(Simulation, AbandonedWorkNeverRuns) {
  Simulation world({});
  Node& node = world.add_node();
  bool on_loop = true;
  {
    rt::Scope scope(node.loop(0));
    scope.spawn([](rt::Loop& loop, bool& seen) -> rt::Task<> { co_await compute(loop, seen); }(
                                                   node.loop(0), on_loop));
    ASSERT_TRUE(world.step());
  }
  ASSERT_TRUE(world.run_until_idle(1s));
  EXPECT_TRUE(on_loop);
}

rt::Task<> busy(rt::Loop& here, rt::Loop& there, int rounds, base::Duration& total) {
  for (int i = 0; i < rounds; ++i) {
    const auto random = base::Duration(static_cast<std::int64_t>(here.rng().below(1'000'000)));
    co_await rt::sleep_for(here, random);
    total += co_await rt::call(here, there, [](rt::Loop& loop) -> rt::Task<base::Duration> {
      const base::Instant before = loop.now();
      co_await rt::sleep_for(loop, 5us);
      loop.mark("slept");
      LOG_INFO(loop.log(), "test", "slept at {}", loop.wall_now());
      co_return loop.now() - before;
    }(there));
  }
}

struct Outcome {
  std::uint64_t hash = 0;
  std::vector<std::string> lines;
  std::uint64_t marks = 0;
};

Outcome run_world(std::uint64_t seed) {
  Outcome outcome;
  Simulation world(
      {.seed = seed, .on_log = [&](std::string_view line) { outcome.lines.emplace_back(line); }});
  base::Duration total{0};
  std::vector<std::unique_ptr<rt::Scope>> scopes;
  for (int i = 0; i < 3; ++i) {
    Node& node = world.add_node();
    for (std::size_t loop = 0; loop < 2; ++loop) {
      scopes.push_back(std::make_unique<rt::Scope>(node.loop(loop)));
      scopes.back()->spawn(busy(node.loop(loop), node.loop(1 - loop), 20, total));
    }
  }
  world.after(3ms, [&] {
    world.nodes()[0]->crash(CrashKind::kRandom);
    scopes[0].reset();
    scopes[1].reset();
  });
  EXPECT_TRUE(world.run_until_idle(1min));
  outcome.hash = world.trace_hash();
  outcome.marks = world.marks().contains("slept") ? world.marks().find("slept")->second : 0;
  return outcome;
}

TEST(Simulation, TheSameSeedGivesTheSameWorld) {
  const Outcome first = run_world(7);
  const Outcome second = run_world(7);
  EXPECT_EQ(first.hash, second.hash);
  EXPECT_EQ(first.lines, second.lines);
  EXPECT_EQ(first.marks, first.lines.size());
  EXPECT_GE(first.marks, 80U);
  EXPECT_NE(run_world(8).hash, first.hash);
}

// The number holds on every build and machine. A change of the runtime's draws or events moves it.
TEST(Simulation, TheHashOfOneSeedIsPinned) { EXPECT_EQ(run_world(1).hash, 1841460265221169284U); }

TEST(Simulation, RunsUntilAConditionOrALimit) {
  Simulation world({});
  Node& node = world.add_node();
  bool done = false;
  rt::Scope scope(node.loop(0));
  scope.spawn([](rt::Loop& loop, bool& flag) -> rt::Task<> {
    co_await rt::sleep_for(loop, 1s);
    flag = true;
  }(node.loop(0), done));
  EXPECT_FALSE(world.run_until([&] { return done; }, 900ms));
  EXPECT_TRUE(world.run_until([&] { return done; }, 200ms));
  world.run_for(1h);
  EXPECT_GE(world.now().since_start, 1h);
}

// Regression: a world that ended in an ASSERT or a signal did not say which one it was.
TEST(SimulationDeathTest, AnAssertionNamesTheSeed) {
  EXPECT_DEATH(
      {
        Simulation other({.seed = 4});
        Simulation world({.seed = 42});
        world.after(3ms, [] { base::assertion_failed("planted", __FILE__, __LINE__); });
        world.run_for(1s);
      },
      "planted.*\n.*seed 42, after 1 steps and 3000 us\n.*seed 4,");
}

TEST(SimulationDeathTest, ASignalNamesTheSeed) {
  EXPECT_DEATH(
      {
        Simulation world({.seed = 43});
        (void)raise(SIGSEGV);
      },
      "seed 43,");
}

rt::Task<> spin(rt::Loop& loop) {
  for (;;) co_await rt::sleep_for(loop, 0ns);
}

TEST(SimulationDeathTest, ALivelockAborts) {
  EXPECT_DEATH(
      {
        Simulation world({.scheduling = {.steps_max = 1'000}});
        Node& node = world.add_node();
        rt::Scope scope(node.loop(0));
        scope.spawn(spin(node.loop(0)));
        world.run_for(1h);
      },
      "livelock");
}

TEST(SimulationDeathTest, ATaskThatNeverFinishesNamesItsSeed) {
  EXPECT_DEATH(
      {
        Simulation world({.seed = 77});
        Node& node = world.add_node();
        rt::Event never(node.loop(0));
        run_task(world, node.loop(0),
                 [](rt::Event& event) -> rt::Task<> { co_await event.wait(); }(never));
      },
      "seed 77");
}

}  // namespace
}  // namespace moldau::sim
