// Signals: the first one asks, the second one ends. Each case is a process of its own.
#include <csignal>
#include <cstdlib>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/trace.h"
#include "io/runtime.h"
#include "rt/call.h"
#include "rt/scope.h"

namespace moldau::io {
namespace {

using namespace std::chrono_literals;

rt::Task<int> signal_itself(Runtime& runtime, int number) {
  ::raise(number);
  co_return co_await runtime.wait_for_signal({}) == number ? 0 : 8;
}
rt::Task<int> signal_process(int number) { co_return ::kill(::getpid(), number); }
rt::Task<> signal_from(rt::Loop& here, rt::Loop& other, int number) {
  EXPECT_EQ(co_await rt::call(here, other, signal_process(number)), 0);
}
rt::Task<int> until_signal(Runtime& runtime, int number) {
  rt::Scope scope(runtime.loop(0));
  scope.spawn(signal_from(runtime.loop(0), runtime.loop(1), number));
  const int got = co_await runtime.wait_for_signal({});
  co_await scope.join();
  co_return got == number ? 0 : 9;
}
rt::Task<int> stuck(Runtime&, int number) {
  ::raise(number);
  ::raise(number);  // the loop never gets to the first one
  co_return 10;
}
rt::Task<int> stopped(Runtime& runtime, int) {
  rt::StopSource stop;
  stop.request_stop();
  co_return co_await runtime.wait_for_signal(rt::StopToken(stop));
}

// Signals are the process's, so each test runs in a new one (a copy of this one may have threads).
class Signals : public testing::Test {
 protected:
  Signals() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  [[noreturn]] static void run(rt::Task<int> (*body)(Runtime&, int), int number = 0) {
    auto runtime =
        Runtime::create({.cores = 2, .log_level = base::LogLevel::kWarn, .handle_signals = true});
    if (!runtime) ::_exit(100);
    ::_exit((*runtime)->run(body(**runtime, number)));
  }
};

TEST_F(Signals, TheFirstOneEndsTheWait) {
  EXPECT_EXIT(run(until_signal, SIGTERM), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(run(until_signal, SIGINT), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(run(signal_itself, SIGTERM), testing::ExitedWithCode(0), "");
}

TEST_F(Signals, TheSecondOneEndsAStuckProcess) {
  EXPECT_EXIT(run(stuck, SIGINT), testing::ExitedWithCode(128 + SIGINT), "");
}

TEST_F(Signals, AStopEndsTheWaitToo) { EXPECT_EXIT(run(stopped), testing::ExitedWithCode(0), ""); }

// Lines are written by a thread of their own; those that led to a crash must not go with it.
void log_and_crash(int lines) {
  auto runtime = Runtime::create({.cores = 1, .handle_signals = true});
  if (!runtime) ::_exit(100);
  for (int i = 0; i < lines; ++i) LOG_WARN((*runtime)->loop(0).log(), "test", "line {} of it", i);
  std::abort();
}
TEST_F(Signals, ACrashLosesNoLineOfTheLog) {
  EXPECT_EXIT(log_and_crash(2000), testing::KilledBySignal(SIGABRT), "line 1999 of it");
}

}  // namespace
}  // namespace moldau::io
