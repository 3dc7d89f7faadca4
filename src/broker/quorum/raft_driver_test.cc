// The raft driver on simulated disks: a quorum of one through stops and crashes, its files, its
// RPCs, and quorums of three.
#include "broker/quorum/raft_driver.h"

#include <gtest/gtest.h>

#include "broker/quorum/replica_test.h"
#include "raft/control_records.h"
#include "wire/record_frame.h"

namespace moldau::broker::testing {
namespace {

std::vector<std::string> numbered(int from, int to) {
  std::vector<std::string> values;
  for (int i = from; i < to; ++i) values.push_back("value " + std::to_string(i));
  return values;
}

TEST(RaftDriver, ASoleVoterLeadsWithoutWaitingForATimeout) {
  TestQuorum quorum({.seed = 1});
  const base::Instant before = quorum.world.now();
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  EXPECT_LT(quorum.world.now() - before, base::Duration(1s));
  EXPECT_EQ(quorum.recorder(1).leader.epoch, base::LeaderEpoch(1));
  EXPECT_EQ(quorum.driver(1).kraft_version(), raft::kKRaftVersion1);
  EXPECT_EQ(quorum.driver(1).next_offset(), base::Offset(3));  // leader, kraft.version, voters
  EXPECT_EQ(quorum.driver(1).leader_address(kListener),
            (raft::HostPort{.host = "n", .port = 9001}));
  EXPECT_EQ(quorum.file(1, "quorum-state"),
            R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,)"
            R"("votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1})");
}

TEST(RaftDriver, StaticVotersKeepTheOldFormOfQuorumState) {
  TestQuorum quorum({.seed = 2, .kraft_version = raft::kKRaftVersion0});
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  EXPECT_EQ(quorum.driver(1).kraft_version(), raft::kKRaftVersion0);
  EXPECT_EQ(quorum.driver(1).next_offset(), base::Offset(1));
  EXPECT_EQ(quorum.file(1, "quorum-state"),
            R"({"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,)"
            R"("currentVoters":[{"voterId":1}],"data_version":0})");
}

TEST(RaftDriver, CommitsWhatALeaderAppends) {
  TestQuorum quorum({.seed = 3});
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  const base::Offset next = quorum.driver(1).next_offset();
  const auto appended = quorum.append(1, {"a", "b"});
  ASSERT_TRUE(appended.has_value());
  EXPECT_EQ(appended->base_offset, next);
  EXPECT_EQ(appended->last_offset, next + 1);
  EXPECT_TRUE(quorum.commit(1, {"c"}));
  EXPECT_EQ(quorum.recorder(1).values, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(quorum.driver(1).told_offset(), next + 3);
}

TEST(RaftDriver, RefusesToAppendForAnotherEpoch) {
  TestQuorum quorum({.seed = 4});
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  const auto record = value("x");
  EXPECT_EQ(quorum.driver(1).append(base::LeaderEpoch(0), std::span(&record, 1)).error(),
            wire::ErrorCode::kNotController);
}

TEST(RaftDriver, LeadsAnewEpochAfterARestartAndTellsEverythingAgain) {
  for (const auto version : {raft::kKRaftVersion0, raft::kKRaftVersion1}) {
    TestQuorum quorum({.seed = 5, .kraft_version = version});
    ASSERT_TRUE(quorum.start(1)) << quorum.error;
    ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
    ASSERT_TRUE(quorum.commit(1, numbered(0, 20)));
    quorum.stop(1);
    ASSERT_TRUE(quorum.start(1)) << quorum.error;
    ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
    EXPECT_EQ(quorum.recorder(1).leader.epoch, base::LeaderEpoch(2));
    EXPECT_EQ(quorum.recorder(1).values, numbered(0, 20));
  }
}

TEST(RaftDriver, AnOlderQuorumStateThanTheLogIsNotBelieved) {
  TestQuorum quorum({.seed = 6});
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  ASSERT_TRUE(quorum.commit(1, {"a"}));
  quorum.stop(1);
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  quorum.stop(1);
  quorum.write_file(1, "quorum-state",
                    R"({"leaderId":-1,"leaderEpoch":1,"votedId":-1,)"
                    R"("votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1})");
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  EXPECT_EQ(quorum.recorder(1).leader.epoch, base::LeaderEpoch(3));
}

TEST(RaftDriver, AQuorumStateThatCannotBeReadStopsTheStart) {
  TestQuorum quorum({.seed = 7});
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  quorum.stop(1);
  quorum.write_file(1, "quorum-state", "{\"leaderId\":1");
  EXPECT_FALSE(quorum.start(1));
  EXPECT_NE(quorum.error.find("quorum-state"), std::string::npos) << quorum.error;
}

TEST(RaftDriver, ADiskThatFailsStopsTheDriverWithAReason) {
  TestQuorum quorum({.seed = 9});
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  quorum.node->disk_faults().sync_errors = 1'000'000;
  EXPECT_FALSE(quorum.commit(1, {"a"}));
  ASSERT_TRUE(quorum.await([&] { return quorum.driver(1).failed().has_value(); }));
  EXPECT_FALSE(quorum.driver(1).failed()->empty());
  EXPECT_EQ(quorum.append(1, {"b"}).error(), wire::ErrorCode::kNotController);
}

// ---- snapshots

QuorumSpec with_small_snapshots(std::uint64_t seed) {
  return {.seed = seed, .adjust = [](RaftDriverOptions& options) {
            options.snapshot_record_bytes = 2'000;
            options.segment_bytes = 3'000;
            options.retention_bytes = 0;
            options.retention_time = std::chrono::milliseconds(-1);
          }};
}

TEST(RaftDriver, WritesSnapshotsAndLetsTheLogGo) {
  TestQuorum quorum(with_small_snapshots(10));
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(quorum.commit(1, numbered(i, i + 1)));
  ASSERT_TRUE(quorum.await([&] { return quorum.world.marks().contains("snapshot written"); }));
  quorum.world.run_for(2min);  // retention looks once a minute
  EXPECT_FALSE(quorum.files(1).contains("00000000000000000000.log"));
  EXPECT_FALSE(quorum.files(1).contains("00000000000000000000-0000000000.checkpoint"));
  quorum.stop(1);
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  EXPECT_EQ(quorum.recorder(1).snapshots, 1);
  EXPECT_EQ(quorum.recorder(1).values, numbered(0, 100));
  EXPECT_EQ(quorum.driver(1).kraft_version(), raft::kKRaftVersion1);
  EXPECT_EQ(quorum.driver(1).voters().size(), 1U);
  EXPECT_TRUE(quorum.world.marks().contains("snapshot loaded"));
}

TEST(RaftDriver, ALogWithoutItsSnapshotIsRefused) {
  TestQuorum quorum(with_small_snapshots(11));
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(quorum.commit(1, numbered(i, i + 1)));
  quorum.world.run_for(2min);
  quorum.stop(1);
  for (const auto& name : quorum.files(1)) {
    if (!name.ends_with(".checkpoint")) continue;
    ASSERT_TRUE(quorum.run(quorum.node->disk().remove(TestQuorum::log_path(1) + "/" + name)));
  }
  EXPECT_FALSE(quorum.start(1));
  EXPECT_NE(quorum.error.find("snapshot"), std::string::npos) << quorum.error;
}

// ---- damage

constexpr const char* kFirstSegment = "00000000000000000000.log";

// Flips a bit of the record with that value; yields the file as it was.
std::string damage(TestQuorum& quorum, const std::string& name, const std::string& value) {
  const std::string whole = quorum.file(1, name);
  std::string damaged = whole;
  const std::size_t at = damaged.find(value);
  EXPECT_NE(at, std::string::npos);
  damaged[at] = static_cast<char>(damaged[at] ^ 1);
  quorum.write_file(1, name, damaged);
  return whole;
}

// Starts a life of a quorum of one and commits a value in it.
void begin_life(TestQuorum& quorum, const std::string& value) {
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  ASSERT_TRUE(quorum.commit(1, {value}));
}

// The start is refused with a sentence that helps, and the directory stays as it is; with the file
// restored the node has all again.
void expect_refused(TestQuorum& quorum, const std::string& name, const std::string& whole,
                    const std::vector<std::string>& values) {
  const std::string damaged = quorum.file(1, name);
  const auto files = quorum.files(1);
  for (int attempt = 0; attempt < 2; ++attempt) {
    ASSERT_FALSE(quorum.start(1));
    EXPECT_NE(quorum.error.find(name), std::string::npos) << quorum.error;
    EXPECT_NE(quorum.error.find("backup"), std::string::npos) << quorum.error;
    EXPECT_EQ(quorum.file(1, name), damaged);
    EXPECT_EQ(quorum.files(1), files);
  }
  quorum.write_file(1, name, whole);
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  EXPECT_EQ(quorum.recorder(1).values, values);
}

// Regression: damage of the metadata log was taken for a torn end, and all behind it deleted.
TEST(RaftDriverDamage, AfterACleanStopNothingOfTheLogIsCut) {
  TestQuorum quorum({.seed = 40});
  begin_life(quorum, "first");
  ASSERT_TRUE(quorum.commit(1, {"second"}));
  quorum.stop(1);
  const std::string whole = damage(quorum, kFirstSegment, "second");
  expect_refused(quorum, kFirstSegment, whole, {"first", "second"});
}

TEST(RaftDriverDamage, AfterAKillNothingBeforeTheNewestEpochIsCut) {
  TestQuorum quorum({.seed = 41});
  begin_life(quorum, "first");
  quorum.kill(1);
  begin_life(quorum, "second");
  quorum.kill(1);
  const std::string whole = damage(quorum, kFirstSegment, "first");
  expect_refused(quorum, kFirstSegment, whole, {"first", "second"});
}

TEST(RaftDriverDamage, AfterAKillNothingBelowTheNewestSnapshotIsCut) {
  TestQuorum quorum({.seed = 42, .adjust = [](RaftDriverOptions& options) {
                       options.snapshot_record_bytes = 2'000;
                       options.segment_bytes = 1'000;
                     }});
  begin_life(quorum, "value 0");
  for (int i = 1; i < 40; ++i) ASSERT_TRUE(quorum.commit(1, numbered(i, i + 1)));
  ASSERT_TRUE(quorum.await([&] { return quorum.world.marks().contains("snapshot written"); }));
  ASSERT_TRUE(quorum.commit(1, {"the last"}));
  quorum.kill(1);
  // In the first of several segments: those behind it were deleted.
  const std::string whole = damage(quorum, kFirstSegment, "value 3");
  auto values = numbered(0, 40);
  values.emplace_back("the last");
  expect_refused(quorum, kFirstSegment, whole, values);
}

TEST(RaftDriverDamage, TheWayOutThatTheErrorNamesWorks) {
  TestQuorum quorum({.seed = 43});
  begin_life(quorum, "kept");
  ASSERT_TRUE(quorum.commit(1, {"given up"}));
  quorum.stop(1);
  const std::string whole = damage(quorum, kFirstSegment, "given up");
  ASSERT_FALSE(quorum.start(1));
  const std::string lead = "by cutting the file to ";
  const std::size_t at = quorum.error.find(lead);
  ASSERT_NE(at, std::string::npos) << quorum.error;
  const std::size_t bytes = std::stoul(quorum.error.substr(at + lead.size()));
  quorum.write_file(1, kFirstSegment, whole.substr(0, bytes));
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  EXPECT_EQ(quorum.recorder(1).values, std::vector<std::string>{"kept"});
}

TEST(RaftDriverDamage, AfterAKillATornEndOfTheNewestEpochIsCut) {
  TestQuorum quorum({.seed = 44});
  begin_life(quorum, "first");
  quorum.kill(1);
  begin_life(quorum, "second");
  ASSERT_TRUE(quorum.commit(1, {"torn"}));
  quorum.kill(1);
  damage(quorum, kFirstSegment, "torn");
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  EXPECT_EQ(quorum.recorder(1).values, (std::vector<std::string>{"first", "second"}));
  EXPECT_GT(quorum.world.marks().count("metadata log truncated"), 0U);
}

// Regression: the log was emptied for a newer snapshot before that was read.
TEST(RaftDriverDamage, ASnapshotAheadOfTheLogIsReadBeforeTheLogGivesWay) {
  TestQuorum quorum({.seed = 45});
  begin_life(quorum, "first");
  quorum.stop(1);
  const std::string log = quorum.file(1, kFirstSegment);
  const std::string name = "00000000000000000100-0000000001.checkpoint";
  quorum.write_file(1, name, quorum.file(1, "00000000000000000000-0000000000.checkpoint") + "junk");
  EXPECT_FALSE(quorum.start(1));
  EXPECT_NE(quorum.error.find(name), std::string::npos) << quorum.error;
  EXPECT_EQ(quorum.file(1, kFirstSegment), log);
}

// ---- RPCs

wire::FetchRequest observer_fetch(base::LeaderEpoch epoch, base::Offset offset,
                                  base::LeaderEpoch last_epoch) {
  return raft::give_request(
      raft::FetchRequest{.replica = {.id = base::BrokerId(7), .directory = {}},
                         .current_leader_epoch = epoch,
                         .fetch_offset = offset,
                         .last_fetched_epoch = last_epoch,
                         .high_watermark = base::Offset(0),
                         .wait_max = 500ms,
                         .bytes_max = 1 << 20},
      kCluster);
}

TEST(RaftDriver, ServesAnObserverAndHoldsItsFetchUntilThereIsMore) {
  TestQuorum quorum({.seed = 12});
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  const RaftRequestInfo info{.listener = kListener, .api_version = 18};
  const base::LeaderEpoch epoch = quorum.recorder(1).leader.epoch;
  auto response = quorum.run(
      quorum.driver(1).fetch(observer_fetch(epoch, base::Offset(0), base::LeaderEpoch(0)), info));
  const auto& first = response.responses.at(0).partitions.at(0);
  EXPECT_EQ(first.error_code, wire::ErrorCode::kNone);
  EXPECT_EQ(first.high_watermark, base::Offset(3));
  EXPECT_EQ(first.current_leader.leader_id, base::BrokerId(1));
  ASSERT_TRUE(first.records.has_value());
  const auto scan =
      raft::scan_batches(first.records->flatten(), {.next_offset = base::Offset(0),
                                                    .epoch_min = base::LeaderEpoch(0),
                                                    .epoch_max = base::LeaderEpoch(9)});
  EXPECT_EQ(scan.problem, "");
  ASSERT_EQ(scan.batches.size(), 1U);
  EXPECT_EQ(response.node_endpoints.at(0).port, 9001);

  // At the end of the log: held for its time.
  auto waiting = observer_fetch(epoch, base::Offset(3), epoch);
  waiting.topics[0].partitions[0].high_watermark = base::Offset(3);
  const base::Instant before = quorum.world.now();
  response = quorum.run(quorum.driver(1).fetch(waiting, info));
  EXPECT_EQ(response.responses.at(0).partitions.at(0).records->size(), 0U);
  EXPECT_GE(quorum.world.now() - before, base::Duration(490ms));
}

TEST(RaftDriver, RefusesRequestsForAnotherClusterOrPartition) {
  TestQuorum quorum({.seed = 13});
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  const RaftRequestInfo info{.listener = kListener, .api_version = 2};
  auto vote =
      raft::give_request(raft::VoteRequest{.candidate = {.id = base::BrokerId(2), .directory = {}},
                                           .voter = std::nullopt,
                                           .epoch = base::LeaderEpoch(9),
                                           .last = {},
                                           .pre_vote = true},
                         "another cluster");
  EXPECT_EQ(quorum.run(quorum.driver(1).vote(vote, info)).error_code,
            wire::ErrorCode::kInconsistentClusterId);
  vote.cluster_id = kCluster;
  vote.topics[0].topic_name = base::TopicName("other");
  EXPECT_EQ(quorum.run(quorum.driver(1).vote(vote, info)).error_code,
            wire::ErrorCode::kInvalidRequest);
}

TEST(RaftDriver, DescribesTheQuorum) {
  TestQuorum quorum({.seed = 14});
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  wire::DescribeQuorumRequest request;
  wire::DescribeQuorumRequestTopicData topic;
  topic.topic_name = base::TopicName("__cluster_metadata");
  topic.partitions.emplace_back();
  request.topics.push_back(topic);
  const RaftRequestInfo info{.listener = kListener, .api_version = 2};
  const auto described = quorum.run(quorum.driver(1).describe_quorum(request, info));
  const auto& partition = described.topics.at(0).partitions.at(0);
  EXPECT_EQ(partition.leader_id, base::BrokerId(1));
  EXPECT_EQ(partition.high_watermark, base::Offset(3));
  ASSERT_EQ(partition.current_voters.size(), 1U);
  EXPECT_EQ(partition.current_voters[0].replica_directory_id, quorum.directory(1));
  EXPECT_EQ(partition.current_voters[0].log_end_offset, base::Offset(3));
  ASSERT_EQ(described.nodes.size(), 1U);
  EXPECT_EQ(described.nodes[0].listeners.at(0).port, 9001);

  request.topics[0].topic_name = base::TopicName("other");
  const auto unknown = quorum.run(quorum.driver(1).describe_quorum(request, info));
  EXPECT_EQ(unknown.topics.at(0).partitions.at(0).error_code,
            wire::ErrorCode::kUnknownTopicOrPartition);
}

TEST(RaftDriver, NamesTheNewestRegistrationForTheJournal) {
  TestQuorum quorum({.seed = 15});
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  wire::RegisterBrokerRecord record;
  record.broker_id = base::BrokerId(1);
  record.incarnation_id = base::Uuid{.msb = 5, .lsb = 6};
  record.broker_epoch = base::BrokerEpoch(3);
  const auto framed = wire::metadata_value(record, 3);
  ASSERT_TRUE(framed.has_value());
  ASSERT_TRUE(quorum.commit(1, {std::string(framed->flatten().text())}));
  quorum.stop(1);
  ASSERT_TRUE(quorum.start(1)) << quorum.error;
  const auto evidence = quorum.run(quorum.driver(1).journal_evidence(base::BrokerId(1)));
  ASSERT_TRUE(evidence.has_value());
  ASSERT_TRUE(evidence->latest_registration.has_value());
  EXPECT_EQ(evidence->latest_registration->incarnation, record.incarnation_id);
  EXPECT_EQ(evidence->latest_registration->epoch, record.broker_epoch);
  EXPECT_EQ(evidence->quorum_epoch, base::LeaderEpoch(1));
}

// ---- crashes

class RaftDriverCrash : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(RaftDriverCrash, KeepsWhatWasCommittedByAQuorumOfOne) {
  SCOPED_TRACE(::testing::Message() << "seed " << GetParam());
  TestQuorum quorum(GetParam() % 2 == 0 ? with_small_snapshots(GetParam())
                                        : QuorumSpec{.seed = GetParam()});
  std::vector<std::string> committed;
  base::LeaderEpoch epoch{0};
  int next = 0;
  for (int life = 0; life < 6; ++life) {
    ASSERT_TRUE(quorum.start(1)) << quorum.error;
    ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
    ASSERT_GT(quorum.recorder(1).leader.epoch, epoch);
    epoch = quorum.recorder(1).leader.epoch;
    // All that was acknowledged, in order; what follows it may have made it to the disk or not.
    const auto& told = quorum.recorder(1).values;
    ASSERT_GE(told.size(), committed.size());
    ASSERT_TRUE(std::equal(committed.begin(), committed.end(), told.begin()));
    committed = told;
    const int rounds = static_cast<int>(quorum.rng().below(40));
    for (int i = 0; i < rounds; ++i) {
      const auto values = numbered(next, next + 1);
      ++next;
      ASSERT_TRUE(quorum.commit(1, values));
      committed.push_back(values.front());
    }
    for (int i = 0; i < 3; ++i)
      static_cast<void>(quorum.append(1, numbered(next, next + 1))), ++next;
    quorum.world.run_for(std::chrono::microseconds(quorum.rng().below(3'000)));
    quorum.crash(sim::CrashKind::kRandom);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RaftDriverCrash, ::testing::Range<std::uint64_t>(1, 31));

// ---- three replicas

TEST(RaftDriverQuorum, ThreeReplicasAgreeAndOutliveTheirLeader) {
  TestQuorum quorum({.seed = 20, .voters = 3});
  quorum.start_all();
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  const std::int32_t first = *quorum.leader();
  ASSERT_TRUE(quorum.commit(first, {"a"}));
  quorum.kill(first);
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  ASSERT_NE(*quorum.leader(), first);
  ASSERT_TRUE(quorum.commit(*quorum.leader(), {"b"}));
  ASSERT_TRUE(quorum.start(first)) << quorum.error;
  const std::vector<std::string> both{"a", "b"};
  ASSERT_TRUE(quorum.await([&] {
    return quorum.recorder(1).values == both && quorum.recorder(2).values == both &&
           quorum.recorder(3).values == both;
  }));
}

TEST(RaftDriverQuorum, AReplicaFarBehindFetchesASnapshot) {
  auto spec = with_small_snapshots(21);
  spec.voters = 3;
  TestQuorum quorum(spec);
  quorum.start_all();
  ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }));
  const std::int32_t leader = *quorum.leader();
  const std::int32_t behind = leader == 3 ? 2 : 3;
  quorum.kill(behind);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(quorum.commit(leader, numbered(i, i + 1)));
  quorum.world.run_for(2min);
  ASSERT_FALSE(quorum.files(leader).contains("00000000000000000000.log"));
  ASSERT_TRUE(quorum.start(behind)) << quorum.error;
  ASSERT_TRUE(quorum.await([&] { return quorum.recorder(behind).values == numbered(0, 100); }));
  EXPECT_GE(quorum.recorder(behind).snapshots, 1);
  ASSERT_TRUE(quorum.commit(leader, {"live"}));
  ASSERT_TRUE(quorum.await([&] { return quorum.recorder(behind).values.back() == "live"; }));
}

class RaftDriverStorm : public ::testing::TestWithParam<std::uint64_t> {};

void strike(TestQuorum& quorum, int& next, std::set<std::string>& committed) {
  const auto id = static_cast<std::int32_t>(quorum.rng().between(1, 3));
  switch (quorum.rng().below(9)) {
    case 0:
      if (quorum.up(id)) quorum.kill(id);
      break;
    case 1:
      quorum.crash(sim::CrashKind::kPower);
      break;
    case 2:
      quorum.isolate(id);
      break;
    case 3:
      quorum.heal();
      break;
    default:
      for (std::int32_t each = 1; each <= 3; ++each) {
        if (!quorum.up(each)) ASSERT_TRUE(quorum.start(each)) << quorum.error;
      }
      if (const auto leader = quorum.leader()) {
        const auto values = numbered(next, next + 1);
        ++next;
        if (quorum.commit(*leader, values)) committed.insert(values.front());
      }
  }
}

TEST_P(RaftDriverStorm, NothingCommittedIsLostAndAllAgree) {
  SCOPED_TRACE(::testing::Message() << "seed " << GetParam());
  auto spec = with_small_snapshots(GetParam());
  spec.voters = 3;
  spec.lost_percent = 3;
  TestQuorum quorum(spec);
  std::set<std::string> committed;
  int next = 0;
  for (int i = 0; i < 40; ++i) {
    strike(quorum, next, committed);
    ASSERT_FALSE(::testing::Test::HasFatalFailure());
    quorum.world.run_for(std::chrono::milliseconds(quorum.rng().below(1'500)));
  }
  quorum.heal();
  quorum.set_lost_percent(0);
  for (std::int32_t id = 1; id <= 3; ++id) {
    if (!quorum.up(id)) ASSERT_TRUE(quorum.start(id)) << quorum.error;
  }
  bool done = false;
  for (int attempt = 0; attempt < 10 && !done; ++attempt) {
    ASSERT_TRUE(quorum.await([&] { return quorum.leader().has_value(); }, 60s));
    done = quorum.commit(*quorum.leader(), {"the last"});
  }
  ASSERT_TRUE(done);
  ASSERT_TRUE(quorum.await(
      [&] {
        const auto& one = quorum.recorder(1).values;
        return !one.empty() && one.back() == "the last" && quorum.recorder(2).values == one &&
               quorum.recorder(3).values == one;
      },
      60s));
  const std::set<std::string> told(quorum.recorder(1).values.begin(),
                                   quorum.recorder(1).values.end());
  for (const auto& each : committed) EXPECT_TRUE(told.contains(each)) << each;
  for (std::int32_t id = 1; id <= 3; ++id) EXPECT_EQ(quorum.driver(id).failed(), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RaftDriverStorm, ::testing::Range<std::uint64_t>(1, 16));

}  // namespace
}  // namespace moldau::broker::testing
