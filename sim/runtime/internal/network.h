// Network joins the nodes of a world: names, listeners, connections, cuts. Addresses: each node has
// a name and a numeric address; localhost, 127.0.0.1 and ::1 mean the node itself. A listener bound
// to one of these is reached only from its node. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "rt/net.h"
#include "rt/sync.h"
#include "sim/runtime/internal/link.h"

namespace moldau::sim {

class Node;
class SimLoop;
class Simulation;

// A listening socket: shared by the listener that a task holds and the network.
struct ListenerState {
  ListenerState(SimLoop& owner, rt::Loop& contract, rt::Endpoint endpoint, bool only_local)
      : loop(&owner), address(std::move(endpoint)), local_only(only_local), arrived(contract) {}

  SimLoop* loop;
  rt::Endpoint address;
  bool local_only;
  bool closed = false;
  std::deque<std::shared_ptr<Link>> backlog;
  rt::Signal arrived;
};

class Network {
 public:
  explicit Network(Simulation& simulation);

  [[nodiscard]] Simulation& simulation() const { return *simulation_; }
  [[nodiscard]] base::Rng& rng() { return rng_; }

  // No bytes pass between the two until heal(); connections stay and new ones time out.
  void cut(const Node& a, const Node& b, bool cut);
  [[nodiscard]] bool cut(const Node& a, const Node& b) const;
  // Resets every connection between the two.
  void reset_connections(const Node& a, const Node& b);

  // The node that a host means when asked from another; null when none.
  [[nodiscard]] Node* find(std::string_view host, Node& asker) const;
  [[nodiscard]] bool listening(const Node& node, std::uint16_t port) const;
  void listen(Node& node, const std::shared_ptr<ListenerState>& listener);
  void stop_listening(Node& node, ListenerState& listener);
  // One of the listeners of the endpoint, by seed; null when there is none.
  [[nodiscard]] std::shared_ptr<ListenerState> pick(Node& node, std::uint16_t port, bool local);
  [[nodiscard]] std::shared_ptr<Link> connect(Link::Ends ends);
  void node_died(Node& node);
  [[nodiscard]] base::Duration delay(const Node& a, const Node& b);

 private:
  using Port = std::pair<std::size_t, std::uint16_t>;

  [[nodiscard]] std::vector<std::shared_ptr<Link>> links_of(const Node& node);

  Simulation* simulation_;
  base::Rng rng_;
  std::map<Port, std::vector<std::shared_ptr<ListenerState>>> listeners_;
  std::map<std::uint64_t, std::weak_ptr<Link>> links_;  // in the order of their making
  std::uint64_t link_ids_ = 0;
  std::set<std::pair<std::size_t, std::size_t>> cuts_;
};

}  // namespace moldau::sim
