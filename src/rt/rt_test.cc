// Tasks, scopes, waits and cross-loop calls on a loop that is nothing but a queue and a number.
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rt/call.h"
#include "rt/call_all.h"
#include "rt/scope.h"
#include "rt/sleep.h"
#include "rt/sync.h"
#include "rt/timed_event.h"

namespace moldau::rt {
namespace {

using namespace std::chrono_literals;

class QueueLoop final : public Loop {
 public:
  [[nodiscard]] std::size_t index() const override { return 0; }
  void post(Job& job) override {
    ASSERT(job.queue == nullptr);
    job.queue = this;
    jobs_.push_back(&job);
  }
  void withdraw(Job& job) override {
    ASSERT(job.queue == this);
    job.queue = nullptr;
    std::erase(jobs_, &job);
  }
  [[nodiscard]] bool is_current() const override { return true; }
  [[nodiscard]] base::Instant now() override { return now_; }
  [[nodiscard]] base::Timestamp wall_now() override { return base::Timestamp(0); }
  void arm(Timer& timer, base::Instant at) override {
    timer.slot = 0;
    timer.at = at;
    timers_.emplace(at, &timer);
  }
  void disarm(Timer& timer) override {
    timer.slot = Timer::kIdle;
    std::erase_if(timers_, [&](const auto& entry) { return entry.second == &timer; });
  }
  [[nodiscard]] base::Rng& rng() override { return rng_; }
  void fill_random(std::span<std::byte>) override {}
  [[nodiscard]] Net& net() override { UNREACHABLE(); }
  [[nodiscard]] Disk& disk() override { UNREACHABLE(); }
  [[nodiscard]] Work& work() override { UNREACHABLE(); }
  [[nodiscard]] base::Logger& log() override { UNREACHABLE(); }
  void mark(std::string_view) override {}
  void abandon_call() override {
    if (!crashes) Loop::abandon_call();
  }
  bool crashes = false;  // frames may be destroyed while another loop works for them

  void run() {
    while (step()) {
    }
  }
  // One job, or the next timer when there is none.
  bool step() {
    if (!jobs_.empty()) {
      Job& job = *jobs_.front();
      jobs_.pop_front();
      job.queue = nullptr;
      job.run(job);
      return true;
    }
    if (timers_.empty()) return false;
    const auto first = timers_.begin();
    now_ = first->first;
    Timer& timer = *first->second;
    timers_.erase(first);
    timer.slot = Timer::kIdle;
    timer.run(timer);
    return true;
  }
  [[nodiscard]] std::size_t pending() const { return jobs_.size() + timers_.size(); }

 private:
  base::Instant now_;
  base::Rng rng_{1};
  std::deque<Job*> jobs_;
  std::multimap<base::Instant, Timer*> timers_;
};

Task<int> add(int a, int b) { co_return a + b; }

Task<> record(Loop& loop, std::vector<int>& into, int value, base::Duration after) {
  co_await sleep_for(loop, after);
  into.push_back(value);
}

TEST(Scope, RunsTasksAndJoinsThem) {
  QueueLoop loop;
  Scope scope(loop);
  std::vector<int> order;
  scope.spawn(record(loop, order, 2, 20ms));
  scope.spawn(record(loop, order, 1, 10ms));
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(scope.size(), 0U);
}

TEST(Scope, DestroyingItLeavesNothingBehindInTheLoop) {
  QueueLoop loop;
  std::vector<int> order;
  {
    Scope scope(loop);
    scope.spawn(record(loop, order, 1, 10ms));
    scope.spawn(record(loop, order, 2, 10ms));
  }
  EXPECT_EQ(loop.pending(), 0U);
  loop.run();
  EXPECT_TRUE(order.empty());
}

Task<> wait_for_stop(Loop& loop, StopToken token, bool& reached) {
  reached = co_await sleep_for(loop, 1h, token);
}

TEST(Sleep, EndsEarlyWhenTheTokenStops) {
  QueueLoop loop;
  Scope scope(loop);
  bool reached = true;
  scope.spawn(wait_for_stop(loop, scope.token(), reached));
  scope.spawn([](Scope& owner) -> Task<> {
    owner.stop();
    co_return;
  }(scope));
  loop.run();
  EXPECT_FALSE(reached);
  EXPECT_EQ(loop.now().since_start, 0ns);
}

Task<> add_on(Loop& from, Loop& to, int& result) { result = co_await call(from, to, add(2, 3)); }

TEST(Call, BringsTheResultBack) {
  QueueLoop from;
  QueueLoop to;
  Scope scope(from);
  int result = 0;
  scope.spawn(add_on(from, to, result));
  from.run();
  EXPECT_EQ(result, 0);
  EXPECT_EQ(to.pending(), 1U);
  to.run();
  EXPECT_EQ(from.pending(), 1U);
  from.run();
  EXPECT_EQ(result, 5);
}

// The other loop may be running what the frame waits for: going on would be a use after free.
TEST(CallDeathTest, AFrameDestroyedWhileItsCallIsOnTheWayIsABug) {
  const auto drop_in_flight = [](bool all) {
    QueueLoop from;
    QueueLoop to;
    Scope scope(from);
    int result = 0;
    if (all) {
      scope.spawn([](Loop& here, Loop& there) -> Task<> {
        CallAll<int> calls(here);
        calls.add(there, add(1, 2));
        co_await calls;
      }(from, to));
    } else {
      scope.spawn(add_on(from, to, result));
    }
    from.run();
  };
  EXPECT_DEATH(drop_in_flight(false), "no call in flight");
  EXPECT_DEATH(drop_in_flight(true), "no call in flight");
}

Task<> hold(Loop& loop, Semaphore& budget, std::size_t units, std::vector<int>& order, int name) {
  co_await budget.acquire(units);
  order.push_back(name);
  co_await sleep_for(loop, 1ms);
  budget.release(units);
}

TEST(Semaphore, ServesInOrderOfAskingSoThatALargeRequestIsNotStarved) {
  QueueLoop loop;
  Semaphore budget(loop, 4);
  Scope scope(loop);
  std::vector<int> order;
  scope.spawn(hold(loop, budget, 3, order, 1));
  scope.spawn(hold(loop, budget, 4, order, 2));
  scope.spawn(hold(loop, budget, 1, order, 3));
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(budget.available(), 4U);
}

Task<> lock_and_record(Loop& loop, Mutex& mutex, std::vector<int>& order, int name) {
  const auto guard = co_await mutex.lock();
  order.push_back(name);
  co_await sleep_for(loop, 1ms);
  order.push_back(name);
}

TEST(Mutex, KeepsOtherTasksOutAcrossAwaits) {
  QueueLoop loop;
  Mutex mutex(loop);
  Scope scope(loop);
  std::vector<int> order;
  for (const int name : {1, 2, 3}) scope.spawn(lock_and_record(loop, mutex, order, name));
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1, 1, 2, 2, 3, 3}));
  EXPECT_FALSE(mutex.locked());
}

Task<> wait_event(Event& event, int& count) {
  co_await event.wait();
  ++count;
}

TEST(Event, WakesAllWhoWaitAndThoseWhoComeLater) {
  QueueLoop loop;
  Event event(loop);
  Scope scope(loop);
  int count = 0;
  scope.spawn(wait_event(event, count));
  scope.spawn(wait_event(event, count));
  loop.run();
  EXPECT_EQ(count, 0);
  event.set();
  scope.spawn(wait_event(event, count));
  loop.run();
  EXPECT_EQ(count, 3);
}

Task<> wait_signal(Signal& signal, StopToken token, std::vector<bool>& results) {
  results.push_back(co_await signal.wait(token));
}

// A waiter that was notified and then stopped must not swallow the notification.
TEST(Signal, AWakeThatCameBeforeTheStopWins) {
  QueueLoop loop;
  Signal signal(loop);
  Scope scope(loop);
  StopSource stop;
  std::vector<bool> results;
  scope.spawn(wait_signal(signal, StopToken(stop), results));
  scope.spawn(wait_signal(signal, StopToken(stop), results));
  loop.run();
  signal.notify_one();
  stop.request_stop();
  EXPECT_FALSE(signal.has_waiters());
  loop.run();
  EXPECT_EQ(results, (std::vector<bool>{true, false}));
  scope.spawn(wait_signal(signal, StopToken(stop), results));
  loop.run();
  EXPECT_EQ(results.back(), false);
}

TEST(Event, ASetEventIsSeenEvenAfterTheStop) {
  QueueLoop loop;
  Event event(loop);
  StopSource stop;
  stop.request_stop();
  event.set();
  bool happened = false;
  Scope scope(loop);
  scope.spawn([](Event& what, StopToken token, bool& seen) -> Task<> {
    seen = co_await what.wait(token);
  }(event, StopToken(stop), happened));
  loop.run();
  EXPECT_TRUE(happened);
}

TEST(Semaphore, AStoppedRequestTakesNothingAndLetsTheNextOneIn) {
  QueueLoop loop;
  Semaphore budget(loop, 4);
  Scope scope(loop);
  StopSource stop;
  ASSERT_TRUE(budget.try_acquire(3));
  std::vector<int> order;
  scope.spawn([](Semaphore& from, StopToken token, std::vector<int>& into) -> Task<> {
    into.push_back(co_await from.acquire(4, token) ? 4 : -4);
  }(budget, StopToken(stop), order));
  scope.spawn(hold(loop, budget, 1, order, 1));
  loop.run();
  EXPECT_TRUE(order.empty());
  stop.request_stop();
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{-4, 1}));
  EXPECT_EQ(budget.available(), 1U);
}

// A crash destroys frames that were woken but have not run.
TEST(Waits, AWokenFrameThatIsDestroyedLeavesTheQueue) {
  QueueLoop loop;
  Event event(loop);
  Semaphore budget(loop, 1);
  Mutex mutex(loop);
  int count = 0;
  std::vector<int> order;
  ASSERT_TRUE(budget.try_acquire(1));
  {
    Scope scope(loop);
    scope.spawn(wait_event(event, count));
    scope.spawn(hold(loop, budget, 1, order, 1));
    scope.spawn(lock_and_record(loop, mutex, order, 2));
    scope.spawn(lock_and_record(loop, mutex, order, 3));
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(loop.step());
    event.set();
    budget.release(1);
    EXPECT_EQ(loop.pending(), 3U);  // two woken frames and the sleep of the one with the lock
  }
  EXPECT_EQ(loop.pending(), 0U);
  EXPECT_EQ(count, 0);
  EXPECT_EQ(order, (std::vector<int>{2}));
  EXPECT_FALSE(mutex.locked());
}

TEST(Waits, WhatIsWaitedForMayGoBeforeItsWaiters) {
  QueueLoop loop;
  Scope scope(loop);
  auto event = std::make_unique<Event>(loop);
  auto stop = std::make_unique<StopSource>();
  std::vector<bool> results;
  int count = 0;
  auto signal = std::make_unique<Signal>(loop);
  scope.spawn(wait_event(*event, count));
  scope.spawn(wait_signal(*signal, StopToken(*stop), results));
  loop.run();
  event.reset();
  signal.reset();
  stop.reset();
  EXPECT_EQ(scope.size(), 2U);
  EXPECT_EQ(loop.pending(), 0U);
}

TEST(Call, DestroyedAtEveryPointLeavesNothingOnEitherLoop) {
  for (int steps = 0; steps < 6; ++steps) {
    QueueLoop from;
    from.crashes = true;
    QueueLoop to;
    int result = 0;
    {
      Scope scope(from);
      scope.spawn([](Loop& here, Loop& there, int& into) -> Task<> {
        into = co_await call(here, there, [](Loop& loop) -> Task<int> {
          co_await sleep_for(loop, 1ms);
          co_return 7;
        }(there));
      }(from, to, result));
      for (int i = 0; i < steps; ++i) {
        if (!from.step()) to.step();
      }
    }
    EXPECT_EQ(from.pending(), 0U) << steps;
    EXPECT_EQ(to.pending(), 0U) << steps;
    EXPECT_EQ(result, steps < 4 ? 0 : 7) << steps;
  }
}

// One task that waits in each way in turn, beside others that make the waits end.
struct Waits {
  explicit Waits(Loop& l)
      : loop(l), event(l), signal(l), budget(l, 1), deadline(l, l.now() + 3ms), scope(l) {}

  Task<> waiter() {
    const StopToken token = scope.token();
    co_await sleep_for(loop, 1ms, token);
    co_await event.wait(token);
    co_await signal.wait(token);
    if (co_await budget.acquire(1, token)) budget.release(1);
    co_await deadline.wait(token);
    ++finished;
  }
  Task<> helper() {
    const bool held = budget.try_acquire(1);
    co_await sleep_for(loop, 500us, scope.token());
    event.set();
    co_await sleep_for(loop, 1ms, scope.token());
    signal.notify_all();
    co_await sleep_for(loop, 1ms, scope.token());
    if (held) budget.release(1);
  }

  Loop& loop;
  Event event;
  Signal signal;
  Semaphore budget;
  TimedEvent deadline;
  int finished = 0;
  Scope scope;
};

int run_and_stop_after(int steps) {
  QueueLoop loop;
  Waits waits(loop);
  waits.scope.spawn(waits.waiter());
  waits.scope.spawn(waits.waiter());
  waits.scope.spawn(waits.helper());
  int done = 0;
  while (done < steps && loop.step()) ++done;
  Scope outer(loop);
  bool joined = false;
  outer.spawn([](Scope& scope, bool& flag) -> Task<> {
    co_await scope.stop_and_join();
    flag = true;
  }(waits.scope, joined));
  loop.run();
  EXPECT_TRUE(joined) << steps;
  EXPECT_EQ(waits.finished, 2) << steps;
  EXPECT_EQ(waits.budget.available(), 1U) << steps;
  return done;
}

TEST(Scope, AStopAtEveryStepEndsEveryWait) {
  const int steps = run_and_stop_after(1'000'000);
  EXPECT_GT(steps, 10);
  for (int at = 0; at < steps; ++at) run_and_stop_after(at);
}

}  // namespace
}  // namespace moldau::rt
