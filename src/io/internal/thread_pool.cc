#include "io/internal/thread_pool.h"

#include <algorithm>
#include <pthread.h>
#include <utility>

#include "base/assert.h"
#include "io/internal/threads.h"

namespace moldau::io::internal {

ThreadPool::ThreadPool(std::string name, std::size_t threads_max)
    : name_(std::move(name)), threads_max_(threads_max) {
  ASSERT(threads_max_ > 0);
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  work_.notify_all();
  for (const pthread_t thread : threads_) ::pthread_join(thread, nullptr);
}

std::size_t ThreadPool::threads() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

void ThreadPool::submit(const PoolChain& chain) {
  if (chain.size() == 0) return;
  std::size_t wake = 0;
  {
    const std::lock_guard lock(mutex_);
    ASSERT(!closing_);
    (last_ == nullptr ? first_ : last_->pool_next) = chain.first_;
    last_ = chain.last_;
    queued_ += chain.size();
    wake = std::min(chain.size(), idle_);
    while (idle_ + starting_ < queued_ && threads_.size() < threads_max_) add_thread();
  }
  for (; wake > 0; --wake) work_.notify_one();
}

void ThreadPool::add_thread() {
  threads_.push_back(start_thread_named(name_, kPoolStackBytes, &ThreadPool::enter, this));
  ++starting_;
}

void* ThreadPool::enter(void* pool) {
  static_cast<ThreadPool*>(pool)->run();
  return nullptr;
}

void ThreadPool::run() {
  std::unique_lock lock(mutex_);
  --starting_;
  for (;;) {
    while (first_ == nullptr) {
      if (closing_) return;
      ++idle_;
      work_.wait(lock);
      --idle_;
    }
    PoolTask& task = *first_;
    first_ = task.pool_next;
    if (first_ == nullptr) last_ = nullptr;
    --queued_;
    lock.unlock();
    task.execute(task);
    lock.lock();
  }
}

}  // namespace moldau::io::internal
