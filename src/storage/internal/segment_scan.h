// scan_segment() walks the batches of a segment file from a batch's start, in chunks that are read
// by the disk and parsed off the loop, and hands each header to a visitor on the loop. It ends
// where the bytes stop being whole batches with growing offsets: that is where a crash tore the
// file, or where it is damaged; telling the two apart is the caller's. Bytes from crc_from on are
// checked by their checksums. Memory: one chunk, or one batch when that is larger. One loop.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "base/ids.h"
#include "record/batch.h"
#include "record/control.h"
#include "rt/disk.h"
#include "rt/loop.h"
#include "rt/task.h"
#include "storage/error.h"

namespace moldau::storage::internal {

struct ScannedBatch {
  record::BatchHeader header;
  std::uint64_t position = 0;
  std::uint64_t size = 0;
  std::optional<record::EndTxnMarker> marker;  // of a control batch
};

class BatchVisitor {
 public:
  virtual ~BatchVisitor() = default;
  // False ends the scan before this batch.
  virtual bool visit(const ScannedBatch& batch) = 0;
};

// ScanOptions::crc_from: checks nothing.
inline constexpr std::uint64_t kNoCrc = std::numeric_limits<std::uint64_t>::max();

struct ScanOptions {
  std::uint64_t from = 0;
  std::uint64_t upto = 0;      // end of the file
  std::uint64_t crc_from = 0;  // position
  base::Offset offset_min{0};  // no batch may begin below
};

struct ScanEnd {
  std::uint64_t position = 0;  // the first byte that was not visited
  // Why it is before `upto`; empty when it is not, or when the visitor ended the scan.
  std::string fault;
};

[[nodiscard]] rt::Task<Result<ScanEnd>> scan_segment(rt::Loop& loop, rt::FileRef file,
                                                     ScanOptions options, BatchVisitor& visitor);

}  // namespace moldau::storage::internal
