// Acceptor owns a listening socket and deals its connections out to the listeners that share it,
// one a loop at most: to a loop that has few connections and was idle lately. (SO_REUSEPORT would
// let a hash decide, which leaves a client with three connections on one loop every fourth time.)
// The socket is watched on the loop that listened first, its home. Locks are taken once a
// connection.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "io/internal/address.h"
#include "io/internal/descriptor.h"
#include "io/internal/event_loop.h"
#include "io/internal/poller.h"
#include "rt/net.h"
#include "rt/sync.h"

namespace moldau::io::internal {

// Where one loop's share of the connections arrives. Its queue belongs to that loop.
struct Arrivals {
  explicit Arrivals(EventLoop& owner) : loop(&owner), changed(owner) {}

  EventLoop* const loop;
  std::atomic<std::size_t> waiting{0};  // handed over, not yet accepted
  std::deque<Descriptor> sockets;
  bool out_of_files = false;
  bool closed = false;
  rt::Signal changed;
};

class Acceptor final : public std::enable_shared_from_this<Acceptor>, private Watch {
 public:
  Acceptor(EventLoop& home, Descriptor socket);
  ~Acceptor();
  // Home loop, once.
  [[nodiscard]] rt::IoResult<void> start();

  // Any loop.
  // False when the last listener has left meanwhile.
  [[nodiscard]] bool join(const std::shared_ptr<Arrivals>& arrivals);
  void leave(const std::shared_ptr<Arrivals>& arrivals);
  // A listener closed before it took this connection: another one gets it.
  void deal_again(Descriptor socket);
  // A listener took a connection: there is room again.
  void made_room();
  [[nodiscard]] const Address& address() const { return address_; }

 private:
  // Connections that wait in a listener before its loop gets no more; the rest wait in the kernel.
  static constexpr std::size_t kWaitingMax = 128;
  static constexpr int kAcceptsPerEvent = 16;

  void on_ready(std::uint32_t events) override;
  // Home loop.
  void accept_some();
  void pause();
  void resume();
  void close();
  void out_of_files();
  [[nodiscard]] std::shared_ptr<Arrivals> choose();
  void hand_over(std::shared_ptr<Arrivals> to, Descriptor socket);

  EventLoop* const home_;
  Descriptor socket_;
  const Address address_;
  bool watched_ = false;
  struct Retry : rt::Timer {
    explicit Retry(Acceptor& owner);
    Acceptor* acceptor;
  } retry_;
  std::atomic<bool> paused_{false};

  std::mutex mutex_;
  std::vector<std::shared_ptr<Arrivals>> members_;
  bool closed_ = false;
};

// The acceptors of a runtime, so that a second loop finds the first one's. Any loop.
class AcceptorTable {
 public:
  // Joins an acceptor with this address, or makes one on this loop.
  [[nodiscard]] rt::IoResult<std::shared_ptr<Acceptor>> join(
      EventLoop& loop, const Address& address, const std::shared_ptr<Arrivals>& arrivals);

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<Acceptor>> acceptors_;
};

}  // namespace moldau::io::internal
