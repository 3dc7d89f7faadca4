// Work runs plain functions off the loops: compression, index rebuilding, snapshot encoding, cold
// reads. auto result = co_await rt::run_work(loop, fn). The function runs once on another thread
// (in the simulator: at a moment drawn from the seed) and touches only what it was given; its
// result is moved back to the loop. The queue is bounded; a full one makes the caller wait its
// turn.
#pragma once

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "rt/job.h"
#include "rt/loop.h"

namespace moldau::rt {

// One function call off the loop. execute() runs on the worker; then the runtime posts the job to
// the loop that submitted it.
struct WorkItem : ResumeJob {
  virtual void execute() = 0;
  WorkItem* runtime_next = nullptr;  // the runtime's own
  bool cancelled = false;            // the simulator's: the waiting frame is gone

 protected:
  ~WorkItem() = default;
};

class Work {
 public:
  virtual ~Work() = default;
  virtual void submit(WorkItem& item) = 0;
  // As Disk::abandon.
  virtual void abandon(WorkItem& item) = 0;
};

template <class Callable>
class [[nodiscard]] WorkAwait {
 public:
  using Result = std::invoke_result_t<Callable&>;
  static_assert(!std::is_void_v<Result>, "return what was computed, so that nothing is shared");

  WorkAwait(Loop& loop, Callable function) : loop_(&loop), item_(std::move(function)) {}
  WorkAwait(const WorkAwait&) = delete;
  WorkAwait& operator=(const WorkAwait&) = delete;
  ~WorkAwait() {
    if (in_flight_) loop_->work().abandon(item_);
  }

  [[nodiscard]] bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    item_.waiter = waiter;
    in_flight_ = true;
    loop_->work().submit(item_);
  }
  Result await_resume() {
    in_flight_ = false;
    return std::move(*item_.result);
  }

 private:
  // Callable, because Job has a member type Function.
  struct Item final : WorkItem {
    explicit Item(Callable f) : function(std::move(f)) {}
    void execute() override { result.emplace(function()); }
    Callable function;
    std::optional<Result> result;
  };

  Loop* loop_;
  bool in_flight_ = false;
  Item item_;
};

template <class Callable>
[[nodiscard]] WorkAwait<Callable> run_work(Loop& loop, Callable function) {
  return {loop, std::move(function)};
}

}  // namespace moldau::rt
