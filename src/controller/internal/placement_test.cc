#include "controller/internal/placement.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace moldau::controller {
namespace {

using base::BrokerId;

std::vector<UsableBroker> brokers(std::vector<std::optional<std::string>> racks) {
  std::vector<UsableBroker> out;
  std::int32_t id = 0;
  for (auto& rack : racks) out.push_back({.id = BrokerId(id++), .rack = rack, .fenced = false});
  return out;
}

TEST(Placement, NoReplicaTwiceAndEachRackOnce) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    base::Rng rng(seed);
    const auto all = brokers({"a", "a", "b", "b", "c", "c"});
    const auto placed = place_replicas(all, 30, 3, rng);
    ASSERT_TRUE(placed);
    ASSERT_EQ(placed->size(), 30u);
    for (const auto& replicas : *placed) {
      std::set<std::string> racks;
      for (const auto broker : replicas) {
        racks.insert(*all[static_cast<std::size_t>(broker.value())].rack);
      }
      EXPECT_EQ(racks.size(), 3u);
    }
  }
}

TEST(Placement, LeadersAreSpread) {
  base::Rng rng(5);
  const auto placed = place_replicas(brokers({{}, {}, {}, {}}), 400, 2, rng);
  ASSERT_TRUE(placed);
  std::map<BrokerId, int> leaders;
  for (const auto& replicas : *placed) {
    ASSERT_EQ(std::set(replicas.begin(), replicas.end()).size(), 2u);
    leaders[replicas[0]] += 1;
  }
  for (const auto& [broker, count] : leaders) EXPECT_EQ(count, 100);
}

TEST(Placement, AFencedBrokerNeverLeads) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    base::Rng rng(seed);
    auto some = brokers({"a", "a", "b"});
    some[0].fenced = true;
    some[2].fenced = true;
    const auto placed = place_replicas(some, 10, 3, rng);
    ASSERT_TRUE(placed);
    for (const auto& replicas : *placed) {
      EXPECT_EQ(replicas[0], BrokerId(1));
      EXPECT_EQ(std::set(replicas.begin(), replicas.end()).size(), 3u);
    }
  }
}

TEST(Placement, OneBrokerServesAnyNumberOfPartitions) {
  base::Rng rng(1);
  const auto placed = place_replicas(brokers({{}}), 10'000, 1, rng);
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->size(), 10'000u);
}

TEST(Placement, SaysWhyItCannot) {
  base::Rng rng(1);
  EXPECT_EQ(place_replicas(brokers({{}}), 1, 2, rng).error(),
            "The target replication factor of 2 cannot be reached because only 1 broker(s) are "
            "registered or some brokers have all their log directories cordoned.");
  auto fenced = brokers({{}});
  fenced[0].fenced = true;
  EXPECT_EQ(place_replicas(fenced, 1, 1, rng).error(),
            "All brokers are currently fenced, or have all their log directories cordoned.");
  EXPECT_FALSE(place_replicas({}, 1, 1, rng));
  EXPECT_FALSE(place_replicas(brokers({{}}), 1, 0, rng));
}

}  // namespace
}  // namespace moldau::controller
