#include "io/internal/timer_heap.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace moldau::io::internal {
namespace {

using std::chrono::nanoseconds;

struct Nothing : rt::Timer {
  Nothing() : Timer([](rt::Job&) {}) {}
};
base::Instant at(std::uint64_t ns) { return {nanoseconds(ns)}; }

TEST(TimerHeap, FiresInOrderOfTimeThenOfArming) {
  TimerHeap heap;
  Nothing a;
  Nothing b;
  Nothing c;
  EXPECT_EQ(heap.next(), base::kNever);
  heap.arm(a, at(5));
  heap.arm(b, at(3));
  heap.arm(c, at(5));
  EXPECT_EQ(heap.next(), at(3));
  EXPECT_EQ(heap.pop_due(at(2)), nullptr);
  EXPECT_EQ(heap.pop_due(at(9)), &b);
  EXPECT_EQ(heap.pop_due(at(9)), &a);
  EXPECT_EQ(heap.pop_due(at(9)), &c);
  EXPECT_FALSE(c.armed());
  EXPECT_TRUE(heap.empty());
}

TEST(TimerHeap, ArmingAgainMoves) {
  TimerHeap heap;
  Nothing a;
  Nothing b;
  heap.arm(a, at(1));
  heap.arm(b, at(2));
  heap.arm(a, at(3));
  EXPECT_EQ(heap.size(), 2U);
  EXPECT_EQ(heap.pop_due(at(9)), &b);
  heap.disarm(a);
  heap.disarm(a);
  EXPECT_EQ(heap.pop_due(at(9)), nullptr);
}

TEST(TimerHeap, AgreesWithASortedListOverManyRandomSteps) {
  constexpr std::uint64_t kSeed = 7;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  TimerHeap heap;
  std::deque<Nothing> timers(200);
  std::vector<std::pair<std::uint64_t, Nothing*>> model;
  for (int step = 0; step < 20'000; ++step) {
    Nothing& timer = timers[rng.below(timers.size())];
    std::erase_if(model, [&](const auto& entry) { return entry.second == &timer; });
    if (rng.chance(1, 4)) {
      heap.disarm(timer);
    } else {
      // Distinct instants, so that the model needs no second key.
      const std::uint64_t when = rng.below(1'000'000) * 100'000 + static_cast<std::uint64_t>(step);
      heap.arm(timer, at(when));
      model.emplace_back(when, &timer);
    }
    ASSERT_EQ(heap.size(), model.size());
    if (model.empty() || !rng.chance(1, 3)) continue;
    const auto first = std::ranges::min_element(model);
    ASSERT_EQ(heap.next(), at(first->first));
    ASSERT_EQ(heap.pop_due(at(first->first)), first->second);
    model.erase(first);
  }
}

}  // namespace
}  // namespace moldau::io::internal
