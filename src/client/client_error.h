// ClientError says why a request got no usable answer: the connection, the protocol or the broker.
// `message` is a whole sentence for people. Any loop.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

#include "rt/io_error.h"
#include "wire/error_code.h"

namespace moldau::client {

enum class ClientErrorKind : std::uint8_t {
  kConnection,  // could not connect, or the connection ended
  kTimeout,
  kUnsupported,  // the broker does not serve the API or no common version exists
  kMalformed,    // an answer that cannot be decoded
  kBroker,       // the broker's own error code
  kUsage,        // the request contradicts itself
  kStopped,
};

struct ClientError {
  ClientErrorKind kind = ClientErrorKind::kConnection;
  wire::ErrorCode code = wire::ErrorCode::kNone;  // for kBroker
  std::string message;
};

template <class T>
using ClientResult = std::expected<T, ClientError>;

[[nodiscard]] inline std::unexpected<ClientError> fail(ClientErrorKind kind, std::string message) {
  return std::unexpected(
      ClientError{.kind = kind, .code = wire::ErrorCode::kNone, .message = std::move(message)});
}
[[nodiscard]] inline std::unexpected<ClientError> fail(wire::ErrorCode code, std::string message) {
  return std::unexpected(
      ClientError{.kind = ClientErrorKind::kBroker, .code = code, .message = std::move(message)});
}

}  // namespace moldau::client
