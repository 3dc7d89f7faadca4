// How much real time a world costs: one node appends small batches to a file and syncs them while a
// client on another node sends each batch over the network and waits for the answer.
//   sim_runtime_simulation_bench [batches] [seed]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "rt/net.h"
#include "rt/scope.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBatchBytes = 1'000;
constexpr std::uint16_t kPort = 9092;

rt::Task<> serve(rt::Loop& loop) {
  auto listener = co_await loop.net().listen({.host = "", .port = kPort});
  auto connection = co_await (*listener)->accept({});
  const auto file = co_await loop.disk().open("/log", rt::OpenMode::kCreate);
  std::string batch(kBatchBytes, '?');
  std::uint64_t end = 0;
  for (;;) {
    std::size_t got = 0;
    while (got < kBatchBytes) {
      const auto into = std::as_writable_bytes(std::span(batch)).subspan(got);
      const auto count = co_await (*connection)->receive(into);
      if (!count) co_return;
      got += *count;
    }
    if (!co_await loop.disk().write_at(*file, end, base::as_bytes(batch))) co_return;
    end += kBatchBytes;
    if (!co_await loop.disk().sync(*file)) co_return;
    if (!co_await (*connection)->send(base::as_bytes("ok"))) co_return;
  }
}

rt::Task<> produce(rt::Loop& loop, std::string host, int batches) {
  auto connection = co_await loop.net().connect({std::move(host), kPort}, 10s, {});
  const std::string batch(kBatchBytes, 'b');
  std::string answer(2, '?');
  for (int i = 0; i < batches; ++i) {
    if (!co_await (*connection)->send(base::as_bytes(batch))) co_return;
    for (std::size_t got = 0; got < 2;) {
      const auto into = std::as_writable_bytes(std::span(answer)).subspan(got);
      const auto count = co_await (*connection)->receive(into);
      if (!count) co_return;
      got += *count;
    }
  }
}

void run(int batches, std::uint64_t seed) {
  const auto before = std::chrono::steady_clock::now();
  Simulation world({.seed = seed});
  Node& server = world.add_node({.name = "server"});
  Node& client = world.add_node({.name = "client"});
  rt::Scope scope(server.loop(0));
  scope.spawn(serve(server.loop(0)));
  world.run_for(10ms);
  run_task(world, client.loop(0), produce(client.loop(0), "server", batches), 24h);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - before;
  const std::chrono::duration<double> virtual_time = world.now().since_start;
  std::printf(
      "%d batches: %.1f ms real, %.1f s virtual, %llu steps, %.0f ns a step, hash %016llx\n",
      batches, took.count(), virtual_time.count(), static_cast<unsigned long long>(world.steps()),
      took.count() * 1e6 / static_cast<double>(world.steps()),
      static_cast<unsigned long long>(world.trace_hash()));
}

}  // namespace
}  // namespace moldau::sim

int main(int argc, char** argv) {
  moldau::sim::run(argc > 1 ? std::atoi(argv[1]) : 5'000,
                   argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  return 0;
}
