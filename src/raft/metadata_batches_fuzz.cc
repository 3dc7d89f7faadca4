// Any bytes as what a leader sends, and as a snapshot: whatever is taken fits together. Checksums
// are put right first, so that the fuzzer gets behind them.
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/endian.h"
#include "raft/control_records.h"
#include "raft/snapshot.h"
#include "record/batch.h"

namespace {

using namespace moldau;

base::SharedBytes with_checksums(base::Bytes bytes) {
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  std::size_t at = 0;
  while (copy.size() - at >= record::kBatchHeaderBytes) {
    const auto header = record::parse_header(base::Bytes(copy).subspan(at));
    if (!header || header->size() > copy.size() - at) break;
    const auto body =
        base::Bytes(copy).subspan(at + record::kBatchHeaderBytes, header->body_size());
    base::store_be(copy.data() + at + record::kCrcPosition, record::checksum(*header, body));
    at += header->size();
  }
  return base::SharedBytes::copy_of(copy);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto bytes = with_checksums(std::as_bytes(std::span(data, size)));
  raft::LogSummary log;
  const auto scan = raft::scan_batches(bytes, {.next_offset = log.end_offset(),
                                               .epoch_min = base::LeaderEpoch(0),
                                               .epoch_max = base::LeaderEpoch(100)});
  std::size_t taken = 0;
  for (const raft::BatchSummary& batch : scan.batches) {
    log.append(batch);  // asserts continuity
    taken += batch.bytes;
  }
  ASSERT(taken == scan.bytes.size());
  record::BatchIterator batches(scan.bytes.flatten());
  for (std::size_t i = 0; i < scan.batches.size(); ++i) {
    const auto batch = batches.next();
    ASSERT(batch.has_value());
    static_cast<void>(raft::data_values(**batch));
  }
  raft::SnapshotReader reader(bytes);
  while (true) {
    const auto batch = reader.next();
    if (!batch || !batch->has_value()) break;
  }
  static_cast<void>(raft::read_snapshot_head(bytes));
  return 0;
}
