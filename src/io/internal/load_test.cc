#include "io/internal/load.h"

#include <gtest/gtest.h>

namespace moldau::io::internal {
namespace {

using namespace std::chrono_literals;

base::Instant at(base::Duration since) { return {since}; }

// Works for `busy`, sleeps for `idle`, over and over from `from` on; returns the end.
base::Duration live(Load& load, base::Duration from, base::Duration busy, base::Duration idle,
                    int rounds) {
  for (int i = 0; i < rounds; ++i) {
    load.slept(idle, at(from + busy + idle));
    from += busy + idle;
  }
  return from;
}

TEST(Load, IsTheBusyPartOfTheTimeLately) {
  Load load;
  base::Duration now = live(load, 1s, 8ms, 12ms, 200);
  EXPECT_NEAR(static_cast<double>(load.permille(at(now))), 400, 30);
  now = live(load, now, 19ms, 1ms, 100);
  EXPECT_GT(load.permille(at(now)), 900U);
  now = live(load, now, 1us, 999us, 1000);
  EXPECT_LT(load.permille(at(now)), 20U);
}

TEST(Load, StartsAtNothing) {
  Load load;
  load.start(at(1000s));
  EXPECT_EQ(load.permille(at(1000s)), 0U);
  live(load, 1000s, 1ms, 19ms, 1);
  EXPECT_LT(load.permille(at(1000s + 20ms)), 50U);
}

TEST(Load, FadesWhileTheLoopSleeps) {
  Load load;
  const base::Duration now = live(load, 1s, 19ms, 1ms, 200);
  const auto busy = load.permille(at(now));
  EXPECT_GT(busy, 900U);
  EXPECT_LT(load.permille(at(now + 100ms)), busy * 6 / 10);
  EXPECT_EQ(load.permille(at(now + 1s)), 0U);
}

}  // namespace
}  // namespace moldau::io::internal
