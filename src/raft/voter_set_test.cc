#include "raft/voter_set.h"

#include <gtest/gtest.h>

namespace moldau::raft {
namespace {

VoterNode voter(std::int32_t id, base::Uuid directory = {}) {
  return {.key = {.id = base::BrokerId(id), .directory = base::DirectoryId(directory)},
          .endpoints = {},
          .supported = {}};
}

TEST(VoterSet, WithoutDirectoriesTheIdIsEnough) {
  VoterSet voters;
  voters.put(voter(1));
  const base::DirectoryId any(base::Uuid{.msb = 1, .lsb = 2});
  EXPECT_TRUE(voters.is_voter({.id = base::BrokerId(1), .directory = any}));
  EXPECT_TRUE(voters.is_only_voter({.id = base::BrokerId(1), .directory = {}}));
  EXPECT_FALSE(voters.is_voter({.id = base::BrokerId(2), .directory = any}));
}

TEST(VoterSet, ADirectoryIdentifiesAVoterTooWhenItIsKnown) {
  const base::Uuid ours{.msb = 1, .lsb = 2};
  VoterSet voters;
  voters.put(voter(1, ours));
  EXPECT_TRUE(voters.is_voter({.id = base::BrokerId(1), .directory = base::DirectoryId(ours)}));
  EXPECT_FALSE(voters.is_voter(
      {.id = base::BrokerId(1), .directory = base::DirectoryId(base::Uuid{.msb = 1, .lsb = 3})}));
  EXPECT_FALSE(voters.is_voter({.id = base::BrokerId(1), .directory = {}}));
}

TEST(VoterSet, MajoritiesOfOneToFive) {
  VoterSet voters;
  const std::size_t majorities[] = {1, 2, 2, 3, 3};
  for (std::int32_t i = 0; i < 5; ++i) {
    voters.put(voter(i));
    EXPECT_EQ(voters.majority(), majorities[i]);
  }
}

TEST(StaticVoters, AreParsedWithNamesAndAddressesOfBothFamilies) {
  VoterSet voters;
  ASSERT_EQ(parse_static_voters("1@one:9093, 2@10.0.0.2:9094,3@[::1]:9095", "C", voters),
            std::nullopt);
  ASSERT_EQ(voters.size(), 3U);
  EXPECT_EQ(voters.endpoints_of(base::BrokerId(1)), (Endpoints{{"C", {"one", 9093}}}));
  EXPECT_EQ(voters.endpoints_of(base::BrokerId(2)), (Endpoints{{"C", {"10.0.0.2", 9094}}}));
  EXPECT_EQ(voters.endpoints_of(base::BrokerId(3)), (Endpoints{{"C", {"::1", 9095}}}));
  EXPECT_TRUE(voters.find(base::BrokerId(1))->key.directory.is_zero());
}

TEST(StaticVoters, SayWhatIsWrong) {
  for (const char* bad :
       {"1", "1@host", "1@host:", "1@:9093", "@host:9093", "-1@host:9093", "x@host:9093",
        "1@host:0", "1@host:65536", "1@host:90 93", "1@a:1,,2@b:2"}) {
    VoterSet voters;
    const auto problem = parse_static_voters(bad, "C", voters);
    ASSERT_TRUE(problem.has_value()) << bad;
    EXPECT_NE(problem->find("id@host:port"), std::string::npos) << *problem;
  }
  VoterSet voters;
  const auto twice = parse_static_voters("1@a:1,1@b:2", "C", voters);
  ASSERT_TRUE(twice.has_value());
  EXPECT_NE(twice->find("twice"), std::string::npos) << *twice;
}

}  // namespace
}  // namespace moldau::raft
