// Frames over a simulated connection that delivers bytes in pieces drawn from the seed, and the
// memory budget behind them.
#include "broker/network/frame_reader.h"

#include <gtest/gtest.h>

#include "base/endian.h"
#include "rt/scope.h"
#include "rt/sleep.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"

namespace moldau::broker {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kFrameMax = 4 << 20;

base::SharedBytes framed(const std::string& body) {
  base::ByteBuffer buffer;
  base::store_be(buffer.extend(4).data(), static_cast<std::int32_t>(body.size()));
  buffer.append(base::as_bytes(body));
  return buffer.freeze();
}

rt::Task<> send_all(rt::Loop& loop, rt::Endpoint to, std::vector<base::SharedBytes> frames) {
  auto connection = co_await loop.net().connect(to, 10s, {});
  EXPECT_TRUE(connection.has_value());
  for (const base::SharedBytes& frame : frames) {
    EXPECT_TRUE((co_await (*connection)->send(frame.span())).has_value());
  }
  co_await rt::sleep_for(loop, 1s);
}

struct Received {
  std::vector<base::SharedBytes> frames;
  FrameError end = FrameError::kStopped;
  std::size_t used_at_end = 0;
};

rt::Task<Received> receive_all(rt::Loop& loop, rt::Listener& listener) {
  auto connection = co_await listener.accept({});
  FrameBudget budget(loop, 2 << 20);
  FrameReader reader(**connection, budget, kFrameMax);
  Received received;
  for (;;) {
    auto frame = co_await reader.next({});
    if (!frame) {
      received.end = frame.error();
      break;
    }
    received.frames.push_back(frame->bytes);
  }
  received.used_at_end = budget.used();
  co_return received;
}

rt::Task<std::unique_ptr<rt::Listener>> listen_on(rt::Loop& loop, rt::Endpoint endpoint) {
  auto listener = co_await loop.net().listen(endpoint);
  EXPECT_TRUE(listener.has_value());
  co_return std::move(*listener);
}

Received exchange(std::uint64_t seed, std::vector<base::SharedBytes> frames) {
  sim::Simulation world({.seed = seed});
  sim::Node& server = world.add_node({});
  sim::Node& client = world.add_node({});
  auto listener =
      sim::run_task(world, server.loop(0), listen_on(server.loop(0), {.host = "", .port = 9092}));
  rt::Scope scope(client.loop(0));
  scope.spawn(
      send_all(client.loop(0), {.host = server.address(), .port = 9092}, std::move(frames)));
  Received received = sim::run_task(world, server.loop(0), receive_all(server.loop(0), *listener));
  EXPECT_TRUE(world.run_until([&] { return scope.size() == 0; }, 1min));
  return received;
}

class FrameReaderTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(FrameReaderTest, CutsFramesOfAllSizesOutOfAnyPieces) {
  SCOPED_TRACE(testing::Message() << "seed=" << GetParam());
  base::Rng rng(GetParam());
  std::vector<base::SharedBytes> frames;
  std::vector<std::string> bodies;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{100},
                                 kFrameStagingBytes - 4, kFrameStagingBytes, std::size_t{70'000},
                                 kFrameFirstBytes, kFrameFirstBytes + 1, std::size_t{3} << 20}) {
    std::string body(size, '\0');
    for (char& c : body) c = static_cast<char>(rng.below(256));
    frames.push_back(framed(body));
    bodies.push_back(std::move(body));
  }
  const Received received = exchange(GetParam(), std::move(frames));
  EXPECT_EQ(received.end, FrameError::kClosed);
  EXPECT_EQ(received.used_at_end, 0U);
  ASSERT_EQ(received.frames.size(), bodies.size());
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    EXPECT_TRUE(received.frames[i].text() == bodies[i]) << "frame " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FrameReaderTest, testing::Range<std::uint64_t>(1, 9));

TEST(FrameReader, RefusesSizesOutsideTheLimits) {
  base::ByteBuffer oversized;
  base::store_be(oversized.extend(4).data(), static_cast<std::int32_t>(kFrameMax + 1));
  EXPECT_EQ(exchange(1, {oversized.freeze()}).end, FrameError::kOversized);
  base::ByteBuffer negative;
  base::store_be(negative.extend(4).data(), std::int32_t{-1});
  EXPECT_EQ(exchange(1, {negative.freeze()}).end, FrameError::kNegative);
}

TEST(FrameReader, TellsACutFrameFromAClosedConnection) {
  const base::SharedBytes whole = framed("abcdef");
  EXPECT_EQ(exchange(1, {whole.slice(0, 7)}).end, FrameError::kCut);
  EXPECT_EQ(exchange(1, {whole, whole.slice(0, 2)}).end, FrameError::kCut);
}

struct Claimed {
  std::size_t used = 0;  // of the budget
  std::optional<FrameError> end;
};

rt::Task<> receive_claimed(rt::Loop& loop, rt::Listener& listener, Claimed& claimed) {
  auto connection = co_await listener.accept({});
  FrameBudget budget(loop, std::size_t{64} << 20);
  FrameReader reader(**connection, budget, std::size_t{100} << 20);
  rt::Scope scope(loop);
  const auto read = [](FrameReader& from, Claimed& into) -> rt::Task<> {
    const auto frame = co_await from.next({});
    if (!frame) into.end = frame.error();
  };
  scope.spawn(read(reader, claimed));
  co_await rt::sleep_for(loop, 500ms);
  claimed.used = budget.used();
  co_await scope.join();
}

// A claim of 100 MiB costs what has come of it, and what is about to come.
TEST(FrameReader, AClaimedSizeTakesNothingFromTheBudget) {
  for (const std::size_t sent : {std::size_t{100}, kFrameFirstBytes + 10, std::size_t{5} << 20}) {
    sim::Simulation world({.seed = 5});
    sim::Node& server = world.add_node({});
    sim::Node& client = world.add_node({});
    auto listener =
        sim::run_task(world, server.loop(0), listen_on(server.loop(0), {.host = "", .port = 9092}));
    base::ByteBuffer bytes;
    base::store_be(bytes.extend(4).data(), std::int32_t{100 << 20});
    static_cast<void>(bytes.extend(sent));
    rt::Scope scope(client.loop(0));
    scope.spawn(
        send_all(client.loop(0), {.host = server.address(), .port = 9092}, {bytes.freeze()}));
    Claimed claimed;
    sim::run_task(world, server.loop(0), receive_claimed(server.loop(0), *listener, claimed));
    EXPECT_EQ(claimed.end, FrameError::kCut);
    EXPECT_LE(claimed.used, std::max(kFrameFirstBytes, 2 * sent)) << sent;
    // What fits the staging block, which every connection has, is not charged before it is whole.
    EXPECT_GE(claimed.used, sent > kFrameStagingBytes ? sent : 0);
    EXPECT_TRUE(world.run_until([&] { return scope.size() == 0; }, 1min));
  }
}

rt::Task<> take_and_hold(rt::Loop& loop, FrameBudget& budget, std::size_t bytes, bool complete,
                         int name, std::vector<int>& order) {
  FrameBudget::Share share(budget);
  EXPECT_TRUE(co_await share.take(bytes, {}));
  order.push_back(name);
  if (complete) share.complete();
  co_await rt::sleep_for(loop, 1s);
}

// Frames of the tests: small ones would wait for nobody.
constexpr std::size_t kUnit = kSmallFrameBytes;

TEST(FrameBudget, WaitsForCompleteRequestsAndLetsOneHalfReadFrameOver) {
  sim::Simulation world({.seed = 3});
  rt::Loop& loop = world.add_node({}).loop(0);
  FrameBudget budget(loop, 100 * kUnit);
  rt::Scope scope(loop);
  std::vector<int> order;
  const auto run = [&]() -> rt::Task<> {
    scope.spawn(take_and_hold(loop, budget, 80 * kUnit, true, 1, order));
    co_await rt::sleep_for(loop, 100ms);
    scope.spawn(take_and_hold(loop, budget, 50 * kUnit, false, 2, order));
    scope.spawn(take_and_hold(loop, budget, 90 * kUnit, false, 3, order));
    co_await rt::sleep_for(loop, 500ms);
    EXPECT_EQ(order, (std::vector<int>{1}));
    co_await scope.join();
  };
  sim::run_task(world, loop, run());
  // The third waits for nobody that is complete: it goes over the budget instead of forever.
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(budget.used(), 0U);
}

// Decoded requests counted nowhere: each connection could hold 64 MiB beside a small frame.
TEST(FrameBudget, CountsWhatARequestDecodedToUntilItEnds) {
  sim::Simulation world({.seed = 4});
  rt::Loop& loop = world.add_node({}).loop(0);
  FrameBudget budget(loop, 100 * kUnit);
  rt::Scope scope(loop);
  std::vector<int> order;
  const auto run = [&]() -> rt::Task<> {
    {
      FrameBudget::Share request(budget);
      EXPECT_TRUE(co_await request.take(40 * kUnit, {}));
      request.complete();
      EXPECT_EQ(request.free_bytes(), 60 * kUnit);
      request.add(200 * kUnit);
      EXPECT_EQ(request.bytes(), 240 * kUnit);
      EXPECT_EQ(budget.free_bytes(), 0U);
      scope.spawn(take_and_hold(loop, budget, 50 * kUnit, true, 1, order));
      co_await rt::sleep_for(loop, 100ms);
      EXPECT_TRUE(order.empty());
    }
    co_await rt::sleep_for(loop, 100ms);
    EXPECT_EQ(order, (std::vector<int>{1}));
    co_await scope.join();
  };
  sim::run_task(world, loop, run());
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace moldau::broker
