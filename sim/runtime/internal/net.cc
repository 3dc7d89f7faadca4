#include "sim/runtime/internal/net.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "rt/sleep.h"
#include "sim/runtime/internal/loop.h"
#include "sim/runtime/internal/network.h"
#include "sim/runtime/node.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {
namespace {

using rt::IoErrorCode;

constexpr std::size_t kClient = 0;
constexpr std::size_t kServer = 1;

std::unexpected<rt::IoError> failure(IoErrorCode code) {
  return std::unexpected(rt::IoError{.code = code});
}

class SimConnection final : public rt::Connection {
 public:
  SimConnection(std::shared_ptr<Link> link, std::size_t side)
      : link_(std::move(link)), side_(side) {}
  ~SimConnection() override { close(); }

  void close() override { link_->close(side_); }
  [[nodiscard]] const rt::Endpoint& peer() const override { return link_->address(1 - side_); }
  [[nodiscard]] const rt::Endpoint& local() const override { return link_->address(side_); }
  bool submit(rt::NetOperation& operation) override { return link_->submit(side_, operation); }
  void abandon(rt::NetOperation& operation) override { link_->abandon(side_, operation); }

 private:
  std::shared_ptr<Link> link_;
  std::size_t side_;
};

class SimListener final : public rt::Listener {
 public:
  explicit SimListener(std::shared_ptr<ListenerState> state) : state_(std::move(state)) {}
  ~SimListener() override { close(); }

  rt::Task<rt::IoResult<rt::ConnectionPtr>> accept(rt::StopToken token) override {
    const auto state = state_;
    while (state->backlog.empty()) {
      if (state->closed) co_return failure(IoErrorCode::kStopped);
      if (!co_await state->arrived.wait(token)) co_return failure(IoErrorCode::kStopped);
    }
    auto link = std::move(state->backlog.front());
    state->backlog.pop_front();
    co_return std::make_unique<SimConnection>(std::move(link), kServer);
  }
  void close() override {
    if (state_->closed || state_->loop->dead()) return;
    Node& node = state_->loop->node();
    node.simulation().network().stop_listening(node, *state_);
    state_->arrived.notify_all();
  }
  [[nodiscard]] const rt::Endpoint& local() const override { return state_->address; }

 private:
  std::shared_ptr<ListenerState> state_;
};

bool means_all(const std::string& host) {
  return host.empty() || host == "::" || host == "0.0.0.0";
}

bool means_itself(const std::string& host) {
  return host == "localhost" || host == "127.0.0.1" || host == "::1";
}

}  // namespace

std::string SimNet::host_name() { return loop_->node().name(); }

rt::Task<rt::IoResult<std::unique_ptr<rt::Listener>>> SimNet::listen(rt::Endpoint endpoint) {
  Node& node = loop_->node();
  Network& network = loop_->simulation().network();
  co_await rt::sleep_for(*loop_, network.delay(node, node));
  if (!means_all(endpoint.host) && network.find(endpoint.host, node) != &node) {
    co_return failure(IoErrorCode::kUnknownHost);
  }
  while (endpoint.port == 0) {
    const std::uint16_t port = node.next_port();
    if (!network.listening(node, port)) endpoint.port = port;
  }
  const bool local_only = means_itself(endpoint.host);
  auto state = std::make_shared<ListenerState>(*loop_, *loop_, std::move(endpoint), local_only);
  network.listen(node, state);
  co_return std::make_unique<SimListener>(std::move(state));
}

rt::Task<rt::IoResult<rt::ConnectionPtr>> SimNet::connect(rt::Endpoint endpoint,
                                                          base::Duration timeout,
                                                          rt::StopToken token) {
  const base::Instant deadline = loop_->now() + timeout;
  Node& from = loop_->node();
  Network& network = loop_->simulation().network();
  Node* to = network.find(endpoint.host, from);
  const base::Duration there = network.delay(from, to == nullptr ? from : *to);
  const bool reached_in_time = there <= timeout;
  const base::Instant arrival = loop_->now() + there;
  if (!co_await rt::sleep_until(*loop_, reached_in_time ? arrival : deadline, token)) {
    co_return failure(IoErrorCode::kStopped);
  }
  if (to == nullptr) co_return failure(IoErrorCode::kUnknownHost);

  const auto listener = network.pick(*to, endpoint.port, to == &from);
  const bool full = listener != nullptr &&
                    listener->backlog.size() >= loop_->simulation().options().net.backlog_max;
  if (!reached_in_time || network.cut(from, *to) || to->powered_off() || full) {
    if (!co_await rt::sleep_until(*loop_, deadline, token)) {
      co_return failure(IoErrorCode::kStopped);
    }
    co_return failure(IoErrorCode::kTimedOut);
  }
  if (listener == nullptr) co_return failure(IoErrorCode::kRefused);

  auto link = network.connect({.client = loop_,
                               .server = listener->loop,
                               .client_address = {.host = from.address(), .port = from.next_port()},
                               .server_address = {.host = to->address(), .port = endpoint.port}});
  rt::ConnectionPtr connection = std::make_unique<SimConnection>(link, kClient);
  listener->backlog.push_back(std::move(link));
  {
    // It is the network that tells the listener's loop, not the one that connects.
    const Simulation::Outside network_does(loop_->simulation());
    listener->arrived.notify_one();
  }
  if (!co_await rt::sleep_for(*loop_, network.delay(from, *to), token)) {
    co_return failure(IoErrorCode::kStopped);
  }
  co_return connection;
}

rt::Task<rt::IoResult<std::vector<rt::Endpoint>>> SimNet::resolve(rt::Endpoint endpoint) {
  Node& node = loop_->node();
  Network& network = loop_->simulation().network();
  co_await rt::sleep_for(*loop_, network.delay(node, node));
  const Node* found = network.find(endpoint.host, node);
  if (found == nullptr) co_return failure(IoErrorCode::kUnknownHost);
  std::vector<rt::Endpoint> endpoints;
  endpoints.push_back({.host = found->address(), .port = endpoint.port});
  co_return endpoints;
}

}  // namespace moldau::sim
