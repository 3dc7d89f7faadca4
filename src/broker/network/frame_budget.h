// FrameBudget bounds the memory that request frames of one loop may take, from their first byte
// until their request is answered. Who wants more than is free waits in line, and nobody can starve
// or deadlock: complete requests always end and give their bytes back, and when only half-read
// frames are left the first in line may go over the budget, by its one frame. Units are bytes. One
// loop.
#pragma once

#include <cstddef>
#include <optional>

#include "base/assert.h"
#include "rt/sync.h"
#include "rt/task.h"

namespace moldau::broker {

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

   private:
    friend class FrameBudget;
    FrameBudget* budget_;
    std::size_t bytes_ = 0;
    bool complete_ = false;
    std::optional<rt::Mutex::Guard> turn_;
  };

  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }

 private:
  [[nodiscard]] bool fits(std::size_t bytes) const { return used_ + bytes <= bytes_max_; }
  void give_back(Share& share);

  std::size_t bytes_max_;
  std::size_t used_ = 0;
  std::size_t complete_bytes_ = 0;  // of requests that are being served
  rt::Mutex turn_;                  // held by the one share that may wait for returned bytes
  rt::Signal returned_;
};

}  // namespace moldau::broker
