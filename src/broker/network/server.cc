#include "broker/network/server.h"

#include <algorithm>
#include <chrono>

#include "base/result.h"
#include "broker/shard.h"
#include "rt/sleep.h"

namespace moldau::broker {
namespace {

using namespace std::chrono_literals;

// After a failed accept (no descriptors left, mostly) the loop waits before it tries again.
constexpr base::Duration kAcceptRetryDelay = 100ms;
constexpr base::Duration kIdleCheckMin = 1s;
constexpr base::Duration kIdleCheckMax = 30s;

}  // namespace

Server::Server(Shard& shard, ListenerInfo listener)
    : shard_(&shard), listener_(std::move(listener)), scope_(shard.loop()) {}

rt::Task<rt::IoResult<void>> Server::listen() {
  acceptor_ = CO_TRY(co_await shard_->loop().net().listen(listener_.bind));
  listener_.bind.port = acceptor_->local().port;
  co_return {};
}

const rt::Endpoint& Server::bound() const { return listener_.bind; }

void Server::serve() {
  scope_.spawn(accept_loop());
  if (shard_->limits().idle_max.count() >= 0) scope_.spawn(close_idle());
}

rt::Task<> Server::stop() {
  if (acceptor_ != nullptr) acceptor_->close();
  for (ClientConnection& connection : connections_) connection.close();
  co_await scope_.stop_and_join();
}

rt::Task<> Server::accept_loop() {
  while (!scope_.stop_requested()) {
    auto connection = co_await acceptor_->accept(scope_.token());
    if (!connection) {
      if (scope_.stop_requested()) co_return;
      LOG_WARN(shard_->loop().log(), "network",
               "cannot accept on listener {}: {}; trying again in 100 ms", listener_.name,
               connection.error().to_string());
      co_await rt::sleep_for(shard_->loop(), kAcceptRetryDelay, scope_.token());
      continue;
    }
    scope_.spawn(run_connection(std::move(*connection)));
  }
}

rt::Task<> Server::run_connection(rt::ConnectionPtr connection) {
  const std::string host = connection->peer().host;
  if (!co_await shard_->admit(connection->peer())) co_return;  // Closed by its destructor.
  connections_.emplace_front(*shard_, listener_, std::move(connection));
  const auto here = connections_.begin();
  if (scope_.stop_requested()) here->close();
  co_await here->run();
  connections_.erase(here);
  co_await shard_->leave(host);
}

rt::Task<> Server::close_idle() {
  const base::Duration idle_max = shard_->limits().idle_max;
  const base::Duration pause = std::clamp(idle_max / 4, kIdleCheckMin, kIdleCheckMax);
  while (co_await rt::sleep_for(shard_->loop(), pause, scope_.token())) {
    const base::Instant now = shard_->loop().now();
    for (ClientConnection& connection : connections_) {
      if (!connection.busy() && now - connection.last_active() > idle_max) connection.close();
    }
  }
}

}  // namespace moldau::broker
