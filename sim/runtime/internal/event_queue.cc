#include "sim/runtime/internal/event_queue.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/assert.h"

namespace moldau::sim {
namespace {

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

}  // namespace

bool EventQueue::later(const Entry& a, const Entry& b) {
  return std::tie(a.at, a.order, a.sequence) > std::tie(b.at, b.order, b.sequence);
}

EventQueue::Ticket EventQueue::add(base::Instant at, std::uint64_t lane, Action action) {
  if (free_.empty()) {
    free_.push_back(slots_.size());
    slots_.emplace_back();
  }
  const std::size_t slot = free_.back();
  free_.pop_back();
  slots_[slot] = {.sequence = ++sequence_, .action = std::move(action)};
  ++live_;
  const auto time = static_cast<std::uint64_t>(at.since_start.count());
  heap_.push_back({.at = at,
                   .order = mix(salt_ + lane * 0x9E3779B97F4A7C15ULL + time),
                   .sequence = sequence_,
                   .slot = slot});
  std::ranges::push_heap(heap_, later);
  return {.slot = slot, .sequence = sequence_};
}

void EventQueue::free_slot(std::size_t slot) {
  slots_[slot].sequence = 0;
  slots_[slot].action = nullptr;
  free_.push_back(slot);
  --live_;
}

void EventQueue::cancel(Ticket ticket) {
  if (ticket.sequence == 0 || slots_[ticket.slot].sequence != ticket.sequence) return;
  free_slot(ticket.slot);
}

std::optional<base::Instant> EventQueue::next() {
  while (!heap_.empty()) {
    const Entry& first = heap_.front();
    if (slots_[first.slot].sequence == first.sequence) return first.at;
    std::ranges::pop_heap(heap_, later);
    heap_.pop_back();
  }
  return std::nullopt;
}

EventQueue::Action EventQueue::pop() {
  const auto at = next();
  ASSERT(at.has_value());
  const Entry first = heap_.front();
  std::ranges::pop_heap(heap_, later);
  heap_.pop_back();
  Action action = std::move(slots_[first.slot].action);
  free_slot(first.slot);
  return action;
}

}  // namespace moldau::sim
