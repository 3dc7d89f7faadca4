#include "io/internal/loop_net.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <coroutine>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "io/internal/acceptor.h"
#include "io/internal/event_loop.h"
#include "io/internal/shared.h"
#include "io/internal/tcp_connection.h"

namespace moldau::io::internal {

namespace {

void set_buffers(int socket, const RuntimeOptions& options) {
  if (options.send_buffer_bytes > 0) {
    ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &options.send_buffer_bytes, sizeof(int));
  }
  if (options.receive_buffer_bytes > 0) {
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer_bytes, sizeof(int));
  }
}

class TcpListener final : public rt::Listener {
 public:
  TcpListener(std::shared_ptr<Acceptor> acceptor, std::shared_ptr<Arrivals> arrivals)
      : acceptor_(std::move(acceptor)),
        arrivals_(std::move(arrivals)),
        local_(acceptor_->address().endpoint()) {}
  ~TcpListener() override { close(); }

  [[nodiscard]] rt::Task<rt::IoResult<rt::ConnectionPtr>> accept(rt::StopToken token) override {
    for (;;) {
      if (arrivals_->closed || token.stop_requested()) {
        co_return std::unexpected(rt::IoError{.code = rt::IoErrorCode::kStopped});
      }
      if (!arrivals_->sockets.empty()) break;
      if (std::exchange(arrivals_->out_of_files, false)) {
        co_return std::unexpected(rt::IoError{rt::IoErrorCode::kTooManyFiles, EMFILE});
      }
      co_await arrivals_->changed.wait(token);
    }
    Descriptor socket = std::move(arrivals_->sockets.front());
    arrivals_->sockets.pop_front();
    arrivals_->waiting.fetch_sub(1);
    acceptor_->made_room();
    EventLoop& loop = *arrivals_->loop;
    set_buffers(socket.get(), loop.shared().options);
    co_return std::make_unique<TcpConnection>(loop, std::move(socket));
  }

  void close() override {
    if (std::exchange(arrivals_->closed, true)) return;
    arrivals_->loop->connections.fetch_sub(arrivals_->sockets.size(), std::memory_order_relaxed);
    arrivals_->changed.notify_all();
    acceptor_->leave(arrivals_);
    for (Descriptor& socket : arrivals_->sockets) acceptor_->deal_again(std::move(socket));
    arrivals_->sockets.clear();
  }
  [[nodiscard]] const rt::Endpoint& local() const override { return local_; }

 private:
  std::shared_ptr<Acceptor> acceptor_;
  std::shared_ptr<Arrivals> arrivals_;
  rt::Endpoint local_;
};

// Waits until a connecting socket is writable, the deadline, or the stop.
class Writable final : private Watch {
 public:
  Writable(EventLoop& loop, int socket, base::Instant deadline, rt::StopToken token)
      : loop_(&loop), socket_(socket), deadline_(deadline), token_(token) {}
  Writable(const Writable&) = delete;
  Writable& operator=(const Writable&) = delete;
  ~Writable() { end(); }

  [[nodiscard]] bool await_ready() const { return token_.stop_requested(); }
  bool await_suspend(std::coroutine_handle<> waiter) {
    job_.waiter = waiter;
    const auto added = loop_->poller().add(socket_, *this, EPOLLOUT | EPOLLONESHOT);
    if (!added) return false;
    watched_ = true;
    loop_->arm(timer_, deadline_);
    if (token_.source() != nullptr) token_.source()->add(callback_);
    return true;
  }
  void await_resume() { end(); }

 private:
  void on_ready(std::uint32_t) override { wake(); }
  void wake() {
    if (job_.queue == nullptr) loop_->post(job_);
  }
  void end() {
    if (watched_) loop_->poller().remove(socket_, *this);
    watched_ = false;
    if (timer_.armed()) loop_->disarm(timer_);
    callback_.leave();
    if (job_.queue != nullptr) loop_->withdraw(job_);
  }

  struct Deadline : rt::Timer {
    explicit Deadline(Writable& wait)
        : rt::Timer([](rt::Job& job) { static_cast<Deadline&>(job).owner->wake(); }),
          owner(&wait) {}
    Writable* owner;
  };
  struct Stop : rt::StopCallback {
    explicit Stop(Writable& wait)
        : rt::StopCallback([](rt::StopCallback& self) { static_cast<Stop&>(self).owner->wake(); }),
          owner(&wait) {}
    Writable* owner;
  };

  EventLoop* loop_;
  int socket_;
  base::Instant deadline_;
  rt::StopToken token_;
  bool watched_ = false;
  rt::ResumeJob job_;
  Deadline timer_{*this};
  Stop callback_{*this};
};

rt::IoError stopped() { return {.code = rt::IoErrorCode::kStopped}; }

}  // namespace

rt::Task<rt::IoResult<std::vector<Address>>> LoopNet::addresses(rt::Endpoint endpoint,
                                                                base::Instant deadline,
                                                                rt::StopToken token) {
  if (const auto numeric = numeric_address(endpoint)) co_return std::vector{*numeric};
  co_return co_await loop_->shared().resolver.resolve(*loop_, std::move(endpoint), deadline, token);
}

// A name listens on its first IPv4 address, as the JVM does, or else on its first one.
rt::Task<rt::IoResult<Address>> LoopNet::listening_address(rt::Endpoint endpoint) {
  const std::vector<Address> found =
      CO_TRY(co_await addresses(std::move(endpoint), base::kNever, {}));
  const auto v4 = std::ranges::find(found, AF_INET, &Address::family);
  co_return v4 == found.end() ? found.front() : *v4;
}

rt::Task<rt::IoResult<std::unique_ptr<rt::Listener>>> LoopNet::listen(rt::Endpoint endpoint) {
  ASSERT(loop_->is_current());
  const bool any = endpoint.host.empty() || endpoint.host == "::";
  const Address address =
      any ? any_address(endpoint.port, true) : CO_TRY(co_await listening_address(endpoint));
  AcceptorTable& table = loop_->shared().acceptors;
  auto arrivals = std::make_shared<Arrivals>(*loop_);
  auto acceptor = table.join(*loop_, address, arrivals);
  if (!acceptor && any && acceptor.error().os_error == EAFNOSUPPORT) {
    acceptor = table.join(*loop_, any_address(endpoint.port, false), arrivals);
  }
  if (!acceptor) co_return std::unexpected(acceptor.error());
  co_return std::make_unique<TcpListener>(std::move(*acceptor), std::move(arrivals));
}

rt::Task<rt::IoResult<rt::ConnectionPtr>> LoopNet::connect(rt::Endpoint endpoint,
                                                           base::Duration timeout,
                                                           rt::StopToken token) {
  ASSERT(loop_->is_current());
  const base::Instant deadline = loop_->now() + timeout;
  const std::vector<Address> targets =
      CO_TRY(co_await addresses(std::move(endpoint), deadline, token));
  rt::IoError last{.code = rt::IoErrorCode::kTimedOut};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (token.stop_requested()) co_return std::unexpected(stopped());
    const base::Instant now = loop_->now();
    if (now >= deadline) break;
    // An address that does not answer leaves its share of the time to those behind it.
    const auto share = (deadline - now) / static_cast<std::int64_t>(targets.size() - i);
    auto connection = co_await connect_to(targets[i], now + share, token);
    if (connection) co_return connection;
    last = connection.error();
  }
  co_return std::unexpected(last);
}

rt::Task<rt::IoResult<rt::ConnectionPtr>> LoopNet::connect_to(Address address,
                                                              base::Instant deadline,
                                                              rt::StopToken token) {
  Descriptor socket(
      ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!socket.valid()) co_return std::unexpected(rt::io_error_from_errno(errno));
  set_buffers(socket.get(), loop_->shared().options);
  if (::connect(socket.get(), address.get(), address.length) != 0) {
    if (errno != EINPROGRESS) co_return std::unexpected(rt::io_error_from_errno(errno));
    co_await Writable(*loop_, socket.get(), deadline, token);
    if (token.stop_requested()) co_return std::unexpected(stopped());
    int failed = 0;
    socklen_t length = sizeof failed;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failed, &length);
    if (failed != 0) co_return std::unexpected(rt::io_error_from_errno(failed));
    // Neither failed nor connected: the deadline ended the wait.
    if (peer_address(socket.get()).length == 0) {
      co_return std::unexpected(rt::IoError{.code = rt::IoErrorCode::kTimedOut});
    }
  }
  loop_->connections.fetch_add(1, std::memory_order_relaxed);
  co_return std::make_unique<TcpConnection>(*loop_, std::move(socket));
}

rt::Task<rt::IoResult<std::vector<rt::Endpoint>>> LoopNet::resolve(rt::Endpoint endpoint) {
  ASSERT(loop_->is_current());
  const std::vector<Address> found =
      CO_TRY(co_await addresses(std::move(endpoint), base::kNever, {}));
  std::vector<rt::Endpoint> endpoints;
  endpoints.reserve(found.size());
  for (const Address& address : found) {
    rt::Endpoint numeric = address.endpoint();
    if (std::ranges::find(endpoints, numeric) == endpoints.end()) {
      endpoints.push_back(std::move(numeric));
    }
  }
  co_return endpoints;
}

std::string LoopNet::host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

}  // namespace moldau::io::internal
