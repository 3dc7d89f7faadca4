// sleep_until and sleep_for end at an instant of the loop's monotonic clock, or earlier when the
// token stops; they say which. One loop.
#pragma once

#include <coroutine>

#include "base/time.h"
#include "rt/loop.h"
#include "rt/stop.h"

namespace moldau::rt {

class Sleep {
 public:
  Sleep(Loop& loop, base::Instant at, StopToken token)
      : loop_(&loop), at_(at), token_(token), timer_(*this), callback_(*this) {}
  Sleep(const Sleep&) = delete;
  Sleep& operator=(const Sleep&) = delete;
  ~Sleep() {
    if (timer_.armed()) loop_->disarm(timer_);
    if (timer_.queue != nullptr) loop_->withdraw(timer_);
  }

  [[nodiscard]] bool await_ready() const { return token_.stop_requested(); }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    loop_->arm(timer_, at_);
    if (token_.source() != nullptr) token_.source()->add(callback_);
  }
  // True when the instant was reached, false when the token stopped first.
  bool await_resume() {
    callback_.leave();
    return !token_.stop_requested();
  }

 private:
  struct SleepTimer : Timer {
    explicit SleepTimer(Sleep& sleep) : Timer(&SleepTimer::fire), owner(&sleep) {}
    static void fire(Job& job) { static_cast<SleepTimer&>(job).owner->waiter_.resume(); }
    Sleep* owner;
  };
  struct SleepStop : StopCallback {
    explicit SleepStop(Sleep& sleep) : StopCallback(&SleepStop::stop), owner(&sleep) {}
    static void stop(StopCallback& callback) {
      Sleep& sleep = *static_cast<SleepStop&>(callback).owner;
      if (!sleep.timer_.armed()) return;
      sleep.loop_->disarm(sleep.timer_);
      sleep.loop_->post(sleep.timer_);
    }
    Sleep* owner;
  };

  Loop* loop_;
  base::Instant at_;
  StopToken token_;
  std::coroutine_handle<> waiter_;
  SleepTimer timer_;
  SleepStop callback_;
};

[[nodiscard]] inline Sleep sleep_until(Loop& loop, base::Instant at, StopToken token = {}) {
  return {loop, at, token};
}
[[nodiscard]] inline Sleep sleep_for(Loop& loop, base::Duration duration, StopToken token = {}) {
  return {loop, loop.now() + duration, token};
}

}  // namespace moldau::rt
