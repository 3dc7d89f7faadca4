// Any bytes as what a leader sends, and as a snapshot: whatever is taken fits together.
#include "base/assert.h"
#include "base/bytes.h"
#include "raft/control_records.h"
#include "raft/snapshot.h"
#include "record/batch.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace moldau;
  const auto bytes = base::SharedBytes::copy_of(std::as_bytes(std::span(data, size)));
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
