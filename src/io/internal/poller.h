// Poller tells a loop which of its descriptors are ready (epoll), and lets other threads end its
// wait. A Watch is called from within wait() with the events; it must not run foreign code there,
// only note what happened and post jobs. A watch may be removed at any time, also by another watch
// of the same batch: its pending events are dropped. One loop, but for wake().
#pragma once

#include <array>
#include <cstdint>
#include <sys/epoll.h>

#include "base/time.h"
#include "io/internal/descriptor.h"
#include "rt/io_error.h"

namespace moldau::io::internal {

class Watch {
 public:
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~Watch() = default;
};

class Poller {
 public:
  [[nodiscard]] rt::IoResult<void> open();

  [[nodiscard]] rt::IoResult<void> add(int descriptor, Watch& watch, std::uint32_t events);
  void change(int descriptor, Watch& watch, std::uint32_t events);
  void remove(int descriptor, Watch& watch);

  // Waits until something is ready, the duration is over or wake() was called; zero only looks.
  void wait(base::Duration timeout);

  // Any thread: ends the current wait, or the next one.
  void wake();

 private:
  static constexpr int kEventsMax = 128;

  Descriptor epoll_;
  Descriptor wake_;
  // The batch being dispatched; remove() takes watches out of its rest.
  std::array<epoll_event, kEventsMax> events_{};
  int count_ = 0;
  int next_ = 0;
};

}  // namespace moldau::io::internal
