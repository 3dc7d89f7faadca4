#include "io/internal/memory_trimmer.h"

#include <gtest/gtest.h>

namespace moldau::io::internal {
namespace {

constexpr std::size_t kMuch = 500 << 20;

TEST(TrimPolicy, TrimsOncePerQuietTime) {
  TrimPolicy policy;
  EXPECT_TRUE(policy.look(10));
  EXPECT_FALSE(policy.worth_it(TrimPolicy::kFreeBytesMin - 1));
  EXPECT_TRUE(policy.worth_it(kMuch));
  policy.trimmed(kMuch - 1000);
  EXPECT_TRUE(policy.look(10));
  EXPECT_FALSE(policy.worth_it(kMuch));
  EXPECT_TRUE(policy.worth_it(kMuch + TrimPolicy::kFreeBytesMin));
}

TEST(TrimPolicy, LeavesABusyNodeAloneAndStartsAgainAfterIt) {
  TrimPolicy policy;
  policy.trimmed(kMuch);
  EXPECT_FALSE(policy.look(TrimPolicy::kBusyPermilleMax + 1));
  EXPECT_TRUE(policy.look(TrimPolicy::kBusyPermilleMax));
  EXPECT_TRUE(policy.worth_it(kMuch));
}

}  // namespace
}  // namespace moldau::io::internal
