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
constexpr base::Duration kLookMin = 1s;
constexpr base::Duration kLookMax = 5s;

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
  scope_.spawn(watch());
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
  // Controllers and brokers of the cluster have their own listener: clients cannot crowd them out.
  const bool counts = listener_.kind == ListenerKind::kBroker;
  if (counts && !co_await admit(connection->peer())) co_return;  // Closed by its destructor.
  connections_.emplace_front(*shard_, listener_, std::move(connection));
  const auto here = connections_.begin();
  if (scope_.stop_requested()) here->close();
  co_await here->run();
  connections_.erase(here);
  if (counts) co_await shard_->leave(host);
}

rt::Task<bool> Server::admit(rt::Endpoint peer) {
  const std::string host = peer.host;
  const auto wait = co_await shard_->admit(std::move(peer));
  if (!wait) co_return false;
  if (wait->count() <= 0) co_return true;
  if (co_await rt::sleep_for(shard_->loop(), *wait, scope_.token())) co_return true;
  co_await shard_->leave(host);
  co_return false;
}

// As in Kafka it counts when bytes last moved, not whether a request is in progress: a peer that
// does not take its answer, or vanished, has no claim on its place.
rt::Task<> Server::watch() {
  const base::Duration idle_max = shard_->limits().idle_max;
  const bool never = idle_max.count() < 0;
  const base::Duration pause = never ? kLookMax : std::clamp(idle_max / 4, kLookMin, kLookMax);
  while (co_await rt::sleep_for(shard_->loop(), pause, scope_.token())) {
    const base::Instant now = shard_->loop().now();
    const bool memory_is_short =
        shard_->frame_budget().contended() || shard_->answer_budget().full();
    for (ClientConnection& connection : connections_) {
      const ClientConnection::Look seen = connection.look(now);
      if (memory_is_short && seen.stalls) {
        LOG_WARN(shard_->loop().log(), "network",
                 "closing the connection from {} on listener {}: it holds memory that others wait "
                 "for, and does not get on",
                 connection.peer().to_string(), listener_.name);
        connection.close();
      } else if (!never && seen.idle > idle_max) {
        connection.close();
      }
    }
  }
}

}  // namespace moldau::broker
