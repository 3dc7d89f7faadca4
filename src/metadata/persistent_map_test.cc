#include "metadata/persistent_map.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "metadata/shared.h"

namespace moldau::metadata {
namespace {

using Map = PersistentMap<int, std::string>;
using Model = std::map<int, std::string>;

void expect_same(const Map& map, const Model& model) {
  ASSERT_EQ(map.size(), model.size());
  auto at = model.begin();
  for (const auto& [key, value] : map) {
    ASSERT_NE(at, model.end());
    ASSERT_EQ(key, at->first);
    ASSERT_EQ(value, at->second);
    ++at;
  }
  ASSERT_EQ(at, model.end());
}

TEST(PersistentMap, BehavesAsAMapWhileOldCopiesStayAsTheyWere) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    base::Rng rng(seed);
    Map map;
    Model model;
    std::vector<std::pair<Map, Model>> kept;
    const std::uint64_t range = 1 + rng.below(300);
    for (int step = 0; step < 2000; ++step) {
      const int key = static_cast<int>(rng.below(range));
      switch (rng.below(8)) {
        case 0:
        case 1:
        case 2: {
          const std::string value = std::to_string(rng.next());
          map.set(key, value);
          model[key] = value;
          break;
        }
        case 3:
        case 4:
          ASSERT_EQ(map.erase(key), model.erase(key) == 1);
          break;
        case 5: {
          std::string* value = map.edit(key);
          ASSERT_EQ(value != nullptr, model.contains(key));
          if (value != nullptr) {
            *value += "!";
            model[key] += "!";
          }
          break;
        }
        case 6: {
          const std::string* value = map.find(key);
          ASSERT_EQ(value != nullptr, model.contains(key));
          if (value != nullptr) {
            ASSERT_EQ(*value, model[key]);
          }
          break;
        }
        default:
          if (rng.chance(1, 20)) kept.emplace_back(map, model);
      }
    }
    expect_same(map, model);
    for (const auto& [old_map, old_model] : kept) expect_same(old_map, old_model);
  }
}

TEST(PersistentMap, StaysFlat) {
  // Ascending keys are the worst case of a tree that does not balance.
  PersistentMap<int, int> map;
  for (int i = 0; i < 100'000; ++i) map.set(i, i);
  int count = 0;
  for (const auto& [key, value] : map) {
    ASSERT_EQ(key, count);
    ++count;
  }
  EXPECT_EQ(count, 100'000);
  for (int i = 0; i < 100'000; i += 2) ASSERT_TRUE(map.erase(i));
  EXPECT_EQ(map.size(), 50'000u);
  EXPECT_EQ((*map.lower_bound(500)).key, 501);
  EXPECT_EQ(map.lower_bound(100'000), map.end());
}

TEST(PersistentMap, EqualWhenContentsAre) {
  Map a;
  Map b;
  for (const int key : {1, 2, 3, 4, 5}) a.set(key, std::to_string(key));
  for (const int key : {5, 3, 1, 2, 4}) b.set(key, std::to_string(key));
  EXPECT_EQ(a, b);
  EXPECT_FALSE(a.same_as(b));
  const Map copy = a;
  EXPECT_TRUE(copy.same_as(a));
  b.set(6, "6");
  EXPECT_FALSE(a == b);
  b.erase(1);
  EXPECT_FALSE(a == b);
}

TEST(PersistentMap, ALoneOwnerChangesInPlace) {
  Map map;
  map.set(1, "a");
  const std::string* before = map.find(1);
  *map.edit(1) += "b";
  EXPECT_EQ(map.find(1), before);
  const Map copy = map;
  *map.edit(1) += "c";
  EXPECT_NE(map.find(1), before);
  EXPECT_EQ(*copy.find(1), "ab");
  EXPECT_EQ(*map.find(1), "abc");
}

TEST(Shared, CopiesWhenItIsNotAlone) {
  Shared<std::string> a(std::string("x"));
  const std::string* before = a.get();
  a.edit() += "y";
  EXPECT_EQ(a.get(), before);
  const Shared<std::string> b = a;
  a.edit() += "z";
  EXPECT_EQ(*b, "xy");
  EXPECT_EQ(*a, "xyz");
  EXPECT_FALSE(Shared<std::string>());
}

}  // namespace
}  // namespace moldau::metadata
