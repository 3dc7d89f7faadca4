// A node is crashed at every step of a small workload that waits in every way there is: nothing
// leaks, nothing is touched after its end (sanitizer builds see to that), and the node starts
// again.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/result.h"
#include "rt/call.h"
#include "rt/net.h"
#include "rt/scope.h"
#include "rt/sleep.h"
#include "rt/sync.h"
#include "rt/timed_event.h"
#include "rt/work.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 9092;
constexpr std::size_t kMessageBytes = 3'000;

// Echoes what its connections send, by way of the other loop, the disk and a worker.
class Service {
 public:
  explicit Service(rt::Loops loops)
      : front_(*loops[0]),
        back_(*loops[1]),
        budget_(*loops[0], 2),
        mutex_(*loops[1]),
        ready_(*loops[0]),
        scope_(*loops[0]) {
    scope_.spawn(serve());
  }

  [[nodiscard]] int stored() const { return stored_; }
  rt::Task<> stop() {
    if (listener_ != nullptr) listener_->close();
    co_await scope_.stop_and_join();
  }

 private:
  rt::Task<> serve() {
    const auto made = co_await front_.disk().make_directories("/data");
    EXPECT_TRUE(made);
    auto listener = co_await front_.net().listen({.host = "", .port = kPort});
    EXPECT_TRUE(listener.has_value());
    listener_ = std::move(*listener);
    ready_.set();
    for (;;) {
      auto connection = co_await listener_->accept(scope_.token());
      if (!connection) co_return;
      scope_.spawn(echo(std::move(*connection)));
    }
  }

  rt::Task<> echo(rt::ConnectionPtr connection) {
    co_await ready_.wait(scope_.token());
    for (;;) {
      base::ByteBuffer buffer(kMessageBytes);
      const auto count = co_await connection->receive(buffer.extend(kMessageBytes));
      if (!count) co_return;
      buffer.shrink(*count);
      const auto bytes = buffer.freeze();
      if (!co_await budget_.acquire(1, scope_.token())) co_return;
      const auto sum = co_await rt::run_work(front_, [bytes] {
        int total = 0;
        for (const std::byte b : bytes.span()) total += std::to_integer<int>(b);
        return total;
      });
      EXPECT_GT(sum, 0);
      const auto kept = co_await rt::call(front_, back_, store(bytes));
      EXPECT_TRUE(kept.has_value());
      budget_.release(1);
      rt::TimedEvent pause(front_, front_.now() + 10us);
      co_await pause.wait(scope_.token());
      if (!co_await connection->send(bytes.span())) co_return;
    }
  }

  rt::Task<rt::IoResult<void>> store(base::SharedBytes bytes) {
    const auto guard = co_await mutex_.lock();
    const auto file = CO_TRY(co_await back_.disk().open("/data/log", rt::OpenMode::kCreate));
    const auto size = CO_TRY(co_await back_.disk().size(file));
    CO_TRY(co_await back_.disk().write_at(file, size, bytes.span()));
    CO_TRY(co_await back_.disk().sync(file));
    CO_TRY(co_await rt::write_file_atomically(back_.disk(), "/data/checkpoint", bytes));
    ++stored_;
    co_return rt::IoResult<void>();
  }

  rt::Loop& front_;
  rt::Loop& back_;
  rt::Semaphore budget_;
  rt::Mutex mutex_;
  rt::Event ready_;
  int stored_ = 0;
  std::unique_ptr<rt::Listener> listener_;
  rt::Scope scope_;
};

rt::Task<rt::IoResult<std::string>> ask(rt::Loop& loop, std::string host, std::string text) {
  auto connection = CO_TRY(co_await loop.net().connect({std::move(host), kPort}, 1s, {}));
  CO_TRY(co_await connection->send(base::as_bytes(text)));
  std::string answer;
  std::string buffer(1'000, '?');
  while (answer.size() < text.size()) {
    const auto into = std::as_writable_bytes(std::span(buffer));
    const auto count = CO_TRY(co_await connection->receive(into));
    answer.append(buffer, 0, count);
  }
  co_return answer;
}

rt::Task<> keep_asking(rt::Loop& loop, std::string host, int times, int& answered) {
  while (times-- > 0) {
    const auto answer = co_await ask(loop, host, std::string(kMessageBytes, 'q'));
    answered += answer.has_value() ? 1 : 0;
    if (!answer) co_await rt::sleep_for(loop, 1ms);
  }
}

struct EchoWorld {
  explicit EchoWorld(std::uint64_t seed)
      : world({.seed = seed}),
        server(world.add_node({.name = "server"})),
        client(world.add_node({.name = "client"})),
        service(std::make_unique<Service>(server.loops())) {
    for (std::size_t i = 0; i < 2; ++i) {
      asking.push_back(std::make_unique<rt::Scope>(client.loop(i)));
      asking.back()->spawn(keep_asking(client.loop(i), "server", 3, answered));
    }
  }
  [[nodiscard]] bool all_asked() const { return asking[0]->size() == 0 && asking[1]->size() == 0; }

  Simulation world;
  Node& server;
  Node& client;
  int answered = 0;
  std::unique_ptr<Service> service;
  std::vector<std::unique_ptr<rt::Scope>> asking;
};

TEST(Crash, WithoutOneAllIsServedAndStopsInOrder) {
  EchoWorld echo(1);
  ASSERT_TRUE(echo.world.run_until([&] { return echo.all_asked(); }, 1min));
  EXPECT_GE(echo.answered, 4);
  EXPECT_GE(echo.service->stored(), echo.answered);
  run_task(echo.world, echo.server.loop(0), echo.service->stop());
}

TEST(Crash, OfTheServerAtEveryStepLeavesNothingBehind) {
  std::uint64_t steps = 0;
  {
    EchoWorld whole(1);
    ASSERT_TRUE(whole.world.run_until([&] { return whole.all_asked(); }, 1min));
    steps = whole.world.steps();
  }
  for (std::uint64_t at = 0; at < steps; ++at) {
    SCOPED_TRACE(at);
    EchoWorld echo(1);
    while (echo.world.steps() < at) ASSERT_TRUE(echo.world.step());
    echo.server.crash(at % 2 == 0 ? CrashKind::kPower : CrashKind::kProcess);
    echo.world.run_for(100us);
    echo.service.reset();
    echo.world.run_for(100us);
    echo.server.restart();
    echo.service = std::make_unique<Service>(echo.server.loops());
    // The clients either got through before or do now.
    const auto answer = [&] {
      return run_task(echo.world, echo.client.loop(0),
                      ask(echo.client.loop(0), "server", "after the restart"));
    };
    ASSERT_TRUE(echo.world.run_until([&] { return echo.all_asked(); }, 1min));
    const auto text = answer();
    ASSERT_TRUE(text.has_value());
    ASSERT_EQ(*text, "after the restart");
  }
}

// Frames that are destroyed on loops that go on living: every wait takes itself back.
TEST(Crash, AServiceDestroyedAtEveryStepTakesItsWaitsBack) {
  bool more = true;
  for (std::uint64_t at = 0; more; ++at) {
    SCOPED_TRACE(at);
    EchoWorld echo(2);
    while (more && echo.world.steps() < at) more = echo.world.step();
    echo.service.reset();
    for (auto& scope : echo.asking) scope.reset();
    ASSERT_TRUE(echo.world.run_until_idle(1min));
  }
}

TEST(Crash, TheDeadNodeRunsNothing) {
  EchoWorld echo(3);
  echo.world.run_for(2ms);
  echo.server.crash(CrashKind::kProcess);
  const int stored = echo.service->stored();
  ASSERT_TRUE(echo.world.run_until([&] { return echo.all_asked(); }, 1min));
  EXPECT_EQ(echo.service->stored(), stored);
  EXPECT_FALSE(echo.server.alive());
}

struct Count : rt::Job {
  explicit Count(int& to) : Job(&Count::add), total(&to) {}
  static void add(rt::Job& job) { ++*static_cast<Count&>(job).total; }
  int* total;
};

TEST(Crash, ADeadLoopTakesNothingIn) {
  Simulation world({});
  Node& node = world.add_node();
  rt::Loop& dead = node.loop(0);
  int total = 0;
  Count before(total);
  Count after(total);
  dead.post(before);
  node.crash(CrashKind::kProcess);
  EXPECT_EQ(before.queue, nullptr);
  dead.post(after);
  EXPECT_EQ(after.queue, nullptr);
  node.restart();
  ASSERT_TRUE(world.run_until_idle(1s));
  EXPECT_EQ(total, 0);
  EXPECT_EQ(node.incarnation(), 2U);
  node.loop(0).post(after);
  ASSERT_TRUE(world.run_until_idle(1s));
  EXPECT_EQ(total, 1);
}

}  // namespace
}  // namespace moldau::sim
