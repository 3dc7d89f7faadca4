// Gate lets many tasks of a loop use a log's files at one time, or one task change what is behind
// everybody's back (truncate, remove). Entering and leaving do not wait while nobody changes
// anything. A task that waits for the exclusive side keeps new users out.
#pragma once

#include <cstdint>

#include "base/assert.h"
#include "rt/loop.h"
#include "rt/sync.h"
#include "rt/task.h"

namespace moldau::storage::internal {

class Gate {
 public:
  explicit Gate(rt::Loop& loop) : changed_(loop) {}

  [[nodiscard]] bool closed() const { return exclusive_; }
  [[nodiscard]] bool try_enter() {
    if (exclusive_) return false;
    ++users_;
    return true;
  }
  [[nodiscard]] rt::Task<> enter() {
    while (!try_enter()) co_await changed_.wait();
  }
  void leave() {
    ASSERT(users_ > 0);
    if (--users_ == 0 && exclusive_) changed_.notify_all();
  }
  [[nodiscard]] rt::Task<> close() {
    while (exclusive_) co_await changed_.wait();
    exclusive_ = true;
    while (users_ > 0) co_await changed_.wait();
  }
  void reopen() {
    ASSERT(exclusive_);
    exclusive_ = false;
    changed_.notify_all();
  }

  // Leaves at the end of its scope.
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(&gate) {}
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass() { gate_->leave(); }

   private:
    Gate* gate_;
  };

 private:
  std::uint32_t users_ = 0;
  bool exclusive_ = false;
  rt::Signal changed_;
};

}  // namespace moldau::storage::internal
