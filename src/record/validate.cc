#include "record/validate.h"

#include <algorithm>
#include <utility>

#include "base/crc32c.h"
#include "base/result.h"
#include "record/internal/header_codec.h"
#include "record/internal/record_codec.h"
#include "record/internal/stream_cursor.h"

namespace moldau::record {
namespace {

using internal::RecordFields;

// Above this, a changed header's checksum is derived from the old one instead of read anew.
constexpr std::size_t kCombineBytesMin = 16 * 1024;

std::string number(std::int64_t value) { return std::to_string(value); }

std::int64_t wrapping_difference(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t wrapping_sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// What the request may hold at all: one whole batch of format 2 (ProduceRequest.validateRecords).
Result<BatchHeader> take_single_batch(const base::SharedBytes& records,
                                      const ValidateOptions& options) {
  const auto size = TRY(peek_batch_size(records.span()));
  if (!size || *size > records.size()) {
    return fault(Error::kInvalidRecord, "the partition's records hold no whole record batch");
  }
  const auto magic = std::to_integer<int>(records.span()[kMagicPosition]);
  if (magic != kMagic2) {
    return fault(Error::kInvalidRecord,
                 "record batches must have format 2, this one has " + number(magic));
  }
  const BatchHeader header = internal::read_header(records.span());
  if (!options.zstd_allowed &&
      header.attributes.codec_id() == static_cast<std::uint8_t>(Codec::kZstd)) {
    return fault(Error::kUnsupportedCompressionType,
                 "Produce requests before version 7 must not use zstd");
  }
  const base::Bytes rest = records.span().subspan(*size);
  const auto second = TRY(peek_batch_size(rest));
  if (second && *second <= rest.size()) {
    return fault(Error::kInvalidRecord, "a partition's records must be exactly one record batch");
  }
  return header;
}

// Size, checksum and codec (UnifiedLog.analyzeAndValidateRecords).
Result<void> check_envelope(const BatchHeader& header, base::Bytes batch,
                            const ValidateOptions& options) {
  if (options.origin == AppendOrigin::kClient && header.base_offset != base::Offset(0)) {
    return fault(Error::kInvalidRecord,
                 "the batch's base offset must be 0, it is " + number(header.base_offset.value()));
  }
  if (batch.size() > static_cast<std::size_t>(options.message_bytes_max)) {
    return fault(Error::kMessageTooLarge, "the batch has " + std::to_string(batch.size()) +
                                              " bytes, more than max.message.bytes (" +
                                              number(options.message_bytes_max) + ")");
  }
  const std::uint32_t computed = base::crc32c(batch.subspan(kAttributesPosition));
  if (computed != header.crc) {
    return fault(Error::kCorruptMessage, "the batch is corrupt: stored checksum " +
                                             std::to_string(header.crc) + ", computed " +
                                             std::to_string(computed));
  }
  if (!header.attributes.known_codec()) {
    return fault(Error::kUnsupportedCompressionType,
                 "the batch has an unknown codec (" + number(header.attributes.codec_id()) + ")");
  }
  return {};
}

// What the header says (LogValidator.validateBatch).
Result<void> check_header(const BatchHeader& header, const ValidateOptions& options) {
  const std::int64_t range = std::int64_t{header.last_offset_delta} + 1;
  if (range <= 0) {
    return fault(Error::kInvalidRecord,
                 "the batch has an invalid offset range: last offset delta " +
                     number(header.last_offset_delta));
  }
  if (header.record_count <= 0) {
    return fault(Error::kInvalidRecord,
                 "the batch has an invalid record count: " + number(header.record_count));
  }
  if (range != header.record_count) {
    return fault(Error::kInvalidRecord, "the batch's offset range (" + number(range) +
                                            ") is not its record count (" +
                                            number(header.record_count) + ")");
  }
  if (options.origin != AppendOrigin::kClient) return {};
  if (header.attributes.control()) {
    return fault(Error::kInvalidRecord, "clients must not write control records");
  }
  if (header.has_producer_id() && header.base_sequence < base::Sequence(0)) {
    return fault(Error::kInvalidRecord,
                 "the batch of producer " + number(header.producer_id.value()) +
                     " has an invalid sequence number: " + number(header.base_sequence.value()));
  }
  return {};
}

// Goes through the records of one batch (LogValidator.validateRecord).
class RecordChecker {
 public:
  RecordChecker(const BatchHeader& header, const ValidateOptions& options)
      : base_timestamp_(header.base_timestamp.value()),
        now_(options.now.value()),
        before_max_ms_(options.timestamp_before_max_ms),
        after_max_ms_(options.timestamp_after_max_ms),
        compacted_(options.compacted),
        create_time_(options.timestamp_type == TimestampType::kCreateTime),
        came_with_append_time_(header.attributes.timestamp_type() == TimestampType::kLogAppendTime),
        came_timestamp_(header.max_timestamp.value()) {}

  [[gnu::always_inline]] void check(const RecordFields& fields) {
    const std::int64_t timestamp = came_with_append_time_
                                       ? came_timestamp_
                                       : wrapping_sum(base_timestamp_, fields.timestamp_delta);
    if (compacted_ && !fields.has_key()) [[unlikely]] {
      refuse(false, "the topic is compacted: a record must have a key");
    } else if (create_time_ && timestamp != base::kNoTimestamp.value()) {
      if (out_of_bounds(timestamp)) [[unlikely]] {
        refuse_timestamp(timestamp);
      }
    } else if (came_with_append_time_) [[unlikely]] {
      refuse(true, "producers must not set the timestamp type to LogAppendTime");
    }
    has_gaps_ |= fields.offset_delta != index_;
    max_timestamp_ = std::max(max_timestamp_, timestamp);
    ++index_;
  }

  [[nodiscard]] std::int64_t max_timestamp() const { return max_timestamp_; }
  [[nodiscard]] bool has_gaps() const { return has_gaps_; }
  [[nodiscard]] bool refused() const { return refused_count_ > 0; }

  [[nodiscard]] Refusal refusal() && {
    if (bad_timestamp_) {
      return {.code = Error::kInvalidTimestamp,
              .message = "one or more records were refused for their timestamps",
              .record_errors = std::move(errors_)};
    }
    return {.code = Error::kInvalidRecord,
            .message = std::to_string(refused_count_) +
                       " records were refused, first: " + errors_.front().message,
            .record_errors = std::move(errors_)};
  }

 private:
  [[nodiscard]] bool out_of_bounds(std::int64_t timestamp) const {
    return wrapping_difference(now_, timestamp) > before_max_ms_ ||
           wrapping_difference(timestamp, now_) > after_max_ms_;
  }
  [[gnu::noinline]] void refuse_timestamp(std::int64_t timestamp) {
    refuse(true, "timestamp " + number(timestamp) + " is out of range, allowed is [" +
                     number(wrapping_difference(now_, before_max_ms_)) + ", " +
                     number(wrapping_sum(now_, after_max_ms_)) + "]");
  }
  [[gnu::noinline]] void refuse(bool timestamp, std::string_view message) {
    bad_timestamp_ = bad_timestamp_ || timestamp;
    ++refused_count_;
    if (errors_.size() < kRecordErrorsMax) {
      errors_.push_back({.batch_index = index_, .message = std::string(message)});
    }
  }

  std::int64_t base_timestamp_;
  std::int64_t now_;
  std::int64_t before_max_ms_;
  std::int64_t after_max_ms_;
  bool compacted_;
  bool create_time_;
  bool came_with_append_time_;
  std::int64_t came_timestamp_;
  std::int32_t index_ = 0;
  std::int64_t max_timestamp_ = base::kNoTimestamp.value();
  bool has_gaps_ = false;
  bool bad_timestamp_ = false;
  std::size_t refused_count_ = 0;
  std::vector<RecordError> errors_;
};

Result<void> walk_memory(const BatchHeader& header, base::Bytes records, RecordChecker& checker) {
  const std::byte* at = records.data();
  const std::byte* const end = at + records.size();
  RecordFields fields;
  for (std::int32_t i = 0; i < header.record_count; ++i) {
    const char* wrong = internal::parse_record(at, end, fields);
    if (wrong != nullptr) [[unlikely]]
      return fault(Error::kInvalidRecord, wrong);
    checker.check(fields);
  }
  if (at != end) return fault(Error::kInvalidRecord, "the batch is longer than its records");
  return {};
}

Result<void> walk_compressed(const BatchHeader& header, base::Bytes body,
                             const ValidateOptions& options, CodecContexts& contexts,
                             RecordChecker& checker) {
  Decompressor source(header.attributes.codec(), body, contexts,
                      {.bytes_max = options.decompressed_bytes_max});
  internal::StreamCursor in(source, contexts);
  RecordFields fields;
  for (std::int32_t i = 0; i < header.record_count; ++i) {
    const char* wrong = in.next_record(fields);
    if (in.fault()) return std::unexpected(*in.fault());
    if (wrong != nullptr) return fault(Error::kInvalidRecord, wrong);
    checker.check(fields);
  }
  const bool ended = in.at_end();
  if (in.fault()) return std::unexpected(*in.fault());
  if (!ended) return fault(Error::kInvalidRecord, "the batch is longer than its records");
  return {};
}

// The records with offsets 0, 1, 2, ...; everything else stays as it is.
Result<base::SharedBytes> renumber(const BatchHeader& header, base::Bytes records) {
  base::ByteBuffer out(records.size());
  const std::byte* at = records.data();
  const std::byte* const end = at + records.size();
  RecordFields fields;
  for (std::int32_t i = 0; i < header.record_count; ++i) {
    const char* wrong = internal::parse_record(at, end, fields);
    if (wrong != nullptr) return fault(Error::kInvalidRecord, wrong);
    internal::append_record({.timestamp_delta = fields.timestamp_delta,
                             .offset_delta = i,
                             .key = fields.key_bytes(),
                             .value = fields.value_bytes(),
                             .header_count = fields.header_count,
                             .encoded_headers = fields.header_bytes()},
                            out);
  }
  return out.freeze();
}

// The codec that the topic asks for; a control batch stays as it is.
Compression target_compression(const BatchHeader& header, const ValidateOptions& options) {
  if (!options.compression || header.attributes.control()) {
    return {.codec = header.attributes.codec()};
  }
  return *options.compression;
}

struct Rebuild {
  Compression compression;
  bool renumbered = false;
};

// Packs the records anew. `records` are the unpacked ones.
Result<StoredBatch> rebuild(const BatchHeader& header, base::SharedBytes records,
                            const Rebuild& how, CodecContexts& contexts) {
  if (how.renumbered) records = TRY(renumber(header, records.span()));
  StoredBatch batch{.header = header, .body = std::move(records)};
  if (how.compression.codec != Codec::kNone) {
    base::ByteBuffer packed;
    TRY(compress(how.compression, batch.body.span(), contexts, packed));
    batch.body = packed.freeze();
  }
  if (batch.body.size() > kBatchBytesMax - kBatchHeaderBytes) {
    return fault(Error::kMessageTooLarge, "the batch is too large in its new form");
  }
  batch.header.attributes.keep_produced();
  batch.header.attributes.set_codec(how.compression.codec);
  batch.header.set_body_size(batch.body.size());
  return batch;
}

// The checksum of a header that changed over a body that did not.
std::uint32_t new_checksum(const BatchHeader& before, const BatchHeader& after, base::Bytes body) {
  if (body.size() < kCombineBytesMin) return checksum(after, body);
  const std::uint32_t changed = checksum(before, {}) ^ checksum(after, {});
  return base::crc32c_combine(changed, before.crc, body.size());
}

// Timestamp type, largest timestamp and checksum as they go into the log.
void seal(StoredBatch& batch, const BatchHeader& came, bool rebuilt, const RecordChecker& checker,
          const ValidateOptions& options) {
  BatchHeader& header = batch.header;
  const bool append_time = options.timestamp_type == TimestampType::kLogAppendTime;
  header.attributes.set_timestamp_type(options.timestamp_type);
  header.max_timestamp = append_time ? options.now : base::Timestamp(checker.max_timestamp());
  header.base_offset = base::Offset(0);
  if (rebuilt) {
    header.crc = checksum(header, batch.body.span());
  } else if (header.attributes != came.attributes || header.max_timestamp != came.max_timestamp) {
    header.crc = new_checksum(came, header, batch.body.span());
  }
}

Result<void> check_result_size(std::size_t size, bool rebuilt, const ValidateOptions& options) {
  if (rebuilt && size > static_cast<std::size_t>(options.message_bytes_max)) {
    return fault(Error::kMessageTooLarge, "the batch has " + std::to_string(size) +
                                              " bytes in the topic's compression, more than "
                                              "max.message.bytes (" +
                                              number(options.message_bytes_max) + ")");
  }
  if (size > static_cast<std::size_t>(options.segment_bytes_max)) {
    return fault(Error::kRecordListTooLarge, "the batch has " + std::to_string(size) +
                                                 " bytes, more than segment.bytes (" +
                                                 number(options.segment_bytes_max) + ")");
  }
  return {};
}

struct Walked {
  std::optional<base::SharedBytes> unpacked;  // when the batch is to be rebuilt
  Rebuild how;
};

// What a batch that is built anew may unpack to: all of it is in memory at once. Without a codec it
// must fit the topic as it is.
std::size_t rebuilt_bytes_max(Codec target, const ValidateOptions& options) {
  const auto message_bytes_max = static_cast<std::size_t>(options.message_bytes_max);
  const std::size_t bytes_max = target == Codec::kNone
                                    ? message_bytes_max
                                    : std::max(kRepackedBytesMax, 4 * message_bytes_max);
  return std::min(bytes_max, options.decompressed_bytes_max);
}

// Checks every record, unpacking as little as the outcome allows.
Result<Walked> walk(const BatchHeader& header, const base::SharedBytes& body,
                    const ValidateOptions& options, CodecContexts& contexts,
                    RecordChecker& checker) {
  Walked result{.how = {.compression = target_compression(header, options)}};
  const bool packed = header.attributes.compressed();
  const bool recompress = result.how.compression.codec != header.attributes.codec();
  const DecompressOptions limit{.bytes_max =
                                    rebuilt_bytes_max(result.how.compression.codec, options)};
  if (recompress) {
    result.unpacked =
        packed ? TRY(decompress(header.attributes.codec(), body.span(), contexts, limit)) : body;
    TRY(walk_memory(header, result.unpacked->span(), checker));
  } else if (packed) {
    TRY(walk_compressed(header, body.span(), options, contexts, checker));
  } else {
    TRY(walk_memory(header, body.span(), checker));
  }
  result.how.renumbered = checker.has_gaps();
  if (result.how.renumbered && !result.unpacked && !checker.refused()) {
    result.unpacked =
        packed ? TRY(decompress(header.attributes.codec(), body.span(), contexts, limit)) : body;
  }
  return result;
}

Result<Validated> finish(const BatchHeader& came, base::SharedBytes body, Walked walked,
                         const RecordChecker& checker, const ValidateOptions& options,
                         CodecContexts& contexts) {
  const bool rebuilt = walked.unpacked.has_value();
  StoredBatch batch{.header = came, .body = std::move(body)};
  if (rebuilt) batch = TRY(rebuild(came, *std::move(walked.unpacked), walked.how, contexts));
  TRY(check_result_size(batch.size(), rebuilt, options));
  seal(batch, came, rebuilt, checker, options);
  const base::Timestamp append_time =
      options.timestamp_type == TimestampType::kLogAppendTime ? options.now : base::kNoTimestamp;
  const base::Timestamp max_timestamp = batch.header.max_timestamp;
  return Validated{.batch = std::move(batch),
                   .max_timestamp = max_timestamp,
                   .log_append_time = append_time,
                   .record_count = came.record_count,
                   .input_bytes = came.size(),
                   .rebuilt = rebuilt};
}

std::unexpected<Refusal> refuse(Fault fault) {
  return std::unexpected(
      Refusal{.code = fault.code, .message = std::move(fault.message), .record_errors = {}});
}

Result<BatchHeader> check_batch(const base::SharedBytes& records, const ValidateOptions& options) {
  const BatchHeader header = TRY(take_single_batch(records, options));
  TRY(check_envelope(header, records.span().first(header.size()), options));
  TRY(check_header(header, options));
  return header;
}

}  // namespace

std::expected<Validated, Refusal> validate(const base::SharedBytes& records,
                                           const ValidateOptions& options,
                                           CodecContexts& contexts) {
  auto header = check_batch(records, options);
  if (!header) return refuse(std::move(header).error());

  base::SharedBytes body = records.slice(kBatchHeaderBytes, header->body_size());
  RecordChecker checker(*header, options);
  auto walked = walk(*header, body, options, contexts, checker);
  if (!walked) return refuse(std::move(walked).error());
  if (checker.refused()) return std::unexpected(std::move(checker).refusal());

  auto done = finish(*header, std::move(body), *std::move(walked), checker, options, contexts);
  if (!done) return refuse(std::move(done).error());
  return *std::move(done);
}

}  // namespace moldau::record
