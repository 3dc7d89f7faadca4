// WaitList holds the coroutines that wait for one condition, oldest first, without allocation: each
// waiter is a node inside its own frame. Destroying a waiting frame takes its node out; destroying
// the list lets go of the nodes without resuming them. One loop: a wake from another one is a race,
// and aborts.
#pragma once

#include <coroutine>

#include "base/assert.h"
#include "rt/job.h"
#include "rt/loop.h"

namespace moldau::rt {

class WaitList;

// A waiting coroutine. After wake() it is in the loop's queue until it runs.
class Waiter : public ResumeJob {
 public:
  explicit Waiter(Loop& loop) : loop_(&loop) {}
  ~Waiter();

  [[nodiscard]] bool waiting() const { return list_ != nullptr; }

 private:
  friend class WaitList;
  Loop* loop_;
  WaitList* list_ = nullptr;
  Waiter* before_ = nullptr;
  Waiter* after_ = nullptr;
};

class WaitList {
 public:
  WaitList() = default;
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;
  ~WaitList() {
    while (first_ != nullptr) unlink(*first_);
  }

  [[nodiscard]] bool empty() const { return first_ == nullptr; }

  void add(Waiter& waiter, std::coroutine_handle<> handle) {
    ASSERT(waiter.list_ == nullptr);
    waiter.waiter = handle;
    waiter.list_ = this;
    waiter.before_ = last_;
    waiter.after_ = nullptr;
    (last_ == nullptr ? first_ : last_->after_) = &waiter;
    last_ = &waiter;
  }

  // Resumes the oldest waiter on its loop's next turn. False when nobody waits.
  bool wake_one() {
    if (first_ == nullptr) return false;
    wake(*first_);
    return true;
  }
  void wake_all() {
    while (wake_one()) {
    }
  }
  // Resumes this waiter, wherever it stands in the list.
  void wake(Waiter& waiter) {
    ASSERT(waiter.list_ == this);
    ASSERT(waiter.loop_->is_current());
    unlink(waiter);
    waiter.loop_->post(waiter);
  }

  void unlink(Waiter& waiter) {
    ASSERT(waiter.list_ == this);
    (waiter.before_ == nullptr ? first_ : waiter.before_->after_) = waiter.after_;
    (waiter.after_ == nullptr ? last_ : waiter.after_->before_) = waiter.before_;
    waiter.list_ = nullptr;
    waiter.before_ = nullptr;
    waiter.after_ = nullptr;
  }

  [[nodiscard]] Waiter* first() const { return first_; }

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

inline Waiter::~Waiter() {
  if (list_ != nullptr) list_->unlink(*this);
  if (queue != nullptr) loop_->withdraw(*this);
}

}  // namespace moldau::rt
