// Connections between simulated nodes: order, limits, ends.
#include "rt/net.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/result.h"
#include "rt/scope.h"
#include "rt/sleep.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;
using rt::ConnectionPtr;
using rt::IoErrorCode;
using rt::IoResult;

constexpr std::uint16_t kPort = 9092;
constexpr base::Duration kTimeout = 5s;

IoErrorCode code(const auto& result) {
  EXPECT_FALSE(result.has_value());
  return result.has_value() ? IoErrorCode::kInvalid : result.error().code;
}

// Numbered bytes, so that loss, duplication and reordering all show.
std::string numbered(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ",";
  text.resize(size);
  return text;
}

rt::Task<> send_text(rt::Connection& connection, std::string text, bool& sent) {
  const std::array<base::Bytes, 2> slices{base::as_bytes(text).first(text.size() / 3),
                                          base::as_bytes(text).subspan(text.size() / 3)};
  const auto result = co_await connection.send(slices);
  sent = result.has_value() && *result == text.size();
}

struct Received {
  std::string text;
  std::size_t reads = 0;
  std::optional<IoErrorCode> end;
};

rt::Task<> receive_all(rt::Connection& connection, std::size_t at_a_time, Received& into) {
  std::string buffer(at_a_time, '?');
  for (;;) {
    const auto count = co_await connection.receive(std::as_writable_bytes(std::span(buffer)));
    if (!count) {
      into.end = count.error().code;
      co_return;
    }
    EXPECT_GT(*count, 0U);
    into.text.append(buffer, 0, *count);
    ++into.reads;
  }
}

rt::Task<> accept_one(rt::Listener& listener, rt::StopToken token,
                      std::optional<IoResult<ConnectionPtr>>& into) {
  into = co_await listener.accept(token);
}

// A client and a server node with one connection between them.
class NetWorld {
 public:
  explicit NetWorld(std::uint64_t seed, NetOptions net = {})
      : world({.seed = seed, .net = net}),
        client(world.add_node({.name = "client"})),
        server(world.add_node({.name = "server"})) {}

  void listen(const std::string& host = "") {
    auto result = run(server.loop(1), server.loop(1).net().listen({.host = host, .port = kPort}));
    ASSERT_TRUE(result.has_value());
    listener = std::move(*result);
  }
  IoResult<ConnectionPtr> connect(const std::string& host, rt::StopToken token = {}) {
    return run(client.loop(0),
               client.loop(0).net().connect({.host = host, .port = kPort}, kTimeout, token));
  }
  void join() {
    listen();
    std::optional<IoResult<ConnectionPtr>> accepted;
    rt::Scope scope(server.loop(1));
    scope.spawn(accept_one(*listener, {}, accepted));
    auto connected = connect("server");
    ASSERT_TRUE(connected.has_value());
    client_end = std::move(*connected);
    ASSERT_TRUE(world.run_until([&] { return accepted.has_value(); }, kTimeout));
    ASSERT_TRUE(accepted->has_value());
    server_end = std::move(**accepted);
  }
  template <class T>
  T run(rt::Loop& loop, rt::Task<T> task) {
    return run_task(world, loop, std::move(task));
  }
  bool settle() { return world.run_until_idle(1min); }

  Simulation world;
  Node& client;
  Node& server;
  std::unique_ptr<rt::Listener> listener;
  ConnectionPtr client_end;
  ConnectionPtr server_end;
};

TEST(SimNet, AddressesNameTheNode) {
  NetWorld net(1);
  net.join();
  EXPECT_EQ(net.client_end->peer(), net.server_end->local());
  EXPECT_EQ(net.client_end->local(), net.server_end->peer());
  EXPECT_EQ(net.client_end->peer().host, net.server.address());
  EXPECT_EQ(net.client_end->peer().port, kPort);
  const auto found = net.run(net.client.loop(0), net.client.loop(0).net().resolve({"server", 1}));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->front().host, net.server.address());
  EXPECT_EQ(code(net.run(net.client.loop(0), net.client.loop(0).net().resolve({"nobody", 1}))),
            IoErrorCode::kUnknownHost);
  EXPECT_EQ(net.client.loop(0).net().host_name(), "client");
}

TEST(SimNet, BytesArriveOnceInOrderInPieces) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    NetWorld net(seed);
    net.join();
    const std::string text = numbered(300'000);
    bool sent = false;
    Received received;
    {
      rt::Scope sending(net.client.loop(0));
      rt::Scope receiving(net.server.loop(1));
      sending.spawn(send_text(*net.client_end, text, sent));
      receiving.spawn(receive_all(*net.server_end, 10'000, received));
      ASSERT_TRUE(net.settle());
      EXPECT_TRUE(sent);
      net.client_end->close();
      ASSERT_TRUE(net.settle());
    }
    EXPECT_EQ(received.text, text);
    EXPECT_GT(received.reads, 30U);
    EXPECT_EQ(received.end, IoErrorCode::kClosed);
  }
}

TEST(SimNet, ASenderWaitsForItsReader) {
  NetWorld net(2, {.window_bytes_min = 1'000, .window_bytes_max = 1'000});
  net.join();
  bool sent = false;
  Received received;
  rt::Scope sending(net.client.loop(0));
  rt::Scope receiving(net.server.loop(1));
  sending.spawn(send_text(*net.client_end, numbered(2'500), sent));
  ASSERT_TRUE(net.settle());
  EXPECT_FALSE(sent);
  receiving.spawn(receive_all(*net.server_end, 700, received));
  ASSERT_TRUE(net.settle());
  EXPECT_TRUE(sent);
  EXPECT_EQ(received.text, numbered(2'500));
  net.client_end->close();
  ASSERT_TRUE(net.settle());
}

TEST(SimNet, SendsPartOfAFile) {
  NetWorld net(3);
  net.join();
  const auto text = base::SharedBytes::copy_of(numbered(10'000));
  const auto stored =
      net.run(net.client.loop(0), rt::write_file_atomically(net.client.disk(), "/f", text));
  ASSERT_TRUE(stored.has_value());
  const auto file = net.run(net.client.loop(0), net.client.disk().open("/f", rt::OpenMode::kRead));
  ASSERT_TRUE(file.has_value());
  Received received;
  std::vector<IoResult<std::size_t>> results;
  rt::Scope sending(net.client.loop(0));
  rt::Scope receiving(net.server.loop(1));
  receiving.spawn(receive_all(*net.server_end, 999, received));
  sending.spawn([](rt::Connection& to, rt::FileRef from, auto& into) -> rt::Task<> {
    into.push_back(co_await to.send_file(from, 100, 5'000));
    into.push_back(co_await to.send_file(from, 9'000, 2'000));
    to.close();
  }(*net.client_end, *file, results));
  ASSERT_TRUE(net.settle());
  EXPECT_EQ(received.text.substr(0, 5'000), text.text().substr(100, 5'000));
  EXPECT_EQ(results.at(0), 5'000U);
  EXPECT_EQ(code(results.at(1)), IoErrorCode::kUnexpectedEnd);
}

TEST(SimNet, ConnectingFailsForAReason) {
  NetWorld net(4);
  EXPECT_EQ(code(net.connect("nobody")), IoErrorCode::kUnknownHost);
  EXPECT_EQ(code(net.connect("server")), IoErrorCode::kRefused);
  net.listen("127.0.0.1");
  EXPECT_EQ(code(net.connect("server")), IoErrorCode::kRefused);
  net.listener->close();
  net.listen();
  EXPECT_TRUE(net.connect(net.server.address()).has_value());

  const base::Instant before = net.world.now();
  net.world.cut(net.client, net.server);
  EXPECT_EQ(code(net.connect("server")), IoErrorCode::kTimedOut);
  EXPECT_GE(net.world.now() - before, kTimeout);
  net.world.heal(net.client, net.server);
  EXPECT_TRUE(net.connect("server").has_value());

  rt::StopSource stop;
  stop.request_stop();
  EXPECT_EQ(code(net.connect("server", rt::StopToken(stop))), IoErrorCode::kStopped);
}

TEST(SimNet, AcceptEndsWhenTheListenerClosesOrTheTokenStops) {
  NetWorld net(5);
  net.listen();
  std::optional<IoResult<ConnectionPtr>> first;
  std::optional<IoResult<ConnectionPtr>> second;
  rt::Scope scope(net.server.loop(1));
  scope.spawn(accept_one(*net.listener, scope.token(), first));
  ASSERT_TRUE(net.settle());
  EXPECT_FALSE(first.has_value());
  scope.stop();
  ASSERT_TRUE(net.settle());
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(code(*first), IoErrorCode::kStopped);
  scope.spawn(accept_one(*net.listener, {}, second));
  ASSERT_TRUE(net.settle());
  net.listener->close();
  ASSERT_TRUE(net.settle());
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(code(*second), IoErrorCode::kStopped);
}

TEST(SimNet, ConnectionsSpreadOverTheListenersOfOneEndpoint) {
  Simulation world({.seed = 6});
  Node& server = world.add_node();
  Node& client = world.add_node();
  std::vector<std::unique_ptr<rt::Listener>> listeners;
  std::array<std::vector<ConnectionPtr>, 2> accepted;
  std::vector<ConnectionPtr> connected;
  std::vector<std::unique_ptr<rt::Scope>> scopes;
  for (std::size_t i = 0; i < 2; ++i) {
    auto result = run_task(world, server.loop(i), server.loop(i).net().listen({"", kPort}));
    ASSERT_TRUE(result.has_value());
    listeners.push_back(std::move(*result));
    scopes.push_back(std::make_unique<rt::Scope>(server.loop(i)));
    scopes.back()->spawn([](rt::Listener& listener, auto& into) -> rt::Task<> {
      for (;;) {
        auto connection = co_await listener.accept({});
        if (!connection) co_return;
        into.push_back(std::move(*connection));
      }
    }(*listeners[i], accepted[i]));
  }
  for (int i = 0; i < 20; ++i) {
    auto connection = run_task(world, client.loop(0),
                               client.loop(0).net().connect({server.name(), kPort}, kTimeout, {}));
    ASSERT_TRUE(connection.has_value());
    connected.push_back(std::move(*connection));
  }
  ASSERT_TRUE(world.run_until_idle(1min));
  EXPECT_GT(accepted[0].size(), 0U);
  EXPECT_GT(accepted[1].size(), 0U);
  EXPECT_EQ(accepted[0].size() + accepted[1].size(), 20U);
}

TEST(SimNet, ACutHoldsBytesBackUntilItHeals) {
  NetWorld net(7);
  net.join();
  bool sent = false;
  Received received;
  rt::Scope sending(net.client.loop(0));
  rt::Scope receiving(net.server.loop(1));
  receiving.spawn(receive_all(*net.server_end, 100, received));
  net.world.cut(net.client, net.server);
  sending.spawn(send_text(*net.client_end, "through the cut", sent));
  net.world.run_for(10s);
  EXPECT_TRUE(sent);
  EXPECT_EQ(received.text, "");
  net.world.heal(net.client, net.server);
  ASSERT_TRUE(net.settle());
  EXPECT_EQ(received.text, "through the cut");
  net.world.reset_connections(net.server, net.client);
  ASSERT_TRUE(net.settle());
  EXPECT_EQ(received.end, IoErrorCode::kReset);
}

TEST(SimNet, PeersOfACrashedNodeSeeAPrefixAndThenTheEnd) {
  bool reset = false;
  bool closed = false;
  bool cut_short = false;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    NetWorld net(seed);
    net.join();
    const std::string text = numbered(5'000);
    bool sent = false;
    Received received;
    rt::Scope receiving(net.server.loop(1));
    receiving.spawn(receive_all(*net.server_end, 1'000, received));
    {
      rt::Scope sending(net.client.loop(0));
      sending.spawn(send_text(*net.client_end, text, sent));
      ASSERT_TRUE(net.world.run_until([&] { return sent; }, 1s));
      net.client.crash(CrashKind::kRandom);
    }
    net.client_end.reset();
    ASSERT_TRUE(net.settle());
    ASSERT_TRUE(received.end.has_value());
    EXPECT_EQ(received.text, text.substr(0, received.text.size()));
    reset |= received.end == IoErrorCode::kReset;
    closed |= received.end == IoErrorCode::kClosed;
    cut_short |= received.text.size() < text.size();
  }
  EXPECT_TRUE(reset);
  EXPECT_TRUE(closed);
  EXPECT_TRUE(cut_short);
}

TEST(SimNet, ClosingEndsBothOperationsOfItsOwner) {
  NetWorld net(8, {.window_bytes_min = 10, .window_bytes_max = 10});
  net.join();
  bool sent = true;
  Received received;
  rt::Scope scope(net.client.loop(0));
  scope.spawn(receive_all(*net.client_end, 10, received));
  scope.spawn(send_text(*net.client_end, "more than the window", sent));
  ASSERT_TRUE(net.settle());
  net.client_end->close();
  ASSERT_TRUE(net.settle());
  EXPECT_EQ(received.end, IoErrorCode::kClosed);
  EXPECT_FALSE(sent);
  EXPECT_EQ(scope.size(), 0U);
}

}  // namespace
}  // namespace moldau::sim
