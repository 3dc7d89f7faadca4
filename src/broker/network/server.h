// Server accepts connections of one listener on one loop and keeps them until they end: it enforces
// the connection limits, closes what has been idle too long and, when memory is short, who holds it
// without getting on; on stop it closes all and waits for what is in flight. One Server per
// listener and loop. One loop.
#pragma once

#include <cstddef>
#include <list>
#include <memory>

#include "broker/network/client_connection.h"
#include "rt/net.h"
#include "rt/scope.h"

namespace moldau::broker {

class Server {
 public:
  Server(Shard& shard, ListenerInfo listener);

  // Binds; connections wait in the system's queue until serve().
  rt::Task<rt::IoResult<void>> listen();
  // The endpoint that was bound, with the port that the system chose when 0 was asked for.
  [[nodiscard]] const rt::Endpoint& bound() const;
  [[nodiscard]] rt::Loop& loop() const { return scope_.loop(); }
  [[nodiscard]] const ListenerInfo& listener() const { return listener_; }
  // The advertised endpoint may follow from the bound port.
  void set_advertised(rt::Endpoint endpoint) { listener_.advertised = std::move(endpoint); }

  void serve();
  rt::Task<> stop();

  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  rt::Task<> accept_loop();
  rt::Task<> run_connection(rt::ConnectionPtr connection);
  // False when the connection has to be closed.
  rt::Task<bool> admit(rt::Endpoint peer);
  rt::Task<> watch();

  Shard* shard_;
  ListenerInfo listener_;
  std::unique_ptr<rt::Listener> acceptor_;
  std::list<ClientConnection> connections_;
  rt::Scope scope_;  // last: its frames use the members above
};

}  // namespace moldau::broker
