// TimedEvent waits for something to happen or for an instant, whichever comes first: the shape of a
// long poll. set() and the deadline both end the wait; happened() says which it was. One loop.
#pragma once

#include "base/time.h"
#include "rt/loop.h"
#include "rt/sync.h"

namespace moldau::rt {

class TimedEvent {
 public:
  TimedEvent(Loop& loop, base::Instant deadline) : loop_(&loop), event_(loop), timer_(*this) {
    if (deadline != base::kNever) loop.arm(timer_, deadline);
  }
  TimedEvent(const TimedEvent&) = delete;
  TimedEvent& operator=(const TimedEvent&) = delete;
  ~TimedEvent() {
    if (timer_.armed()) loop_->disarm(timer_);
    if (timer_.queue != nullptr) loop_->withdraw(timer_);
  }

  [[nodiscard]] bool happened() const { return happened_; }
  void set() {
    happened_ = true;
    event_.set();
  }
  [[nodiscard]] ListWait wait(StopToken token = {}) { return event_.wait(token); }

 private:
  struct Deadline : Timer {
    explicit Deadline(TimedEvent& event) : Timer(&Deadline::fire), owner(&event) {}
    static void fire(Job& job) { static_cast<Deadline&>(job).owner->event_.set(); }
    TimedEvent* owner;
  };

  Loop* loop_;
  Event event_;
  bool happened_ = false;
  Deadline timer_;
};

}  // namespace moldau::rt
