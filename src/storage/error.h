// Why the storage layer refuses or fails. The codes that a client can see carry the numbers of
// Kafka's protocol error codes (frozen), so that a handler casts them to wire::ErrorCode; the
// message names the thing, the cause and, where there is one, the remedy. Whatever the disk does to
// a log that serves a client ends in kKafkaStorageError. Source: clients/.../protocol/Errors.java.
// Value types; any loop.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "record/error.h"
#include "rt/io_error.h"

namespace moldau::storage {

enum class ErrorCode : std::int16_t {
  kUnknownServerError = -1,
  kOffsetOutOfRange = 1,
  kCorruptMessage = 2,
  kUnknownTopicOrPartition = 3,
  kRecordListTooLarge = 18,  // does not fit into one segment
  kInvalidRequest = 42,
  kUnsupportedForMessageFormat = 43,
  kOutOfOrderSequenceNumber = 45,
  kDuplicateSequenceNumber = 46,
  kInvalidProducerEpoch = 47,
  kInvalidTxnState = 48,
  kKafkaStorageError = 56,  // the disk failed, is full, or the log is offline
  kUnknownProducerId = 59,
  kFencedLeaderEpoch = 74,
  kThrottlingQuotaExceeded = 89,  // over the bound of unwritten bytes: wait for room first
  kInconsistentTopicId = 103,
  kTransactionCoordinatorFenced = 52,
};

[[nodiscard]] std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kUnknownServerError;
  std::string message;
  std::optional<rt::IoError> io;  // when the operating system gave the cause

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] std::unexpected<Error> error(ErrorCode code, std::string message);
// "cannot <what> <path>: no space left on device (ENOSPC)" as kKafkaStorageError.
[[nodiscard]] std::unexpected<Error> io_error(std::string_view what, std::string_view path,
                                              rt::IoError cause);
[[nodiscard]] std::unexpected<Error> error(const record::Fault& fault);

}  // namespace moldau::storage
