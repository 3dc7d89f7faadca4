// Three bugs, planted on purpose, each found by a world of the first few hundred seeds; without
// them the same worlds keep their promises. A found bug is a broken promise towards a client: a
// broker that aborts, or that cannot start, would not show that the checker sees anything.
#include "storage/planted.h"

#include <cstdio>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "sim/scenario/seeds.h"

namespace moldau::storage {
namespace {

PlantedBug present = PlantedBug::kNone;

}  // namespace

bool planted(PlantedBug bug) { return bug == present; }

}  // namespace moldau::storage

namespace moldau::sim {
namespace {

using storage::PlantedBug;

constexpr std::uint64_t kSeeds = 300;

class WithBug {
 public:
  explicit WithBug(PlantedBug bug) { storage::present = bug; }
  WithBug(const WithBug&) = delete;
  WithBug& operator=(const WithBug&) = delete;
  ~WithBug() { storage::present = PlantedBug::kNone; }
};

bool is_broken_promise(const std::string& problem) { return !problem.starts_with("the broker "); }

struct PlantedBugs : ::testing::TestWithParam<PlantedBug> {};

TEST_P(PlantedBugs, AreFound) {
  std::optional<WorldReport> found;
  {
    const WithBug bug(GetParam());
    const auto look = [&found](const WorldReport& world) {
      if (!world.problems.empty()) found = world;
    };
    (void)run_seeds({.count = kSeeds, .stop_at_failure = true, .on_world = look});
  }
  ASSERT_TRUE(found.has_value()) << "no world of " << kSeeds << " seeds noticed";
  std::printf("found by seed %llu: %s\n", static_cast<unsigned long long>(found->seed),
              found->problems.front().c_str());
  EXPECT_TRUE(is_broken_promise(found->problems.front()));

  const SeedsReport control = run_seeds({.first = found->seed, .count = 1});
  EXPECT_TRUE(control.ok()) << "it fails without the bug too";
}

INSTANTIATE_TEST_SUITE_P(Each, PlantedBugs,
                         ::testing::Values(PlantedBug::kAnswerBeforeSync, PlantedBug::kTailNotCut,
                                           PlantedBug::kProducersForgotten));

}  // namespace
}  // namespace moldau::sim
