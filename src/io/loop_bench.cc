// io_loop_bench: what a cross-loop call, a piece of off-loop work, a timer and a loopback round
// trip cost. Everything runs in this process; CPU is that of all its threads.
#include <array>
#include <cstdio>
#include <memory>
#include <vector>

#include "io/internal/bench.h"
#include "io/runtime.h"
#include "rt/call.h"
#include "rt/net.h"
#include "rt/scope.h"
#include "rt/sleep.h"
#include "rt/work.h"

namespace moldau::io {
namespace {

using internal::Measured;
using namespace std::chrono_literals;

rt::Task<int> next_of(int value) { co_return value + 1; }

rt::Task<> call_often(rt::Loop& from, rt::Loop& to, int count, Measured& measured) {
  for (int i = 0; i < count; ++i) {
    const base::Instant start = internal::monotonic_now();
    static_cast<void>(co_await rt::call(from, to, next_of(i)));
    measured.add(internal::monotonic_now() - start);
  }
}

rt::Task<> bench_calls(Runtime& runtime, int callers) {
  constexpr int kCalls = 400'000;
  rt::Loop& here = runtime.loop(0);
  Measured measured;
  measured.start();
  rt::Scope scope(here);
  for (int i = 0; i < callers; ++i) {
    scope.spawn(call_often(here, runtime.loop(1), kCalls / callers, measured));
  }
  co_await scope.join();
  measured.print("call to another loop, " + std::to_string(callers) + " at once", kCalls);
}

rt::Task<> work_often(rt::Loop& loop, int count, Measured& measured) {
  for (int i = 0; i < count; ++i) {
    const base::Instant start = internal::monotonic_now();
    static_cast<void>(co_await rt::run_work(loop, [i] { return i; }));
    measured.add(internal::monotonic_now() - start);
  }
}

rt::Task<> bench_work(Runtime& runtime, int callers) {
  constexpr int kItems = 100'000;
  rt::Loop& here = runtime.loop(0);
  Measured measured;
  measured.start();
  rt::Scope scope(here);
  for (int i = 0; i < callers; ++i) scope.spawn(work_often(here, kItems / callers, measured));
  co_await scope.join();
  measured.print("work off the loop, " + std::to_string(callers) + " at once", kItems);
}

rt::Task<> sleep_often(rt::Loop& loop, int count, Measured& measured) {
  for (int i = 0; i < count; ++i) {
    const base::Instant due = internal::monotonic_now() + 100us;
    co_await rt::sleep_until(loop, due);
    measured.add(internal::monotonic_now() - due);
  }
}

rt::Task<> bench_timers(Runtime& runtime, int sleepers) {
  constexpr int kSleeps = 20'000;
  Measured measured;
  measured.start();
  rt::Scope scope(runtime.loop(0));
  for (int i = 0; i < sleepers; ++i) {
    scope.spawn(sleep_often(runtime.loop(0), kSleeps / sleepers, measured));
  }
  co_await scope.join();
  measured.print("100 us timer (lateness), " + std::to_string(sleepers) + " at once", kSleeps);
}

rt::Task<> echo(rt::ConnectionPtr connection) {
  std::vector<std::byte> buffer(64 << 10);
  for (;;) {
    const auto count = co_await connection->receive(buffer);
    if (!count || !co_await connection->send(base::Bytes(buffer).first(std::min(*count, 32UZ)))) {
      break;
    }
  }
}

rt::Task<> serve(rt::Loop& loop, rt::Endpoint& at, int connections) {
  auto listener = co_await loop.net().listen({.host = "127.0.0.1", .port = 0});
  if (!listener) co_return;
  at = (*listener)->local();
  rt::Scope scope(loop);
  for (int i = 0; i < connections; ++i) {
    auto connection = co_await (*listener)->accept({});
    if (connection) scope.spawn(echo(std::move(*connection)));
  }
  co_await scope.join();
}

rt::Task<> ask_often(rt::Loop& loop, rt::Endpoint at, std::size_t size, int count,
                     Measured& measured) {
  auto connection = co_await loop.net().connect(at, 5s, {});
  if (!connection) co_return;
  const std::vector<std::byte> request(size);
  std::array<std::byte, 32> answer{};
  for (int i = 0; i < count; ++i) {
    const base::Instant start = internal::monotonic_now();
    if (!co_await (*connection)->send(request)) co_return;
    std::size_t received = 0;
    while (received < answer.size()) {
      const auto part = co_await (*connection)->receive(answer);
      if (!part) co_return;
      received += *part;
    }
    measured.add(internal::monotonic_now() - start);
  }
}

rt::Task<> bench_echo(Runtime& runtime, int connections, std::size_t size) {
  constexpr int kRounds = 200'000;
  rt::Loop& here = runtime.loop(0);
  rt::Loop& server = runtime.loop(1);
  rt::Scope scope(here);
  rt::Endpoint at;
  scope.spawn(rt::call(here, server, serve(server, at, connections)));
  while (at.port == 0) co_await rt::sleep_for(here, 1ms);
  Measured measured;
  measured.start();
  for (int i = 0; i < connections; ++i) {
    scope.spawn(ask_often(here, at, size, kRounds / connections, measured));
  }
  co_await scope.join();
  measured.print("loopback, " + std::to_string(connections) + " connections, " +
                     std::to_string(size) + " B asked",
                 kRounds);
}

rt::Task<int> bench(Runtime& runtime) {
  for (const int callers : {1, 16, 256}) co_await bench_calls(runtime, callers);
  for (const int callers : {1, 16, 256}) co_await bench_work(runtime, callers);
  for (const int sleepers : {1, 100}) co_await bench_timers(runtime, sleepers);
  for (const int connections : {1, 16}) {
    for (const std::size_t size : {256UZ, 16384UZ}) {
      co_await bench_echo(runtime, connections, size);
    }
  }
  co_return 0;
}

}  // namespace
}  // namespace moldau::io

int main() {
  auto runtime = moldau::io::Runtime::create({.cores = 2});
  if (!runtime) return 1;
  return (*runtime)->run(moldau::io::bench(**runtime));
}
