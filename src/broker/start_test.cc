// A node that cannot start says so in time, by name; in a simulated world.
#include <gtest/gtest.h>

#include "broker/node_test.h"

namespace moldau::broker {
namespace {

using StartTest = NodeTest;

TEST_F(StartTest, ANodeStartsAndStartsAgain) {
  format();
  EXPECT_EQ(start(), "");
  EXPECT_EQ(start(), "");
}

// Regression: below metadata.version 15 there are no controller registrations, and the start waited
// for one.
TEST_F(StartTest, ANodeStartsAtTheOldestMetadataVersion) {
  format();
  bootstrap_with("metadata.version", 7);
  EXPECT_EQ(start(), "");
}

// Regression: a directory with features that are not served kept the start waiting for ever.
TEST_F(StartTest, FeaturesThatAreNotServedAreNamed) {
  format();
  bootstrap_with("transaction.version", 2);
  expect_refused("feature transaction.version is finalized at level 2");
  bootstrap_with("metadata.version", 31);
  expect_refused(
      "feature metadata.version is finalized at level 31 (4.4-IV0), and this version of "
      "Moldau serves up to 30 (4.3-IV0)");
}

// Regression: nobody looked at failures before the node served.
TEST_F(StartTest, AFailureOfTheQuorumEndsTheStart) {
  format();
  EXPECT_EQ(start(), "");
  node_.disk_faults().sync_errors = 1'000'000;
  const std::string why = start();
  EXPECT_NE(why, "");
  EXPECT_NE(why.find("sync"), std::string::npos) << why;
  EXPECT_LT(took_, base::Duration(5s));
}

// Regression: these waited a minute and said that no controller was known, or waited for ever.
TEST_F(StartTest, QuorumsThatAreNotServedAreNamed) {
  format();
  properties_.set("controller.quorum.bootstrap.servers", "");
  properties_.set("controller.quorum.voters", "1@server:9093,2@other:9093");
  properties_.set("log.dirs", "/fixed");
  format();
  expect_refused("the quorum has 2 voters");
  properties_.set("controller.quorum.voters", "");
  properties_.set("controller.quorum.bootstrap.servers", "server:9093");
  expect_refused("the quorum has no voter");
}

TEST_F(StartTest, ADirectoryOfAnotherVoterIsNamed) {
  format();
  EXPECT_EQ(start(), "");
  const auto meta = run(rt::read_file(node_.disk(), "/data/meta.properties"));
  ASSERT_TRUE(meta.has_value());
  std::string text(meta->text());
  const std::string key = "directory.id=";
  text.replace(text.find(key) + key.size(), 22, "BBBBBBBBBBBBBBBBBBBBBA");
  ASSERT_TRUE(run(rt::write_file_atomically(node_.disk(), "/data/meta.properties",
                                            base::SharedBytes::copy_of(text)))
                  .has_value());
  expect_refused("the quorum's one voter is 1-");
}

// A controller that nobody can reach ends the start after initial.broker.registration.timeout.ms.
TEST_F(StartTest, ALifecycleGivesUpWithTheReason) {
  ControllerChannel nowhere(loop(), [] { return std::nullopt; }, {});
  Lifecycle lifecycle(loop(), nowhere,
                      {.id = base::BrokerId(1), .registration = {}, .start_patience = 3s});
  struct OnLoop {
    static rt::Task<> start(Lifecycle& lifecycle) {
      lifecycle.start();
      co_return;
    }
  };
  sim::run_task(world_, loop(), OnLoop::start(lifecycle));
  const base::Instant before = world_.now();
  const auto reached = run(lifecycle.reach(LifecycleState::kRecovery, {}));
  ASSERT_FALSE(reached.has_value());
  EXPECT_NE(reached.error().find("no active controller is known"), std::string::npos)
      << reached.error();
  EXPECT_LE(world_.now() - before, base::Duration(3100ms));
  sim::run_task(world_, loop(), lifecycle.stop());
}

}  // namespace
}  // namespace moldau::broker
