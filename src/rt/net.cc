#include "rt/net.h"

#include <arpa/inet.h>
#include <array>

#include "base/assert.h"

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

std::optional<std::string> address_text(base::Bytes raw) {
  if (raw.size() != sizeof(in_addr) && raw.size() != sizeof(in6_addr)) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = raw.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
  ASSERT(inet_ntop(family, raw.data(), text.data(), text.size()) != nullptr);
  return std::string(text.data());
}

}  // namespace moldau::rt
