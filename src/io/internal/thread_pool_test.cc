#include "io/internal/thread_pool.h"

#include <atomic>
#include <cerrno>
#include <deque>
#include <latch>
#include <memory>

#include <gtest/gtest.h>

namespace moldau::io::internal {
namespace {

class NoLog final : public base::LogSink {
 public:
  void write(base::LogLevel, std::string_view, std::string_view) override { ++lines; }
  int lines = 0;
};

struct CountTask : PoolTask {
  explicit CountTask(std::atomic<int>& counter)
      : PoolTask([](PoolTask& task) { static_cast<CountTask&>(task).count->fetch_add(1); }),
        count(&counter) {}
  std::atomic<int>* count;
};

TEST(ThreadPool, RunsEverythingBeforeItEnds) {
  std::atomic<int> count = 0;
  std::deque<CountTask> tasks;
  NoLog log;
  {
    ThreadPool pool("test", 3, log);
    ASSERT_TRUE(pool.start());
    EXPECT_EQ(pool.threads(), 1U);
    for (int i = 0; i < 100; ++i) {
      PoolChain chain;
      for (int k = 0; k < 10; ++k) chain.push(tasks.emplace_back(count));
      pool.submit(chain);
    }
    EXPECT_LE(pool.threads(), 3U);
  }
  EXPECT_EQ(count.load(), 1000);
}

struct MeetTask : PoolTask {
  explicit MeetTask(std::latch& point)
      : PoolTask([](PoolTask& task) { static_cast<MeetTask&>(task).latch->arrive_and_wait(); }),
        latch(&point) {}
  std::latch* latch;
};

TEST(ThreadPool, StartsThreadsWhileTasksWait) {
  constexpr int kTasks = 4;
  std::latch together(kTasks);  // hangs unless all run at the same time
  std::deque<MeetTask> tasks;
  NoLog log;
  ThreadPool pool("test", kTasks, log);
  ASSERT_TRUE(pool.start());
  for (int i = 0; i < kTasks; ++i) pool.submit(tasks.emplace_back(together));
  together.wait();
  EXPECT_EQ(pool.threads(), static_cast<std::size_t>(kTasks));
}

std::atomic<int> threads_allowed = 0;

rt::IoResult<pthread_t> start_if_allowed(const std::string& name, std::size_t stack_bytes,
                                         void* (*function)(void*), void* argument) {
  if (threads_allowed.fetch_sub(1) <= 0) return std::unexpected(rt::io_error_from_errno(EAGAIN));
  return start_thread_named(name, stack_bytes, function, argument);
}

// A thread that could not be started used to abort a broker that had served for days.
TEST(ThreadPool, GoesOnWithTheThreadsItHasWhenMoreAreRefused) {
  NoLog log;
  std::atomic<int> count = 0;
  std::deque<CountTask> tasks;
  threads_allowed = 1;
  {
    ThreadPool pool("test", 4, log, &start_if_allowed);
    ASSERT_TRUE(pool.start());
    for (int i = 0; i < 1000; ++i) pool.submit(tasks.emplace_back(count));
    EXPECT_EQ(pool.threads(), 1U);
  }
  EXPECT_EQ(count.load(), 1000);
  EXPECT_EQ(log.lines, 1);
}

TEST(ThreadPool, TakesMoreThreadsWhenTheyAreAllowedAgain) {
  constexpr int kTasks = 2;
  NoLog log;
  std::atomic<int> count = 0;
  std::latch together(kTasks);
  std::deque<CountTask> tasks;
  std::deque<MeetTask> meeting;
  threads_allowed = 1;
  ThreadPool pool("test", kTasks, log, &start_if_allowed);
  ASSERT_TRUE(pool.start());
  for (int i = 0; i < kTasks; ++i) pool.submit(meeting.emplace_back(together));
  threads_allowed = 1;
  // The first thread waits for a second one, which comes with one of these.
  for (int i = 0; i < 100; ++i) pool.submit(tasks.emplace_back(count));
  together.wait();
  EXPECT_EQ(pool.threads(), 2U);
}

TEST(ThreadPool, WithoutASingleThreadItDoesNotStart) {
  NoLog log;
  threads_allowed = 0;
  ThreadPool pool("test", 4, log, &start_if_allowed);
  EXPECT_FALSE(pool.start());
}

}  // namespace
}  // namespace moldau::io::internal
