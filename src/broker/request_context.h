// RequestContext is who asks for what: it accompanies a request from the connection to every
// handler, so that authorization, quotas and listener rules need no handler to change. The listener
// outlives its requests. Values otherwise; any loop, but for peer_gone.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "rt/net.h"
#include "rt/stop.h"
#include "wire/api_key.h"

namespace moldau::broker {

enum class ListenerKind : std::uint8_t { kBroker, kController };

struct ListenerInfo {
  std::string name;  // "PLAINTEXT", "CONTROLLER"
  ListenerKind kind = ListenerKind::kBroker;
  rt::Endpoint bind;
  rt::Endpoint advertised;
};

struct Principal {
  std::string type = "User";
  std::string name = "ANONYMOUS";

  [[nodiscard]] std::string to_string() const { return type + ":" + name; }
};

struct RequestContext {
  const ListenerInfo* listener = nullptr;
  Principal principal;
  rt::Endpoint peer;
  std::string server_name;  // TLS SNI, empty without TLS
  std::string client_id;
  wire::ApiKey api_key{};
  std::int16_t api_version = 0;
  base::CorrelationId correlation_id;
  // Stops when the client has closed its side: nobody waits for a long poll any more. Only on the
  // loop of the connection; empty for requests that came another way.
  rt::StopToken peer_gone;
};

}  // namespace moldau::broker
