// Signals turns the first SIGTERM or SIGINT into a job on a loop; a second one ends the process at
// once, also when the loop is stuck. SIGPIPE is ignored (a closed socket is an error code). A
// signal that ends the process for a fault of its own (SIGABRT, SIGSEGV and the like) first lets
// the log write what led to it. One per process: handlers are global.
#pragma once

#include <atomic>

#include "io/internal/event_loop.h"
#include "io/internal/poller.h"
#include "rt/sync.h"
#include "rt/task.h"

namespace moldau::io::internal {

class Signals final : private Watch {
 public:
  explicit Signals(EventLoop& loop) : loop_(&loop), changed_(loop) {}
  ~Signals();

  // Before the loop runs and after it has ended.
  [[nodiscard]] rt::IoResult<void> open();
  void close();

  [[nodiscard]] rt::Task<int> wait(rt::StopToken token);

 private:
  static void handle(int number);
  static void handle_fault(int number);
  void on_ready(std::uint32_t) override { changed_.notify_all(); }

  EventLoop* loop_;
  Descriptor wake_;
  bool open_ = false;
  rt::Signal changed_;
};

}  // namespace moldau::io::internal
