#include "sim/runtime/internal/network.h"

#include <algorithm>

#include "base/assert.h"
#include "sim/runtime/internal/loop.h"
#include "sim/runtime/node.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {
namespace {

constexpr std::uint64_t kNetStream = 0x6E65740000000000ULL;

std::pair<std::size_t, std::size_t> pair_of(const Node& a, const Node& b) {
  return std::minmax(a.index(), b.index());
}

}  // namespace

Network::Network(Simulation& simulation)
    : simulation_(&simulation), rng_(simulation.options().seed ^ kNetStream) {}

void Network::cut(const Node& a, const Node& b, bool cut) {
  if (cut) {
    cuts_.insert(pair_of(a, b));
    return;
  }
  cuts_.erase(pair_of(a, b));
  for (const auto& link : links_of(a)) {
    if (&link->node(0) == &b || &link->node(1) == &b) link->release_held();
  }
}

bool Network::cut(const Node& a, const Node& b) const { return cuts_.contains(pair_of(a, b)); }

void Network::reset_connections(const Node& a, const Node& b) {
  for (const auto& link : links_of(a)) {
    if (&link->node(0) == &b || &link->node(1) == &b) link->reset();
  }
}

std::vector<std::shared_ptr<Link>> Network::links_of(const Node& node) {
  std::vector<std::shared_ptr<Link>> links;
  for (auto at = links_.begin(); at != links_.end();) {
    auto link = at->second.lock();
    if (link == nullptr) {
      at = links_.erase(at);
      continue;
    }
    if (&link->node(0) == &node || &link->node(1) == &node) links.push_back(std::move(link));
    ++at;
  }
  return links;
}

Node* Network::find(std::string_view host, Node& asker) const {
  if (host == "localhost" || host == "127.0.0.1" || host == "::1") return &asker;
  for (const auto& node : simulation_->nodes()) {
    if (host == node->name() || host == node->address()) return node.get();
  }
  return nullptr;
}

bool Network::listening(const Node& node, std::uint16_t port) const {
  return listeners_.contains({node.index(), port});
}

void Network::listen(Node& node, const std::shared_ptr<ListenerState>& listener) {
  listeners_[{node.index(), listener->address.port}].push_back(listener);
}

void Network::stop_listening(Node& node, ListenerState& listener) {
  listener.closed = true;
  const auto found = listeners_.find({node.index(), listener.address.port});
  if (found != listeners_.end()) {
    std::erase_if(found->second, [&](const auto& other) { return other.get() == &listener; });
    if (found->second.empty()) listeners_.erase(found);
  }
  constexpr std::size_t kServer = 1;
  for (const auto& link : listener.backlog) link->close(kServer);
  listener.backlog.clear();
}

std::shared_ptr<ListenerState> Network::pick(Node& node, std::uint16_t port, bool local) {
  const auto found = listeners_.find({node.index(), port});
  if (found == listeners_.end()) return nullptr;
  std::vector<std::shared_ptr<ListenerState>> usable;
  for (const auto& listener : found->second) {
    if (local || !listener->local_only) usable.push_back(listener);
  }
  if (usable.empty()) return nullptr;
  return usable[rng_.below(usable.size())];
}

std::shared_ptr<Link> Network::connect(Link::Ends ends) {
  const NetOptions& options = simulation_->options().net;
  const auto window = rng_.between(static_cast<std::int64_t>(options.window_bytes_min),
                                   static_cast<std::int64_t>(options.window_bytes_max));
  auto link =
      std::make_shared<Link>(*this, ++link_ids_, std::move(ends), static_cast<std::size_t>(window));
  links_.emplace(link_ids_, link);
  return link;
}

void Network::node_died(Node& node) {
  constexpr std::int64_t kSilenceMaxNs = 3'000'000'000;
  for (auto at = listeners_.lower_bound({node.index(), 0});
       at != listeners_.end() && at->first.first == node.index();) {
    for (const auto& listener : at->second) listener->closed = true;
    at = listeners_.erase(at);
  }
  for (const auto& link : links_of(node)) {
    for (std::size_t side = 0; side < 2; ++side) {
      if (&link->node(side) != &node) continue;
      const auto silence = base::Duration(node.powered_off() ? rng_.between(0, kSilenceMaxNs) : 0);
      link->side_died(side, silence);
    }
  }
}

base::Duration Network::delay(const Node& a, const Node& b) {
  const NetOptions& options = simulation_->options().net;
  return simulation_->draw(&a == &b ? options.local : options.remote);
}

}  // namespace moldau::sim
