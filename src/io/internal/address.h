// Address is a socket address of IPv4 or IPv6 and its translation to and from rt::Endpoint. An IPv4
// address mapped into IPv6 is shown as IPv4. Plain value.
#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <vector>

#include "rt/io_error.h"
#include "rt/net.h"

namespace moldau::io::internal {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] int family() const { return storage.ss_family; }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] rt::Endpoint endpoint() const;
};

// Nothing when the host is a name.
[[nodiscard]] std::optional<Address> numeric_address(const rt::Endpoint& endpoint);
// All addresses of this machine: IPv6, which also takes IPv4, or IPv4 where there is no IPv6.
[[nodiscard]] Address any_address(std::uint16_t port, bool ipv6);
[[nodiscard]] Address local_address(int socket);
[[nodiscard]] Address peer_address(int socket);

// Blocks, for seconds when a name server is silent: off the loops only.
[[nodiscard]] rt::IoResult<std::vector<Address>> resolve_blocking(const rt::Endpoint& endpoint);

}  // namespace moldau::io::internal
