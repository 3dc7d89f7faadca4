// EventQueue orders what will happen by virtual time. Events of one lane (a loop's timers, one
// direction of a connection) keep the order in which they were added when their instants are equal;
// lanes that meet at one instant go in an order drawn from the seed. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/time.h"

namespace moldau::sim {

class EventQueue {
 public:
  using Action = std::move_only_function<void()>;
  struct Ticket {
    std::size_t slot = 0;
    std::uint64_t sequence = 0;  // 0: never issued
  };

  explicit EventQueue(std::uint64_t salt) : salt_(salt) {}

  Ticket add(base::Instant at, std::uint64_t lane, Action action);
  // Harmless for an event that has happened or was cancelled.
  void cancel(Ticket ticket);
  // Instant of the earliest event.
  [[nodiscard]] std::optional<base::Instant> next();
  // Takes the earliest event out; there must be one.
  [[nodiscard]] Action pop();
  [[nodiscard]] std::size_t size() const { return live_; }

 private:
  struct Entry {
    base::Instant at;
    std::uint64_t order;
    std::uint64_t sequence;
    std::size_t slot;
  };
  struct Slot {
    std::uint64_t sequence = 0;  // of the event in it; 0 when free
    Action action;
  };
  [[nodiscard]] static bool later(const Entry& a, const Entry& b);
  void free_slot(std::size_t slot);

  std::uint64_t salt_;
  std::uint64_t sequence_ = 0;
  std::size_t live_ = 0;
  std::vector<Entry> heap_;  // cancelled events stay until they come up
  std::vector<Slot> slots_;
  std::vector<std::size_t> free_;
};

}  // namespace moldau::sim
