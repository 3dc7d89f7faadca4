// ThreadPool runs tasks on threads that are started when they are first needed, up to a maximum.
// The queue is intrusive: whoever submits owns the task until it has run. Submitting is possible
// from any thread; tasks start in order. The destructor runs what is queued, then joins.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <pthread.h>
#include <string>
#include <vector>

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
  // The name (at most 12 characters) is what ps -L shows.
  ThreadPool(std::string name, std::size_t threads_max);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  void submit(const PoolChain& chain);
  void submit(PoolTask& task) {
    PoolChain one;
    one.push(task);
    submit(one);
  }

  [[nodiscard]] std::size_t threads() const;

 private:
  static void* enter(void* pool);
  void run();
  void add_thread();

  const std::string name_;
  const std::size_t threads_max_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  PoolTask* first_ = nullptr;
  PoolTask* last_ = nullptr;
  std::size_t queued_ = 0;
  std::size_t idle_ = 0;
  std::size_t starting_ = 0;  // started, not yet looking for work
  bool closing_ = false;
  std::vector<pthread_t> threads_;
};

}  // namespace moldau::io::internal
