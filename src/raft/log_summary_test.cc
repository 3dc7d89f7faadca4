#include "raft/log_summary.h"

#include <gtest/gtest.h>

namespace moldau::raft {
namespace {

OffsetAndEpoch at(std::int64_t offset, std::int32_t epoch) {
  return {.offset = base::Offset(offset), .epoch = base::LeaderEpoch(epoch)};
}

void append(LogSummary& log, std::int64_t count, std::int32_t epoch) {
  log.append({.base_offset = log.end_offset(),
              .last_offset = log.end_offset() + (count - 1),
              .epoch = base::LeaderEpoch(epoch),
              .append_time = base::Timestamp(0)});
}

// [0,10) epoch 1, [10,20) epoch 3, [20,25) epoch 4.
LogSummary three_epochs() {
  LogSummary log;
  append(log, 10, 1);
  append(log, 10, 3);
  append(log, 5, 4);
  return log;
}

std::string text(const OffsetValidation& validation) {
  if (const auto* diverging = std::get_if<DivergingAt>(&validation)) {
    return "diverging at " + std::to_string(diverging->end.offset.value()) + " of epoch " +
           std::to_string(diverging->end.epoch.value());
  }
  if (const auto* snapshot = std::get_if<NeedsSnapshot>(&validation)) {
    return "snapshot " + std::to_string(snapshot->id.offset.value()) + "-" +
           std::to_string(snapshot->id.epoch.value());
  }
  return "valid";
}

TEST(LogSummary, AnEmptyLogStartsInEpochZero) {
  const LogSummary log;
  EXPECT_EQ(log.end(), at(0, 0));
  EXPECT_EQ(text(log.validate(base::Offset(0), base::LeaderEpoch(0))), "valid");
}

TEST(LogSummary, EndsOfEpochs) {
  const LogSummary log = three_epochs();
  EXPECT_EQ(log.end_of_epoch(base::LeaderEpoch(1)), at(10, 1));
  EXPECT_EQ(log.end_of_epoch(base::LeaderEpoch(2)), at(10, 1));  // the largest below
  EXPECT_EQ(log.end_of_epoch(base::LeaderEpoch(3)), at(20, 3));
  EXPECT_EQ(log.end_of_epoch(base::LeaderEpoch(4)), at(25, 4));
  EXPECT_EQ(log.end_of_epoch(base::LeaderEpoch(9)), at(25, 4));
  EXPECT_EQ(log.end_of_epoch(base::LeaderEpoch(0)), at(0, 0));
}

TEST(LogSummary, FetchPositionsAreComparedWithTheEpochs) {
  const LogSummary log = three_epochs();
  const struct {
    std::int64_t offset;
    std::int32_t epoch;
    const char* expected;
  } cases[] = {
      {0, 0, "valid"},
      {10, 1, "valid"},
      {20, 3, "valid"},
      {25, 4, "valid"},
      {15, 1, "diverging at 10 of epoch 1"},  // its epoch 1 is longer than ours
      {25, 3, "diverging at 20 of epoch 3"},
      {12, 2, "diverging at 10 of epoch 1"},  // an epoch that we never had
      {30, 4, "diverging at 25 of epoch 4"},
      {30, 5, "diverging at 25 of epoch 4"},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(text(log.validate(base::Offset(each.offset), base::LeaderEpoch(each.epoch))),
              each.expected)
        << each.offset << " " << each.epoch;
  }
}

TEST(LogSummary, PositionsBelowTheStartNeedASnapshot) {
  LogSummary log = three_epochs();
  log.add_snapshot(at(10, 1), {});
  log.add_snapshot(at(20, 3), {});
  EXPECT_TRUE(log.start_at(at(10, 1)).empty());
  EXPECT_EQ(log.start_offset(), base::Offset(10));
  EXPECT_EQ(text(log.validate(base::Offset(5), base::LeaderEpoch(1))), "snapshot 20-3");
  EXPECT_EQ(text(log.validate(base::Offset(0), base::LeaderEpoch(0))), "snapshot 20-3");
  EXPECT_EQ(text(log.validate(base::Offset(10), base::LeaderEpoch(1))), "valid");
  EXPECT_EQ(text(log.validate(base::Offset(10), base::LeaderEpoch(3))), "snapshot 20-3");
  EXPECT_EQ(text(log.validate(base::Offset(12), base::LeaderEpoch(1))),
            "diverging at 10 of epoch 1");
  EXPECT_EQ(log.start_at(at(20, 3)), std::vector<SnapshotId>{at(10, 1)});
  EXPECT_EQ(text(log.validate(base::Offset(22), base::LeaderEpoch(4))), "valid");
}

TEST(LogSummary, AFollowerCutsWhereBothAgree) {
  const LogSummary log = three_epochs();
  EXPECT_EQ(log.truncation_offset(at(18, 3)), base::Offset(18));  // the leader's is shorter
  EXPECT_EQ(log.truncation_offset(at(22, 3)), base::Offset(20));  // ours is
  EXPECT_EQ(log.truncation_offset(at(12, 2)), base::Offset(10));  // an epoch we do not have
  EXPECT_EQ(log.truncation_offset(at(0, 0)), base::Offset(0));
}

TEST(LogSummary, TruncationTakesEpochsAndVotersWithIt) {
  LogSummary log;
  VoterSet first;
  first.put({.key = {.id = base::BrokerId(1), .directory = {}}, .endpoints = {}, .supported = {}});
  VoterSet second = first;
  second.put({.key = {.id = base::BrokerId(2), .directory = {}}, .endpoints = {}, .supported = {}});
  BatchSummary batch{.base_offset = base::Offset(0),
                     .last_offset = base::Offset(2),
                     .epoch = base::LeaderEpoch(1),
                     .append_time = base::Timestamp(0),
                     .control = true,
                     .voters = {{base::Offset(2), first}},
                     .kraft_versions = {{base::Offset(1), kKRaftVersion1}}};
  log.append(batch);
  append(log, 5, 1);
  batch.base_offset = log.end_offset();
  batch.last_offset = log.end_offset();
  batch.epoch = base::LeaderEpoch(2);
  batch.voters = {{batch.base_offset, second}};
  batch.kraft_versions.clear();
  log.append(batch);
  EXPECT_EQ(log.voters()->size(), 2U);
  EXPECT_EQ(log.voters_before(base::Offset(8))->size(), 1U);
  EXPECT_EQ(log.kraft_version(), kKRaftVersion1);
  log.truncate_to(base::Offset(8));
  EXPECT_EQ(log.voters()->size(), 1U);
  EXPECT_EQ(log.last_epoch(), base::LeaderEpoch(1));
  log.truncate_to(base::Offset(0));
  EXPECT_EQ(log.voters(), nullptr);
  EXPECT_EQ(log.kraft_version(), kKRaftVersion0);
  EXPECT_EQ(log.end(), at(0, 0));
}

TEST(LogSummary, ASnapshotReplacesTheLog) {
  LogSummary log = three_epochs();
  log.add_snapshot(at(10, 1), {});
  log.add_snapshot(at(90, 7), {});
  VoterSet voters;
  voters.put({.key = {.id = base::BrokerId(1), .directory = {}}, .endpoints = {}, .supported = {}});
  EXPECT_EQ(log.truncate_fully(at(90, 7)), std::vector<SnapshotId>{at(10, 1)});
  log.load_control(at(90, 7), {.voters = voters, .kraft_version = kKRaftVersion1});
  EXPECT_EQ(log.end(), at(90, 7));
  EXPECT_EQ(log.start_offset(), base::Offset(90));
  EXPECT_EQ(log.voters_offset(), base::Offset(89));
  EXPECT_EQ(text(log.validate(base::Offset(90), base::LeaderEpoch(7))), "valid");
  append(log, 1, 8);
  EXPECT_EQ(log.end(), at(91, 8));
}

// A log from its beginning under a snapshot of a later epoch, as recovery meets it.
TEST(LogSummary, ANewerSnapshotSaysNothingOfALogThatIsBeingLoaded) {
  LogSummary log;
  log.add_snapshot(at(20, 3), {});
  EXPECT_EQ(log.last_epoch(), base::LeaderEpoch(0));
  append(log, 10, 1);
  EXPECT_EQ(log.last_epoch(), base::LeaderEpoch(1));
}

TEST(LogSummary, TheVotersOfTheBootstrapSnapshotStandBeforeTheLog) {
  LogSummary log;
  VoterSet voters;
  voters.put({.key = {.id = base::BrokerId(1), .directory = {}}, .endpoints = {}, .supported = {}});
  log.add_snapshot(kBootstrapSnapshotId, {});
  log.load_control(kBootstrapSnapshotId, {.voters = voters, .kraft_version = kKRaftVersion1});
  EXPECT_EQ(log.voters_offset(), base::Offset(-1));
  EXPECT_EQ(log.kraft_version(), kKRaftVersion1);
  EXPECT_EQ(log.end(), at(0, 0));
}

}  // namespace
}  // namespace moldau::raft
