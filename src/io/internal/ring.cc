#include "io/internal/ring.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "io/internal/open_file.h"
#include "io/internal/transfer.h"

namespace moldau::io::internal {

namespace {

constexpr std::size_t kCopiedInPlaceMax = 128 << 10;

rt::IoResult<void> open_ring(io_uring& ring, unsigned entries) {
  io_uring_params parameters{};
  // Completions run when the loop enters the kernel anyway, without interrupting it (Linux 5.19).
  parameters.flags = IORING_SETUP_COOP_TASKRUN;
  int failed = ::io_uring_queue_init_params(entries, &ring, &parameters);
  if (failed == -EINVAL) {
    parameters = {};
    failed = ::io_uring_queue_init_params(entries, &ring, &parameters);
  }
  if (failed != 0) return std::unexpected(rt::io_error_from_errno(-failed));
  return {};
}

}  // namespace

rt::IoResult<void> probe_ring() {
  io_uring ring{};
  TRY(open_ring(ring, 2));
  const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> probe(
      ::io_uring_get_probe_ring(&ring), ::io_uring_free_probe);
  const bool able = probe != nullptr &&
                    ::io_uring_opcode_supported(probe.get(), IORING_OP_READ) != 0 &&
                    ::io_uring_opcode_supported(probe.get(), IORING_OP_FSYNC) != 0;
  ::io_uring_queue_exit(&ring);
  if (!able) return std::unexpected(rt::io_error_from_errno(EOPNOTSUPP));
  return {};
}

rt::IoResult<void> Ring::open() {
  ASSERT(!open_);
  TRY(open_ring(ring_, kEntries));
  if (const auto added = loop_->poller().add(ring_.ring_fd, *this, EPOLLIN); !added) {
    ::io_uring_queue_exit(&ring_);
    return added;
  }
  std::array<unsigned, 2> workers_max{kWorkersMax, kWorkersMax};  // bounded, unbounded
  // Older kernels keep their own limit.
  [[maybe_unused]] const int set = ::io_uring_register_iowq_max_workers(&ring_, workers_max.data());
  open_ = true;
  return {};
}

void Ring::close() {
  if (!open_) return;
  ASSERT(in_kernel_ == 0);
  if (retry_.armed()) loop_->disarm(retry_);
  loop_->poller().remove(ring_.ring_fd, *this);
  ::io_uring_queue_exit(&ring_);
  open_ = false;
}

void Ring::prepare(io_uring_sqe& entry, rt::DiskOperation& operation) {
  const int descriptor = static_cast<const OpenFile&>(*operation.file).descriptor();
  if (operation.kind == rt::DiskOperation::Kind::kSync) {
    ::io_uring_prep_fsync(&entry, descriptor, IORING_FSYNC_DATASYNC);
  } else {
    ASSERT(operation.kind == rt::DiskOperation::Kind::kRead);
    const auto size =
        std::min<std::size_t>(operation.into.size(), std::numeric_limits<std::int32_t>::max());
    ::io_uring_prep_read(&entry, descriptor, operation.into.data(), static_cast<unsigned>(size),
                         operation.position);
    // What is cached meanwhile would be copied here and now.
    if (size > kCopiedInPlaceMax) entry.flags |= IOSQE_ASYNC;
  }
  ::io_uring_sqe_set_data(&entry, &operation);
}

void Ring::prepare_waiting() {
  while (!waiting_.empty() && in_kernel_ + prepared_.size() < kEntries) {
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
    if (entry == nullptr) return;
    rt::DiskOperation& operation = *waiting_.pop();
    prepare(*entry, operation);
    prepared_.push(operation);
  }
}

void Ring::submit() {
  if (gave_up_) return;
  prepare_waiting();
  while (!prepared_.empty()) {
    const unsigned before = ::io_uring_sq_ready(&ring_);
    const int result = submit_(&ring_);
    const unsigned taken = before - ::io_uring_sq_ready(&ring_);
    for (unsigned i = 0; i < taken; ++i) {
      prepared_.pop();
      ++in_kernel_;
    }
    // One that the kernel finds wrong ends its call early: the rest goes with the next call.
    if (taken > 0 || result == -EINTR) continue;
    // A full completion queue, or memory that completions hold.
    if (reap() > 0) continue;
    return refused(-result);
  }
  tries_ = 0;
}

void Ring::refused(int os_error) {
  const bool passes =
      os_error == EAGAIN || os_error == EBUSY || os_error == ENOMEM || os_error == 0;
  if (passes && ++tries_ < kTriesMax) {
    if (!retry_.armed()) loop_->arm(retry_, loop_->now() + kRetryAfter);
    return;
  }
  gave_up_ = true;
  LOG_WARN(loop_->log(), "io",
           "loop {}: io_uring takes nothing any more ({}), syncs and cold reads use threads now",
           loop_->index(), rt::io_error_from_errno(os_error).to_string());
}

OperationList Ring::take_back() {
  ASSERT(gave_up_);
  OperationList all = std::exchange(prepared_, {});
  while (rt::DiskOperation* operation = waiting_.pop()) all.push(*operation);
  return all;
}

void Ring::on_ready(std::uint32_t) {
  reap();
  submit();
}

std::size_t Ring::reap() {
  io_uring_cqe* completion = nullptr;
  std::size_t count = 0;
  for (; ::io_uring_peek_cqe(&ring_, &completion) == 0; ++count) {
    auto& operation = *static_cast<rt::DiskOperation*>(::io_uring_cqe_get_data(completion));
    const int result = completion->res;
    ::io_uring_cqe_seen(&ring_, completion);
    --in_kernel_;
    if (result == -EINTR || result == -EAGAIN) {
      waiting_.push(operation);
    } else if (result < 0) {
      operation.result = std::unexpected(rt::io_error_from_errno(-result));
      loop_->finish(operation);
    } else if (operation.kind == rt::DiskOperation::Kind::kSync) {
      operation.result = 0;
      loop_->finish(operation);
    } else if (advance_read(operation, static_cast<std::size_t>(result))) {
      loop_->finish(operation);
    } else {
      waiting_.push(operation);
    }
  }
  return count;
}

}  // namespace moldau::io::internal
