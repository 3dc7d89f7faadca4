// A connection of a client to a whole simulated node.
#include "broker/network/client_connection.h"

#include "broker/handlers/node_test.h"
#include "wire/frame.h"

namespace moldau::broker::testing {
namespace {

rt::Task<rt::ConnectionPtr> connect(rt::Loop& loop) {
  auto connection = co_await loop.net().connect({.host = "server", .port = 9092}, 10s, {});
  EXPECT_TRUE(connection.has_value());
  co_return std::move(*connection);
}

rt::Task<> send(rt::Connection& connection, base::SharedBytes bytes) {
  EXPECT_TRUE((co_await connection.send(bytes.span())).has_value());
}

// The correlation ids of the next answers.
rt::Task<std::vector<std::int32_t>> receive(rt::Connection& connection, std::size_t count) {
  std::vector<std::int32_t> ids;
  base::ByteBuffer buffer;
  std::size_t at = 0;
  while (ids.size() < count) {
    if (buffer.size() - at >= 8) {
      const auto size =
          static_cast<std::size_t>(base::load_be<std::int32_t>(buffer.span().data() + at));
      if (buffer.size() - at >= size + 4) {
        ids.push_back(base::load_be<std::int32_t>(buffer.span().data() + at + 4));
        at += size + 4;
        continue;
      }
    }
    const std::size_t before = buffer.size();
    const auto got = co_await connection.receive(buffer.extend(4096));
    if (!got) break;
    buffer.shrink(before + *got);
  }
  co_return ids;
}

class ClientConnectionTest : public ::testing::Test {
 protected:
  ClientConnectionTest() : client_(node.world.add_node({.name = "client", .loops = 1}).loop(0)) {
    node.create("t", 2);
    connection = sim::run_task(node.world, client_, connect(client_));
  }
  ~ClientConnectionTest() override { connection->close(); }

  void send_all(const std::vector<base::SharedBytes>& frames) {
    base::ByteBuffer bytes;
    for (const auto& frame : frames) bytes.append(frame.span());
    sim::run_task(node.world, client_, send(*connection, bytes.freeze()));
  }
  [[nodiscard]] std::vector<std::int32_t> answers(std::size_t count) {
    return sim::run_task(node.world, client_, receive(*connection, count));
  }
  // A poll for what will never be there.
  [[nodiscard]] static base::SharedBytes poll(std::int32_t id, std::int32_t wait_ms) {
    auto request = TestNode::fetch_request("t", {{0, 0}, {1, 0}});
    request.max_wait_ms = base::Milliseconds32(wait_ms);
    return wire::request_frame(request, kTestedFetchVersion, base::CorrelationId(id), "test")
        ->flatten();
  }
  [[nodiscard]] static base::SharedBytes produce(std::int32_t id) {
    return wire::request_frame(TestNode::produce_request("t", {{0, batch_of({})}}),
                               kTestedProduceVersion, base::CorrelationId(id), "test")
        ->flatten();
  }
  [[nodiscard]] std::size_t connections() const {
    return node.broker->shard(0).connections() + node.broker->shard(1).connections();
  }

  TestNode node;
  rt::ConnectionPtr connection;

 private:
  rt::Loop& client_;
};

TEST_F(ClientConnectionTest, AnswersKeepTheOrderOfTheRequests) {
  send_all({produce(1), poll(2, 0), produce(3), produce(4), poll(5, 100), poll(6, 0)});
  EXPECT_EQ(answers(6), (std::vector<std::int32_t>{1, 2, 3, 4, 5, 6}));
}

TEST_F(ClientConnectionTest, ARequestBehindALongPollWaitsForIt) {
  send_all({poll(1, 5'000)});
  node.world.run_for(1s);
  send_all({produce(2)});
  node.world.run_for(1s);
  EXPECT_EQ(node.partition("t", 0)->log()->end_offset(), base::Offset(0));
  EXPECT_EQ(answers(2), (std::vector<std::int32_t>{1, 2}));
}

// Regression: nothing read the connection during a poll, and a client that had left held its place
// for as long as it had asked to wait: 24 days at most.
TEST_F(ClientConnectionTest, AClientThatLeavesItsPollIsForgotten) {
  const std::size_t before = connections();
  ASSERT_GE(before, 1U);
  send_all({poll(1, 0x7FFFFFFF)});
  node.world.run_for(1min);
  EXPECT_EQ(connections(), before);
  connection->close();
  node.world.run_for(5s);
  EXPECT_EQ(connections(), before - 1);
  EXPECT_EQ(node.broker->shard(0).frame_budget().used(), 0U);
  EXPECT_EQ(node.broker->shard(1).frame_budget().used(), 0U);
}

}  // namespace
}  // namespace moldau::broker::testing
