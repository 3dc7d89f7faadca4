// Tasks, scopes, waits and cross-loop calls on a loop that is nothing but a queue and a number.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "rt/call.h"
#include "rt/scope.h"
#include "rt/sleep.h"
#include "rt/sync.h"

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

  void run() {
    for (;;) {
      while (!jobs_.empty()) {
        Job& job = *jobs_.front();
        jobs_.pop_front();
        job.queue = nullptr;
        job.run(job);
      }
      if (timers_.empty()) return;
      const auto first = timers_.begin();
      now_ = first->first;
      Timer& timer = *first->second;
      timers_.erase(first);
      timer.slot = Timer::kIdle;
      timer.run(timer);
    }
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

Task<> add_on(Loop& from, Loop& to, int& result) {
  result = co_await call(from, to, add(2, 3));
}

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

}  // namespace
}  // namespace moldau::rt
