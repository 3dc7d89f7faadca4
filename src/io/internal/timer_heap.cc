#include "io/internal/timer_heap.h"

#include "base/assert.h"

namespace moldau::io::internal {

void TimerHeap::arm(rt::Timer& timer, base::Instant at) {
  if (timer.armed()) disarm(timer);
  timer.at = at;
  timer.sequence = ++sequence_;
  timer.slot = heap_.size();
  heap_.push_back(&timer);
  up(timer.slot);
}

void TimerHeap::disarm(rt::Timer& timer) {
  if (!timer.armed()) return;
  const std::size_t slot = timer.slot;
  ASSERT(slot < heap_.size());
  ASSERT(heap_[slot] == &timer);
  rt::Timer& last = *heap_.back();
  heap_.pop_back();
  timer.slot = rt::Timer::kIdle;
  if (&last == &timer) return;
  place(last, slot);
  up(slot);
  down(last.slot);
}

rt::Timer* TimerHeap::pop_due(base::Instant now) {
  if (heap_.empty() || heap_[0]->at > now) return nullptr;
  rt::Timer& due = *heap_[0];
  disarm(due);
  return &due;
}

void TimerHeap::up(std::size_t slot) {
  rt::Timer& timer = *heap_[slot];
  while (slot > 0) {
    const std::size_t parent = (slot - 1) / 2;
    if (!before(timer, *heap_[parent])) break;
    place(*heap_[parent], slot);
    slot = parent;
  }
  place(timer, slot);
}

void TimerHeap::down(std::size_t slot) {
  rt::Timer& timer = *heap_[slot];
  for (;;) {
    std::size_t child = slot * 2 + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
    if (!before(*heap_[child], timer)) break;
    place(*heap_[child], slot);
    slot = child;
  }
  place(timer, slot);
}

}  // namespace moldau::io::internal
