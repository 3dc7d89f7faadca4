// Formats 0 and 1: message sets. A message carries its offset, its own CRC (not Castagnoli), key
// and value; format 1 adds a timestamp. A compressed message wraps a whole set in its value; in
// format 1 the inner offsets count from 0 and the wrapper carries that of the last. Read only.
// Source: clients/.../common/record/internal/{LegacyRecord,AbstractLegacyRecordBatch}.java, KIP-31,
// KIP-32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "record/batch.h"
#include "record/compression.h"

namespace moldau::record::internal {

struct LegacyEntry {
  base::Offset offset{-1};
  base::Timestamp timestamp{-1};
  BatchAttributes attributes;
  std::optional<base::Bytes> key;
  std::optional<base::Bytes> value;
  std::size_t size = 0;  // offset and size fields included
};

// The entry that `bytes` starts with; checks its lengths and its CRC.
[[nodiscard]] Result<LegacyEntry> parse_legacy_entry(base::Bytes bytes);

struct LegacySet {
  base::SharedBytes entries;     // one after the other, none compressed
  std::int64_t offset_base = 0;  // to add to each entry's offset
};

// The messages of a batch: itself, or what its wrapper holds. All of them are parsed once.
[[nodiscard]] Result<LegacySet> open_legacy_set(const BatchView& batch, CodecContexts& contexts,
                                                std::size_t bytes_max);

}  // namespace moldau::record::internal
