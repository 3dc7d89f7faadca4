// The loads of `moldau bench` against a fake broker in virtual time: what they send and count.
#include "cmd/moldau/bench_load.h"

#include <gtest/gtest.h>

#include "client/testing/client_world.h"
#include "rt/call_all.h"

namespace moldau::cmd {
namespace {

using namespace std::chrono_literals;
using client::testing::ClientWorld;
using client::testing::FakeBroker;

LoadOptions paced(double rate) {
  LoadOptions load;
  load.topic = base::TopicName("t");
  load.rate = rate;
  load.warmup = 500ms;
  load.duration = 2s;
  load.record_bytes = 100;
  load.producer.linger = 1ms;
  return load;
}

rt::Task<LoadResult> run_client(ClientWorld& world, LoadOptions load, Progress& progress) {
  client::Cluster cluster(world.loop, world.options());
  const LoadResult result = co_await end_to_end_load(cluster, std::move(load), progress);
  co_await cluster.close();
  co_return result;
}

// All at once, each with its own connection, as bench() does.
rt::Task<std::vector<LoadResult>> run_clients(ClientWorld& world, std::vector<LoadOptions> loads) {
  Progress progress;
  rt::CallAll<LoadResult> clients(world.loop);
  for (LoadOptions& load : loads) {
    clients.add(world.loop, run_client(world, std::move(load), progress));
  }
  co_return co_await clients;
}

rt::Task<LoadResult> produce(ClientWorld& world, LoadOptions load) {
  Progress progress;
  client::Cluster cluster(world.loop, world.options());
  const LoadResult result = co_await produce_load(cluster, std::move(load), progress);
  co_await cluster.close();
  co_return result;
}

std::size_t records_in(const FakeBroker::Partition& partition) {
  return static_cast<std::size_t>(partition.end.value());
}

// Regression: a load with a rate ended by the clock, so that what a stall held up at its end was
// never sent and missing from the latencies.
TEST(BenchLoad, SendsAndCountsAllThatWasDueWhateverTheBrokerDoes) {
  ClientWorld world(1);
  world.broker.add_topic("t", 3);
  world.broker.faults.slow = 60;
  LoadOptions load = paced(2000);
  // Little may wait in the client: it cannot keep up with its rate.
  load.producer.buffer_bytes_max = 20'000;
  load.producer.batch_bytes = 2000;
  const std::vector<LoadResult> results = world.run(run_clients(world, {load}));
  EXPECT_EQ(results[0].error, "");
  EXPECT_EQ(results[0].failed, 0U);
  // The schedule begins when the client knows the topic, a little after the measured part's clock.
  EXPECT_GE(results[0].records, 4000U);
  EXPECT_LE(results[0].records, 4004U);
  EXPECT_EQ(results[0].latency.count(), results[0].records);
  // It was late indeed, and that shows.
  EXPECT_GT(results[0].took, 2100ms);
  EXPECT_GT(results[0].latency.percentile(990), 100ms);
}

// Regression: each of several clients counted the records of all of them; eight bytes of anything
// were taken for the instant at which a record was due.
TEST(BenchLoad, ClientsOfOneTopicCountTheirOwnRecordsOnly) {
  ClientWorld world(2);
  world.broker.add_topic("t", 2);
  LoadOptions first = paced(400);
  LoadOptions second = paced(100);
  second.client = 1;
  const std::vector<LoadResult> results = world.run(run_clients(world, {first, second}));
  EXPECT_EQ(results[0].error, "");
  EXPECT_EQ(results[1].error, "");
  EXPECT_EQ(results[0].records, 800U);
  EXPECT_EQ(results[1].records, 200U);
}

TEST(BenchLoad, RoundRobinLoadsEveryPartitionAlike) {
  ClientWorld world(3);
  FakeBroker::Topic& topic = world.broker.add_topic("t", 7);
  LoadOptions load = paced(0);
  load.warmup = load.duration = base::Duration(0);
  load.records = 700;
  load.spread = Spread::kRoundRobin;
  const LoadResult result = world.run(produce(world, load));
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.records, 700U);
  for (const FakeBroker::Partition& partition : topic.partitions) {
    EXPECT_EQ(records_in(partition), 100U);
  }
}

TEST(Histogram, GivesPercentilesWithinItsBuckets) {
  Histogram low;
  Histogram high;
  for (int i = 1; i <= 500; ++i) low.add(std::chrono::milliseconds(i));
  for (int i = 501; i <= 1000; ++i) high.add(std::chrono::milliseconds(i));
  low.merge(high);
  EXPECT_EQ(low.count(), 1000U);
  EXPECT_EQ(low.max(), 1000ms);
  EXPECT_EQ(low.mean(), 500500us);
  for (const int per_mille : {1, 10, 500, 990, 999}) {
    const auto found = low.percentile(static_cast<std::uint64_t>(per_mille));
    EXPECT_GE(found, std::chrono::milliseconds(per_mille));
    EXPECT_LE(found, std::chrono::microseconds(per_mille * 1020));
  }
  EXPECT_EQ(low.percentile(1000), 1000ms);
}

}  // namespace
}  // namespace moldau::cmd
