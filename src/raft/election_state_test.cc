#include "raft/election_state.h"

#include <gtest/gtest.h>

namespace moldau::raft {
namespace {

const base::DirectoryId kDirectory(*base::Uuid::parse("JEXY6aqzQY-32P5TStzaFg"));

TEST(QuorumState, OfVersion1IsKafkasLine) {
  const ElectionState voted{.epoch = base::LeaderEpoch(2),
                            .leader = std::nullopt,
                            .voted = ReplicaKey{.id = base::BrokerId(1), .directory = kDirectory},
                            .voters = {}};
  const std::string text = encode_quorum_state(voted, kKRaftVersion1);
  EXPECT_EQ(text, R"({"leaderId":-1,"leaderEpoch":2,"votedId":1,)"
                  R"("votedDirectoryId":"JEXY6aqzQY-32P5TStzaFg","data_version":1})");
  EXPECT_EQ(decode_quorum_state(text), voted);
}

TEST(QuorumState, OfVersion0IsKafkasLine) {
  const ElectionState led{.epoch = base::LeaderEpoch(7),
                          .leader = base::BrokerId(3),
                          .voted = std::nullopt,
                          .voters = {base::BrokerId(1), base::BrokerId(3)}};
  const std::string text = encode_quorum_state(led, kKRaftVersion0);
  EXPECT_EQ(text, R"({"clusterId":"","leaderId":3,"leaderEpoch":7,"votedId":-1,"appliedOffset":0,)"
                  R"("currentVoters":[{"voterId":1},{"voterId":3}],"data_version":0})");
  EXPECT_EQ(decode_quorum_state(text), led);
}

TEST(QuorumState, Version0ForgetsTheDirectoryOfTheVote) {
  const ElectionState voted{.epoch = base::LeaderEpoch(2),
                            .leader = std::nullopt,
                            .voted = ReplicaKey{.id = base::BrokerId(1), .directory = kDirectory},
                            .voters = {}};
  const auto read = decode_quorum_state(encode_quorum_state(voted, kKRaftVersion0));
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->voted->directory.is_zero());
}

TEST(QuorumState, UnknownFieldsAndOrderDoNotMatter) {
  const auto read = decode_quorum_state(
      R"({ "data_version" : 0, "votedId": 2, "extra": [1], "leaderEpoch": 4, "leaderId": -1,)"
      R"( "currentVoters": null })");
  ASSERT_TRUE(read.has_value()) << read.error();
  EXPECT_EQ(read->epoch, base::LeaderEpoch(4));
  EXPECT_EQ(read->voted->id, base::BrokerId(2));
  EXPECT_EQ(read->leader, std::nullopt);
}

TEST(QuorumState, WhatIsWrongIsNamed) {
  const struct {
    const char* text;
    const char* named;
  } bad[] = {
      {"", "JSON"},
      {"[]", "object"},
      {"{", "JSON"},
      {R"({"leaderId":1,"leaderEpoch":1,"votedId":-1})", "data_version"},
      {R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"data_version":2})", "data_version"},
      {R"({"leaderId":1,"votedId":-1,"data_version":0})", "leaderEpoch"},
      {R"({"leaderId":1,"leaderEpoch":-1,"votedId":-1,"data_version":0})", "leaderEpoch"},
      {R"({"leaderId":1,"leaderEpoch":2147483648,"votedId":-1,"data_version":0})", "leaderEpoch"},
      {R"({"leaderId":"1","leaderEpoch":1,"votedId":-1,"data_version":0})", "leaderId"},
      {R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"data_version":1})", "votedDirectoryId"},
      {R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"x","data_version":1})",
       "votedDirectoryId"},
      {R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"currentVoters":[1],"data_version":0})",
       "currentVoters"},
  };
  for (const auto& each : bad) {
    const auto read = decode_quorum_state(each.text);
    ASSERT_FALSE(read.has_value()) << each.text;
    EXPECT_NE(read.error().find(each.named), std::string::npos) << read.error();
  }
}

}  // namespace
}  // namespace moldau::raft
