#include "rt/io_error.h"

#include <cerrno>
#include <cstring>

namespace moldau::rt {

std::string_view to_string(IoErrorCode code) {
  switch (code) {
    case IoErrorCode::kNotFound:
      return "not found";
    case IoErrorCode::kExists:
      return "exists already";
    case IoErrorCode::kPermission:
      return "permission denied";
    case IoErrorCode::kLocked:
      return "locked by another process";
    case IoErrorCode::kNoSpace:
      return "no space left on the device";
    case IoErrorCode::kTooManyFiles:
      return "too many open files";
    case IoErrorCode::kNotDirectory:
      return "not a directory";
    case IoErrorCode::kFailed:
      return "input/output error";
    case IoErrorCode::kUnexpectedEnd:
      return "ended early";
    case IoErrorCode::kClosed:
      return "connection closed";
    case IoErrorCode::kReset:
      return "connection reset by the peer";
    case IoErrorCode::kRefused:
      return "connection refused";
    case IoErrorCode::kUnreachable:
      return "unreachable";
    case IoErrorCode::kTimedOut:
      return "timed out";
    case IoErrorCode::kAddressInUse:
      return "address already in use";
    case IoErrorCode::kUnknownHost:
      return "unknown host";
    case IoErrorCode::kStopped:
      return "stopped";
    case IoErrorCode::kInvalid:
      return "invalid";
  }
  return "unknown error";
}

std::string IoError::to_string() const {
  std::string text(rt::to_string(code));
  if (os_error == 0) return text;
  if (const char* name = strerrorname_np(os_error)) return text + " (" + name + ")";
  return text + " (errno " + std::to_string(os_error) + ")";
}

IoError io_error_from_errno(int os_error) {
  const auto as = [os_error](IoErrorCode code) { return IoError{code, os_error}; };
  switch (os_error) {
    case ENOENT:
      return as(IoErrorCode::kNotFound);
    case EEXIST:
      return as(IoErrorCode::kExists);
    case ENOTEMPTY:
      return as(IoErrorCode::kExists);
    case EACCES:
    case EPERM:
    case EROFS:
      return as(IoErrorCode::kPermission);
    case ENOSPC:
    case EDQUOT:
      return as(IoErrorCode::kNoSpace);
    case EMFILE:
    case ENFILE:
      return as(IoErrorCode::kTooManyFiles);
    case ENOTDIR:
      return as(IoErrorCode::kNotDirectory);
    case ECONNRESET:
      return as(IoErrorCode::kReset);
    case EPIPE:
    case ENOTCONN:
      return as(IoErrorCode::kClosed);
    case ECONNREFUSED:
      return as(IoErrorCode::kRefused);
    case EHOSTUNREACH:
    case ENETUNREACH:
      return as(IoErrorCode::kUnreachable);
    case ETIMEDOUT:
      return as(IoErrorCode::kTimedOut);
    case EADDRINUSE:
      return as(IoErrorCode::kAddressInUse);
    case ECANCELED:
      return as(IoErrorCode::kStopped);
    case EINVAL:
      return as(IoErrorCode::kInvalid);
    default:
      return as(IoErrorCode::kFailed);
  }
}

}  // namespace moldau::rt
