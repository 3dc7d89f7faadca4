#include "record/error.h"

#include <utility>

namespace moldau::record {

std::string_view to_string(Error error) {
  switch (error) {
    case Error::kCorruptMessage:
      return "CORRUPT_MESSAGE";
    case Error::kMessageTooLarge:
      return "MESSAGE_TOO_LARGE";
    case Error::kRecordListTooLarge:
      return "RECORD_LIST_TOO_LARGE";
    case Error::kInvalidTimestamp:
      return "INVALID_TIMESTAMP";
    case Error::kUnsupportedForMessageFormat:
      return "UNSUPPORTED_FOR_MESSAGE_FORMAT";
    case Error::kUnsupportedCompressionType:
      return "UNSUPPORTED_COMPRESSION_TYPE";
    case Error::kInvalidRecord:
      return "INVALID_RECORD";
  }
  return "UNKNOWN";
}

std::unexpected<Fault> fault(Error code, std::string message) {
  return std::unexpected(Fault{.code = code, .message = std::move(message)});
}

}  // namespace moldau::record
