#include "io/internal/thread_pool.h"

#include <algorithm>
#include <pthread.h>
#include <utility>

#include "base/assert.h"
#include "base/result.h"

namespace moldau::io::internal {

ThreadPool::ThreadPool(std::string name, std::size_t threads_max, base::LogSink& log,
                       ThreadStarter starter)
    : name_(std::move(name)), threads_max_(threads_max), log_(&log), starter_(starter) {
  ASSERT(threads_max_ > 0);
}

rt::IoResult<void> ThreadPool::start() {
  const std::lock_guard lock(mutex_);
  ASSERT(threads_.empty());
  return add_thread();
}

void ThreadPool::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  work_.notify_all();
  for (const pthread_t thread : threads_) ::pthread_join(thread, nullptr);
  threads_.clear();
}

std::size_t ThreadPool::threads() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

void ThreadPool::submit(const PoolChain& chain) {
  if (chain.size() == 0) return;
  std::size_t wake = 0;
  bool refused = false;
  {
    const std::lock_guard lock(mutex_);
    ASSERT(!closing_);
    ASSERT(!threads_.empty());
    (last_ == nullptr ? first_ : last_->pool_next) = chain.first_;
    last_ = chain.last_;
    queued_ += chain.size();
    wake = std::min(chain.size(), idle_);
    refused = !grow() && !std::exchange(refusal_said_, true);
  }
  for (; wake > 0; --wake) work_.notify_one();
  if (!refused) return;
  log_->write(base::LogLevel::kWarn, "io",
              base::format_line("cannot start another {} thread and go on with {}: raise the limit "
                                "on processes (ulimit -u, pids.max) or on memory",
                                {name_, threads()}));
}

bool ThreadPool::grow() {
  if (submits_to_retry_ > 0) {
    --submits_to_retry_;
    return true;
  }
  while (idle_ + starting_ < queued_ && threads_.size() < threads_max_) {
    if (add_thread()) continue;
    submits_to_retry_ = kSubmitsBeforeRetry;
    return false;
  }
  return true;
}

rt::IoResult<void> ThreadPool::add_thread() {
  threads_.push_back(TRY(starter_(name_, kPoolStackBytes, &ThreadPool::enter, this)));
  ++starting_;
  return {};
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
