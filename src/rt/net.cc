#include "rt/net.h"

#include <arpa/inet.h>

namespace moldau::rt {

std::string Endpoint::to_string() const {
  const std::string number = std::to_string(port);
  if (host.find(':') != std::string::npos) return "[" + host + "]:" + number;
  return host + ":" + number;
}

std::optional<std::size_t> parse_address(const std::string& host, std::span<std::byte, 16> into) {
  if (inet_pton(AF_INET, host.c_str(), into.data()) == 1) return sizeof(in_addr);
  if (inet_pton(AF_INET6, host.c_str(), into.data()) == 1) return sizeof(in6_addr);
  return std::nullopt;
}

}  // namespace moldau::rt
