#include "io/internal/tcp_connection.h"

#include <array>
#include <cerrno>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

#include "base/assert.h"
#include "io/internal/address.h"
#include "io/internal/event_loop.h"
#include "io/internal/open_file.h"

namespace moldau::io::internal {

namespace {

constexpr std::size_t kSlicesPerCall = 256;

}  // namespace

TcpConnection::TcpConnection(EventLoop& loop, Descriptor socket)
    : loop_(&loop),
      socket_(std::move(socket)),
      peer_(peer_address(socket_.get()).endpoint()),
      local_(local_address(socket_.get()).endpoint()) {
  const int on = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // As Kafka on both sides: a peer that is gone without a word is found out one day.
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

TcpConnection::~TcpConnection() {
  ASSERT(receive_ == nullptr);
  ASSERT(send_ == nullptr);
  close();
}

void TcpConnection::close() {
  if (!socket_.valid()) return;
  ASSERT(loop_->is_current());
  if (watched_) loop_->poller().remove(socket_.get(), *this);
  watched_ = false;
  socket_.reset();
  loop_->connections.fetch_sub(1, std::memory_order_relaxed);
  for (rt::NetOperation** waiting : {&receive_, &send_}) {
    if (*waiting == nullptr) continue;
    (*waiting)->result = std::unexpected(rt::IoError{.code = rt::IoErrorCode::kClosed});
    finish(*waiting);
  }
}

bool TcpConnection::submit(rt::NetOperation& operation) {
  ASSERT(loop_->is_current());
  if (!socket_.valid()) {
    operation.result = std::unexpected(rt::IoError{.code = rt::IoErrorCode::kClosed});
    return true;
  }
  const bool receives = operation.kind == rt::NetOperation::Kind::kReceive;
  rt::NetOperation*& place = receives ? receive_ : send_;
  ASSERT(place == nullptr);  // one of each kind at a time
  bool done = false;
  if (receives) {
    ASSERT(!operation.into.empty());
    done = readable_ && try_receive(operation);
  } else {
    slice_ = 0;
    slice_offset_ = 0;
    sent_ = 0;
    done = operation.kind == rt::NetOperation::Kind::kSend ? try_send(operation)
                                                           : try_send_file(operation);
  }
  if (!done && watch(operation)) {
    place = &operation;
    return false;
  }
  if (loop_->take_inline()) return true;
  loop_->post(operation);
  return false;
}

void TcpConnection::abandon(rt::NetOperation& operation) {
  ASSERT(loop_->is_current());
  if (receive_ == &operation) receive_ = nullptr;
  if (send_ == &operation) send_ = nullptr;
  if (operation.queue != nullptr) loop_->withdraw(operation);
}

// False when the operation cannot wait; then it carries the error.
bool TcpConnection::watch(rt::NetOperation& operation) {
  if (watched_) return true;
  const auto added =
      loop_->poller().add(socket_.get(), *this, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  if (!added) operation.result = std::unexpected(added.error());
  watched_ = added.has_value();
  return watched_;
}

void TcpConnection::on_ready(std::uint32_t events) {
  constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  if ((events & kInput) != 0) {
    readable_ = true;
    if (receive_ != nullptr && try_receive(*receive_)) finish(receive_);
  }
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0 && send_ != nullptr) {
    const bool done =
        send_->kind == rt::NetOperation::Kind::kSend ? try_send(*send_) : try_send_file(*send_);
    if (done) finish(send_);
  }
}

void TcpConnection::finish(rt::NetOperation*& operation) {
  loop_->post(*std::exchange(operation, nullptr));
}

bool TcpConnection::fail(rt::NetOperation& operation, int os_error) {
  operation.result = std::unexpected(rt::io_error_from_errno(os_error));
  return true;
}

bool TcpConnection::try_receive(rt::NetOperation& operation) {
  for (;;) {
    const ssize_t count =
        ::recv(socket_.get(), operation.into.data(), operation.into.size(), MSG_DONTWAIT);
    if (count > 0) {
      const auto size = static_cast<std::size_t>(count);
      // The end of the stream makes no second edge: after it every receive asks.
      readable_ = size == operation.into.size() || ended_;
      loop_->bytes_received.add(size);
      operation.result = size;
      return true;
    }
    if (count == 0) {
      operation.result = std::unexpected(rt::IoError{.code = rt::IoErrorCode::kClosed});
      return true;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(operation, errno);
    readable_ = false;
    return false;
  }
}

bool TcpConnection::try_send(rt::NetOperation& operation) {
  for (;;) {
    std::array<iovec, kSlicesPerCall> parts;
    std::size_t used = 0;
    std::size_t offset = slice_offset_;
    for (std::size_t i = slice_; i < operation.slices.size() && used < parts.size(); ++i) {
      const base::Bytes slice = operation.slices[i].subspan(offset);
      offset = 0;
      if (slice.empty()) continue;
      parts[used] = {.iov_base = const_cast<std::byte*>(slice.data()), .iov_len = slice.size()};
      ++used;
    }
    if (used == 0) {
      operation.result = sent_;
      return true;
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = used;
    const ssize_t count = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      advance(operation, static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno != EINTR) {
      return fail(operation, errno);
    }
  }
}

void TcpConnection::advance(const rt::NetOperation& operation, std::size_t count) {
  sent_ += count;
  loop_->bytes_sent.add(count);
  while (slice_ < operation.slices.size()) {
    const std::size_t left = operation.slices[slice_].size() - slice_offset_;
    if (count < left) {
      slice_offset_ += count;
      return;
    }
    count -= left;
    ++slice_;
    slice_offset_ = 0;
  }
}

bool TcpConnection::try_send_file(rt::NetOperation& operation) {
  const int file = static_cast<const OpenFile&>(*operation.file).descriptor();
  while (sent_ < operation.length) {
    auto position = static_cast<off_t>(operation.position + sent_);
    const ssize_t count = ::sendfile(socket_.get(), file, &position, operation.length - sent_);
    if (count > 0) {
      sent_ += static_cast<std::size_t>(count);
      loop_->bytes_sent.add(static_cast<std::size_t>(count));
    } else if (count == 0) {
      operation.result = std::unexpected(rt::IoError{.code = rt::IoErrorCode::kUnexpectedEnd});
      return true;
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno != EINTR) {
      return fail(operation, errno);
    }
  }
  operation.result = sent_;
  return true;
}

}  // namespace moldau::io::internal
