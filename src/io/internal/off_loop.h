// off_loop(loop, pool, fn) runs a blocking function on a thread of the pool and brings its result
// back: for the rare calls of disk and network, which may allocate. The function touches only what
// it was given by value. The waiting frame must not be destroyed before.
#pragma once

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "io/internal/event_loop.h"
#include "io/internal/thread_pool.h"
#include "rt/job.h"

namespace moldau::io::internal {

template <class Callable>
class [[nodiscard]] OffLoop {
 public:
  using Result = std::invoke_result_t<Callable&>;

  OffLoop(EventLoop& loop, ThreadPool& pool, Callable callable)
      : pool_(&pool), item_(loop, std::move(callable)) {}
  OffLoop(const OffLoop&) = delete;
  OffLoop& operator=(const OffLoop&) = delete;
  ~OffLoop() { ASSERT(!in_flight_); }

  [[nodiscard]] bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    item_.waiter = waiter;
    in_flight_ = true;
    pool_->submit(item_);
  }
  Result await_resume() {
    in_flight_ = false;
    return std::move(*item_.result);
  }

 private:
  struct Item final : PoolTask, rt::ResumeJob {
    Item(EventLoop& owner, Callable c)
        : PoolTask(&Item::work), loop(&owner), callable(std::move(c)) {}
    static void work(PoolTask& task) {
      auto& item = static_cast<Item&>(task);
      item.result.emplace(item.callable());
      item.loop->post(item);  // The frame may be gone from here on.
    }
    EventLoop* loop;
    Callable callable;
    std::optional<Result> result;
  };

  ThreadPool* pool_;
  bool in_flight_ = false;
  Item item_;
};

template <class Callable>
OffLoop<Callable> off_loop(EventLoop& loop, ThreadPool& pool, Callable callable) {
  return {loop, pool, std::move(callable)};
}

}  // namespace moldau::io::internal
