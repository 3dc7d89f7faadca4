// Link is one simulated connection: two sides and a pipe in each direction. A pipe keeps its bytes
// in order, holds a bounded number of them, and delivers each segment at an instant drawn from the
// seed. Sides are owned by the connections that the nodes hold; the link lives until both are gone
// and nothing is under way. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/time.h"
#include "rt/net.h"

namespace moldau::sim {

class Network;
class Node;
class SimLoop;

class Link : public std::enable_shared_from_this<Link> {
 public:
  struct Ends {
    SimLoop* client;
    SimLoop* server;
    rt::Endpoint client_address;
    rt::Endpoint server_address;
  };
  Link(Network& network, std::uint64_t id, Ends ends, std::size_t window_bytes);

  [[nodiscard]] bool submit(std::size_t side, rt::NetOperation& operation);
  void abandon(std::size_t side, rt::NetOperation& operation);
  // The owner of the side ends it.
  void close(std::size_t side);
  // The process of the side died; `silence` passes before the peer hears of it.
  void side_died(std::size_t side, base::Duration silence);
  // Both sides see a reset.
  void reset();
  // After a cut has healed: delivers what was held back.
  void release_held();

  [[nodiscard]] bool open(std::size_t side) const { return sides_[side].open; }
  [[nodiscard]] SimLoop* loop(std::size_t side) const { return sides_[side].loop; }
  [[nodiscard]] Node& node(std::size_t side) const;
  [[nodiscard]] const rt::Endpoint& address(std::size_t side) const { return sides_[side].address; }

 private:
  struct Segment {
    enum class Kind : std::uint8_t { kData, kEnd, kReset, kLost };
    Kind kind;
    std::vector<std::byte> bytes;
  };
  // From the side with the same number to the other one.
  struct Pipe {
    std::deque<Segment> under_way;
    std::deque<std::vector<std::byte>> arrived;
    std::size_t first_used = 0;  // bytes of arrived.front() that were read
    std::size_t arrived_bytes = 0;
    std::size_t held_bytes = 0;  // under way and arrived
    std::uint64_t lane = 0;
    std::size_t held_back = 0;  // segments whose instant passed while the network was cut
    bool ended = false;
    bool reset = false;
  };
  struct Side {
    SimLoop* loop;
    rt::Endpoint address;
    bool open = true;
    rt::NetOperation* receive = nullptr;
    rt::NetOperation* send = nullptr;
    std::size_t sent = 0;  // bytes of `send` that were taken in
  };

  bool start_receive(std::size_t side);
  bool continue_send(std::size_t side);
  [[nodiscard]] bool take_in(std::size_t side, rt::NetOperation& operation, std::size_t room);
  std::size_t take_out(Pipe& pipe, base::MutableBytes into);
  void put(std::size_t from, Segment segment, base::Duration extra = base::Duration{0});
  void segment_due(std::size_t from);
  void deliver(std::size_t from);
  void arrive(std::size_t from, Segment segment);
  void finish(std::size_t side, rt::NetOperation*& operation, rt::IoResult<std::size_t> result);
  void window_opened(std::size_t sender);
  [[nodiscard]] base::Duration delay();

  Network* network_;
  std::uint64_t id_;
  std::size_t window_bytes_;
  std::array<Side, 2> sides_;
  std::array<Pipe, 2> pipes_;
};

}  // namespace moldau::sim
