#include "controller/internal/controller_fixture.h"

namespace moldau::controller {
namespace {

TEST(Bootstrap, DefaultsToOurLevel) {
  const auto options = bootstrap_options(std::nullopt, {});
  ASSERT_TRUE(options);
  const auto records = bootstrap_records(*options);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(bootstrap_level(records, "metadata.version"), 30);
  EXPECT_EQ(bootstrap_level(records, "group.version"), 0);
}

TEST(Bootstrap, TakesReleasesAndRefusesWhatIsNotServed) {
  EXPECT_EQ(bootstrap_options("4.0", {})->metadata_version.level(), 25);
  EXPECT_EQ(bootstrap_options(std::nullopt, {{"metadata.version", 21}})->metadata_version.level(),
            21);
  EXPECT_FALSE(bootstrap_options("4.4", {}));
  EXPECT_FALSE(bootstrap_options("nonsense", {}));
  EXPECT_FALSE(bootstrap_options("4.0", {{"metadata.version", 21}}));
  EXPECT_TRUE(bootstrap_options(std::nullopt, {{"group.version", 0}}));
  EXPECT_EQ(bootstrap_options(std::nullopt, {{"group.version", 1}}).error(),
            "Feature group.version at level 1 is not served. Served are kraft.version 0 to 1, "
            "metadata.version 7 to 30.");
}

}  // namespace
}  // namespace moldau::controller
