// Task<T> is a lazy coroutine: it starts when awaited and resumes its awaiter, by symmetric
// transfer, when it returns. One owner, one awaiter, one loop (call.h moves a task to another
// loop). Destroying a Task that has not finished destroys its frame and, through it, everything it
// awaits: that is how the simulator kills a node. Parameters of a coroutine are values, or
// references to what the awaiting frame owns; clang rejects the rest. No exceptions: an escaped one
// aborts.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "base/assert.h"

namespace moldau::rt {

template <class T>
class Task;

namespace internal {

struct TaskFinal {
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
    return self.promise().continuation;
  }
  void await_resume() const noexcept {}
};

struct TaskPromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();

  std::suspend_always initial_suspend() noexcept { return {}; }
  TaskFinal final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept {
    base::assertion_failed("no exception leaves a coroutine", __FILE__, __LINE__);
  }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;

  Task<T> get_return_object() noexcept;
  template <class U = T>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    ASSERT(value.has_value());
    return std::move(*value);
  }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void take() noexcept {}
};

}  // namespace internal

template <class T = void>
class [[nodiscard, clang::coro_return_type, clang::coro_lifetimebound]] Task {
 public:
  using promise_type = internal::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  class Awaiter {
   public:
    explicit Awaiter(Handle handle) : handle_(handle) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
      handle_.promise().continuation = awaiting;
      return handle_;
    }
    T await_resume() { return handle_.promise().take(); }

   private:
    Handle handle_;
  };

  // Awaiting consumes the task: write co_await std::move(task) or co_await make_task().
  Awaiter operator co_await() && {
    ASSERT(handle_);
    return Awaiter(handle_);
  }

 private:
  Handle handle_;
};

namespace internal {

template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise<T>>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise<void>>::from_promise(*this));
}

}  // namespace internal
}  // namespace moldau::rt
