// Names that take their time: a deadline and a stop end the wait for them.
#include "io/internal/resolver.h"

#include <atomic>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "io/internal/event_loop.h"
#include "io/internal/shared.h"
#include "io/internal/testing.h"
#include "rt/scope.h"

namespace moldau::io::internal {
namespace {

using namespace std::chrono_literals;

std::atomic<bool> name_servers_answer = false;
std::atomic<int> lookups = 0;

// A lookup that hangs as long as the name servers are silent, but for one name.
Resolver::Addresses silent_lookup(const rt::Endpoint& endpoint) {
  lookups.fetch_add(1);
  if (endpoint.host != "known") name_servers_answer.wait(false);
  return std::vector{*numeric_address({.host = "127.0.0.1", .port = endpoint.port})};
}

class SilentNameServers {
 public:
  explicit SilentNameServers(Runtime& runtime) {
    lookups = 0;
    name_servers_answer = false;
    static_cast<EventLoop&>(runtime.loop(0)).shared().resolver.set_lookup(&silent_lookup);
  }
  ~SilentNameServers() {
    name_servers_answer = true;
    name_servers_answer.notify_all();
  }
};

rt::Task<> connect_by_name(Runtime& runtime) {
  const SilentNameServers silent(runtime);
  rt::Loop& loop = runtime.loop(0);
  const auto late = co_await loop.net().connect({.host = "silent", .port = 1}, 5ms, {});
  CO_ASSERT(!late);
  EXPECT_EQ(late.error().code, rt::IoErrorCode::kTimedOut);

  rt::StopSource stop;
  rt::Scope scope(loop);
  scope.spawn([](rt::Loop& here, rt::StopToken token) -> rt::Task<> {
    const auto stopped = co_await here.net().connect({.host = "silent", .port = 1}, 1h, token);
    CO_ASSERT(!stopped);
    EXPECT_EQ(stopped.error().code, rt::IoErrorCode::kStopped);
  }(loop, rt::StopToken(stop)));
  stop.request_stop();
  co_await scope.join();
}

// A dead name server used to hold a connect for as long as it liked, and SIGTERM with it.
TEST(Resolver, ADeadlineAndAStopEndAConnectWhoseNameIsNotAnswered) { run(1, connect_by_name); }

rt::Task<> one_silent_name(Runtime& runtime) {
  const SilentNameServers silent(runtime);
  rt::Loop& loop = runtime.loop(0);
  for (int i = 0; i < 3; ++i) {
    const auto late = co_await loop.net().connect({.host = "silent", .port = 1}, 1ms, {});
    CO_ASSERT(!late);
  }
  const auto known = co_await loop.net().resolve({.host = "known", .port = 7});
  CO_ASSERT(known.has_value());
  EXPECT_EQ(known->front().to_string(), "127.0.0.1:7");
}
TEST(Resolver, ANameThatIsNotAnsweredDoesNotHoldUpTheOthers) { run(1, one_silent_name); }

rt::Task<> many_silent_names(Runtime& runtime) {
  rt::Loop& loop = runtime.loop(0);
  {
    const SilentNameServers silent(runtime);
    for (int i = 0; i < 20; ++i) {
      const auto late = co_await loop.net().connect({.host = "silent", .port = 1}, 1ms, {});
      CO_ASSERT(!late);
    }
    EXPECT_LE(lookups.load(), static_cast<int>(Resolver::kThreadsMax));
  }
  // Nobody waits for the other sixteen any more: they are never looked up.
  const auto known = co_await loop.net().resolve({.host = "known", .port = 7});
  EXPECT_TRUE(known.has_value());
  EXPECT_LE(lookups.load(), static_cast<int>(Resolver::kThreadsMax) + 1);
}
TEST(Resolver, ForgetsLookupsThatNobodyWaitsFor) { run(1, many_silent_names); }

}  // namespace
}  // namespace moldau::io::internal
