// Ring is a queue in one block of memory that grows by doubling and takes none while it is empty:
// what thousands of idle logs need of a queue, and std::deque does not give. Elements are addressed
// by a number that grows with every push and never changes. One owner.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace moldau::storage::internal {

template <class T>
class Ring {
 public:
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
  // Numbers of the oldest element and of the next one to come.
  [[nodiscard]] std::uint64_t begin_number() const { return begin_; }
  [[nodiscard]] std::uint64_t end_number() const { return end_; }

  [[nodiscard]] T& at(std::uint64_t number) {
    ASSERT(number >= begin_);
    ASSERT(number < end_);
    return slots_[number & (slots_.size() - 1)];
  }
  [[nodiscard]] const T& at(std::uint64_t number) const {
    return const_cast<Ring*>(this)->at(number);
  }
  [[nodiscard]] T& front() { return at(begin_); }
  [[nodiscard]] const T& front() const { return at(begin_); }
  [[nodiscard]] T& back() { return at(end_ - 1); }
  [[nodiscard]] const T& back() const { return at(end_ - 1); }

  void push_back(T value) {
    if (size() == slots_.size()) grow();
    slots_[end_ & (slots_.size() - 1)] = std::move(value);
    ++end_;
  }
  void pop_front() {
    front() = T();
    ++begin_;
    release_when_empty();
  }
  void pop_back() {
    back() = T();
    --end_;
    release_when_empty();
  }

 private:
  void grow() {
    std::vector<T> larger(slots_.empty() ? kSlotsMin : slots_.size() * 2);
    for (std::uint64_t number = begin_; number < end_; ++number) {
      larger[number & (larger.size() - 1)] = std::move(at(number));
    }
    slots_ = std::move(larger);
  }
  void release_when_empty() {
    if (empty() && slots_.size() > kSlotsMin) slots_ = {};
  }

  static constexpr std::size_t kSlotsMin = 4;
  static_assert(std::has_single_bit(kSlotsMin));

  std::vector<T> slots_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace moldau::storage::internal
