// AnswerBudget counts the bytes of one loop's answers that no peer has taken yet. When it is full,
// the connections of clients are not read until there is room again, and a connection that holds
// answers which do not move is closed (Server), so that peers who do not read cannot stop those who
// do. The limit may be passed by the answers to the requests that were already read. One loop.
#pragma once

#include <cstddef>

#include "base/assert.h"
#include "rt/sync.h"

namespace moldau::broker {

class AnswerBudget {
 public:
  AnswerBudget(rt::Loop& loop, std::size_t bytes_max) : bytes_max_(bytes_max), returned_(loop) {}

  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] bool full() const { return used_ > bytes_max_; }
  void add(std::size_t bytes) { used_ += bytes; }
  void give_back(std::size_t bytes) {
    ASSERT(bytes <= used_);
    const bool was_full = full();
    used_ -= bytes;
    if (was_full && !full()) returned_.notify_all();
  }
  // Look at full() again after it. False when the token stopped the wait.
  [[nodiscard]] rt::ListWait returned(rt::StopToken token) { return returned_.wait(token); }

 private:
  std::size_t bytes_max_;
  std::size_t used_ = 0;
  rt::Signal returned_;
};

}  // namespace moldau::broker
