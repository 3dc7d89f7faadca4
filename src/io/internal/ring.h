// Ring is one loop's io_uring, for what it does as well as threads or better: reads that are not in
// the page cache, and syncs of a file or two. (Buffered writes stay with the writing threads: the
// ring hands each of them to a kernel worker, at ten times the cost; see
// docs/decisions/0001-disk-backends.md.) A kernel that is short of memory is asked again after a
// while; a ring that stays refused gives up, and its operations go to threads. The loop's thread
// only.
#pragma once

#include <chrono>
#include <cstddef>

#include <liburing.h>

#include "base/time.h"
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

  // True once the kernel has refused for good. What it never took comes back through take_back(),
  // at any time: also what it began and did not finish.
  [[nodiscard]] bool gave_up() const { return gave_up_; }
  [[nodiscard]] OperationList take_back();

  // For tests: what is called in place of io_uring_submit().
  using Submit = int (*)(io_uring*);
  void set_submit(Submit submit) { submit_ = submit; }

 private:
  static constexpr unsigned kEntries = 64;
  // Syncs and reads that may wait in the kernel's workers at one time.
  static constexpr unsigned kWorkersMax = 16;

  static constexpr base::Duration kRetryAfter = std::chrono::milliseconds(1);
  static constexpr std::size_t kTriesMax = 100;

  void on_ready(std::uint32_t events) override;
  std::size_t reap();
  void prepare(io_uring_sqe& entry, rt::DiskOperation& operation);
  void prepare_waiting();
  // The kernel took nothing: later again, or no more.
  void refused(int os_error);

  struct Retry : rt::Timer {
    explicit Retry(Ring& owner)
        : rt::Timer([](rt::Job& job) { static_cast<Retry&>(job).ring->submit(); }), ring(&owner) {}
    Ring* ring;
  };

  EventLoop* loop_;
  Submit submit_ = &::io_uring_submit;
  bool open_ = false;
  bool gave_up_ = false;
  io_uring ring_{};
  OperationList waiting_;
  OperationList prepared_;  // in the submission queue, in its order
  std::size_t in_kernel_ = 0;
  std::size_t tries_ = 0;  // refused in a row
  Retry retry_{*this};
};

}  // namespace moldau::io::internal
