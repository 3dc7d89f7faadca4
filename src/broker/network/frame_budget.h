// FrameBudget bounds the memory that request frames of one loop may take, from the bytes that have
// arrived until their request is served. A small frame never waits. Who wants more than is free
// waits in line, and nobody can deadlock: complete requests always end and give their bytes back,
// and when only half-read frames are left the first in line may go over the budget, by its one
// frame. A peer whose frame does not get on while others wait is cut off by the Server. Units are
// bytes. One loop.
#pragma once

#include <cstddef>
#include <optional>

#include "base/assert.h"
#include "rt/sync.h"
#include "rt/task.h"

namespace moldau::broker {

// A frame up to this size waits for nobody: it fits the block that every connection has anyway.
inline constexpr std::size_t kSmallFrameBytes = std::size_t{8} << 10;

class FrameBudget {
 public:
  FrameBudget(rt::Loop& loop, std::size_t bytes_max)
      : bytes_max_(bytes_max), turn_(loop), returned_(loop) {}

  // What one frame holds; gives all of it back when destroyed.
  class Share {
   public:
    explicit Share(FrameBudget& budget) : budget_(&budget) {}
    Share(Share&& other) noexcept
        : budget_(other.budget_),
          bytes_(std::exchange(other.bytes_, 0)),
          complete_(std::exchange(other.complete_, false)),
          turn_(std::move(other.turn_)) {}
    Share& operator=(Share&&) = delete;
    ~Share() { budget_->give_back(*this); }

    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    // Adds to the share, waiting for it if need be. False when the token stopped the wait.
    rt::Task<bool> take(std::size_t bytes, rt::StopToken token);
    // The frame is whole: its request will run and end.
    void complete();
    // What a complete frame takes beside its bytes. Never waits, so the budget may be overdrawn:
    // new frames wait then.
    void add(std::size_t bytes);
    // Of the whole budget.
    [[nodiscard]] std::size_t free_bytes() const { return budget_->free_bytes(); }
    // Gives everything back before the end: the request has been served.
    void release();

   private:
    friend class FrameBudget;
    FrameBudget* budget_;
    std::size_t bytes_ = 0;
    bool complete_ = false;
    std::optional<rt::Mutex::Guard> turn_;
  };

  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }
  [[nodiscard]] std::size_t free_bytes() const {
    return used_ < bytes_max_ ? bytes_max_ - used_ : 0;
  }
  // Somebody waits for memory.
  [[nodiscard]] bool contended() const { return waiting_ > 0; }

 private:
  [[nodiscard]] bool fits(std::size_t bytes) const { return used_ + bytes <= bytes_max_; }
  void give_back(Share& share);

  std::size_t bytes_max_;
  std::size_t used_ = 0;
  std::size_t complete_bytes_ = 0;  // of requests that are being served
  std::size_t waiting_ = 0;         // calls of take()
  rt::Mutex turn_;                  // held by the one share that may wait for returned bytes
  rt::Signal returned_;
};

}  // namespace moldau::broker
