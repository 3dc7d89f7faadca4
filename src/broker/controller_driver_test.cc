// The controller driver against a raft driver that is told what to do.
#include "broker/controller_driver.h"

#include <vector>

#include <gtest/gtest.h>

#include "controller/bootstrap.h"
#include "rt/sleep.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"

namespace moldau::broker {
namespace {

using namespace std::chrono_literals;
using wire::ErrorCode;

constexpr base::BrokerId kSelf{1};

// Takes what it is given and commits nothing. The RPCs are nobody's here.
class StubRaft final : public RaftDriver {
 public:
  explicit StubRaft(rt::Loop& loop) : loop_(&loop), lost_(loop) {}

  rt::Task<std::expected<storage::JournalEvidence, std::string>> journal_evidence(
      base::BrokerId) override {
    co_return storage::JournalEvidence{};
  }
  void add_listener(RaftListener&) override {}
  void set_snapshot_source(SnapshotSource&) override {}
  void set_channel(QuorumChannel&) override {}
  void start() override {}
  rt::Task<> shut_down(base::Duration) override { co_return; }

  std::expected<AppendedBatch, ErrorCode> append(
      base::LeaderEpoch, std::span<const base::SharedBytes> records) override {
    if (refusal) return std::unexpected(*refusal);
    const base::Offset first = next_;
    next_ += static_cast<std::int64_t>(records.size());
    ++appended;
    return AppendedBatch{.base_offset = first, .last_offset = next_ - 1};
  }
  base::Offset next_offset() const override { return next_; }
  rt::Task<std::expected<void, ErrorCode>> wait_committed(base::LeaderEpoch,
                                                          base::Offset) override {
    constexpr int kFar = 100'000;
    ++waits;
    // An endless loop around this call shall be a failed test, not one that hangs.
    if (waits > kFar) co_await rt::sleep_for(*loop_, 1h);
    if (!lost_.is_set()) co_await lost_.wait();
    co_return std::unexpected(ErrorCode::kNotController);
  }
  void resign(base::LeaderEpoch) override {}

  raft::LeaderAndEpoch leader_and_epoch() const override { return {}; }
  std::optional<raft::HostPort> leader_address(std::string_view) const override { return {}; }
  std::optional<base::Offset> high_watermark() const override { return {}; }
  base::Offset told_offset() const override { return base::Offset(0); }
  const raft::VoterSet& voters() const override { return voters_; }
  raft::KRaftVersion kraft_version() const override { return raft::kKRaftVersion1; }
  const std::optional<std::string>& failed() const override { return failed_; }

  rt::Task<wire::VoteResponse> vote(wire::VoteRequest, RaftRequestInfo) override {
    co_return wire::VoteResponse{};
  }
  rt::Task<wire::BeginQuorumEpochResponse> begin_quorum_epoch(wire::BeginQuorumEpochRequest,
                                                              RaftRequestInfo) override {
    co_return wire::BeginQuorumEpochResponse{};
  }
  rt::Task<wire::EndQuorumEpochResponse> end_quorum_epoch(wire::EndQuorumEpochRequest,
                                                          RaftRequestInfo) override {
    co_return wire::EndQuorumEpochResponse{};
  }
  rt::Task<wire::FetchResponse> fetch(wire::FetchRequest, RaftRequestInfo) override {
    co_return wire::FetchResponse{};
  }
  rt::Task<wire::FetchSnapshotResponse> fetch_snapshot(wire::FetchSnapshotRequest,
                                                       RaftRequestInfo) override {
    co_return wire::FetchSnapshotResponse{};
  }
  rt::Task<wire::DescribeQuorumResponse> describe_quorum(wire::DescribeQuorumRequest,
                                                         RaftRequestInfo) override {
    co_return wire::DescribeQuorumResponse{};
  }

  // From now on every wait for a commit fails, those that are under way and those to come.
  void lose() { lost_.set(); }

  std::optional<ErrorCode> refusal;
  int waits = 0;
  std::size_t appended = 0;

 private:
  rt::Loop* loop_;
  rt::Event lost_;
  base::Offset next_{0};
  raft::VoterSet voters_;
  std::optional<std::string> failed_;
};

controller::Settings settings() {
  controller::Settings settings;
  settings.node_id = kSelf;
  settings.cluster_id = "cluster";
  settings.controller.broker_session_timeout = std::chrono::milliseconds(9000);
  settings.controller.unclean_election_interval = std::chrono::seconds(300);
  settings.kraft_version = 1;
  return settings;
}

wire::BrokerRegistrationRequest registration(int id) {
  wire::BrokerRegistrationRequest request;
  request.broker_id = base::BrokerId(id);
  request.cluster_id = "cluster";
  request.incarnation_id = base::Uuid{.msb = 5, .lsb = static_cast<std::uint64_t>(id)};
  request.listeners.push_back({.name = "PLAINTEXT",
                               .host = "host",
                               .port = 9092,
                               .security_protocol = 0,
                               .unknown_tags = {}});
  for (const auto& [name, range] : metadata::supported_features()) {
    request.features.push_back({.name = std::string(name),
                                .min_supported_version = range.min,
                                .max_supported_version = range.max,
                                .unknown_tags = {}});
  }
  request.log_dirs = {
      base::DirectoryId(base::Uuid{.msb = 7, .lsb = static_cast<std::uint64_t>(id)})};
  return request;
}

class ControllerDriverTest : public ::testing::Test {
 protected:
  explicit ControllerDriverTest()
      : node_(world_.add_node({.name = "n", .loops = 1})),
        raft_(loop()),
        asked_(loop()),
        driver_(loop(), raft_, settings(), controller::bootstrap_records({})) {}
  ~ControllerDriverTest() override {
    run(driver_.stop());
    run(asked_.stop_and_join());
  }

  rt::Loop& loop() { return node_.loop(0); }
  void run(rt::Task<> task) { sim::run_task(world_, loop(), std::move(task)); }
  void lead(ControllerDriver& driver) { run(lead_on_loop(driver)); }
  void ask(int first, int count) { run(ask_on_loop(first, count)); }

  static rt::Task<> lead_on_loop(ControllerDriver& driver) {
    driver.start();
    driver.handle_leader_change({.leader = kSelf, .epoch = base::LeaderEpoch(1)});
    co_return;
  }
  rt::Task<> ask_on_loop(int first, int count) {
    for (int id = first; id < first + count; ++id) asked_.spawn(ask_one(id));
    co_return;
  }
  rt::Task<> ask_one(int id) {
    const auto response = co_await driver_.serve(registration(id));
    answers_.push_back(response.error_code);
  }

  sim::Simulation world_{{.seed = 1, .log_level = base::LogLevel::kError}};
  sim::Node& node_;
  StubRaft raft_;
  rt::Scope asked_;
  ControllerDriver driver_;
  std::vector<ErrorCode> answers_;
};

// Regression: with 1,024 batches in flight a lost lead was an endless loop on loop 0.
TEST_F(ControllerDriverTest, ALeadThatIsLostWithAFullWindowRefusesWhoWaits) {
  lead(driver_);
  constexpr int kAsked = static_cast<int>(controller::kBatchesInFlightMax) + 10;
  ask(100, kAsked);
  world_.run_for(10ms);
  EXPECT_EQ(raft_.appended, controller::kBatchesInFlightMax);
  EXPECT_TRUE(answers_.empty());
  raft_.lose();
  world_.run_for(2s);  // NoOp records would be due meanwhile
  EXPECT_EQ(answers_,
            std::vector<ErrorCode>(static_cast<std::size_t>(kAsked), ErrorCode::kNotController));
  EXPECT_LT(raft_.waits, 2 * kAsked);
}

// Regression: this was answered with NOT_CONTROLLER, so that clients tried until they timed out.
TEST_F(ControllerDriverTest, ADecisionThatIsTooLargeIsRefusedAsThat) {
  lead(driver_);
  raft_.refusal = ErrorCode::kRecordListTooLarge;
  ask(100, 1);
  world_.run_for(10ms);
  EXPECT_EQ(answers_, std::vector<ErrorCode>{ErrorCode::kRecordListTooLarge});
  EXPECT_EQ(driver_.failed(), std::nullopt);
}

// Regression: Kafka's own defaults finalize features that are not served; that start never ended.
TEST_F(ControllerDriverTest, BootstrapRecordsThatAreNotServedStopItBeforeItWrites) {
  auto bootstrap = controller::bootstrap_records({});
  wire::FeatureLevelRecord record;
  record.name = "group.version";
  record.feature_level = 1;
  bootstrap.push_back({.record = record, .version = 0});
  ControllerDriver driver(loop(), raft_, settings(), std::move(bootstrap));
  lead(driver);
  ASSERT_TRUE(driver.failed().has_value());
  EXPECT_NE(driver.failed()->find("feature group.version is finalized at level 1"),
            std::string::npos)
      << *driver.failed();
  EXPECT_EQ(raft_.appended, 0U);
  run(driver.stop());
}

}  // namespace
}  // namespace moldau::broker
