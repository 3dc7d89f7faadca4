// Console is the node's HTTP side: /metrics in Prometheus' text form, /healthz (the process
// answers), /readyz (clients are served; if not, what the node is at). It is there before the node
// and ends before it, and knows it only through broker/admin.h. A request is small: one over
// kRequestBytesMax is refused, one that takes longer than kRequestTimeMax is cut off, and at most
// kConnectionsMax connections are open. stop() waits for no peer. Loop 0.
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>

#include "base/time.h"
#include "broker/admin.h"
#include "rt/loop.h"
#include "rt/net.h"
#include "rt/scope.h"

namespace moldau::console {

inline constexpr std::size_t kRequestBytesMax = 8192;
inline constexpr std::size_t kConnectionsMax = 64;
inline constexpr base::Duration kRequestTimeMax = std::chrono::seconds(5);

class Console {
 public:
  Console(broker::Admin& admin, rt::Loop& loop, rt::Endpoint endpoint)
      : admin_(&admin), loop_(&loop), endpoint_(std::move(endpoint)), scope_(loop) {}

  // Listens; the error is a sentence for the operator.
  [[nodiscard]] rt::Task<std::expected<void, std::string>> start();
  [[nodiscard]] rt::Task<> stop();

 private:
  rt::Task<> accept_loop();
  rt::Task<> serve(rt::ConnectionPtr connection);
  rt::Task<> exchange(rt::Connection& connection);
  rt::Task<std::string> respond(std::string target);
  rt::Task<std::string> readiness();

  broker::Admin* admin_;
  rt::Loop* loop_;
  rt::Endpoint endpoint_;
  std::unique_ptr<rt::Listener> listener_;
  rt::Scope scope_;
};

}  // namespace moldau::console
