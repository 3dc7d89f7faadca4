// Signals: the first one asks, the second one ends. Each case is a process of its own.
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "io/runtime.h"
#include "rt/sleep.h"

namespace moldau::io {
namespace {

using namespace std::chrono_literals;

rt::Task<int> until_signal(Runtime& runtime) { co_return co_await runtime.wait_for_signal({}); }
rt::Task<int> signal_itself(Runtime& runtime) {
  ::raise(SIGTERM);
  co_return co_await runtime.wait_for_signal({}) == SIGTERM ? 7 : 8;
}
rt::Task<int> stuck(Runtime&) {
  ::raise(SIGINT);
  ::raise(SIGINT);  // the loop never gets to the first one
  co_return 9;
}
rt::Task<int> stopped(Runtime& runtime) {
  rt::StopSource stop;
  stop.request_stop();
  co_return co_await runtime.wait_for_signal(rt::StopToken(stop));
}

int run_in_child(rt::Task<int> (*body)(Runtime&), void (*in_parent)(pid_t) = nullptr) {
  int ready[2];
  EXPECT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto runtime =
        Runtime::create({.cores = 2, .log_level = base::LogLevel::kWarn, .handle_signals = true});
    if (!runtime) ::_exit(100);
    [[maybe_unused]] const auto written = ::write(ready[1], "r", 1);
    ::_exit((*runtime)->run(body(**runtime)));
  }
  char byte = 0;
  EXPECT_EQ(::read(ready[0], &byte, 1), 1);
  if (in_parent != nullptr) in_parent(child);
  ::close(ready[0]);
  ::close(ready[1]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Signals, TheFirstOneEndsTheWait) {
  EXPECT_EQ(run_in_child(until_signal, [](pid_t child) { ::kill(child, SIGTERM); }), SIGTERM);
  EXPECT_EQ(run_in_child(until_signal, [](pid_t child) { ::kill(child, SIGINT); }), SIGINT);
  EXPECT_EQ(run_in_child(signal_itself), 7);
}

TEST(Signals, TheSecondOneEndsAStuckProcess) { EXPECT_EQ(run_in_child(stuck), 128 + SIGINT); }

TEST(Signals, AStopEndsTheWaitToo) { EXPECT_EQ(run_in_child(stopped), 0); }

}  // namespace
}  // namespace moldau::io
