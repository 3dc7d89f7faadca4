#include "io/internal/acceptor.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <sys/socket.h>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "io/internal/posted.h"
#include "io/internal/shared.h"

namespace moldau::io::internal {

namespace {

constexpr base::Duration kOutOfFilesPause = std::chrono::milliseconds(100);

rt::IoResult<Descriptor> listen_on(const Address& address, int backlog) {
  Descriptor socket(
      ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!socket.valid()) return std::unexpected(rt::io_error_from_errno(errno));
  const int on = 1;
  const int off = 0;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == AF_INET6) {
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (::bind(socket.get(), address.get(), address.length) != 0 ||
      ::listen(socket.get(), backlog) != 0) {
    return std::unexpected(rt::io_error_from_errno(errno));
  }
  return socket;
}

}  // namespace

Acceptor::Retry::Retry(Acceptor& owner)
    : rt::Timer([](rt::Job& job) { static_cast<Retry&>(job).acceptor->resume(); }),
      acceptor(&owner) {}

Acceptor::Acceptor(EventLoop& home, Descriptor socket)
    : home_(&home),
      socket_(std::move(socket)),
      address_(local_address(socket_.get())),
      retry_(*this) {}

Acceptor::~Acceptor() { ASSERT(!watched_); }

rt::IoResult<void> Acceptor::start() {
  TRY(home_->poller().add(socket_.get(), *this, EPOLLIN));
  watched_ = true;
  return {};
}

bool Acceptor::join(const std::shared_ptr<Arrivals>& arrivals) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  members_.push_back(arrivals);
  return true;
}

void Acceptor::leave(const std::shared_ptr<Arrivals>& arrivals) {
  {
    const std::lock_guard lock(mutex_);
    std::erase(members_, arrivals);
    if (!members_.empty() || closed_) return;
    closed_ = true;
  }
  // Nobody can connect from here on; the home loop lets go of the descriptor.
  ::shutdown(socket_.get(), SHUT_RDWR);
  if (home_->is_current()) return close();
  post_function(*home_, [self = shared_from_this()] { self->close(); });
}

void Acceptor::close() {
  if (retry_.armed()) home_->disarm(retry_);
  if (watched_) home_->poller().remove(socket_.get(), *this);
  watched_ = false;
  socket_.reset();
}

void Acceptor::on_ready(std::uint32_t) { accept_some(); }

void Acceptor::accept_some() {
  for (int i = 0; i < kAcceptsPerEvent && watched_; ++i) {
    const std::shared_ptr<Arrivals> to = choose();
    if (to == nullptr) return pause();
    Descriptor socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.valid()) {
      hand_over(to, std::move(socket));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return out_of_files();
    } else if (errno == EAGAIN || errno == EINVAL) {  // EINVAL: shut down, about to be closed
      return;
    }
    // Else the peer gave up while it waited: on to the next.
  }
}

void Acceptor::pause() {
  home_->poller().change(socket_.get(), *this, 0);
  paused_.store(true);
  // A listener may have made room between the look and the mark.
  if (choose() != nullptr && paused_.exchange(false)) resume();
}

void Acceptor::resume() {
  if (watched_) home_->poller().change(socket_.get(), *this, EPOLLIN);
}

void Acceptor::made_room() {
  if (!paused_.load() || !paused_.exchange(false)) return;
  post_function(*home_, [self = shared_from_this()] { self->resume(); });
}

void Acceptor::out_of_files() {
  home_->poller().change(socket_.get(), *this, 0);
  if (retry_.armed()) home_->disarm(retry_);
  home_->arm(retry_, home_->now() + kOutOfFilesPause);
  const std::shared_ptr<Arrivals> to = choose();
  if (to == nullptr) return;
  post_function(*to->loop, [to] {
    to->out_of_files = true;
    to->changed.notify_one();
  });
}

// Of the loops with hardly more connections than the emptiest, the one that was least busy; then
// the one with fewest connections; then by lot, so that the first (bootstrap) connections of many
// clients do not all meet on one loop.
std::shared_ptr<Arrivals> Acceptor::choose() {
  constexpr std::uint64_t kSlack = 2;
  constexpr std::uint64_t kLoadStep = 125;  // thousandths: smaller differences are noise
  const std::lock_guard lock(mutex_);
  std::uint64_t fewest = ~std::uint64_t{0};
  for (const auto& member : members_) {
    if (member->waiting.load() >= kWaitingMax) continue;
    fewest = std::min(fewest, member->loop->connections.load(std::memory_order_relaxed));
  }
  const base::Instant now = home_->now();
  std::shared_ptr<Arrivals> best;
  std::pair<std::uint64_t, std::uint64_t> best_rank;
  std::uint64_t equals = 0;
  for (const auto& member : members_) {
    const auto connections = member->loop->connections.load(std::memory_order_relaxed);
    if (connections > fewest + kSlack || member->waiting.load() >= kWaitingMax) continue;
    const std::pair rank((member->loop->load().permille(now) + kLoadStep / 2) / kLoadStep,
                         connections);
    if (best == nullptr || rank < best_rank) {
      equals = 0;
    } else if (rank != best_rank) {
      continue;
    }
    ++equals;
    if (home_->rng().below(equals) == 0) best = member;
    best_rank = rank;
  }
  return best;
}

void Acceptor::hand_over(std::shared_ptr<Arrivals> to, Descriptor socket) {
  to->waiting.fetch_add(1);
  to->loop->connections.fetch_add(1, std::memory_order_relaxed);
  EventLoop& loop = *to->loop;
  post_function(
      loop, [self = shared_from_this(), to = std::move(to), socket = std::move(socket)]() mutable {
        if (to->closed) {
          to->loop->connections.fetch_sub(1, std::memory_order_relaxed);
          return self->deal_again(std::move(socket));
        }
        to->sockets.push_back(std::move(socket));
        to->changed.notify_one();
      });
}

void Acceptor::deal_again(Descriptor socket) {
  post_function(*home_, [self = shared_from_this(), socket = std::move(socket)]() mutable {
    if (std::shared_ptr<Arrivals> to = self->choose()) {
      self->hand_over(std::move(to), std::move(socket));
    }
  });
}

rt::IoResult<std::shared_ptr<Acceptor>> AcceptorTable::join(
    EventLoop& loop, const Address& address, const std::shared_ptr<Arrivals>& arrivals) {
  const std::lock_guard lock(mutex_);
  std::erase_if(acceptors_, [](const auto& weak) { return weak.expired(); });
  for (const auto& weak : acceptors_) {
    const auto acceptor = weak.lock();
    if (acceptor == nullptr || acceptor->address().length != address.length ||
        std::memcmp(&acceptor->address().storage, &address.storage, address.length) != 0) {
      continue;
    }
    if (acceptor->join(arrivals)) return acceptor;
  }
  Descriptor socket = TRY(listen_on(address, loop.shared().options.listen_backlog));
  auto acceptor = std::make_shared<Acceptor>(loop, std::move(socket));
  TRY(acceptor->start());
  const bool joined = acceptor->join(arrivals);
  ASSERT(joined);
  acceptors_.push_back(acceptor);
  return acceptor;
}

}  // namespace moldau::io::internal
