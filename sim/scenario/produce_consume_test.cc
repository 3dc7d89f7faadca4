// The scenario under a few seeds: every world keeps its promises, and a seed means the same world
// on every build.
#include <string>

#include <gtest/gtest.h>

#include "sim/scenario/seeds.h"

namespace moldau::sim {
namespace {

std::string text_of(const WorldReport& world) {
  std::string text = "seed " + std::to_string(world.seed);
  for (const std::string& problem : world.problems) text += "\n  " + problem;
  return text;
}

// The sim tier runs hundreds.
TEST(ProduceConsume, WorldsKeepTheirPromises) {
  const SeedsReport report =
      run_seeds({.first = 1'001, .count = 10, .on_world = [](const auto& world) {
                   EXPECT_TRUE(world.problems.empty()) << text_of(world);
                 }});
  EXPECT_EQ(report.worlds, 10U);
  EXPECT_TRUE(report.ok());
}

TEST(ProduceConsume, ALongRunFailsWithoutAMark) {
  SeedsReport report{.worlds = kSeedsForAllMarks, .missing_marks = {"journal replayed"}};
  EXPECT_FALSE(report.ok());
  report.worlds = kSeedsForAllMarks - 1;
  EXPECT_TRUE(report.ok());
  report.failed_worlds = 1;
  EXPECT_FALSE(report.ok());
}

TEST(ProduceConsume, ASeedIsTheSameWorldAgain) {
  for (const std::uint64_t seed : {3U, 11U}) {
    const WorldReport first = run_produce_consume({.seed = seed});
    const WorldReport second = run_produce_consume({.seed = seed});
    EXPECT_EQ(first.trace_hash, second.trace_hash) << text_of(first);
    EXPECT_EQ(first.steps, second.steps);
    EXPECT_EQ(first.marks, second.marks);
  }
}

}  // namespace
}  // namespace moldau::sim
