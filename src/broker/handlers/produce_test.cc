// Produce against a whole simulated node with two loops: what is answered, when, and in which
// order.
#include "broker/handlers/node_test.h"

namespace moldau::broker::testing {
namespace {

using wire::ErrorCode;

// Answers of requests that run at the same time, in the order in which they came.
struct Log {
  std::vector<int> order;
  std::vector<wire::ProduceResponse> responses;
};

rt::Task<> note(rt::Task<Answer> task, int number, Log& log) {
  const Answer answer = co_await std::move(task);
  log.order.push_back(number);
  log.responses.push_back(TestNode::response_of(answer));
}

TEST(Produce, OneRequestGoesToTheLoopsOfItsPartitions) {
  TestNode node;
  node.create("t", 4);
  std::vector<std::pair<std::int32_t, base::SharedBytes>> data;
  for (std::int32_t i = 0; i < 4; ++i) {
    data.emplace_back(i, batch_of({.records = static_cast<std::size_t>(i) + 1}));
  }
  EXPECT_NE(node.loop_of_partition("t", 0), node.loop_of_partition("t", 1));
  for (std::size_t loop = 0; loop < 2; ++loop) {
    const auto response =
        TestNode::response_of(node.produce(TestNode::produce_request("t", data), loop));
    ASSERT_EQ(response.responses.size(), 1U);
    const auto& parts = response.responses[0].partition_responses;
    ASSERT_EQ(parts.size(), 4U);
    for (std::int32_t i = 0; i < 4; ++i) {
      const auto& part = parts[static_cast<std::size_t>(i)];
      EXPECT_EQ(part.index, base::PartitionIndex(i));
      EXPECT_EQ(part.error_code, ErrorCode::kNone);
      EXPECT_EQ(part.base_offset.value(), static_cast<std::int64_t>(loop) * (i + 1));
    }
  }
}

TEST(Produce, EachPartitionIsRefusedByItself) {
  TestNode node;
  node.create("t", 2);
  base::ByteBuffer broken;
  broken.append(batch_of({}).span());
  broken.mutable_span()[broken.size() - 1] ^= std::byte{1};
  const auto response = TestNode::response_of(node.produce(TestNode::produce_request(
      "t", {{0, broken.freeze()}, {1, batch_of({})}, {5, batch_of({})}})));
  const auto& parts = response.responses.front().partition_responses;
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].error_code, ErrorCode::kCorruptMessage);
  EXPECT_TRUE(parts[0].error_message.has_value());
  EXPECT_EQ(parts[1].error_code, ErrorCode::kNone);
  EXPECT_EQ(parts[2].error_code, ErrorCode::kUnknownTopicOrPartition);
}

TEST(Produce, WithoutAcksAnErrorHangsUp) {
  TestNode node;
  node.create("t", 1);
  const Answer good = node.produce(TestNode::produce_request("t", {{0, batch_of({})}}, 0));
  EXPECT_FALSE(good.frame.has_value());
  EXPECT_FALSE(good.close);
  const Answer bad = node.produce(TestNode::produce_request("t", {{9, batch_of({})}}, 0));
  EXPECT_FALSE(bad.frame.has_value());
  EXPECT_TRUE(bad.close);
}

// Regression: a retry was told the time of the retry, or none, where the log has another.
TEST(Produce, ARetryIsToldTheTimeOfItsFirstCopy) {
  TestNode node;
  node.create("appended", 1, {{"message.timestamp.type", "LogAppendTime"}});
  node.create("created", 1);
  const base::SharedBytes batch =
      batch_of({.timestamp = base::Timestamp(77), .producer_id = 4, .sequence = 0});
  const auto first = node.produce("appended", 0, batch);
  node.world.run_for(10s);
  const auto again = node.produce("appended", 0, batch);
  EXPECT_EQ(again.error_code, ErrorCode::kNone);
  EXPECT_GT(first.log_append_time_ms.value(), 0);
  EXPECT_EQ(again.log_append_time_ms, first.log_append_time_ms);
  EXPECT_EQ(again.base_offset, first.base_offset);

  EXPECT_EQ(node.produce("created", 0, batch).log_append_time_ms, base::kNoTimestamp);
  EXPECT_EQ(node.produce("created", 0, batch).log_append_time_ms, base::Timestamp(77));
}

// What is packed is unpacked off the loop, all of it at once, and yet appended in order.
TEST(Produce, PackedBatchesKeepTheOrderOfTheRequests) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    TestNode node(seed);
    node.create("t", 4, {{"message.timestamp.type", "LogAppendTime"}});
    // Too random to pack well: the batches stay over what is unpacked on the loop.
    base::Rng rng(seed);
    const auto packed = [&](std::int32_t sequence) {
      record::BatchBuilder builder({.compression = {.codec = record::Codec::kLz4},
                                    .producer_id = base::ProducerId(9),
                                    .producer_epoch = base::ProducerEpoch(0),
                                    .base_sequence = base::Sequence(sequence)});
      std::string value(40'000, ' ');
      for (char& c : value) c = static_cast<char>(rng.below(256));
      EXPECT_TRUE(builder.add({.timestamp = base::Timestamp(1), .value = base::as_bytes(value)})
                      .has_value());
      record::CodecContexts contexts;
      return builder.finish(contexts)->flatten();
    };
    Log log;
    rt::Scope scope(node.node->loop(0));
    for (int i = 0; i < 6; ++i) {
      std::vector<std::pair<std::int32_t, base::SharedBytes>> data;
      for (std::int32_t p = 0; p < 4; ++p) {
        // Every third is plain and could overtake.
        data.emplace_back(p, i % 3 == 2 ? batch_of({.producer_id = 9, .sequence = i}) : packed(i));
      }
      scope.spawn(note(node.produce_task(TestNode::produce_request("t", data)), i, log));
    }
    ASSERT_TRUE(node.world.run_until([&] { return scope.size() == 0; }, 1min));
    for (std::size_t i = 0; i < log.order.size(); ++i) {
      for (const auto& part : log.responses[i].responses.front().partition_responses) {
        EXPECT_EQ(part.error_code, ErrorCode::kNone) << "seed " << seed;
        EXPECT_EQ(part.base_offset.value(), log.order[i]) << "seed " << seed;
      }
    }
    // Append times go up with the offsets.
    const auto fetched = node.fetch(TestNode::fetch_request("t", {{0, 0}}));
    record::BatchIterator batches(part_of(fetched, 0).records->flatten());
    base::Timestamp before{0};
    for (auto next = batches.next(); next && *next; next = batches.next()) {
      EXPECT_LE(before, (*next)->header().max_timestamp);
      before = (*next)->header().max_timestamp;
    }
  }
}

// Regression: a few KiB that unpack to hundreds of MiB were unpacked on the loop.
TEST(Produce, ASmallBombIsUnpackedOffTheLoop) {
  TestNode node;
  node.create("t", 1);
  const base::SharedBytes bomb = batch_of(
      {.value_bytes = std::size_t{32} << 20, .compression = {.codec = record::Codec::kZstd}});
  ASSERT_LT(bomb.size(), 16U << 10);
  Partition* partition = node.partition("t", 0);
  ASSERT_FALSE(partition->validates_off_loop(bomb));
  Shard& shard = node.broker->shard(node.loop_of_partition("t", 0));
  ProduceOutcome outcome;
  ParkedProduce parked{.wait = nullptr, .outcome = &outcome};
  const std::uint64_t ticket = partition->take_append_ticket();
  EXPECT_FALSE(partition->try_produce(ticket, bomb, {.arrived = shard.loop().wall_now()}, parked))
      << "it must not be unpacked at once";
  // The next in line has to wait for this ticket: use it.
  const auto use = [](Partition& of, std::uint64_t at, base::SharedBytes batch, ProduceTerms terms,
                      ParkedProduce& into) -> rt::Task<> {
    co_await of.produce(at, {.records = std::move(batch)}, terms, into);
  };
  sim::run_task(
      node.world, shard.loop(),
      use(*partition, ticket, bomb, {.acks = 0, .arrived = shard.loop().wall_now()}, parked));
  EXPECT_EQ(outcome.error, ErrorCode::kNone);
  EXPECT_EQ(outcome.base_offset, base::Offset(0));
}

}  // namespace
}  // namespace moldau::broker::testing
