// Reading batches back: from the tail cache at once, or from a segment file. Only whole batches
// below the caller's bound are returned; checksums are the reader's to check, as in Kafka. A read
// that waited for the disk looks again whether the log was truncated meanwhile.
#pragma once

#include <optional>

#include "storage/error.h"
#include "storage/internal/log_state.h"
#include "storage/log.h"

namespace moldau::storage::internal {

[[nodiscard]] std::optional<Result<ReadResult>> read_from_tail(const LogState& log,
                                                               const ReadRequest& request);
[[nodiscard]] rt::Task<Result<ReadResult>> read_from_disk(LogState& log, ReadRequest request);

}  // namespace moldau::storage::internal
