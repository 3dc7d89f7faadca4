// Channel and Cluster against a fake broker in the simulator.
#include "client/channel.h"

#include <gtest/gtest.h>

#include "client/cluster.h"
#include "client/testing/client_world.h"
#include "rt/sleep.h"
#include "wire/metadata_request.h"

namespace moldau::client {
namespace {

using namespace std::chrono_literals;
using testing::ClientWorld;

rt::Task<Channel::Connected> connect(ClientWorld& world) {
  co_return co_await Channel::connect(world.loop, world.options().bootstrap[0],
                                      world.options().channel);
}

rt::Task<bool> ask_metadata(Channel& channel) {
  const auto answer = co_await channel.call<wire::MetadataResponse>(wire::MetadataRequest{});
  co_return answer && answer->cluster_id == "fake";
}

TEST(Channel, PicksTheNewestCommonVersion) {
  ClientWorld world(1);
  auto channel = world.run(connect(world));
  ASSERT_TRUE(channel);
  EXPECT_EQ((*channel)->common_version(wire::ApiKey::kFetch, 4, 18), 17);
  EXPECT_EQ((*channel)->common_version(wire::ApiKey::kFetch, 4, 12), 12);
  EXPECT_EQ((*channel)->common_version(wire::ApiKey::kFetch, 18, 18), std::nullopt);
  EXPECT_EQ((*channel)->common_version(wire::ApiKey::kVote, 0, 1), std::nullopt);
  sim::run_task(world.world, world.loop, (*channel)->close_and_join());
}

TEST(Channel, AsksAgainWhenTheBrokerIsOlder) {
  ClientWorld world(2);
  world.broker.api_versions_max = 2;
  auto channel = world.run(connect(world));
  ASSERT_TRUE(channel) << channel.error().message;
  EXPECT_EQ(world.broker.requests(wire::ApiKey::kApiVersions), 2U);
  EXPECT_TRUE(world.run(ask_metadata(**channel)));
  sim::run_task(world.world, world.loop, (*channel)->close_and_join());
}

rt::Task<> count_answer(Channel& channel, std::size_t& answers) {
  if (co_await ask_metadata(channel)) ++answers;
}

rt::Task<std::size_t> ask_many(Channel& channel, std::size_t count) {
  std::size_t answers = 0;
  rt::Scope scope(*channel.loop());
  for (std::size_t i = 0; i < count; ++i) scope.spawn(count_answer(channel, answers));
  co_await scope.join();
  co_return answers;
}

TEST(Channel, PipelinesMoreCallsThanMayBeInFlight) {
  ClientWorld world(3);
  auto channel = world.run(connect(world));
  ASSERT_TRUE(channel);
  EXPECT_EQ(world.run(ask_many(**channel, 3 * kRequestsInFlightMax)), 3 * kRequestsInFlightMax);
  sim::run_task(world.world, world.loop, (*channel)->close_and_join());
}

TEST(Channel, ASilentBrokerClosesItAndFailsAllCalls) {
  ClientWorld world(4);
  auto channel = world.run(connect(world));
  ASSERT_TRUE(channel);
  world.broker.silent = true;
  const base::Instant before = world.world.now();
  EXPECT_EQ(world.run(ask_many(**channel, 100)), 0U);
  EXPECT_TRUE((*channel)->closed());
  EXPECT_GE(world.world.now() - before, 2s);
  EXPECT_LT(world.world.now() - before, 3s);
  sim::run_task(world.world, world.loop, (*channel)->close_and_join());
}

rt::Task<> count_end(Channel& channel, std::size_t& ended) {
  static_cast<void>(co_await ask_metadata(channel));
  ++ended;
}

rt::Task<std::size_t> close_during_calls(Channel& channel, std::size_t calls) {
  std::size_t ended = 0;
  rt::Scope scope(*channel.loop());
  for (std::size_t i = 0; i < calls; ++i) scope.spawn(count_end(channel, ended));
  co_await rt::sleep_for(*channel.loop(), 1ms);
  co_await channel.close_and_join();
  const std::size_t when_joined = ended;
  co_await scope.join();
  co_return when_joined;
}

TEST(Channel, ClosingWaitsForTheCallsInFlight) {
  ClientWorld world(5);
  auto channel = world.run(connect(world));
  ASSERT_TRUE(channel);
  world.broker.silent = true;
  EXPECT_EQ(world.run(close_during_calls(**channel, 100)), 100U);
}

rt::Task<ClientResult<TopicInfo>> look_up(ClientWorld& world, ClusterOptions options,
                                          std::string name) {
  Cluster cluster(world.loop, std::move(options));
  auto info = co_await cluster.topic(base::TopicName(name));
  co_await cluster.close();
  co_return info;
}

TEST(Cluster, FindsATopic) {
  ClientWorld world(6);
  world.broker.add_topic("a", 3);
  const auto info = world.run(look_up(world, world.options(), "a"));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->partitions.size(), 3U);
  EXPECT_FALSE(info->id.is_zero());
}

TEST(Cluster, WaitsForATopicThatIsBeingCreated) {
  ClientWorld world(7);
  world.world.after(1s, [&] { world.broker.add_topic("late", 1); });
  EXPECT_TRUE(world.run(look_up(world, world.options(), "late")));
}

TEST(Cluster, SaysThatATopicIsUnknownWhenItsPatienceEnds) {
  ClientWorld world(8);
  const base::Instant before = world.world.now();
  const auto info = world.run(look_up(world, world.options(), "none"));
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, wire::ErrorCode::kUnknownTopicOrPartition);
  EXPECT_NE(info.error().message.find("none"), std::string::npos);
  EXPECT_LE(world.world.now() - before, 11s);
}

TEST(Cluster, GivesUpOnServersThatAreNotThere) {
  ClientWorld world(9);
  ClusterOptions options = world.options();
  options.bootstrap[0].port = 1;
  const base::Instant before = world.world.now();
  const auto info = world.run(look_up(world, options, "a"));
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().kind, ClientErrorKind::kConnection);
  EXPECT_NE(info.error().message.find(":1:"), std::string::npos) << info.error().message;
  EXPECT_LE(world.world.now() - before, 11s);
}

TEST(Backoff, DoublesToItsLimitWithSpread) {
  base::Rng rng(1);
  Backoff backoff(100ms, 1s);
  base::Duration expected = 100ms;
  for (int i = 0; i < 8; ++i) {
    const base::Duration delay = backoff.next(rng);
    EXPECT_GE(delay, expected * 8 / 10);
    EXPECT_LE(delay, expected * 12 / 10);
    expected = std::min<base::Duration>(expected * 2, 1s);
  }
}

}  // namespace
}  // namespace moldau::client
