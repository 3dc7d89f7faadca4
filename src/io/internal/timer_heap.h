// TimerHeap holds the armed timers of one loop: a binary heap of pointers in which each timer knows
// its place (Timer::slot), so that disarming needs no search. Equal instants fire in order of
// arming.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "rt/loop.h"

namespace moldau::io::internal {

class TimerHeap {
 public:
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  // kNever when nothing is armed.
  [[nodiscard]] base::Instant next() const { return heap_.empty() ? base::kNever : heap_[0]->at; }

  void arm(rt::Timer& timer, base::Instant at);
  void disarm(rt::Timer& timer);
  // The first timer that is due, disarmed; nullptr when there is none.
  rt::Timer* pop_due(base::Instant now);

 private:
  [[nodiscard]] static bool before(const rt::Timer& a, const rt::Timer& b) {
    return a.at != b.at ? a.at < b.at : a.sequence < b.sequence;
  }
  void place(rt::Timer& timer, std::size_t slot) {
    heap_[slot] = &timer;
    timer.slot = slot;
  }
  void up(std::size_t slot);
  void down(std::size_t slot);

  std::vector<rt::Timer*> heap_;
  std::uint64_t sequence_ = 0;
};

}  // namespace moldau::io::internal
