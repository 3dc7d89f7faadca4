// Builds batches of format 2: the client's produce batches, metadata records, coordinator records
// and control batches. Records are encoded as they are added; finish() compresses and seals. The
// result has base offset and leader epoch from the options: a leader assigns its own on append.
// Limits: size_max covers the uncompressed batch; add() refuses what would pass it and leaves the
// builder as it was. Source: clients/.../common/record/internal/MemoryRecordsBuilder.java. Any
// loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "record/batch.h"
#include "record/compression.h"
#include "record/error.h"

namespace moldau::record {

struct NewHeader {
  std::string_view key;
  std::optional<base::Bytes> value;
};

// Views of the caller's bytes; copied by add().
struct NewRecord {
  base::Timestamp timestamp{-1};
  std::optional<base::Bytes> key;
  std::optional<base::Bytes> value;
  std::span<const NewHeader> headers;
};

struct BuilderOptions {
  Compression compression;
  TimestampType timestamp_type = TimestampType::kCreateTime;
  base::Timestamp log_append_time{-1};  // max timestamp of the batch with kLogAppendTime
  base::Offset base_offset{0};
  base::LeaderEpoch leader_epoch{-1};
  base::ProducerId producer_id{-1};
  base::ProducerEpoch producer_epoch{-1};
  base::Sequence base_sequence{-1};
  bool transactional = false;
  bool control = false;
  std::size_t size_max = std::size_t{64} << 20;
  std::size_t size_hint = 0;  // memory to take at once
};

class BatchBuilder {
 public:
  explicit BatchBuilder(const BuilderOptions& options);

  // Fails with kMessageTooLarge when the batch would pass size_max.
  [[nodiscard]] Result<void> add(const NewRecord& record);

  [[nodiscard]] std::int32_t count() const { return count_; }
  // Uncompressed size, header included.
  [[nodiscard]] std::size_t size() const { return kBatchHeaderBytes + body_.size(); }
  // Whether a record with so many key and value bytes and no headers surely still fits.
  [[nodiscard]] bool has_room(std::size_t key_and_value_bytes) const;

  // Seals the batch; the builder is empty afterwards and must not be used.
  [[nodiscard]] Result<StoredBatch> finish(CodecContexts& contexts);

 private:
  BuilderOptions options_;
  base::ByteBuffer body_;
  std::int32_t count_ = 0;
  base::Timestamp base_timestamp_{-1};
  base::Timestamp max_timestamp_{-1};
};

}  // namespace moldau::record
