#include "io/internal/address.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <net/if.h>
#include <netdb.h>

#include "base/assert.h"

namespace moldau::io::internal {

namespace {

std::string numeric_host(const Address& address) {
  std::array<char, NI_MAXHOST> text{};
  const int failed = ::getnameinfo(address.get(), address.length, text.data(), text.size(), nullptr,
                                   0, NI_NUMERICHOST);
  return failed != 0 ? std::string() : std::string(text.data());
}

rt::IoError resolution_error(int code) {
  switch (code) {
    case EAI_SYSTEM:
      return rt::io_error_from_errno(errno);
    case EAI_AGAIN:
      return {.code = rt::IoErrorCode::kTimedOut};
    default:
      return {.code = rt::IoErrorCode::kUnknownHost};
  }
}

}  // namespace

rt::Endpoint Address::endpoint() const {
  if (family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return {.host = numeric_host(*this), .port = ntohs(v4.sin_port)};
  }
  if (family() != AF_INET6) return {};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  const std::uint16_t port = ntohs(v6.sin6_port);
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return {.host = numeric_host(*this), .port = port};
  Address v4;
  v4.length = sizeof(sockaddr_in);
  auto& mapped = reinterpret_cast<sockaddr_in&>(v4.storage);
  mapped.sin_family = AF_INET;
  std::memcpy(&mapped.sin_addr, &v6.sin6_addr.s6_addr[12], sizeof mapped.sin_addr);
  return {.host = numeric_host(v4), .port = port};
}

std::optional<Address> numeric_address(const rt::Endpoint& endpoint) {
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  if (::inet_pton(AF_INET, endpoint.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    address.length = sizeof v4;
    return address;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  const std::size_t zone = endpoint.host.find('%');
  if (::inet_pton(AF_INET6, endpoint.host.substr(0, zone).c_str(), &v6.sin6_addr) != 1) {
    return std::nullopt;
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  if (zone != std::string::npos) {
    v6.sin6_scope_id = ::if_nametoindex(endpoint.host.c_str() + zone + 1);
  }
  address.length = sizeof v6;
  return address;
}

Address any_address(std::uint16_t port, bool ipv6) {
  const auto address = numeric_address({.host = ipv6 ? "::" : "0.0.0.0", .port = port});
  ASSERT(address.has_value());
  return *address;
}

Address local_address(int socket) {
  Address address;
  address.length = sizeof address.storage;
  if (::getsockname(socket, address.get(), &address.length) != 0) return {};
  return address;
}

Address peer_address(int socket) {
  Address address;
  address.length = sizeof address.storage;
  if (::getpeername(socket, address.get(), &address.length) != 0) return {};
  return address;
}

rt::IoResult<std::vector<Address>> resolve_blocking(const rt::Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int failed =
      ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &list);
  if (failed != 0) return std::unexpected(resolution_error(failed));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    if (at->ai_addrlen > sizeof(sockaddr_storage)) continue;
    Address address;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.length = at->ai_addrlen;
    addresses.push_back(address);
  }
  if (addresses.empty()) return std::unexpected(rt::IoError{.code = rt::IoErrorCode::kUnknownHost});
  return addresses;
}

}  // namespace moldau::io::internal
