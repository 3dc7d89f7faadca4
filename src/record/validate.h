// What a leader checks and rewrites before a produced batch may enter its log. validate() takes the
// records of one partition of a request and gives the one batch to append, or the refusal with
// Kafka's code, text and per-record errors. It knows nothing of the log: the caller assigns offset
// and leader epoch afterwards (StoredBatch::assign), so it may run on any loop or worker. An
// uncompressed batch is validated in place without allocation; a compressed one is unpacked in
// pieces; it is rebuilt only when compression.type asks for another codec or offsets have gaps.
// Order of checks and their codes as in Kafka 4.4: ProduceRequest.validateRecords,
// UnifiedLog.analyzeAndValidateRecords, LogValidator. Stricter than Kafka where noted in README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "record/batch.h"
#include "record/compression.h"
#include "record/error.h"

namespace moldau::record {

enum class AppendOrigin : std::uint8_t {
  kClient,       // Produce
  kCoordinator,  // our own group and transaction coordinators: control batches allowed
};

// Kafka's defaults of the topic configs named in the comments.
struct ValidateOptions {
  AppendOrigin origin = AppendOrigin::kClient;
  base::Timestamp now{0};                                       // wall clock
  TimestampType timestamp_type = TimestampType::kCreateTime;    // message.timestamp.type
  std::int64_t timestamp_before_max_ms = 0x7FFFFFFFFFFFFFFFLL;  // message.timestamp.before.max.ms
  std::int64_t timestamp_after_max_ms = 3'600'000;              // message.timestamp.after.max.ms
  std::int32_t message_bytes_max = 1'048'588;                   // max.message.bytes
  std::int32_t segment_bytes_max = 1'073'741'824;               // segment.bytes
  bool compacted = false;                                       // cleanup.policy has compact
  bool zstd_allowed = true;                                     // Produce version 7 and above
  std::optional<Compression> compression;  // compression.type; nothing: as the producer sent it
  std::size_t decompressed_bytes_max = kDecompressedBytesMax;
};

// Errors reported per record (ProduceResponse 8 and above); more are counted, not listed.
inline constexpr std::size_t kRecordErrorsMax = 100;

// A batch that has to be built anew may unpack to this, or to four times max.message.bytes when
// that is more: as many of them as there are threads are held in memory at once.
inline constexpr std::size_t kRepackedBytesMax = std::size_t{64} << 20;

struct RecordError {
  std::int32_t batch_index = 0;  // position of the record in the batch
  std::string message;

  friend bool operator==(const RecordError&, const RecordError&) = default;
};

struct Refusal {
  Error code = Error::kInvalidRecord;
  std::string message;
  std::vector<RecordError> record_errors;
};

struct Validated {
  StoredBatch batch;  // base offset 0, leader epoch as it came
  base::Timestamp max_timestamp{-1};
  // The answer's log_append_time_ms: `now` with LogAppendTime, else -1.
  base::Timestamp log_append_time{-1};
  std::int32_t record_count = 0;
  std::size_t input_bytes = 0;  // bytes of the batch as it came
  bool rebuilt = false;         // its size may differ from what came
};

[[nodiscard]] std::expected<Validated, Refusal> validate(const base::SharedBytes& records,
                                                         const ValidateOptions& options,
                                                         CodecContexts& contexts);

}  // namespace moldau::record
