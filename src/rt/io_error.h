// IoError is what can go wrong between a node and the world: one code that callers act on, and the
// operating system's number for the message. Both runtimes use the same codes. Any loop.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace moldau::rt {

enum class IoErrorCode : std::uint8_t {
  kNotFound,
  kExists,
  kPermission,
  kLocked,  // another process holds the lock
  kNoSpace,
  kTooManyFiles,
  kNotDirectory,
  kFailed,         // the device reported an error (EIO)
  kUnexpectedEnd,  // fewer bytes than asked for
  kClosed,         // the peer ended the connection, or we did
  kReset,
  kRefused,
  kUnreachable,
  kTimedOut,
  kAddressInUse,
  kUnknownHost,
  kStopped,  // the stop token fired
  kInvalid,
};

struct IoError {
  IoErrorCode code = IoErrorCode::kFailed;
  int os_error = 0;  // errno, 0 when there is none

  // For people: "no space left on device (ENOSPC)".
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const IoError&, const IoError&) = default;
};

[[nodiscard]] std::string_view to_string(IoErrorCode code);
// The code that fits an errno value.
[[nodiscard]] IoError io_error_from_errno(int os_error);

template <class T>
using IoResult = std::expected<T, IoError>;

}  // namespace moldau::rt
