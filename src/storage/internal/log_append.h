// The part of an append that happens at once: places in the log, leader epochs, producer state,
// index entries, the tail. Nothing here waits or can fail half-way.
#pragma once

#include <vector>

#include "base/ids.h"
#include "record/batch.h"
#include "storage/error.h"
#include "storage/internal/log_state.h"

namespace moldau::storage::internal {

// Whether the log takes appends now.
[[nodiscard]] Result<void> check_appendable(const LogState& log);
// Takes batches whose offsets and epochs are final; they start at or after the log's end.
void append_batches(LogState& log, std::vector<record::StoredBatch>& batches);
// A new segment at `base`; the active one is finished in the background.
void roll_to(LogState& log, base::Offset base);

}  // namespace moldau::storage::internal
