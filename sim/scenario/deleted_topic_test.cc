// A broker that is killed while it deletes a topic: its files are gone, or set aside, once it has
// come back, whichever step of the deletion the crash fell into.
#include <gtest/gtest.h>

#include "broker/server_properties_test.h"
#include "client/admin.h"
#include "client/cluster.h"
#include "client/producer.h"
#include "config/broker_config.h"
#include "rt/disk.h"
#include "rt/scope.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"
#include "sim/scenario/broker_process.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;

const base::TopicName kTopic("t");

config::BrokerConfig broker_config() {
  config::Properties properties = broker::server_properties();
  properties.set("moldau.journal.bytes", "1048576");
  auto loaded = config::load(properties);
  EXPECT_TRUE(loaded.ok());
  return std::move(loaded.config);
}

client::ClusterOptions cluster_options() {
  client::ClusterOptions options;
  options.bootstrap = {{.host = "server", .port = 9092}};
  options.channel.connect_timeout = 300ms;
  options.channel.request_timeout = 300ms;
  options.backoff_min = 5ms;
  options.backoff_max = 200ms;
  return options;
}

rt::Task<> create(rt::Loop& loop) {
  client::Cluster cluster(loop, cluster_options());
  client::Admin admin(cluster);
  const auto created =
      co_await admin.create_topics({{.name = kTopic, .partitions = 2, .replication_factor = 1}});
  EXPECT_TRUE(created.has_value() && created->front().result.has_value());
  client::Producer producer(cluster, {});
  for (const std::int32_t partition : {0, 1}) {
    const std::string value = "value";
    const auto sent = co_await producer.send_and_wait(
        kTopic, {.key = std::nullopt, .value = base::as_bytes(value)},
        base::PartitionIndex(partition));
    EXPECT_TRUE(sent.has_value());
  }
  co_await producer.close();
  co_await cluster.close();
}

rt::Task<> remove(rt::Loop& loop, bool& done) {
  client::Cluster cluster(loop, cluster_options());
  client::Admin admin(cluster);
  const auto outcomes = co_await admin.delete_topics({kTopic});
  EXPECT_TRUE(outcomes.has_value());
  co_await cluster.close();
  done = true;
}

rt::Task<std::vector<std::string>> names(rt::Disk& disk) {
  std::vector<std::string> names;
  const auto entries = co_await disk.list("/data");
  EXPECT_TRUE(entries.has_value());
  for (const auto& entry : *entries) names.push_back(entry.name);
  co_return names;
}

TEST(DeletedTopic, LeavesNoFilesUnderItsNameWhenTheBrokerIsKilled) {
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Simulation world({.seed = seed});
    Node& server = world.add_node({.name = "server", .loops = 2});
    Node& clients = world.add_node({.name = "clients", .loops = 1});
    BrokerProcess broker(world, server, broker_config());
    const auto serving = [&] { return broker.serving() || broker.failure().has_value(); };
    broker.start();
    ASSERT_TRUE(world.run_until(serving, 2min));
    run_task(world, clients.loop(0), create(clients.loop(0)));
    bool done = false;
    rt::Scope scope(clients.loop(0));
    scope.spawn(remove(clients.loop(0), done));
    world.run_for(std::chrono::microseconds(seed * 300));
    broker.crash(seed % 2 == 0 ? CrashKind::kProcess : CrashKind::kPower);
    broker.restart();
    ASSERT_TRUE(world.run_until(serving, 2min));
    ASSERT_FALSE(broker.failure().has_value()) << *broker.failure();
    ASSERT_TRUE(world.run_until([&] { return done; }, 2min));
    world.run_for(1s);
    for (const std::string& name : run_task(world, server.loop(0), names(server.disk()))) {
      EXPECT_TRUE(name != "t-0" && name != "t-1") << name;
    }
    for (const auto& [mark, count] : world.marks()) {
      if (mark == "files of a deleted topic set aside") before += count;
      if (mark == "crash during topic deletion") after += count;
    }
  }
  EXPECT_GT(before, 0U) << "no crash came between the deletion and the renaming";
  EXPECT_GT(after, 0U);
}

}  // namespace
}  // namespace moldau::sim
