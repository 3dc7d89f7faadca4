// What the state machine above the metadata log sees: the records of committed batches, in order.
// Record values are framed metadata records (wire/record_frame.h); keys are always null. A control
// batch comes with no records, so that offsets have no gaps. Value type; any loop.
#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"

namespace moldau::raft {

struct CommittedBatch {
  base::Offset base_offset;
  base::Offset last_offset;
  base::LeaderEpoch epoch;
  base::Timestamp append_time;
  std::size_t bytes = 0;  // in the log
  std::vector<base::SharedBytes> records;
};

}  // namespace moldau::raft
