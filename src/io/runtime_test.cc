// Loops, cross-loop calls, timers, work and shutdown of the real runtime.
#include "io/runtime.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <memory>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "io/internal/testing.h"
#include "rt/call.h"
#include "rt/published.h"
#include "rt/scope.h"
#include "rt/sleep.h"
#include "rt/sync.h"
#include "rt/work.h"

namespace moldau::io {
namespace {

using internal::make_runtime;
using internal::run;
using namespace std::chrono_literals;

rt::Task<int> answer() { co_return 42; }

TEST(Runtime, ReturnsWhatTheMainTaskReturns) {
  EXPECT_EQ(make_runtime(1)->run(answer()), 42);
  EXPECT_EQ(make_runtime(3)->run(answer()), 42);
}

TEST(Runtime, WithoutRunItJustGoesAway) {
  EXPECT_NE(make_runtime(2), nullptr);
  EXPECT_TRUE(Runtime::create({.log_level = base::LogLevel::kWarn, .handle_signals = true}));
}

TEST(Runtime, KnowsTheCoresOfThisProcess) {
  EXPECT_GE(available_cores(), 1U);
  EXPECT_LE(available_cores(), std::max(1U, std::thread::hardware_concurrency()));
}

rt::Task<std::size_t> where(rt::Loop& loop) {
  EXPECT_TRUE(loop.is_current());
  co_return loop.index();
}

rt::Task<> visit_all(Runtime& runtime) {
  rt::Loop& here = runtime.loop(0);
  EXPECT_TRUE(here.is_current());
  for (rt::Loop* loop : runtime.loops()) {
    EXPECT_EQ(loop->is_current(), loop == &here);
    const std::size_t index = co_await rt::call(here, *loop, where(*loop));
    EXPECT_EQ(index, loop->index());
  }
}

TEST(Runtime, CallsRunOnTheLoopTheyAreSentTo) { run(3, visit_all); }

// Millions of these under ThreadSanitizer are the proof of the inbox; few enough here to be quick.
constexpr int kPingPongs = 20'000;
constexpr int kCallers = 8;

rt::Task<int> next_of(int value) { co_return value + 1; }

rt::Task<> ping_pong(rt::Loop& from, rt::Loop& to, int rounds, int& total) {
  for (int i = 0; i < rounds; ++i) {
    const int value = co_await rt::call(from, to, next_of(i));
    EXPECT_EQ(value, i + 1);
    ++total;
  }
}

rt::Task<int> play(Runtime& runtime, std::size_t from, int rounds) {
  rt::Loop& loop = runtime.loop(from);
  rt::Scope scope(loop);
  int total = 0;
  for (int i = 0; i < kCallers; ++i) {
    rt::Loop& to = runtime.loop((from + 1 + static_cast<std::size_t>(i)) % runtime.loops().size());
    scope.spawn(ping_pong(loop, to, rounds, total));
  }
  co_await scope.join();
  co_return total;
}

rt::Task<> play_and_add(Runtime& runtime, std::size_t from, int rounds, int& total) {
  rt::Loop& here = runtime.loop(0);
  const int played = co_await rt::call(here, runtime.loop(from), play(runtime, from, rounds));
  total += played;
}

rt::Task<> all_play(Runtime& runtime) {
  rt::Scope scope(runtime.loop(0));
  int total = 0;
  for (std::size_t i = 0; i < runtime.loops().size(); ++i) {
    scope.spawn(play_and_add(runtime, i, kPingPongs / kCallers, total));
  }
  co_await scope.join();
  EXPECT_EQ(total, kPingPongs * static_cast<int>(runtime.loops().size()));
}

TEST(Runtime, LoopsCallEachOtherAllAtOnce) { run(3, all_play); }

// Under ThreadSanitizer std::atomic<std::shared_ptr> of libstdc++ 12 fails this.
rt::Task<int> read_published(rt::Published<std::vector<int>>& published, int until) {
  int loads = 0;
  for (int seen = 0; seen < until; ++loads) {
    const auto value = published.load();
    EXPECT_EQ(value->front(), value->back());
    EXPECT_GE(value->front(), seen);
    seen = value->front();
  }
  co_return loads;
}

rt::Task<> publish_to_all(Runtime& runtime) {
  constexpr int kVersions = 20'000;
  rt::Loop& here = runtime.loop(0);
  rt::Published<std::vector<int>> published(std::make_shared<const std::vector<int>>(100, 0));
  rt::Scope scope(here);
  for (std::size_t i = 1; i < runtime.loops().size(); ++i) {
    scope.spawn(
        [](rt::Loop& from, rt::Loop& to, rt::Published<std::vector<int>>& value) -> rt::Task<> {
          EXPECT_GT(co_await rt::call(from, to, read_published(value, kVersions)), 0);
        }(here, runtime.loop(i), published));
  }
  for (int i = 1; i <= kVersions; ++i) {
    published.store(std::make_shared<const std::vector<int>>(100, i));
  }
  co_await scope.join();
}

TEST(Runtime, APublishedValueIsReadWholeOnAllLoops) { run(3, publish_to_all); }

struct CountJob : rt::Job {
  explicit CountJob(std::vector<int>& into) : Job(&CountJob::add), order(&into) {}
  static void add(rt::Job& job) {
    auto& self = static_cast<CountJob&>(job);
    self.order->push_back(self.value);
    if (self.done != nullptr) self.done->set();
  }
  std::vector<int>* order;
  int value = 0;
  rt::Event* done = nullptr;
};

rt::Task<> post_from_threads(Runtime& runtime) {
  constexpr std::size_t kThreads = 4;
  constexpr int kJobsEach = 5000;
  rt::Loop& loop = runtime.loop(0);
  std::array<std::vector<int>, kThreads> orders;
  std::deque<CountJob> jobs;
  std::deque<rt::Event> done;
  for (std::size_t t = 0; t < kThreads; ++t) {
    done.emplace_back(loop);
    for (int i = 0; i < kJobsEach; ++i) {
      jobs.emplace_back(orders[t]).value = i;
    }
    jobs.back().done = &done.back();
  }
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&loop, &jobs, t] {
      for (std::size_t i = 0; i < kJobsEach; ++i) loop.post(jobs[t * kJobsEach + i]);
    });
  }
  for (rt::Event& event : done) co_await event.wait();
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<int>& order : orders) {
    EXPECT_EQ(order.size(), static_cast<std::size_t>(kJobsEach));
    EXPECT_TRUE(std::ranges::is_sorted(order));
  }
}

TEST(Runtime, JobsOfOnePosterKeepTheirOrder) { run(1, post_from_threads); }

rt::Task<> withdraw_posted(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  std::vector<int> ran;
  std::array<CountJob, 3> jobs{CountJob(ran), CountJob(ran), CountJob(ran)};
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].value = static_cast<int>(i);
    loop.post(jobs[i]);
  }
  loop.withdraw(jobs[1]);
  EXPECT_EQ(jobs[1].queue, nullptr);
  co_await rt::sleep_for(loop, 1ms);
  EXPECT_EQ(ran, (std::vector<int>{0, 2}));
}

// The depth used to be what a turn ran, never more than 256: a loop behind looked like a busy one.
rt::Task<> fill_queue(Runtime& runtime) {
  constexpr std::size_t kJobs = 1000;
  rt::Loop& loop = runtime.loop(0);
  std::vector<int> ran;
  std::deque<CountJob> jobs;
  rt::Event done(loop);
  for (std::size_t i = 0; i < kJobs; ++i) loop.post(jobs.emplace_back(ran));
  jobs.back().done = &done;
  co_await done.wait();
  constexpr std::size_t kRunInThisTurn = 256;
  EXPECT_GE(loop.stats().queue_depth_max, kJobs - kRunInThisTurn);
  co_await rt::sleep_for(loop, 1ms);
  EXPECT_EQ(loop.stats().queue_depth, 0U);
}

TEST(Runtime, TheQueueDepthIsWhatWaits) { run(1, fill_queue); }

TEST(Runtime, AWithdrawnJobDoesNotRun) { run(1, withdraw_posted); }

rt::Task<> wait_and_note(rt::Loop& loop, base::Duration duration, std::vector<int>& order, int n) {
  const base::Instant due = loop.now() + duration;
  EXPECT_TRUE(co_await rt::sleep_for(loop, duration));
  EXPECT_GE(loop.now(), due);
  order.push_back(n);
}

rt::Task<> timers_in_order(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  rt::Scope scope(loop);
  std::vector<int> order;
  for (const int n : {5, 1, 4, 2, 3}) scope.spawn(wait_and_note(loop, n * 2ms, order, n));
  co_await scope.join();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 5}));
}

TEST(Runtime, TimersFireInOrderAndNotEarly) { run(1, timers_in_order); }

rt::Task<> stop_a_sleep(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  rt::StopSource stop;
  rt::Scope scope(loop);
  scope.spawn([](rt::Loop& l, rt::StopToken token) -> rt::Task<> {
    const bool reached = co_await rt::sleep_for(l, 1h, token);
    EXPECT_FALSE(reached);
  }(loop, rt::StopToken(stop)));
  co_await rt::sleep_for(loop, 1ms);
  stop.request_stop();
  co_await scope.join();
}

TEST(Runtime, AStopEndsASleep) { run(1, stop_a_sleep); }

rt::Task<> work_on(rt::Loop& loop, int n, std::vector<int>& results) {
  const bool elsewhere = co_await rt::run_work(loop, [&loop] { return !loop.is_current(); });
  EXPECT_TRUE(elsewhere);
  const int square = co_await rt::run_work(loop, [n] { return n * n; });
  EXPECT_TRUE(loop.is_current());
  results[static_cast<std::size_t>(n)] = square;
}

rt::Task<> much_work(Runtime& runtime) {
  constexpr int kItems = 500;  // more than may be in flight
  rt::Loop& loop = runtime.loop(0);
  rt::Scope scope(loop);
  std::vector<int> results(kItems);
  for (int n = 0; n < kItems; ++n) scope.spawn(work_on(loop, n, results));
  co_await scope.join();
  for (int n = 0; n < kItems; ++n) EXPECT_EQ(results[static_cast<std::size_t>(n)], n * n);
}

TEST(Runtime, WorkRunsOffTheLoopAndComesBack) { run(2, much_work); }

rt::Task<> look_at_stats(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  co_await rt::call(loop, runtime.loop(1), next_of(1));
  co_await rt::sleep_for(loop, 1ms);
  const rt::LoopStats stats = loop.stats();
  EXPECT_GT(stats.turns, 0U);
  EXPECT_GT(stats.jobs, 1U);
  EXPECT_GT(stats.sleeps, 0U);
  EXPECT_GT(stats.posts_received, 0U);
  EXPECT_GE(stats.queue_depth_max, 1U);
  EXPECT_GT(stats.uptime, stats.busy);
  EXPECT_GT(runtime.loop(1).stats().posts_received, 0U);
}

rt::Task<> sleep_while_others_do(Runtime& runtime) {
  co_await rt::sleep_for(runtime.loop(0), 50ms);
  // Both loops hardly did a thing; loop 1 sleeps at this moment.
  for (const rt::Loop* loop : runtime.loops()) {
    const rt::LoopStats stats = loop->stats();
    EXPECT_GE(stats.uptime, 50ms);
    EXPECT_LT(stats.busy, stats.uptime / 2);
  }
}

TEST(Runtime, ASleepingLoopIsNotBusy) { run(2, sleep_while_others_do); }

// Containers often forbid io_uring, as this child forbids it to itself.
int without_io_uring() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(rules), .filter = rules};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    return 10;
  }
  const auto demanded = Runtime::create({.cores = 1, .disk = DiskBackend::kUring});
  if (demanded || demanded.error().code != rt::IoErrorCode::kPermission) return 11;
  const auto runtime = make_runtime(1);
  return runtime->disk_backend() == DiskBackend::kWorkers ? runtime->run(answer()) : 12;
}

TEST(Runtime, FallsBackToThreadsWhereIoUringIsForbidden) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(::_exit(without_io_uring()), testing::ExitedWithCode(42), "");
}

TEST(Runtime, CountsWhatALoopDoes) { run(2, look_at_stats); }

rt::Task<> use_chance(Runtime& runtime) {
  std::array<std::byte, 600> first{};
  std::array<std::byte, 600> second{};
  runtime.loop(0).fill_random(first);
  runtime.loop(0).fill_random(second);
  EXPECT_NE(first, second);
  EXPECT_NE(runtime.loop(0).rng().next(), runtime.loop(1).rng().next());
  EXPECT_GT(runtime.loop(0).wall_now().value(), 1'700'000'000'000);
  co_return;
}

TEST(Runtime, ChanceDiffersBetweenLoopsAndCalls) { run(2, use_chance); }

TEST(Runtime, BothDiskBackendsCanBeAskedFor) {
  EXPECT_EQ(make_runtime(1, DiskBackend::kWorkers)->disk_backend(), DiskBackend::kWorkers);
  const auto uring = Runtime::create(
      {.cores = 1, .disk = DiskBackend::kUring, .log_level = base::LogLevel::kWarn});
  if (!uring) GTEST_SKIP() << "this kernel refuses io_uring: " << uring.error().to_string();
  EXPECT_EQ((*uring)->disk_backend(), DiskBackend::kUring);
  EXPECT_EQ(make_runtime(1)->disk_backend(), DiskBackend::kUring);
}

}  // namespace
}  // namespace moldau::io
