// Console is the node's HTTP side: /metrics in Prometheus' text form, /healthz (the process
// answers), /readyz (clients are served). It knows the node only through broker/admin.h. A request
// is small: one over kRequestBytesMax is refused, and at most kConnectionsMax connections are open.
// Loop 0.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>

#include "broker/admin.h"
#include "rt/loop.h"
#include "rt/net.h"
#include "rt/scope.h"

namespace moldau::console {

inline constexpr std::size_t kRequestBytesMax = 8192;
inline constexpr std::size_t kConnectionsMax = 64;

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
  rt::Task<std::string> respond(std::string target);

  broker::Admin* admin_;
  rt::Loop* loop_;
  rt::Endpoint endpoint_;
  std::unique_ptr<rt::Listener> listener_;
  rt::Scope scope_;
};

}  // namespace moldau::console
