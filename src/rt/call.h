// call(from, to, task) runs a task on another loop and brings its result back: the one way in which
// loops talk. The task must touch only what lives on `to` and what it was given by value; the
// caller's frame stays suspended on `from` until the result is there. With from == to the task runs
// in place. Costs one post in each direction.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "rt/job.h"
#include "rt/loop.h"
#include "rt/task.h"

namespace moldau::rt {

namespace internal {

// The frame that runs on the other loop. Its last act is to post the caller's job back.
struct RemoteRun {
  struct promise_type {
    struct Final {
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
        promise_type& promise = self.promise();
        promise.from->post(*promise.back);  // The caller may destroy this frame from here on.
      }
      void await_resume() const noexcept {}
    };

    RemoteRun get_return_object() noexcept {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Final final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept {
      base::assertion_failed("no exception leaves a coroutine", __FILE__, __LINE__);
    }

    Loop* from = nullptr;
    Job* back = nullptr;
  };

  std::coroutine_handle<promise_type> handle;
};

template <class T>
RemoteRun run_remote(Task<T> task, std::optional<T>* into) {
  into->emplace(co_await std::move(task));
}
inline RemoteRun run_remote(Task<void> task, void*) { co_await std::move(task); }

template <class T>
struct CallResult {
  std::optional<T> value;
  std::optional<T>* slot() { return &value; }
  T take() { return std::move(*value); }
};
template <>
struct CallResult<void> {
  void* slot() { return nullptr; }
  void take() {}
};

}  // namespace internal

template <class T>
class [[nodiscard]] Call {
 public:
  Call(Loop& from, Loop& to, Task<T> task)
      : from_(&from),
        to_(&to),
        run_(internal::run_remote(std::move(task), result_.slot()).handle) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    if (in_flight_) from_->abandon_call();
    if (start_.queue != nullptr) to_->withdraw(start_);
    if (back_.queue != nullptr) from_->withdraw(back_);
    if (run_) run_.destroy();
  }

  [[nodiscard]] bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    ASSERT(from_->is_current());
    back_.waiter = waiter;
    run_.promise().from = from_;
    run_.promise().back = &back_;
    start_.waiter = run_;
    in_flight_ = true;
    to_->post(start_);
  }
  T await_resume() {
    in_flight_ = false;
    return result_.take();
  }

 private:
  Loop* from_;
  Loop* to_;
  internal::CallResult<T> result_;
  bool in_flight_ = false;
  ResumeJob start_;
  ResumeJob back_;
  std::coroutine_handle<internal::RemoteRun::promise_type> run_;
};

template <class T>
Task<T> call(Loop& from, Loop& to, Task<T> task) {
  if (&from == &to) co_return co_await std::move(task);
  co_return co_await Call<T>(from, to, std::move(task));
}

}  // namespace moldau::rt
