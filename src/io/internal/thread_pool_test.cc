#include "io/internal/thread_pool.h"

#include <atomic>
#include <deque>
#include <latch>
#include <memory>

#include <gtest/gtest.h>

namespace moldau::io::internal {
namespace {

struct CountTask : PoolTask {
  explicit CountTask(std::atomic<int>& counter)
      : PoolTask([](PoolTask& task) { static_cast<CountTask&>(task).count->fetch_add(1); }),
        count(&counter) {}
  std::atomic<int>* count;
};

TEST(ThreadPool, RunsEverythingBeforeItEnds) {
  std::atomic<int> count = 0;
  std::deque<CountTask> tasks;
  {
    ThreadPool pool("test", 3);
    EXPECT_EQ(pool.threads(), 0U);
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
  ThreadPool pool("test", kTasks);
  for (int i = 0; i < kTasks; ++i) pool.submit(tasks.emplace_back(together));
  together.wait();
  EXPECT_EQ(pool.threads(), static_cast<std::size_t>(kTasks));
}

}  // namespace
}  // namespace moldau::io::internal
