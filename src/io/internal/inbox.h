// Inbox is how other threads give a loop its jobs: an intrusive stack that posters push with one
// compare-and-swap and the loop empties with one exchange, turned round so that the jobs of one
// poster keep their order. Before it sleeps the loop leaves a mark in the empty stack; the poster
// who finds the mark is the one that must wake the loop, so a burst of posts costs one wake.
#pragma once

#include <atomic>
#include <cstddef>

#include "rt/job.h"

namespace moldau::io::internal {

// First in, first out, of one thread.
class JobQueue {
 public:
  [[nodiscard]] bool empty() const { return first_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return size_; }
  void push(rt::Job& job) {
    job.next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = &job;
    last_ = &job;
    ++size_;
  }
  rt::Job* pop() {
    rt::Job* job = first_;
    if (job == nullptr) return nullptr;
    first_ = job->next;
    if (first_ == nullptr) last_ = nullptr;
    --size_;
    return job;
  }
  // Linear: only a frame that is destroyed while it waits asks for it.
  bool remove(rt::Job& job) {
    rt::Job* before = nullptr;
    for (rt::Job* at = first_; at != nullptr; before = at, at = at->next) {
      if (at != &job) continue;
      (before == nullptr ? first_ : before->next) = job.next;
      if (last_ == &job) last_ = before;
      --size_;
      return true;
    }
    return false;
  }

 private:
  rt::Job* first_ = nullptr;
  rt::Job* last_ = nullptr;
  std::size_t size_ = 0;
};

class Inbox {
 public:
  Inbox() : asleep_([](rt::Job&) {}) {}

  // Any thread. True when the loop sleeps and this caller must wake it.
  [[nodiscard]] bool push(rt::Job& job) {
    rt::Job* top = top_.load(std::memory_order_relaxed);
    do {
      job.next = top == &asleep_ ? nullptr : top;
    } while (!top_.compare_exchange_weak(top, &job, std::memory_order_release,
                                         std::memory_order_relaxed));
    return top == &asleep_;
  }

  // The loop's thread, as all below. Moves everything to the queue; returns how many.
  std::size_t drain(JobQueue& into) {
    if (top_.load(std::memory_order_relaxed) == nullptr) return 0;
    rt::Job* stack = top_.exchange(nullptr, std::memory_order_acquire);
    if (stack == &asleep_) return 0;
    rt::Job* oldest = nullptr;
    while (stack != nullptr) {
      rt::Job* below = stack->next;
      stack->next = oldest;
      oldest = stack;
      stack = below;
    }
    std::size_t count = 0;
    while (oldest != nullptr) {
      rt::Job* after = oldest->next;
      into.push(*oldest);
      oldest = after;
      ++count;
    }
    return count;
  }

  // Leaves the mark. False when a job came in meanwhile.
  [[nodiscard]] bool prepare_sleep() {
    rt::Job* expected = nullptr;
    return top_.compare_exchange_strong(expected, &asleep_, std::memory_order_acq_rel) ||
           expected == &asleep_;
  }

 private:
  rt::Job asleep_;  // the mark; never runs
  std::atomic<rt::Job*> top_{nullptr};
};

}  // namespace moldau::io::internal
