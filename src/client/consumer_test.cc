#include "client/consumer.h"

#include <gtest/gtest.h>

#include "client/testing/client_world.h"
#include "record/builder.h"

namespace moldau::client {
namespace {

using namespace std::chrono_literals;
using testing::ClientWorld;
using testing::FakeBroker;

// Batches of three records with values "0", "1", ...; a record's timestamp is 1000 plus its number.
void fill(FakeBroker::Partition& partition, int records, record::Codec codec) {
  record::CodecContexts contexts;
  for (int i = 0; i < records;) {
    record::BatchBuilder builder({.compression = {.codec = codec}});
    for (int j = 0; j < 3 && i < records; ++j, ++i) {
      const std::string value = std::to_string(i);
      ASSERT_TRUE(
          builder.add({.timestamp = base::Timestamp(1000 + i), .value = base::as_bytes(value)}));
    }
    auto batch = builder.finish(contexts);
    ASSERT_TRUE(batch);
    batch->assign(partition.end, base::LeaderEpoch(0));
    partition.end = batch->header.next_offset();
    partition.batches.push_back(*batch);
  }
}

struct Read {
  std::vector<int> values;
  std::optional<ClientError> error;
};

rt::Task<Read> read_to_end(ClientWorld& world, StartAt start,
                           std::vector<base::PartitionIndex> partitions, ConsumerOptions options) {
  Read read;
  Cluster cluster(world.loop, world.options());
  Consumer consumer(cluster, options);
  const auto assigned = co_await consumer.assign(base::TopicName("t"), partitions, start);
  if (!assigned) read.error = assigned.error();
  while (!read.error && !consumer.reached_ends()) {
    auto batch = co_await consumer.poll(world.loop.now() + 10s);
    if (!batch) {
      read.error = batch.error();
      break;
    }
    if (!*batch) continue;
    record::RecordView record;
    while ((*batch)->next(record).value_or(false)) {
      read.values.push_back(std::stoi(std::string(base::as_text(*record.value))));
    }
  }
  co_await cluster.close();
  co_await consumer.close();
  co_return read;
}

std::vector<int> range(int from, int upto) {
  std::vector<int> list;
  for (int i = from; i < upto; ++i) list.push_back(i);
  return list;
}

TEST(Consumer, BeginsWhereItIsTold) {
  ClientWorld world(1);
  fill(world.broker.add_topic("t", 1).partitions[0], 100, record::Codec::kNone);
  using Kind = StartAt::Kind;
  const auto from = [&](StartAt start) {
    return world.run(read_to_end(world, start, {}, {})).values;
  };
  EXPECT_EQ(from({.kind = Kind::kEarliest}), range(0, 100));
  EXPECT_EQ(from({.kind = Kind::kOffset, .value = 40}), range(40, 100));
  EXPECT_EQ(from({.kind = Kind::kBeforeEnd, .value = 7}), range(93, 100));
  EXPECT_EQ(from({.kind = Kind::kBeforeEnd, .value = 1000}), range(0, 100));
  EXPECT_EQ(from({.kind = Kind::kTimestamp, .value = 1050}), range(50, 100));
  EXPECT_EQ(from({.kind = Kind::kTimestamp, .value = 9000}), range(0, 0));
  EXPECT_EQ(from({.kind = Kind::kLatest}), range(0, 0));
}

TEST(Consumer, ReadsEveryCodecInSmallFetches) {
  for (const record::Codec codec :
       {record::Codec::kGzip, record::Codec::kSnappy, record::Codec::kLz4, record::Codec::kZstd}) {
    ClientWorld world(2);
    fill(world.broker.add_topic("t", 1).partitions[0], 200, codec);
    const Read read = world.run(
        read_to_end(world, {}, {}, {.partition_bytes_max = 300, .buffer_bytes_max = 500}));
    EXPECT_EQ(read.values, range(0, 200));
  }
}

class FaultyConsumer : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(FaultyConsumer, ReadsEachRecordOnceAndInOrder) {
  SCOPED_TRACE(::testing::Message() << "seed " << GetParam());
  ClientWorld world(GetParam());
  fill(world.broker.add_topic("t", 1).partitions[0], 300, record::Codec::kNone);
  world.broker.faults = {.lost_request = 10, .lost_answer = 10, .refusal = 10, .slow = 10};
  const Read read = world.run(read_to_end(world, {}, {}, {.partition_bytes_max = 200}));
  EXPECT_FALSE(read.error) << read.error->message;
  EXPECT_EQ(read.values, range(0, 300));
}
INSTANTIATE_TEST_SUITE_P(Seeds, FaultyConsumer, ::testing::Range<std::uint64_t>(1, 21));

TEST(Consumer, NamesThePartitionOfADamagedBatch) {
  ClientWorld world(30);
  auto& partition = world.broker.add_topic("t", 1).partitions[0];
  fill(partition, 9, record::Codec::kNone);
  partition.batches[1].header.crc ^= 1;
  const Read read = world.run(read_to_end(world, {}, {}, {}));
  EXPECT_EQ(read.values, range(0, 3));
  ASSERT_TRUE(read.error);
  EXPECT_EQ(read.error->kind, ClientErrorKind::kMalformed);
  EXPECT_NE(read.error->message.find("t-0"), std::string::npos) << read.error->message;
}

TEST(Consumer, AnOffsetThatIsGoneIsAnErrorOrAJump) {
  ClientWorld world(31);
  fill(world.broker.add_topic("t", 1).partitions[0], 10, record::Codec::kNone);
  const StartAt beyond{.kind = StartAt::Kind::kOffset, .value = -5};
  const Read failed = world.run(read_to_end(world, beyond, {}, {}));
  ASSERT_TRUE(failed.error);
  EXPECT_EQ(failed.error->code, wire::ErrorCode::kOffsetOutOfRange);
  const Read jumped =
      world.run(read_to_end(world, beyond, {}, {.out_of_range = OutOfRange::kEarliest}));
  EXPECT_EQ(jumped.values, range(0, 10));
}

TEST(Consumer, RefusesAPartitionThatIsNotThere) {
  ClientWorld world(32);
  world.broker.add_topic("t", 2);
  const Read read = world.run(read_to_end(world, {}, {base::PartitionIndex(2)}, {}));
  ASSERT_TRUE(read.error);
  EXPECT_EQ(read.error->kind, ClientErrorKind::kUsage);
}

}  // namespace
}  // namespace moldau::client
