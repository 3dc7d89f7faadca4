// ThreadPool runs tasks on threads: one from start() on, more when they are needed, up to a
// maximum. A process that may have no more threads goes on with those it has. The queue is
// intrusive: whoever submits owns the task until it has run. Submitting is possible from any
// thread, between start() and close(); tasks start in order. close() runs what is queued, then
// joins.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <pthread.h>
#include <string>
#include <vector>

#include "base/trace.h"
#include "io/internal/threads.h"
#include "rt/io_error.h"

namespace moldau::io::internal {

struct PoolTask {
  using Function = void (*)(PoolTask&);
  explicit PoolTask(Function function) : execute(function) {}
  Function execute;
  PoolTask* pool_next = nullptr;
};

// Tasks to be submitted together.
class PoolChain {
 public:
  void push(PoolTask& task) {
    task.pool_next = nullptr;
    (last_ == nullptr ? first_ : last_->pool_next) = &task;
    last_ = &task;
    ++size_;
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  friend class ThreadPool;
  PoolTask* first_ = nullptr;
  PoolTask* last_ = nullptr;
  std::size_t size_ = 0;
};

class ThreadPool {
 public:
  // The name (at most 12 characters) is what ps -L shows. A thread that cannot be started is said
  // to the log, once.
  ThreadPool(std::string name, std::size_t threads_max, base::LogSink& log,
             ThreadStarter starter = &start_thread_named);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() { close(); }

  // Fails when not even one thread can be started.
  [[nodiscard]] rt::IoResult<void> start();
  // Idempotent. One thread.
  void close();

  void submit(const PoolChain& chain);
  void submit(PoolTask& task) {
    PoolChain one;
    one.push(task);
    submit(one);
  }

  [[nodiscard]] std::size_t threads() const;

 private:
  // After a refusal so many submits pass before the next try: a refused try costs as much as some
  // tasks do.
  static constexpr std::size_t kSubmitsBeforeRetry = 64;

  static void* enter(void* pool);
  void run();
  [[nodiscard]] rt::IoResult<void> add_thread();
  // False when a thread was refused just now.
  [[nodiscard]] bool grow();

  const std::string name_;
  const std::size_t threads_max_;
  base::LogSink* const log_;
  const ThreadStarter starter_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  PoolTask* first_ = nullptr;
  PoolTask* last_ = nullptr;
  std::size_t queued_ = 0;
  std::size_t idle_ = 0;
  std::size_t starting_ = 0;  // started, not yet looking for work
  std::size_t submits_to_retry_ = 0;
  bool refusal_said_ = false;
  bool closing_ = false;
  std::vector<pthread_t> threads_;
};

}  // namespace moldau::io::internal
