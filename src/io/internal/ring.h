// Ring is one loop's io_uring, for what it does as well as threads or better: reads that are not in
// the page cache, and syncs of a file or two. (Buffered writes stay with the writing threads: the
// ring hands each of them to a kernel worker, at ten times the cost; see
// docs/decisions/0001-disk-backends.md.) The loop's thread only.
#pragma once

#include <cstddef>

#include <liburing.h>

#include "io/internal/event_loop.h"
#include "io/internal/operation_list.h"
#include "io/internal/poller.h"
#include "rt/io_error.h"

namespace moldau::io::internal {

// Can this process make a ring that knows read and fsync?
[[nodiscard]] rt::IoResult<void> probe_ring();

class Ring final : private Watch {
 public:
  explicit Ring(EventLoop& loop) : loop_(&loop) {}
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { close(); }

  [[nodiscard]] rt::IoResult<void> open();
  void close();
  [[nodiscard]] bool is_open() const { return open_; }

  // Queues a read or sync; submit() hands all queued ones to the kernel with one call. Finished
  // operations are posted to the loop.
  void add(rt::DiskOperation& operation) { waiting_.push(operation); }
  void submit();

 private:
  static constexpr unsigned kEntries = 64;
  // Syncs and reads that may wait in the kernel's workers at one time.
  static constexpr unsigned kWorkersMax = 16;

  void on_ready(std::uint32_t events) override;
  void reap();
  void prepare(io_uring_sqe& entry, rt::DiskOperation& operation);

  EventLoop* loop_;
  bool open_ = false;
  io_uring ring_{};
  OperationList waiting_;
  unsigned in_kernel_ = 0;
};

}  // namespace moldau::io::internal
