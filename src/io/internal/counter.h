// Counter is a running total that one thread writes and any thread may read.
#pragma once

#include <atomic>
#include <cstdint>

namespace moldau::io::internal {

class Counter {
 public:
  void add(std::uint64_t by = 1) { set(value() + by); }
  void subtract(std::uint64_t by) { set(value() - by); }
  void set(std::uint64_t to) { value_.store(to, std::memory_order_relaxed); }
  void raise(std::uint64_t to) {
    if (to > value()) set(to);
  }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace moldau::io::internal
