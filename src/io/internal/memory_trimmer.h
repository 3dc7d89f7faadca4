// MemoryTrimmer gives freed heap memory back to the system when the node is quiet. The allocator
// keeps what was freed for the next frame, which is right under load (fresh pages are what costs,
// see docs/decisions/0001-disk-backends.md) and wrong for hours after it. Lives on loop 0: looks
// every few seconds, and trims on a pool thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "rt/loop.h"

namespace moldau::io::internal {

struct Shared;

// When to trim. The loop calls look(), the pool thread the rest, one after the other.
class TrimPolicy {
 public:
  static constexpr std::int64_t kBusyPermilleMax = 50;
  static constexpr std::size_t kFreeBytesMin = 32 << 20;

  // How busy the loops were since the last look. True when it is quiet enough to count.
  [[nodiscard]] bool look(std::int64_t busy_permille);
  [[nodiscard]] bool worth_it(std::size_t free_bytes) const;
  // What is still counted as free after a trim, although the system has its pages.
  void trimmed(std::size_t free_bytes) { given_back_.store(free_bytes); }

 private:
  std::atomic<std::size_t> given_back_{0};
};

class MemoryTrimmer {
 public:
  MemoryTrimmer(Shared& shared, rt::Loops loops);
  ~MemoryTrimmer();

  // Loop 0, around its life.
  void start();
  void stop();

 private:
  static constexpr base::Duration kLookEvery = std::chrono::seconds(5);

  struct Look : rt::Timer {
    explicit Look(MemoryTrimmer& trimmer);
    MemoryTrimmer* owner;
  };
  void look();
  [[nodiscard]] base::Duration busy() const;

  Shared* shared_;
  rt::Loops loops_;
  Look timer_;
  base::Duration busy_before_{0};
};

}  // namespace moldau::io::internal
