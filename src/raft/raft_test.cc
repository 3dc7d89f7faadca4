// One core, input by input: elections of a sole voter, the table of votes, restarts, what a leader
// answers. What needs several replicas is in raft_quorum_test.cc.
#include "raft/raft.h"

#include <sstream>

#include <gtest/gtest.h>

#include "raft/control_records.h"
#include "raft/snapshot.h"

namespace moldau::raft {
namespace {

using wire::ErrorCode;
using namespace std::chrono_literals;

constexpr const char* kListener = "CONTROLLER";

base::DirectoryId directory(std::int32_t id) {
  return base::DirectoryId(base::Uuid{.msb = 0x1000, .lsb = static_cast<std::uint64_t>(id)});
}
ReplicaKey key(std::int32_t id) { return {.id = base::BrokerId(id), .directory = directory(id)}; }
VoterNode voter(std::int32_t id) {
  return {.key = key(id),
          .endpoints = {{kListener, {"node" + std::to_string(id), 9093}}},
          .supported = kSupportedKRaftVersions};
}
OffsetAndEpoch at(std::int64_t offset, std::int32_t epoch) {
  return {.offset = base::Offset(offset), .epoch = base::LeaderEpoch(epoch)};
}

// A core, its clock, and what it said last.
class Bench {
 public:
  explicit Bench(std::int32_t voters, std::optional<ElectionState> stored = {},
                 std::int64_t log_records = 0, std::int32_t log_epoch = 1) {
    RaftOptions options;
    options.self = key(1);
    options.listeners = voter(1).endpoints;
    options.default_listener = kListener;
    LogSummary log;
    VoterSet set;
    for (std::int32_t id = 1; id <= voters; ++id) set.put(voter(id));
    log.add_snapshot(kBootstrapSnapshotId,
                     {.bytes = 0, .last_contained_log_time = base::Timestamp(0)});
    log.load_control(kBootstrapSnapshotId, {.voters = set, .kraft_version = kKRaftVersion1});
    if (log_records > 0) {
      log.append({.base_offset = base::Offset(0),
                  .last_offset = base::Offset(log_records - 1),
                  .epoch = base::LeaderEpoch(log_epoch),
                  .append_time = base::Timestamp(1)});
    }
    raft = std::make_unique<Raft>(options, std::move(log), std::move(stored), base::Rng(1));
    note(raft->start(now()));
  }

  [[nodiscard]] Now now() const { return {.instant = instant, .wall = base::Timestamp(1000)}; }
  void step(Input input) { note(raft->step(std::move(input), now())); }
  template <class Answer, class Ask>
  Answer ask(Ask request) {
    step(input::PeerRequest{.id = RequestId(77), .request = std::move(request)});
    EXPECT_EQ(out.answer.size(), 1U);
    return std::get<Answer>(out.answer.back().response);
  }
  void wait(base::Duration time) {
    instant = instant + time;
    step(input::Tick{});
  }
  // Everything written so far has reached the disk.
  void sync() { step(input::Durable{LogSequence(1'000'000)}); }
  [[nodiscard]] std::string role() const {
    return std::string(to_string(raft->role())) + " " + std::to_string(raft->epoch().value());
  }
  void answer(std::int32_t from, Response response) {
    for (const Send& send : sent) {
      if (send.to != base::BrokerId(from)) continue;
      step(input::PeerResponse{
          .from = send.to, .correlation = send.correlation, .result = std::move(response)});
      return;
    }
    ADD_FAILURE() << "nothing was sent to " << from;
  }
  void grant(std::int32_t from, bool granted) {
    answer(from, VoteResponse{.error = ErrorCode::kNone,
                              .view = {.leader = {}, .epoch = raft->epoch(), .endpoints = {}},
                              .granted = granted});
  }
  // Follows node 2 in the epoch.
  void follow(std::int32_t epoch) {
    ask<BeginQuorumEpochResponse>(BeginQuorumEpochRequest{.leader = base::BrokerId(2),
                                                          .epoch = base::LeaderEpoch(epoch),
                                                          .voter = key(1),
                                                          .leader_endpoints = voter(2).endpoints});
  }

  std::unique_ptr<Raft> raft;
  base::Instant instant{std::chrono::seconds(10)};
  Output out;
  std::vector<Send> sent;  // newest first

 private:
  void note(Output output) {
    out = std::move(output);
    for (const Send& send : out.send) sent.insert(sent.begin(), send);
  }
};

TEST(Raft, ASoleVoterLeadsInItsFirstOutput) {
  Bench bench(1);
  EXPECT_EQ(bench.role(), "leader 1");
  ASSERT_TRUE(bench.out.election.has_value());
  EXPECT_EQ(bench.out.election->leader, base::BrokerId(1));
  EXPECT_EQ(bench.out.election->epoch, base::LeaderEpoch(1));
  EXPECT_EQ(bench.out.election_version, kKRaftVersion1);
  ASSERT_EQ(bench.out.log.size(), 1U);
  EXPECT_TRUE(bench.out.send.empty());
  EXPECT_EQ(bench.out.high_watermark, std::nullopt);
  EXPECT_EQ(bench.out.leader, (LeaderAndEpoch{std::nullopt, base::LeaderEpoch(1)}));
  bench.sync();
  EXPECT_EQ(bench.out.high_watermark, base::Offset(3));
  EXPECT_EQ(bench.out.leader, (LeaderAndEpoch{base::BrokerId(1), base::LeaderEpoch(1)}));
  EXPECT_EQ(bench.out.wake_at, base::kNever);
}

TEST(Raft, ARestartedLeaderLeadsANewEpochOnly) {
  Bench bench(1, ElectionState{.epoch = base::LeaderEpoch(4), .leader = base::BrokerId(1)}, 10, 4);
  EXPECT_EQ(bench.role(), "leader 5");
}

TEST(Raft, ARestartedLeaderOfThreeNeitherLeadsNorVotesInItsEpoch) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4), .leader = base::BrokerId(1)}, 10, 4);
  EXPECT_EQ(bench.role(), "resigned 4");
  const auto refused = bench.ask<VoteResponse>(VoteRequest{.candidate = key(2),
                                                           .voter = key(1),
                                                           .epoch = base::LeaderEpoch(4),
                                                           .last = at(10, 3),
                                                           .pre_vote = false});
  EXPECT_FALSE(refused.granted);
  EXPECT_EQ(bench.role(), "resigned 4");
  // It tells the others that it is gone, and moves on.
  EXPECT_TRUE(std::holds_alternative<EndQuorumEpochRequest>(bench.sent.at(0).request));
  bench.wait(2s);
  EXPECT_EQ(bench.raft->epoch(), base::LeaderEpoch(5));
}

TEST(Raft, ACandidateGoesOnWithItsVoteAfterARestart) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4), .leader = {}, .voted = key(1)}, 10,
              3);
  EXPECT_EQ(bench.role(), "candidate 4");
  bench.grant(3, true);
  EXPECT_EQ(bench.role(), "leader 4");
}

TEST(Raft, AVoteForAnotherIsRemembered) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4), .leader = {}, .voted = key(2)}, 10,
              3);
  const auto vote_of = [&](std::int32_t id) {
    return bench
        .ask<VoteResponse>(VoteRequest{.candidate = key(id),
                                       .voter = key(1),
                                       .epoch = base::LeaderEpoch(4),
                                       .last = at(10, 3),
                                       .pre_vote = false})
        .granted;
  };
  EXPECT_FALSE(vote_of(3));
  EXPECT_TRUE(vote_of(2));  // again
}

TEST(Raft, AVoteIsRememberedByWhoThenFollowsItsLeader) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4), .leader = {}, .voted = key(2)}, 10,
              3);
  bench.follow(4);
  ASSERT_EQ(bench.role(), "follower 4");
  EXPECT_EQ(bench.out.election->voted, key(2));
  bench.wait(2100ms);  // the leader is silent: back to an election of the same epoch
  ASSERT_EQ(bench.role(), "prospective 4");
  EXPECT_FALSE(bench
                   .ask<VoteResponse>(VoteRequest{.candidate = key(3),
                                                  .voter = key(1),
                                                  .epoch = base::LeaderEpoch(4),
                                                  .last = at(10, 3),
                                                  .pre_vote = false})
                   .granted);
}

TEST(Raft, WhoKnowsOfALeaderVotesForNobodyElseInItsEpoch) {
  // The leader is not in the voter set, so where it is is not known.
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4), .leader = base::BrokerId(9)}, 10, 3);
  ASSERT_EQ(bench.role(), "unattached 4");
  EXPECT_FALSE(bench
                   .ask<VoteResponse>(VoteRequest{.candidate = key(3),
                                                  .voter = key(1),
                                                  .epoch = base::LeaderEpoch(4),
                                                  .last = at(10, 3),
                                                  .pre_vote = false})
                   .granted);
}

TEST(Raft, AVoterWithAnOldFileTakesTheEpochOfItsLog) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(2), .leader = base::BrokerId(1)}, 10, 4);
  EXPECT_EQ(bench.role(), "unattached 4");
  EXPECT_EQ(bench.out.election->voted, std::nullopt);
}

TEST(Raft, StandsOnlyAfterAMajorityWouldVoteForIt) {
  Bench bench(3);
  EXPECT_EQ(bench.role(), "unattached 0");
  bench.wait(2s);
  EXPECT_EQ(bench.role(), "prospective 0");
  EXPECT_EQ(bench.out.election, std::nullopt);  // nothing durable changes
  ASSERT_GE(bench.out.send.size(), 2U);
  EXPECT_TRUE(std::get<VoteRequest>(bench.out.send[0].request).pre_vote);
  bench.grant(2, true);
  EXPECT_EQ(bench.role(), "candidate 1");
  EXPECT_EQ(bench.out.election->voted, key(1));
  EXPECT_FALSE(std::get<VoteRequest>(bench.out.send.at(0).request).pre_vote);
  bench.grant(2, true);
  EXPECT_EQ(bench.role(), "leader 1");
}

TEST(Raft, AnElectionThatCannotBeWonEnds) {
  Bench bench(3);
  bench.wait(2s);
  bench.grant(2, false);
  EXPECT_EQ(bench.role(), "prospective 0");
  bench.grant(3, false);
  EXPECT_EQ(bench.role(), "unattached 0");
}

TEST(Raft, AVoterWithoutPreVoteIsAskedForReal) {
  Bench bench(3);
  bench.wait(2s);
  ASSERT_EQ(bench.role(), "prospective 0");
  const Send send = bench.sent.at(0);
  bench.step(input::PeerResponse{
      .from = send.to, .correlation = send.correlation, .result = RpcFailure::kUnsupportedVersion});
  EXPECT_EQ(bench.role(), "candidate 1");
}

// State, kind of request, its log against ours, and whether the vote is given.
TEST(Raft, TheTableOfVotes) {
  const char* table = R"(
    unattached        vote     same   granted
    unattached        vote     longer granted
    unattached        vote     behind rejected
    unattached        pre-vote same   granted
    unattached        pre-vote behind rejected
    voted             vote     same   rejected
    voted             pre-vote same   granted
    prospective       vote     same   granted
    prospective       vote     behind rejected
    prospective       pre-vote same   granted
    candidate         vote     same   rejected
    candidate         pre-vote same   granted
    candidate         pre-vote behind rejected
    leader            vote     longer rejected
    leader            pre-vote longer rejected
    follower          vote     longer rejected
    follower          pre-vote same   granted
    fetched-follower  pre-vote same   rejected
    resigned          vote     longer rejected
    resigned          pre-vote same   granted
  )";
  std::istringstream lines(table);
  std::string state, kind, log, expected;
  while (lines >> state >> kind >> log >> expected) {
    SCOPED_TRACE(state + " " + kind + " " + log);
    std::optional<ElectionState> stored{ElectionState{.epoch = base::LeaderEpoch(4)}};
    if (state == "voted") stored->voted = key(2);
    if (state == "candidate" || state == "leader") stored->voted = key(1);
    if (state == "resigned") stored->leader = base::BrokerId(1);
    Bench bench(3, stored, 10, 3);
    if (state == "prospective") bench.wait(2s);
    if (state == "leader") bench.grant(2, true);
    if (state == "follower" || state == "fetched-follower") bench.follow(4);
    if (state == "fetched-follower") {
      bench.answer(2, FetchResponse{.error = ErrorCode::kNone,
                                    .view = {.leader = base::BrokerId(2),
                                             .epoch = base::LeaderEpoch(4),
                                             .endpoints = voter(2).endpoints}});
    }
    const std::string before = bench.role();
    const OffsetAndEpoch last = log == "same" ? at(10, 3) : log == "longer" ? at(20, 3) : at(9, 3);
    const auto answer = bench.ask<VoteResponse>(VoteRequest{.candidate = key(3),
                                                            .voter = key(1),
                                                            .epoch = base::LeaderEpoch(4),
                                                            .last = last,
                                                            .pre_vote = kind == "pre-vote"});
    EXPECT_EQ(answer.error, ErrorCode::kNone);
    EXPECT_EQ(answer.granted ? "granted" : "rejected", expected);
    EXPECT_EQ(bench.role(), before);
    // A real vote is durable before its answer; a pre-vote never is.
    EXPECT_EQ(bench.out.election.has_value(), answer.granted && kind == "vote");
  }
}

TEST(Raft, AVoteRequestOfANewEpochEndsTheOldOne) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4), .voted = key(1)}, 10, 3);
  bench.grant(2, true);
  ASSERT_EQ(bench.role(), "leader 4");
  const auto answer = bench.ask<VoteResponse>(VoteRequest{.candidate = key(3),
                                                          .voter = key(1),
                                                          .epoch = base::LeaderEpoch(5),
                                                          .last = at(9, 3),
                                                          .pre_vote = false});
  EXPECT_FALSE(answer.granted);  // our log is longer
  EXPECT_EQ(bench.role(), "unattached 5");
  EXPECT_EQ(bench.out.election->epoch, base::LeaderEpoch(5));
}

TEST(Raft, VoteRequestsThatCannotBeAreRefused) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4)}, 10, 3);
  const VoteRequest good{.candidate = key(3),
                         .voter = key(1),
                         .epoch = base::LeaderEpoch(5),
                         .last = at(10, 4),
                         .pre_vote = false};
  const auto error_of = [&](auto change) {
    VoteRequest request = good;
    change(request);
    return bench.ask<VoteResponse>(request).error;
  };
  EXPECT_EQ(error_of([](VoteRequest& r) { r.last.epoch = base::LeaderEpoch(5); }),
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(error_of([](VoteRequest& r) { r.last.offset = base::Offset(-1); }),
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(error_of([](VoteRequest& r) { r.candidate.id = base::kNoBroker; }),
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(error_of([](VoteRequest& r) {
              r.epoch = base::LeaderEpoch(3);
              r.last = at(10, 2);
            }),
            ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(error_of([](VoteRequest& r) { r.voter = key(2); }), ErrorCode::kInvalidVoterKey);
  EXPECT_EQ(error_of([](VoteRequest& r) { r.voter->directory = directory(9); }),
            ErrorCode::kInvalidVoterKey);
  EXPECT_FALSE(bench
                   .ask<VoteResponse>([&] {
                     VoteRequest r = good;
                     r.candidate = {.id = base::BrokerId(1), .directory = directory(9)};
                     return r;
                   }())
                   .granted);  // a second node with our id
}

TEST(Raft, ASecondLeaderOfAnEpochIsNotFollowed) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4)}, 10, 3);
  bench.follow(4);
  ASSERT_EQ(bench.role(), "follower 4");
  const auto answer = bench.ask<BeginQuorumEpochResponse>(
      BeginQuorumEpochRequest{.leader = base::BrokerId(3),
                              .epoch = base::LeaderEpoch(4),
                              .voter = key(1),
                              .leader_endpoints = voter(3).endpoints});
  EXPECT_EQ(answer.error, ErrorCode::kUnknownServerError);
  EXPECT_EQ(answer.view.leader, base::BrokerId(2));
  EXPECT_EQ(bench.out.faults.size(), 1U);
}

// ---- following

FetchResponse from_leader(std::int32_t epoch) {
  return {.error = ErrorCode::kNone,
          .view = {.leader = base::BrokerId(2),
                   .epoch = base::LeaderEpoch(epoch),
                   .endpoints = voter(2).endpoints}};
}
base::ByteChain batch(std::int64_t offset, std::int32_t epoch) {
  const auto bytes = base::SharedBytes::copy_of("value");
  return data_batch(std::span(&bytes, 1), {.base_offset = base::Offset(offset),
                                           .epoch = base::LeaderEpoch(epoch),
                                           .time = base::Timestamp(1)})
      ->bytes;
}

TEST(Raft, AVoterFetchesAgainOnlyWhenWhatItHasIsDurable) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4)}, 10, 3);
  bench.follow(4);
  ASSERT_EQ(std::get<FetchRequest>(bench.sent.at(0).request).fetch_offset, base::Offset(10));
  auto response = from_leader(4);
  response.records = batch(10, 4);
  response.high_watermark = base::Offset(11);
  bench.answer(2, response);
  ASSERT_EQ(bench.out.log.size(), 1U);
  EXPECT_TRUE(bench.out.send.empty());
  EXPECT_EQ(bench.out.high_watermark, base::Offset(11));
  bench.sync();
  ASSERT_EQ(bench.out.send.size(), 1U);
  EXPECT_EQ(std::get<FetchRequest>(bench.out.send[0].request).fetch_offset, base::Offset(11));
}

TEST(Raft, AFollowerCutsNothingThatIsCommitted) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4)}, 10, 3);
  bench.follow(4);
  auto response = from_leader(4);
  response.high_watermark = base::Offset(6);
  bench.answer(2, response);
  EXPECT_EQ(bench.out.high_watermark, base::Offset(6));
  response = from_leader(4);
  response.diverging = at(5, 3);
  bench.answer(2, response);
  EXPECT_TRUE(bench.out.log.empty());
  ASSERT_EQ(bench.out.faults.size(), 1U);
}

TEST(Raft, AFollowerCutsADivergingLog) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4)}, 10, 3);
  bench.follow(4);
  auto response = from_leader(4);
  response.diverging = at(7, 3);
  bench.answer(2, response);
  ASSERT_EQ(bench.out.log.size(), 1U);
  EXPECT_EQ(std::get<log_op::TruncateTo>(bench.out.log[0].what).end, base::Offset(7));
  EXPECT_EQ(std::get<FetchRequest>(bench.out.send.at(0).request).fetch_offset, base::Offset(7));
}

TEST(Raft, AnOldLeaderFetchesOnlyWhenItsOwnTailIsDurable) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4), .leader = {}, .voted = key(1)}, 10,
              3);
  bench.grant(2, true);
  ASSERT_EQ(bench.role(), "leader 4");
  const LogSequence appended = bench.out.log.at(0).sequence;
  bench.follow(5);
  EXPECT_EQ(bench.role(), "follower 5");
  EXPECT_TRUE(bench.out.send.empty());
  bench.step(input::Durable{appended});
  ASSERT_EQ(bench.out.send.size(), 1U);
  EXPECT_EQ(std::get<FetchRequest>(bench.out.send[0].request).last_fetched_epoch,
            base::LeaderEpoch(4));
}

TEST(Raft, RecordsThatDoNotFitAreNotAppended) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4)}, 10, 3);
  bench.follow(4);
  auto response = from_leader(4);
  response.records = batch(12, 4);
  bench.answer(2, response);
  EXPECT_TRUE(bench.out.log.empty());
  EXPECT_EQ(bench.out.faults.size(), 1U);
}

TEST(Raft, AFollowerStandsWhenItsLeaderIsSilent) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4)}, 10, 3);
  bench.follow(4);
  bench.wait(1900ms);
  EXPECT_EQ(bench.role(), "follower 4");
  bench.wait(200ms);
  EXPECT_EQ(bench.role(), "prospective 4");
  EXPECT_EQ(bench.raft->leader_and_epoch().leader, base::BrokerId(2));  // until there is another
}

TEST(Raft, TheFirstSuccessorOfAResigningLeaderStandsAtOnce) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4)}, 10, 3);
  bench.follow(4);
  bench.ask<EndQuorumEpochResponse>(EndQuorumEpochRequest{.leader = base::BrokerId(2),
                                                          .epoch = base::LeaderEpoch(4),
                                                          .preferred = {key(1), key(3)},
                                                          .leader_endpoints = {}});
  EXPECT_EQ(bench.role(), "prospective 4");
}

TEST(Raft, TheSecondSuccessorWaits) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4)}, 10, 3);
  bench.follow(4);
  bench.ask<EndQuorumEpochResponse>(EndQuorumEpochRequest{.leader = base::BrokerId(2),
                                                          .epoch = base::LeaderEpoch(4),
                                                          .preferred = {key(3), key(1)},
                                                          .leader_endpoints = {}});
  EXPECT_EQ(bench.role(), "follower 4");
  bench.wait(600ms);
  EXPECT_EQ(bench.role(), "prospective 4");
}

// ---- leading

Bench leader_of_three() {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4), .leader = {}, .voted = key(1)}, 10,
              3);
  bench.grant(2, true);
  bench.sync();
  return bench;
}
FetchRequest fetch_of(std::int32_t id, std::int64_t offset, std::int32_t last_epoch) {
  return {.replica = key(id),
          .current_leader_epoch = base::LeaderEpoch(4),
          .fetch_offset = base::Offset(offset),
          .last_fetched_epoch = base::LeaderEpoch(last_epoch),
          .high_watermark = base::Offset(-1),
          .wait_max = 500ms,
          .bytes_max = 1 << 20};
}

TEST(Raft, TheHighWatermarkWaitsForTheEpochsFirstBatch) {
  Bench bench = leader_of_three();
  ASSERT_EQ(bench.role(), "leader 4");
  ASSERT_EQ(bench.raft->log().end_offset(), base::Offset(13));
  // All records of the old epoch are on a majority: not yet committed (raft paper, figure 8).
  bench.ask<FetchResponse>(fetch_of(2, 10, 3));
  EXPECT_EQ(bench.raft->high_watermark(), std::nullopt);
  bench.step(input::PeerRequest{.id = RequestId(1), .request = fetch_of(2, 13, 4)});
  EXPECT_EQ(bench.out.high_watermark, base::Offset(13));
  EXPECT_EQ(bench.out.leader, (LeaderAndEpoch{base::BrokerId(1), base::LeaderEpoch(4)}));
}

TEST(Raft, ALeaderCountsItselfOnlyForWhatIsDurable) {
  Bench bench(3, ElectionState{.epoch = base::LeaderEpoch(4), .leader = {}, .voted = key(1)}, 10,
              3);
  bench.grant(2, true);
  bench.step(input::PeerRequest{.id = RequestId(1), .request = fetch_of(2, 13, 4)});
  EXPECT_EQ(bench.raft->high_watermark(), std::nullopt);
  bench.sync();
  EXPECT_EQ(bench.out.high_watermark, base::Offset(13));
}

TEST(Raft, AnswersFetchesByWhereTheFetcherStands) {
  Bench bench = leader_of_three();
  auto answer = bench.ask<FetchResponse>(fetch_of(2, 10, 3));
  const auto* read = std::get_if<ReadLog>(&bench.out.answer[0].attach);
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->from, base::Offset(10));
  EXPECT_EQ(read->upto, base::Offset(13));
  answer = bench.ask<FetchResponse>(fetch_of(2, 12, 3));  // a tail that we do not have
  EXPECT_EQ(answer.diverging, at(10, 3));
  auto other_epoch = fetch_of(2, 10, 3);
  other_epoch.current_leader_epoch = base::LeaderEpoch(3);
  EXPECT_EQ(bench.ask<FetchResponse>(other_epoch).error, ErrorCode::kFencedLeaderEpoch);
  other_epoch.current_leader_epoch = base::LeaderEpoch(5);
  EXPECT_EQ(bench.ask<FetchResponse>(other_epoch).error, ErrorCode::kUnknownLeaderEpoch);
  auto negative = fetch_of(2, -1, 3);
  EXPECT_EQ(bench.ask<FetchResponse>(negative).error, ErrorCode::kInvalidRequest);
}

TEST(Raft, ALongPollEndsWithNewsOrItsTime) {
  Bench bench = leader_of_three();
  bench.ask<FetchResponse>(fetch_of(2, 13, 4));  // answered at once: the high watermark is news
  auto waiting = fetch_of(2, 13, 4);
  waiting.high_watermark = base::Offset(13);
  bench.step(input::PeerRequest{.id = RequestId(5), .request = waiting});
  EXPECT_TRUE(bench.out.answer.empty());
  EXPECT_LE(bench.out.wake_at, bench.instant + base::Duration(500ms));
  bench.wait(499ms);
  EXPECT_TRUE(bench.out.answer.empty());
  bench.wait(1ms);
  ASSERT_EQ(bench.out.answer.size(), 1U);
  EXPECT_EQ(bench.out.answer[0].id, RequestId(5));

  bench.step(input::PeerRequest{.id = RequestId(6), .request = waiting});
  ASSERT_TRUE(bench.out.answer.empty());
  const auto value = base::SharedBytes::copy_of("v");
  auto record = *data_batch(
      std::span(&value, 1),
      {.base_offset = base::Offset(13), .epoch = base::LeaderEpoch(4), .time = base::Timestamp(1)});
  bench.step(input::LocalAppend{.batch = record.summary, .bytes = record.bytes});
  ASSERT_EQ(bench.out.answer.size(), 1U);
  EXPECT_EQ(bench.out.answer[0].id, RequestId(6));
}

TEST(Raft, NoFetchIsHeldForLongerThanTheLimit) {
  Bench bench = leader_of_three();
  bench.ask<FetchResponse>(fetch_of(2, 13, 4));
  auto waiting = fetch_of(2, 13, 4);
  waiting.high_watermark = base::Offset(13);
  waiting.wait_max = std::chrono::hours(24);
  bench.step(input::PeerRequest{.id = RequestId(5), .request = waiting});
  ASSERT_TRUE(bench.out.answer.empty());
  bench.ask<FetchResponse>(fetch_of(3, 13, 4));  // keeps the leader in office
  bench.wait(2500ms);
  bench.ask<FetchResponse>(fetch_of(3, 13, 4));
  bench.wait(2500ms);
  ASSERT_EQ(bench.out.answer.size(), 1U);
  EXPECT_EQ(bench.out.answer[0].id, RequestId(5));
}

TEST(Raft, HeldFetchesAreFailedWhenTheLeadershipEnds) {
  Bench bench = leader_of_three();
  bench.ask<FetchResponse>(fetch_of(2, 13, 4));
  auto waiting = fetch_of(2, 13, 4);
  waiting.high_watermark = base::Offset(13);
  bench.step(input::PeerRequest{.id = RequestId(5), .request = waiting});
  bench.step(input::Resign{base::LeaderEpoch(4)});
  ASSERT_EQ(bench.out.answer.size(), 1U);
  EXPECT_EQ(std::get<FetchResponse>(bench.out.answer[0].response).error,
            ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(bench.role(), "resigned 4");
  EXPECT_EQ(bench.out.leader, (LeaderAndEpoch{std::nullopt, base::LeaderEpoch(4)}));
  const auto& end = std::get<EndQuorumEpochRequest>(bench.out.send.at(0).request);
  EXPECT_EQ(end.preferred, (std::vector<ReplicaKey>{key(2), key(3)}));  // best log first
}

TEST(Raft, ALeaderThatNobodyFetchesFromResigns) {
  Bench bench = leader_of_three();
  bench.wait(2900ms);
  EXPECT_EQ(bench.role(), "leader 4");
  bench.ask<FetchResponse>(fetch_of(3, 10, 3));
  bench.wait(2900ms);
  EXPECT_EQ(bench.role(), "leader 4");
  bench.wait(200ms);
  EXPECT_EQ(bench.role(), "resigned 4");
}

TEST(Raft, ASnapshotIsServedInPartsAndTheBootstrapOneNever) {
  Bench bench(1);
  bench.sync();
  const SnapshotId id = at(3, 1);
  bench.step(input::SnapshotWritten{.id = id, .info = {.bytes = 1000}});
  FetchSnapshotRequest request{.replica = key(2),
                               .current_leader_epoch = base::LeaderEpoch(1),
                               .id = id,
                               .position = 600,
                               .bytes_max = 500};
  auto answer = bench.ask<FetchSnapshotResponse>(request);
  EXPECT_EQ(answer.error, ErrorCode::kNone);
  EXPECT_EQ(answer.size, 1000);
  EXPECT_EQ(std::get<ReadSnapshot>(bench.out.answer[0].attach).position, 600U);
  EXPECT_EQ(std::get<ReadSnapshot>(bench.out.answer[0].attach).bytes_max, 500U);
  // Regression: a part was as large as the peer claimed that it may be.
  request.bytes_max = 0x7FFFFFFF;
  bench.ask<FetchSnapshotResponse>(request);
  EXPECT_EQ(std::get<ReadSnapshot>(bench.out.answer[0].attach).bytes_max,
            RaftOptions().fetch_snapshot_bytes_max);
  request.position = 1000;
  EXPECT_EQ(bench.ask<FetchSnapshotResponse>(request).error, ErrorCode::kPositionOutOfRange);
  request.id = at(2, 1);
  EXPECT_EQ(bench.ask<FetchSnapshotResponse>(request).error, ErrorCode::kSnapshotNotFound);
  request.id = kBootstrapSnapshotId;
  request.position = 0;
  EXPECT_EQ(bench.ask<FetchSnapshotResponse>(request).error, ErrorCode::kSnapshotNotFound);
  // An empty replica is sent to the snapshot, not through the log.
  FetchRequest fetch = fetch_of(2, 0, 0);
  fetch.current_leader_epoch = base::LeaderEpoch(1);
  EXPECT_EQ(bench.ask<FetchResponse>(fetch).snapshot, id);
}

Bench with_two_snapshots() {
  Bench bench(1);
  bench.sync();
  bench.step(input::SnapshotWritten{
      .id = at(1, 1), .info = {.bytes = 100, .last_contained_log_time = base::Timestamp(0)}});
  bench.step(input::SnapshotWritten{
      .id = at(3, 1), .info = {.bytes = 100, .last_contained_log_time = base::Timestamp(900)}});
  return bench;
}

TEST(Raft, OldSnapshotsGoBySizeButNeverTheLast) {
  Bench bench = with_two_snapshots();
  bench.step(input::Clean{.log_bytes = 50, .retention_bytes = 250});
  EXPECT_TRUE(bench.out.log.empty());
  bench.step(input::Clean{.log_bytes = 50, .retention_bytes = 249});
  EXPECT_EQ(bench.raft->log().start_offset(), base::Offset(3));
  EXPECT_EQ(bench.raft->log().snapshots().size(), 1U);
  bench.step(input::Clean{.log_bytes = 50, .retention_bytes = 0});
  EXPECT_EQ(bench.raft->log().snapshots().size(), 1U);
}

TEST(Raft, OldSnapshotsGoByTheTimeOfWhatTheyHold) {
  Bench bench = with_two_snapshots();
  bench.step(input::Clean{.log_bytes = 50, .retention_bytes = -1, .retention_time = 1001ms});
  EXPECT_TRUE(bench.out.log.empty());
  // It is 1000 now: the bootstrap snapshot and the one of time 0 are older.
  bench.step(input::Clean{.log_bytes = 50, .retention_bytes = -1, .retention_time = 999ms});
  EXPECT_EQ(bench.raft->log().start_offset(), base::Offset(3));
  EXPECT_EQ(bench.raft->log().snapshots().size(), 1U);
}

TEST(Raft, ASoleVoterThatShutsDownIsDoneAtOnce) {
  Bench bench(1);
  bench.sync();
  EXPECT_FALSE(bench.raft->drained());
  bench.step(input::ShutDown{});
  EXPECT_TRUE(bench.raft->drained());
  EXPECT_FALSE(bench.raft->leading());
  bench.wait(10s);
  EXPECT_EQ(bench.role(), "resigned 1");  // and does not come back
}

TEST(Raft, ASoleVoterThatResignedLeadsAgainLater) {
  Bench bench(1);
  bench.sync();
  bench.step(input::Resign{base::LeaderEpoch(1)});
  EXPECT_EQ(bench.role(), "resigned 1");
  bench.wait(2s);
  EXPECT_EQ(bench.role(), "leader 3");  // 2 was unattached: in 1 it is known as leader
}

}  // namespace
}  // namespace moldau::raft
