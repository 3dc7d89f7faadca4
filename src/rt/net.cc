#include "rt/net.h"

namespace moldau::rt {

std::string Endpoint::to_string() const {
  const std::string number = std::to_string(port);
  if (host.find(':') != std::string::npos) return "[" + host + "]:" + number;
  return host + ":" + number;
}

}  // namespace moldau::rt
