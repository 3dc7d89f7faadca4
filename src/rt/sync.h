// Coordination between the tasks of one loop, none of it locking: Event (something happened and
// stays so), Signal (something changed, look again), Mutex (one task at a time across awaits), and
// Semaphore (a budget that full callers wait for, in order). All wake their waiters on the loop's
// next turn and allocate nothing. Everything here belongs to one loop; stop tokens end a wait
// early.
#pragma once

#include <coroutine>
#include <cstddef>
#include <utility>

#include "base/assert.h"
#include "rt/loop.h"
#include "rt/stop.h"
#include "rt/wait_list.h"

namespace moldau::rt {

// Waits in a list until woken or stopped. await_resume() is false when the token stopped the wait;
// a wake that came first wins, so that no notify_one() is lost to a waiter that then says
// "stopped".
class ListWait {
 public:
  ListWait(Loop& loop, WaitList& list, bool ready, StopToken token)
      : list_(&list), token_(token), ready_(ready), waiter_(loop), callback_(*this) {}
  ListWait(const ListWait&) = delete;
  ListWait& operator=(const ListWait&) = delete;

  bool await_ready() {
    if (ready_) return true;
    stopped_ = token_.stop_requested();
    return stopped_;
  }
  void await_suspend(std::coroutine_handle<> handle) {
    list_->add(waiter_, handle);
    if (token_.source() != nullptr) token_.source()->add(callback_);
  }
  bool await_resume() {
    callback_.leave();
    return !stopped_;
  }

 private:
  struct WaitStop : StopCallback {
    explicit WaitStop(ListWait& wait) : StopCallback(&WaitStop::stop), owner(&wait) {}
    static void stop(StopCallback& callback) {
      ListWait& wait = *static_cast<WaitStop&>(callback).owner;
      if (!wait.waiter_.waiting()) return;  // Already woken: the wake wins.
      wait.stopped_ = true;
      wait.list_->wake(wait.waiter_);
    }
    ListWait* owner;
  };

  WaitList* list_;
  StopToken token_;
  bool ready_;
  bool stopped_ = false;
  Waiter waiter_;
  WaitStop callback_;
};

class Event {
 public:
  explicit Event(Loop& loop) : loop_(&loop) {}
  [[nodiscard]] bool is_set() const { return set_; }
  void set() {
    set_ = true;
    waiters_.wake_all();
  }
  void reset() { set_ = false; }
  [[nodiscard]] ListWait wait(StopToken token = {}) { return {*loop_, waiters_, set_, token}; }

 private:
  Loop* loop_;
  bool set_ = false;
  WaitList waiters_;
};

// The waiter looks at its condition again after each notify: while (!ready) co_await signal.wait();
class Signal {
 public:
  explicit Signal(Loop& loop) : loop_(&loop) {}
  void notify_one() { waiters_.wake_one(); }
  void notify_all() { waiters_.wake_all(); }
  [[nodiscard]] bool has_waiters() const { return !waiters_.empty(); }
  [[nodiscard]] ListWait wait(StopToken token = {}) { return {*loop_, waiters_, false, token}; }

 private:
  Loop* loop_;
  WaitList waiters_;
};

// A counted budget: units are taken in order of asking, so a large request is not starved by small
// ones. The unit (bytes, slots) is the owner's. A frame destroyed between its grant and its turn
// keeps the units; only a crash does that, and then no one is left to use them.
class Semaphore {
 public:
  Semaphore(Loop& loop, std::size_t units) : loop_(&loop), free_(units), total_(units) {}

  [[nodiscard]] std::size_t available() const { return free_; }
  [[nodiscard]] std::size_t total() const { return total_; }
  [[nodiscard]] bool try_acquire(std::size_t units) {
    if (!waiters_.empty() || free_ < units) return false;
    free_ -= units;
    return true;
  }
  void release(std::size_t units) {
    free_ += units;
    ASSERT(free_ <= total_);
    serve();
  }

  class Acquire;
  // More than the total can never be had: the caller clamps. False when the token stopped the wait;
  // then nothing was taken.
  [[nodiscard]] inline Acquire acquire(std::size_t units, StopToken token = {});

 private:
  struct Request : Waiter {
    Request(Loop& loop, std::size_t n) : Waiter(loop), units(n) {}
    std::size_t units;
  };
  void serve() {
    while (!waiters_.empty()) {
      auto& oldest = static_cast<Request&>(*waiters_.first());
      if (free_ < oldest.units) return;
      free_ -= oldest.units;
      waiters_.wake(oldest);
    }
  }

  Loop* loop_;
  std::size_t free_;
  std::size_t total_;
  WaitList waiters_;
};

class Semaphore::Acquire {
 public:
  Acquire(Semaphore& semaphore, std::size_t units, StopToken token)
      : semaphore_(&semaphore), token_(token), request_(*semaphore.loop_, units), callback_(*this) {
    ASSERT(units <= semaphore.total_);
  }
  Acquire(const Acquire&) = delete;
  Acquire& operator=(const Acquire&) = delete;

  bool await_ready() {
    if (token_.stop_requested()) {
      stopped_ = true;
      return true;
    }
    return semaphore_->try_acquire(request_.units);
  }
  void await_suspend(std::coroutine_handle<> handle) {
    semaphore_->waiters_.add(request_, handle);
    if (token_.source() != nullptr) token_.source()->add(callback_);
  }
  bool await_resume() {
    callback_.leave();
    return !stopped_;
  }

 private:
  struct AcquireStop : StopCallback {
    explicit AcquireStop(Acquire& acquire) : StopCallback(&AcquireStop::stop), owner(&acquire) {}
    static void stop(StopCallback& callback) {
      Acquire& acquire = *static_cast<AcquireStop&>(callback).owner;
      if (!acquire.request_.waiting()) return;
      acquire.stopped_ = true;
      acquire.semaphore_->waiters_.wake(acquire.request_);
      acquire.semaphore_->serve();  // The one behind may fit now.
    }
    Acquire* owner;
  };

  Semaphore* semaphore_;
  StopToken token_;
  bool stopped_ = false;
  Request request_;
  AcquireStop callback_;
};

inline Semaphore::Acquire Semaphore::acquire(std::size_t units, StopToken token) {
  return {*this, units, token};
}

// One task at a time, in order of asking, also across awaits: auto guard = co_await mutex.lock();
class Mutex {
 public:
  explicit Mutex(Loop& loop) : semaphore_(loop, 1) {}

  class [[nodiscard]] Guard {
   public:
    explicit Guard(Mutex& mutex) : mutex_(&mutex) {}
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (mutex_ != nullptr) mutex_->semaphore_.release(1);
    }

   private:
    Mutex* mutex_;
  };

  class Lock {
   public:
    explicit Lock(Mutex& mutex) : mutex_(&mutex), acquire_(mutex.semaphore_, 1, StopToken{}) {}
    bool await_ready() { return acquire_.await_ready(); }
    void await_suspend(std::coroutine_handle<> handle) { acquire_.await_suspend(handle); }
    Guard await_resume() {
      acquire_.await_resume();
      return Guard(*mutex_);
    }

   private:
    Mutex* mutex_;
    Semaphore::Acquire acquire_;
  };

  [[nodiscard]] Lock lock() { return Lock(*this); }
  [[nodiscard]] bool locked() const { return semaphore_.available() == 0; }

 private:
  Semaphore semaphore_;
};

}  // namespace moldau::rt
