// Why a batch cannot be read or is refused. The numbers are those of Kafka's protocol error codes
// (frozen), so that a handler casts a code to wire::ErrorCode; this module does not include wire.
// Fault carries the text for the answer's error_message; it names the thing and the cause.
// Source: clients/.../protocol/Errors.java. Value types; any loop.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace moldau::record {

enum class Error : std::int16_t {
  kCorruptMessage = 2,       // a checksum, length or magic that cannot be right
  kMessageTooLarge = 10,     // over max.message.bytes, or over a limit of ours
  kRecordListTooLarge = 18,  // over segment.bytes
  kInvalidTimestamp = 32,
  kUnsupportedForMessageFormat = 43,
  kUnsupportedCompressionType = 76,
  kInvalidRecord = 87,  // the batch is whole, but what it says is not allowed
};

[[nodiscard]] std::string_view to_string(Error error);

struct Fault {
  Error code = Error::kInvalidRecord;
  std::string message;

  friend bool operator==(const Fault&, const Fault&) = default;
};

template <class T>
using Result = std::expected<T, Fault>;

[[nodiscard]] std::unexpected<Fault> fault(Error code, std::string message);

}  // namespace moldau::record
