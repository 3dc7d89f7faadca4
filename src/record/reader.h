// Iterates the records of a batch, unpacking it first when it is compressed. Formats 0 and 1 are
// read too (single messages and compressed wrappers with their inner messages), for old logs.
// Keys, values and headers are slices of bytes that the reader holds; share() turns one into an
// owning slice. Every length is checked; a batch must hold exactly the records it counts.
// Source: clients/.../common/record/internal/{DefaultRecord,LegacyRecord,AbstractLegacyRecordBatch}
// .java. Any loop; large compressed batches belong on rt::Work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "record/batch.h"
#include "record/compression.h"
#include "record/error.h"

namespace moldau::record {

struct HeaderView {
  std::string_view key;
  std::optional<base::Bytes> value;
};

// A record in place. The views live as long as the reader that gave it.
struct RecordView {
  base::Offset offset{-1};
  base::Timestamp timestamp{-1};
  base::Sequence sequence{-1};
  std::optional<base::Bytes> key;
  std::optional<base::Bytes> value;
  std::int32_t header_count = 0;
  base::Bytes header_bytes;  // encoded and already checked; see headers()
  std::size_t size = 0;      // encoded size, length field included

  [[nodiscard]] std::vector<HeaderView> headers() const;
};

class RecordReader {
 public:
  [[nodiscard]] static Result<RecordReader> open(
      const BatchView& batch, CodecContexts& contexts,
      std::size_t decompressed_bytes_max = kDecompressedBytesMax);
  [[nodiscard]] static Result<RecordReader> open(
      const StoredBatch& batch, CodecContexts& contexts,
      std::size_t decompressed_bytes_max = kDecompressedBytesMax);

  // The next record in `record`; false at the end.
  [[nodiscard]] Result<bool> next(RecordView& record);

  // An owning slice of a key, value or header value of this reader.
  [[nodiscard]] base::SharedBytes share(base::Bytes part) const;

 private:
  RecordReader(const BatchHeader& header, base::SharedBytes records)
      : header_(header), records_(std::move(records)) {}
  static Result<RecordReader> open_body(const BatchHeader& header, const base::SharedBytes& body,
                                        CodecContexts& contexts, std::size_t bytes_max);
  static Result<RecordReader> open_legacy(const BatchView& batch, CodecContexts& contexts,
                                          std::size_t bytes_max);
  Result<bool> next_legacy(RecordView& record);

  BatchHeader header_;
  base::SharedBytes records_;
  std::size_t position_ = 0;
  std::int32_t read_ = 0;
  // Formats 0 and 1: what to add to an inner offset to get the record's.
  std::int64_t legacy_offset_base_ = 0;
};

// Offset and timestamp of the first record whose timestamp equals the batch's largest one, or that
// is at or after `from` (ListOffsets by time and for the maximum).
struct OffsetAndTimestamp {
  base::Offset offset;
  base::Timestamp timestamp;
  friend bool operator==(const OffsetAndTimestamp&, const OffsetAndTimestamp&) = default;
};
[[nodiscard]] Result<std::optional<OffsetAndTimestamp>> find_by_timestamp(const BatchView& batch,
                                                                          base::Timestamp from,
                                                                          base::Offset from_offset,
                                                                          CodecContexts& contexts);
[[nodiscard]] Result<std::optional<OffsetAndTimestamp>> find_max_timestamp(const BatchView& batch,
                                                                           CodecContexts& contexts);

}  // namespace moldau::record
