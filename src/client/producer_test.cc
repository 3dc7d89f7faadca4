// Producer against a fake broker that loses requests, answers and leadership, by seed.
#include "client/producer.h"

#include <map>

#include <gtest/gtest.h>

#include "base/endian.h"
#include "client/testing/client_world.h"
#include "record/reader.h"
#include "rt/sleep.h"

namespace moldau::client {
namespace {

using namespace std::chrono_literals;
using testing::ClientWorld;
using testing::FakeBroker;

ProducerOptions small_batches() {
  ProducerOptions options;
  options.batch_bytes = 400;
  options.linger = 2ms;
  options.request_timeout = 2s;
  return options;
}

// Values of a partition in log order.
std::vector<std::string> values(const FakeBroker::Partition& partition) {
  std::vector<std::string> list;
  record::CodecContexts contexts;
  for (const record::StoredBatch& batch : partition.batches) {
    auto reader = record::RecordReader::open(batch, contexts);
    EXPECT_TRUE(reader);
    record::RecordView record;
    while (reader->next(record).value_or(false)) list.emplace_back(base::as_text(*record.value));
  }
  return list;
}

struct Outcome {
  std::map<std::int32_t, std::vector<std::string>> sent;  // in order, by partition
  std::size_t delivered = 0;
  std::size_t failed = 0;
  std::size_t outstanding_max = 0;
  ClientResult<void> flushed;
};

rt::Task<Outcome> produce(ClientWorld& world, ProducerOptions options, int count, int partitions) {
  Outcome outcome;
  Cluster cluster(world.loop, world.options());
  Producer producer(cluster, options, [&](const Delivery& delivery) {
    (delivery.base_offset ? outcome.delivered : outcome.failed) += delivery.tags.size();
  });
  for (int i = 0; i < count; ++i) {
    const std::int32_t partition = i % partitions;
    const std::string value = "value-" + std::to_string(i);
    const auto accepted = co_await producer.send(
        base::TopicName("t"), {.value = base::as_bytes(value)}, base::PartitionIndex(partition));
    EXPECT_TRUE(accepted) << accepted.error().message;
    outcome.sent[partition].push_back(value);
    outcome.outstanding_max = std::max(outcome.outstanding_max, producer.outstanding());
    if (i % 50 == 0) co_await rt::sleep_for(world.loop, 3ms);
  }
  outcome.flushed = co_await producer.flush();
  co_await producer.close();
  co_await cluster.close();
  co_return outcome;
}

class FaultyProducer : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(FaultyProducer, StoresEachRecordOnceAndInOrder) {
  SCOPED_TRACE(::testing::Message() << "seed " << GetParam());
  ClientWorld world(GetParam());
  world.broker.add_topic("t", 3);
  world.broker.faults = {.lost_request = 5, .lost_answer = 5, .refusal = 5, .slow = 5};
  const Outcome outcome = world.run(produce(world, small_batches(), 1500, 3));
  EXPECT_TRUE(outcome.flushed) << outcome.flushed.error().message;
  EXPECT_EQ(outcome.delivered, 1500U);
  for (std::int32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(values(world.broker.topic("t").partitions[static_cast<std::size_t>(i)]),
              outcome.sent.at(i))
        << "partition " << i;
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, FaultyProducer, ::testing::Range<std::uint64_t>(1, 41));

TEST(Producer, GoesOnAfterABatchThatIsTooLarge) {
  ClientWorld world(50);
  world.broker.add_topic("t", 1);
  world.broker.message_bytes_max = 1000;
  const auto run = [](ClientWorld& w) -> rt::Task<std::pair<std::size_t, std::size_t>> {
    std::pair<std::size_t, std::size_t> counts;
    Cluster cluster(w.loop, w.options());
    Producer producer(cluster, small_batches(), [&](const Delivery& delivery) {
      (delivery.base_offset ? counts.first : counts.second) += delivery.tags.size();
    });
    for (int i = 0; i < 60; ++i) {
      const std::string value(i == 20 ? 2000U : 90U, 'x');
      EXPECT_TRUE(co_await producer.send(base::TopicName("t"), {.value = base::as_bytes(value)}));
    }
    const auto flushed = co_await producer.flush();
    EXPECT_FALSE(flushed);
    if (!flushed) {
      EXPECT_EQ(flushed.error().code, wire::ErrorCode::kMessageTooLarge);
      EXPECT_NE(flushed.error().message.find("t-0"), std::string::npos);
    }
    co_await producer.close();
    co_await cluster.close();
    co_return counts;
  };
  EXPECT_EQ(world.run(run(world)), std::pair(std::size_t{59}, std::size_t{1}));
}

TEST(Producer, WaitsForRoomInItsBuffer) {
  ClientWorld world(51);
  world.broker.add_topic("t", 1);
  ProducerOptions options = small_batches();
  options.buffer_bytes_max = 2000;
  const Outcome outcome = world.run(produce(world, options, 500, 1));
  EXPECT_TRUE(outcome.flushed);
  EXPECT_EQ(outcome.delivered, 500U);
  EXPECT_LE(outcome.outstanding_max, 2000U / 64);
}

// Regression: the turn of a partition ended a little before its batch was full, so that every batch
// of a steady stream waited out its linger.
TEST(Producer, SendsFullBatchesOfAStreamWithoutKeysAtOnce) {
  ClientWorld world(55);
  world.broker.add_topic("t", 4);
  const auto run = [](ClientWorld& w) -> rt::Task<base::Duration> {
    ProducerOptions options = small_batches();
    options.batch_bytes = 2000;
    options.linger = 60s;
    options.buffer_bytes_max = 12'000;
    Cluster cluster(w.loop, w.options());
    Producer producer(cluster, options);
    const base::Instant start = w.loop.now();
    for (int i = 0; i < 600; ++i) {
      const std::string value(static_cast<std::size_t>(20 + i % 150), 'x');
      EXPECT_TRUE(co_await producer.send(base::TopicName("t"), {.value = base::as_bytes(value)}));
    }
    const base::Duration took = w.loop.now() - start;
    EXPECT_TRUE(co_await producer.flush());
    co_await producer.close();
    co_await cluster.close();
    co_return took;
  };
  EXPECT_LT(world.run(run(world)), 30s);
  std::size_t small = 0;
  for (const FakeBroker::Partition& partition : world.broker.topic("t").partitions) {
    for (const record::StoredBatch& batch : partition.batches) small += batch.size() < 1700 ? 1 : 0;
  }
  // What flush() found open.
  EXPECT_LE(small, 1U);
}

// Regression: a batch was closed as soon as it was due, although nothing could be sent; and the
// partitions at the front of the queue were served again before those behind them.
TEST(Producer, LetsBatchesGrowWhileTheBrokerIsBusyAndServesPartitionsInTurn) {
  ClientWorld world(56);
  world.broker.add_topic("t", 8);
  const auto run = [](ClientWorld& w) -> rt::Task<std::vector<std::size_t>> {
    std::vector<std::size_t> delivered(8);
    std::size_t ahead_max = 0;
    ProducerOptions options = small_batches();
    options.in_flight_max = 1;
    options.linger = base::Duration(0);
    options.request_bytes_max = 1000;
    options.buffer_bytes_max = 20'000;
    Cluster cluster(w.loop, w.options());
    Producer producer(cluster, options, [&](const Delivery& delivery) {
      delivered[static_cast<std::size_t>(delivery.partition.value())] += delivery.tags.size();
      const auto [least, most] = std::minmax_element(delivered.begin(), delivered.end());
      ahead_max = std::max(ahead_max, *most - *least);
    });
    for (int i = 0; i < 2000; ++i) {
      EXPECT_TRUE(co_await producer.send(base::TopicName("t"), {.value = base::as_bytes("0123456")},
                                         base::PartitionIndex(i % 8)));
    }
    EXPECT_TRUE(co_await producer.flush());
    EXPECT_LE(ahead_max, 60U);
    co_await producer.close();
    co_await cluster.close();
    co_return delivered;
  };
  EXPECT_EQ(world.run(run(world)), std::vector<std::size_t>(8, 250));
  std::size_t batches = 0;
  for (const auto& partition : world.broker.topic("t").partitions) {
    batches += partition.batches.size();
  }
  // 2000 records, about 20 in a full batch.
  EXPECT_LE(batches, 160U);
}

TEST(Producer, WithoutAcksReportsDeliveryWithoutOffset) {
  ClientWorld world(52);
  world.broker.add_topic("t", 1);
  ProducerOptions options = small_batches();
  options.acks = 0;
  const Outcome outcome = world.run(produce(world, options, 100, 1));
  EXPECT_EQ(outcome.delivered, 100U);
  world.world.run_for(1s);
  EXPECT_EQ(values(world.broker.topic("t").partitions[0]).size(), 100U);
  EXPECT_EQ(world.broker.requests(wire::ApiKey::kInitProducerId), 0U);
}

TEST(Producer, FailsWhatIsNotDeliveredInTime) {
  ClientWorld world(53);
  world.broker.add_topic("t", 1);
  world.broker.faults.refusal = 100;
  ProducerOptions options = small_batches();
  options.delivery_timeout = 5s;
  const base::Instant before = world.world.now();
  const Outcome outcome = world.run(produce(world, options, 20, 1));
  EXPECT_EQ(outcome.failed, 20U);
  EXPECT_FALSE(outcome.flushed);
  EXPECT_GE(world.world.now() - before, 4s);
  EXPECT_LT(world.world.now() - before, 8s);
}

TEST(Producer, TellsTheOffsetOfARecord) {
  ClientWorld world(54);
  world.broker.add_topic("t", 1);
  const auto run = [](ClientWorld& w) -> rt::Task<std::vector<std::int64_t>> {
    std::vector<std::int64_t> offsets;
    Cluster cluster(w.loop, w.options());
    Producer producer(cluster, small_batches());
    for (int i = 0; i < 3; ++i) {
      const auto offset =
          co_await producer.send_and_wait(base::TopicName("t"), {.value = base::as_bytes("v")});
      offsets.push_back(offset ? offset->value() : -2);
    }
    const auto wrong = co_await producer.send(base::TopicName("t"), {}, base::PartitionIndex(9));
    EXPECT_FALSE(wrong);
    co_await producer.close();
    co_await cluster.close();
    co_return offsets;
  };
  EXPECT_EQ(world.run(run(world)), (std::vector<std::int64_t>{0, 1, 2}));
}

}  // namespace
}  // namespace moldau::client
