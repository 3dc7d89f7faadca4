// The scenario under many seeds: every world keeps its promises, together they reach every mark,
// and a seed means the same world on every build.
#include <cinttypes>
#include <cstdio>

#include <gtest/gtest.h>

#include "sim/scenario/seeds.h"

namespace moldau::sim {
namespace {

std::string text_of(const WorldReport& world) {
  std::string text = "seed " + std::to_string(world.seed);
  for (const std::string& problem : world.problems) text += "\n  " + problem;
  return text;
}

TEST(ProduceConsume, EveryWorldKeepsItsPromisesAndAllMarksAreReached) {
  const SeedsReport report = run_seeds({.first = 1,
                                        .count = kSeedsForAllMarks,
                                        .require_marks = true,
                                        .on_world = [](const auto& world) {
                                          EXPECT_TRUE(world.problems.empty()) << text_of(world);
                                        }});
  EXPECT_EQ(report.failed_worlds, 0U);
  for (const std::string& name : report.missing_marks) ADD_FAILURE() << "never reached: " << name;
  for (const auto& [name, count] : report.marks) {
    std::printf("mark %s: %" PRIu64 "\n", name.c_str(), count);
  }
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
