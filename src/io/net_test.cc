// Sockets of the real runtime, over the loopback.
#include "rt/net.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "io/internal/address.h"
#include "io/internal/descriptor.h"
#include "io/internal/testing.h"
#include "io/runtime.h"
#include "rt/call.h"
#include "rt/disk.h"
#include "rt/scope.h"
#include "rt/sleep.h"

namespace moldau::io {
namespace {

using internal::run;
using internal::TemporaryFolder;
using namespace std::chrono_literals;

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 31) ^ (i >> 8));
  return bytes;
}

rt::Task<bool> receive_all(rt::Connection& connection, base::MutableBytes into) {
  while (!into.empty()) {
    const auto count = co_await connection.receive(into);
    if (!count) co_return false;
    into = into.subspan(*count);
  }
  co_return true;
}

// Echoes until the peer ends.
rt::Task<> echo(rt::ConnectionPtr connection) {
  std::vector<std::byte> buffer(16 << 10);
  for (;;) {
    const auto count = co_await connection->receive(buffer);
    if (!count) break;
    const auto sent = co_await connection->send(base::Bytes(buffer).first(*count));
    if (!sent) break;
    EXPECT_EQ(*sent, *count);
  }
}

rt::Task<> serve_echo(rt::Listener& listener, rt::Scope& scope) {
  for (;;) {
    auto connection = co_await listener.accept(scope.token());
    if (!connection) {
      EXPECT_EQ(connection.error().code, rt::IoErrorCode::kStopped);
      break;
    }
    scope.spawn(echo(std::move(*connection)));
  }
}

rt::Task<> echo_round(rt::Loop& loop, rt::Endpoint to, std::size_t size) {
  auto connection = co_await loop.net().connect(to, 5s, {});
  CO_ASSERT(connection.has_value());
  EXPECT_EQ((*connection)->peer(), to);
  EXPECT_NE((*connection)->local().port, 0);
  const std::vector<std::byte> sent = pattern(size);
  std::vector<std::byte> received(size);
  rt::Scope scope(loop);
  scope.spawn([](rt::Connection& c, base::Bytes bytes) -> rt::Task<> {
    const auto count = co_await c.send(bytes);
    EXPECT_EQ(count.value_or(0), bytes.size());
  }(**connection, sent));
  EXPECT_TRUE(co_await receive_all(**connection, received));
  EXPECT_TRUE(sent == received);
  co_await scope.join();
}

rt::Task<> echo_over(rt::Loop& loop, std::string host) {
  auto listener = co_await loop.net().listen({.host = host, .port = 0});
  CO_ASSERT(listener.has_value());
  const rt::Endpoint local = (*listener)->local();
  EXPECT_EQ(local.host, host);
  EXPECT_NE(local.port, 0);
  rt::Scope scope(loop);
  scope.spawn(serve_echo(**listener, scope));
  for (const std::size_t size : {1UZ, 1000UZ, 8UZ << 20}) co_await echo_round(loop, local, size);
  co_await scope.stop_and_join();
}

rt::Task<> echo_v4(Runtime& runtime) { co_await echo_over(runtime.loop(0), "127.0.0.1"); }
rt::Task<> echo_v6(Runtime& runtime) { co_await echo_over(runtime.loop(0), "::1"); }
TEST(Net, SendsAndReceivesOverIpv4) { run(1, echo_v4); }
TEST(Net, SendsAndReceivesOverIpv6) { run(1, echo_v6); }

rt::Task<> echo_any(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  auto listener = co_await loop.net().listen({.host = "", .port = 0});
  CO_ASSERT(listener.has_value());
  rt::Scope scope(loop);
  scope.spawn(serve_echo(**listener, scope));
  const std::uint16_t port = (*listener)->local().port;
  co_await echo_round(loop, {.host = "127.0.0.1", .port = port}, 10);
  co_await echo_round(loop, {.host = "::1", .port = port}, 10);
  co_await scope.stop_and_join();
}
TEST(Net, AnEmptyHostListensOnBothFamilies) { run(1, echo_any); }

rt::Task<> use_names(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  auto listener = co_await loop.net().listen({.host = "localhost", .port = 0});
  CO_ASSERT(listener.has_value());
  const std::uint16_t port = (*listener)->local().port;
  const auto found = co_await loop.net().resolve({.host = "localhost", .port = port});
  CO_ASSERT(found.has_value());
  EXPECT_NE(std::ranges::find(*found, (*listener)->local()), found->end());
  auto connection = co_await loop.net().connect({.host = "localhost", .port = port}, 5s, {});
  EXPECT_TRUE(connection.has_value());
  const auto numeric = co_await loop.net().resolve({.host = "10.1.2.3", .port = 7});
  CO_ASSERT(numeric.has_value());
  EXPECT_EQ(*numeric, (std::vector<rt::Endpoint>{{.host = "10.1.2.3", .port = 7}}));
  const auto unknown = co_await loop.net().resolve({.host = "no such host", .port = 7});
  EXPECT_FALSE(unknown.has_value());
  EXPECT_FALSE(loop.net().host_name().empty());
}
TEST(Net, ResolvesNames) { run(1, use_names); }

struct Pair {
  rt::ConnectionPtr client;
  rt::ConnectionPtr server;
};

rt::Task<Pair> connected(rt::Loop& loop) {
  Pair pair;
  auto listener = co_await loop.net().listen({.host = "127.0.0.1", .port = 0});
  EXPECT_TRUE(listener.has_value());
  if (!listener) co_return pair;
  auto client = co_await loop.net().connect((*listener)->local(), 5s, {});
  auto server = co_await (*listener)->accept({});
  EXPECT_TRUE(client.has_value());
  EXPECT_TRUE(server.has_value());
  pair.client = std::move(*client);
  pair.server = std::move(*server);
  co_return pair;
}

rt::Task<> gathered_send(Runtime& runtime) {
  Pair pair = co_await connected(runtime.loop(0));
  // More slices than one system call takes, empty ones among them.
  const std::vector<std::byte> all = pattern(500 * 7);
  std::vector<base::Bytes> slices;
  for (std::size_t i = 0; i < 500; ++i) {
    slices.push_back(base::Bytes(all).subspan(i * 7, 7));
    if (i % 50 == 0) slices.emplace_back();
  }
  const auto sent = co_await pair.client->send(slices);
  EXPECT_EQ(sent.value_or(0), all.size());
  std::vector<std::byte> received(all.size());
  EXPECT_TRUE(co_await receive_all(*pair.server, received));
  EXPECT_TRUE(received == all);
  const auto nothing = co_await pair.client->send(base::Bytes{});
  EXPECT_EQ(nothing.value_or(1), 0U);
}
TEST(Net, SendsManySlicesAsOne) { run(1, gathered_send); }

rt::Task<> expect_receive_error(rt::Connection& connection, rt::IoErrorCode code) {
  std::vector<std::byte> buffer(100);
  const auto received = co_await connection.receive(buffer);
  EXPECT_FALSE(received.has_value());
  if (!received) EXPECT_EQ(received.error().code, code);
}

rt::Task<> close_ends_operations(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  Pair pair = co_await connected(loop);
  rt::Scope scope(loop);
  scope.spawn(expect_receive_error(*pair.client, rt::IoErrorCode::kClosed));
  const std::vector<std::byte> much = pattern(64 << 20);
  scope.spawn([](rt::Connection& c, base::Bytes bytes) -> rt::Task<> {
    const auto sent = co_await c.send(bytes);  // the peer does not read
    EXPECT_FALSE(sent.has_value());
    if (!sent) EXPECT_EQ(sent.error().code, rt::IoErrorCode::kClosed);
  }(*pair.client, much));
  co_await rt::sleep_for(loop, 1ms);
  pair.client->close();
  pair.client->close();
  co_await scope.join();
  co_await expect_receive_error(*pair.client, rt::IoErrorCode::kClosed);
  EXPECT_EQ(loop.stats().connections, 1U);
  pair.server.reset();
  EXPECT_EQ(loop.stats().connections, 0U);
}
TEST(Net, CloseEndsWhatIsInFlight) { run(1, close_ends_operations); }

rt::Task<> peer_ends(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  Pair pair = co_await connected(loop);
  // The end comes together with the last bytes, and must be seen although no second event follows.
  const auto sent = co_await pair.client->send(base::as_bytes("last"));
  EXPECT_TRUE(sent.has_value());
  pair.client.reset();
  std::vector<std::byte> buffer(100);
  const auto received = co_await pair.server->receive(buffer);
  EXPECT_EQ(received.value_or(0), 4U);
  co_await expect_receive_error(*pair.server, rt::IoErrorCode::kClosed);

  // The same while a receive waits: bytes and end are one event.
  Pair waiting = co_await connected(loop);
  rt::Scope scope(loop);
  scope.spawn([](rt::Connection& connection) -> rt::Task<> {
    std::array<std::byte, 100> into{};
    const auto count = co_await connection.receive(into);
    EXPECT_EQ(count.value_or(0), 4U);
    co_await expect_receive_error(connection, rt::IoErrorCode::kClosed);
  }(*waiting.server));
  co_await rt::sleep_for(loop, 1ms);
  EXPECT_TRUE((co_await waiting.client->send(base::as_bytes("last"))).has_value());
  waiting.client.reset();
  co_await scope.join();
}
TEST(Net, SeesThatThePeerEnded) { run(1, peer_ends); }

rt::Task<> connect_failures(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  rt::Endpoint gone;
  {
    auto listener = co_await loop.net().listen({.host = "127.0.0.1", .port = 0});
    CO_ASSERT(listener.has_value());
    gone = (*listener)->local();
    const auto again = co_await loop.net().listen({.host = "127.0.0.2", .port = gone.port});
    EXPECT_TRUE(again.has_value());
    const auto wider = co_await loop.net().listen({.host = "0.0.0.0", .port = gone.port});
    EXPECT_FALSE(wider.has_value());
    if (!wider) EXPECT_EQ(wider.error().code, rt::IoErrorCode::kAddressInUse);
  }
  const auto refused = co_await loop.net().connect(gone, 5s, {});
  EXPECT_FALSE(refused.has_value());
  if (!refused) EXPECT_EQ(refused.error().code, rt::IoErrorCode::kRefused);
  const auto foreign = co_await loop.net().listen({.host = "192.0.2.1", .port = 0});
  EXPECT_FALSE(foreign.has_value());
}
TEST(Net, SaysWhyItCouldNotConnectOrListen) { run(1, connect_failures); }

// A listener with a full backlog leaves a connect hanging: SYNs are dropped.
rt::Task<> connect_hangs(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  auto listener = co_await loop.net().listen({.host = "127.0.0.1", .port = 0});
  CO_ASSERT(listener.has_value());
  rt::StopSource stop;
  rt::Scope scope(loop);
  // 192.0.2.0/24 is reserved for documentation: nobody answers, or the network says so at once.
  scope.spawn([](rt::Loop& l, rt::StopToken token) -> rt::Task<> {
    const auto result = co_await l.net().connect({.host = "192.0.2.1", .port = 9}, 1h, token);
    EXPECT_FALSE(result.has_value());
  }(loop, rt::StopToken(stop)));
  co_await rt::sleep_for(loop, 5ms);
  stop.request_stop();
  co_await scope.join();
  const auto late = co_await loop.net().connect({.host = "192.0.2.1", .port = 9}, 2ms, {});
  EXPECT_FALSE(late.has_value());
}
TEST(Net, AConnectEndsByStopAndByTime) { run(1, connect_hangs); }

rt::Task<> accept_stops(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  auto listener = co_await loop.net().listen({.host = "127.0.0.1", .port = 0});
  CO_ASSERT(listener.has_value());
  rt::Scope scope(loop);
  scope.spawn([](rt::Listener& l) -> rt::Task<> {
    const auto result = co_await l.accept({});
    EXPECT_FALSE(result.has_value());
    if (!result) EXPECT_EQ(result.error().code, rt::IoErrorCode::kStopped);
  }(**listener));
  co_await rt::sleep_for(loop, 1ms);
  (*listener)->close();
  co_await scope.join();
}
TEST(Net, CloseEndsAnAccept) { run(1, accept_stops); }

// One loop's share of an endpoint. Its listener and connections live and die on that loop.
struct Share {
  std::unique_ptr<rt::Listener> listener;
  rt::StopSource stop;
  std::vector<rt::ConnectionPtr> accepted;
};

rt::Task<bool> open_share(rt::Loop& loop, Share& share, rt::Endpoint endpoint) {
  auto listener = co_await loop.net().listen(std::move(endpoint));
  EXPECT_TRUE(listener.has_value());
  if (!listener) co_return false;
  share.listener = std::move(*listener);
  co_return true;
}

rt::Task<> accept_share(Share& share) {
  for (;;) {
    auto connection = co_await share.listener->accept(rt::StopToken(share.stop));
    if (!connection) break;
    share.accepted.push_back(std::move(*connection));
    const auto sent = co_await share.accepted.back()->send(base::as_bytes("x"));
    EXPECT_TRUE(sent.has_value());
  }
}

rt::Task<> stop_share(Share& share) {
  share.stop.request_stop();
  co_return;
}

rt::Task<std::size_t> close_share(Share& share) {
  const std::size_t count = share.accepted.size();
  share.listener.reset();
  share.accepted.clear();
  co_return count;
}

rt::Task<> spread(Runtime& runtime) {
  constexpr std::size_t kConnections = 24;
  rt::Loop& here = runtime.loop(0);
  std::array<Share, 3> shares;
  rt::Endpoint endpoint{.host = "127.0.0.1", .port = 0};
  rt::Scope scope(here);
  for (std::size_t i = 0; i < shares.size(); ++i) {
    rt::Loop& to = runtime.loop(i);
    CO_ASSERT(co_await rt::call(here, to, open_share(to, shares[i], endpoint)));
    endpoint = shares[0].listener->local();
    scope.spawn(rt::call(here, to, accept_share(shares[i])));
  }
  std::vector<rt::ConnectionPtr> clients;
  for (std::size_t i = 0; i < kConnections; ++i) {
    auto client = co_await here.net().connect(endpoint, 5s, {});
    CO_ASSERT(client.has_value());
    clients.push_back(std::move(*client));
    std::array<std::byte, 1> one{};
    EXPECT_TRUE(co_await receive_all(*clients.back(), one));
  }
  std::array<std::size_t, 3> counts{};
  for (std::size_t i = 0; i < shares.size(); ++i) {
    co_await rt::call(here, runtime.loop(i), stop_share(shares[i]));
  }
  co_await scope.join();
  for (std::size_t i = 0; i < shares.size(); ++i) {
    counts[i] = co_await rt::call(here, runtime.loop(i), close_share(shares[i]));
  }
  // The clients are connections of loop 0 as well: the accepted ones belong on the others.
  EXPECT_EQ(counts[0] + counts[1] + counts[2], kConnections);
  EXPECT_LE(counts[0], 4U);
  EXPECT_GE(counts[1], kConnections / 2 - 4);
  EXPECT_GE(counts[2], kConnections / 2 - 4);
  const auto refused = co_await here.net().connect(endpoint, 5s, {});
  EXPECT_FALSE(refused.has_value());
}
TEST(Net, LoopsShareTheConnectionsOfAnEndpoint) { run(3, spread); }

rt::Task<> close_with_arrivals(Runtime& runtime) {
  constexpr std::size_t kConnections = 5;
  rt::Loop& here = runtime.loop(0);
  rt::Loop& there = runtime.loop(1);
  std::array<Share, 2> shares;
  CO_ASSERT(co_await rt::call(here, there,
                              open_share(there, shares[1], {.host = "127.0.0.1", .port = 0})));
  const rt::Endpoint endpoint = shares[1].listener->local();
  std::vector<rt::ConnectionPtr> clients;
  for (std::size_t i = 0; i < kConnections; ++i) {
    auto client = co_await here.net().connect(endpoint, 5s, {});
    CO_ASSERT(client.has_value());
    clients.push_back(std::move(*client));
  }
  CO_ASSERT(co_await open_share(here, shares[0], endpoint));
  rt::Scope scope(here);
  scope.spawn(accept_share(shares[0]));
  EXPECT_EQ(co_await rt::call(here, there, close_share(shares[1])), 0U);
  for (const rt::ConnectionPtr& client : clients) {
    std::array<std::byte, 1> one{};
    EXPECT_TRUE(co_await receive_all(*client, one));
  }
  shares[0].stop.request_stop();
  co_await scope.join();
  EXPECT_EQ(co_await close_share(shares[0]), kConnections);
}
// They used to be dropped.
TEST(Net, ConnectionsOfAListenerThatClosesGoToTheOthers) { run(2, close_with_arrivals); }

rt::Task<> send_a_file(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  const TemporaryFolder folder;
  const std::vector<std::byte> content = pattern(5 << 20);
  auto file = co_await loop.disk().open(folder.file("f"), rt::OpenMode::kCreateNew);
  CO_ASSERT(file.has_value());
  EXPECT_TRUE((co_await loop.disk().write_at(*file, 0, content)).has_value());
  Pair pair = co_await connected(loop);
  rt::Scope scope(loop);
  constexpr std::size_t kFrom = 1000;
  scope.spawn([](rt::Connection& c, rt::FileRef f, std::size_t size) -> rt::Task<> {
    const auto sent = co_await c.send_file(f, kFrom, size - kFrom);
    EXPECT_EQ(sent.value_or(0), size - kFrom);
    const auto beyond = co_await c.send_file(f, size, 1);
    EXPECT_FALSE(beyond.has_value());
    if (!beyond) EXPECT_EQ(beyond.error().code, rt::IoErrorCode::kUnexpectedEnd);
  }(*pair.client, *file, content.size()));
  std::vector<std::byte> received(content.size() - kFrom);
  EXPECT_TRUE(co_await receive_all(*pair.server, received));
  EXPECT_TRUE(std::ranges::equal(received, base::Bytes(content).subspan(kFrom)));
  co_await scope.join();
}
TEST(Net, SendsPartOfAFile) { run(1, send_a_file); }

// More connections than wait in a listener: the rest waits in the kernel until there is room.
rt::Task<> accept_late(Runtime& runtime) {
  constexpr std::size_t kConnections = 300;
  rt::Loop& loop = runtime.loop(0);
  auto listener = co_await loop.net().listen({.host = "127.0.0.1", .port = 0});
  CO_ASSERT(listener.has_value());
  std::vector<rt::ConnectionPtr> clients;
  for (std::size_t i = 0; i < kConnections; ++i) {
    auto client = co_await loop.net().connect((*listener)->local(), 5s, {});
    CO_ASSERT(client.has_value());
    clients.push_back(std::move(*client));
  }
  EXPECT_LT(loop.stats().connections, 2 * kConnections);
  for (std::size_t i = 0; i < kConnections; ++i) {
    const auto accepted = co_await (*listener)->accept({});
    CO_ASSERT(accepted.has_value());
  }
}
TEST(Net, AcceptsLate) { run(1, accept_late); }

// In a process of its own, since the limit of open files is the process's. Not under UBSan: its
// check of virtual calls needs two descriptors, and takes their lack for a bad object.
#if !__has_feature(undefined_behavior_sanitizer)
rt::Task<int> run_out_of_files(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  auto listener = co_await loop.net().listen({.host = "127.0.0.1", .port = 0});
  if (!listener) co_return 10;
  const internal::Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = internal::numeric_address((*listener)->local());
  const int next_free = ::dup(0);
  ::close(next_free);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit tight{.rlim_cur = static_cast<rlim_t>(next_free), .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &tight);
  if (::connect(client.get(), address->get(), address->length) != 0) co_return 11;
  const auto refused = co_await (*listener)->accept({});
  if (refused || refused.error().code != rt::IoErrorCode::kTooManyFiles) co_return 12;
  ::setrlimit(RLIMIT_NOFILE, &before);
  const auto accepted = co_await (*listener)->accept({});
  co_return accepted ? 0 : 13;
}
int run_out_of_files_in_a_runtime() {
  auto runtime = Runtime::create({.cores = 1, .log_level = base::LogLevel::kError});
  return runtime ? (*runtime)->run(run_out_of_files(**runtime)) : 14;
}
TEST(Net, SurvivesRunningOutOfFiles) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(::_exit(run_out_of_files_in_a_runtime()), testing::ExitedWithCode(0), "");
}
#endif

// A connection with endless input must not keep timers and others waiting.
rt::Task<> flood(rt::Connection& connection, const bool& stop) {
  const std::vector<std::byte> bytes = pattern(1000);
  while (!stop) {
    const auto sent = co_await connection.send(bytes);
    if (!sent) break;
  }
  connection.close();
}
rt::Task<> drink(rt::Connection& connection, std::size_t& total) {
  std::vector<std::byte> buffer(100);
  for (;;) {
    const auto count = co_await connection.receive(buffer);
    if (!count) break;
    total += *count;
  }
}
rt::Task<> stay_fair(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  Pair pair = co_await connected(loop);
  rt::Scope scope(loop);
  bool stop = false;
  std::size_t total = 0;
  scope.spawn(flood(*pair.client, stop));
  scope.spawn(drink(*pair.server, total));
  for (int i = 0; i < 10; ++i) co_await rt::sleep_for(loop, 1ms);
  stop = true;
  co_await scope.join();
  EXPECT_GT(total, 0U);
}
TEST(Net, ABusyConnectionLetsOthersIn) { run(1, stay_fair); }

}  // namespace
}  // namespace moldau::io
