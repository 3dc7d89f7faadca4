// Scope owns background tasks of one loop: spawn() starts a task on the loop's next turn, join()
// waits for all of them, stop() asks them to end. There are no detached tasks. A scope is joined
// before it is destroyed; destroying one with tasks left destroys their frames, which only the
// simulator's crash does (a real loop asserts in its operations, since the kernel may still use
// their memory).
#pragma once

#include <coroutine>
#include <cstddef>
#include <utility>

#include "base/assert.h"
#include "rt/job.h"
#include "rt/loop.h"
#include "rt/stop.h"
#include "rt/sync.h"
#include "rt/task.h"

namespace moldau::rt {

class Scope {
 public:
  explicit Scope(Loop& loop) : loop_(&loop), changed_(loop) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() {
    while (first_ != nullptr) first_->destroy();
  }

  [[nodiscard]] Loop& loop() const { return *loop_; }
  [[nodiscard]] StopToken token() { return StopToken(stop_); }
  [[nodiscard]] bool stop_requested() const { return stop_.stop_requested(); }
  [[nodiscard]] std::size_t size() const { return size_; }

  void spawn(Task<> task);

  void stop() { stop_.request_stop(); }

  // Returns when no task is left; more may be spawned while it waits.
  Task<> join() {
    while (size_ > 0) co_await changed_.wait();
  }
  Task<> stop_and_join() {
    stop();
    co_await join();
  }

 private:
  // The coroutine around a spawned task; it takes itself out of the scope when the task is done.
  struct Child {
    struct promise_type;
    promise_type& promise;
  };

  void link(Child::promise_type& child);
  void finished(Child::promise_type& child);
  static Child run(Scope& scope, Task<> task);

  Loop* loop_;
  StopSource stop_;
  Signal changed_;
  struct Node {
    Scope* scope = nullptr;
    Node* before = nullptr;
    Node* after = nullptr;
    virtual void destroy() = 0;

   protected:
    ~Node() = default;
  };
  Node* first_ = nullptr;
  std::size_t size_ = 0;
};

struct Scope::Child::promise_type : Scope::Node {
  struct Final {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
      Scope& scope = *self.promise().scope;
      scope.finished(self.promise());
      self.destroy();
    }
    void await_resume() const noexcept {}
  };

  promise_type(Scope& owner, Task<>&) {
    scope = &owner;
    start.waiter = std::coroutine_handle<promise_type>::from_promise(*this);
  }
  ~promise_type() {
    if (start.queue != nullptr) scope->loop_->withdraw(start);
  }

  Child get_return_object() noexcept { return {*this}; }
  std::suspend_always initial_suspend() noexcept { return {}; }
  Final final_suspend() noexcept { return {}; }
  void return_void() noexcept {}
  void unhandled_exception() noexcept {
    base::assertion_failed("no exception leaves a coroutine", __FILE__, __LINE__);
  }
  void destroy() override {
    scope->finished(*this);
    std::coroutine_handle<promise_type>::from_promise(*this).destroy();
  }

  ResumeJob start;
};

inline void Scope::link(Child::promise_type& child) {
  child.after = first_;
  if (first_ != nullptr) first_->before = &child;
  first_ = &child;
  ++size_;
}

inline void Scope::finished(Child::promise_type& child) {
  (child.before == nullptr ? first_ : child.before->after) = child.after;
  if (child.after != nullptr) child.after->before = child.before;
  --size_;
  if (size_ == 0) changed_.notify_all();
}

inline void Scope::spawn(Task<> task) {
  ASSERT(loop_->is_current());
  Child::promise_type& child = run(*this, std::move(task)).promise;
  link(child);
  loop_->post(child.start);
}

inline Scope::Child Scope::run(Scope&, Task<> task) { co_await std::move(task); }

}  // namespace moldau::rt
