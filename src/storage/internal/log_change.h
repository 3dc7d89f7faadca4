// What takes back or removes parts of a log. Each change is noted in the journal before it happens,
// so that no replay can undo it, and is durable when the function returns. Appends are refused
// meanwhile; reads that were under way look again.
#pragma once

#include <cstddef>

#include "storage/error.h"
#include "storage/internal/journal_format.h"
#include "storage/internal/log_state.h"

namespace moldau::storage::internal {

// Nothing is unwritten, in a round or under maintenance any more. Call with closing or
// changing_past set, so that nothing new begins.
[[nodiscard]] rt::Task<> settle(LogState& log);
[[nodiscard]] rt::Task<Result<void>> note_in_journal(LogState& log, EntryKind kind,
                                                     base::Offset offset,
                                                     base::Offset segment_base = base::Offset(0));
[[nodiscard]] rt::Task<Result<bool>> truncate(LogState& log, base::Offset offset);
[[nodiscard]] rt::Task<Result<void>> restart_at(LogState& log, base::Offset offset);
// Moves the log start and removes the segments that lie wholly below.
[[nodiscard]] rt::Task<Result<std::size_t>> move_log_start(LogState& log, base::Offset offset);
// Everything a clean stop leaves behind; the log is not used afterwards.
[[nodiscard]] rt::Task<Result<void>> close_files(LogState& log);

}  // namespace moldau::storage::internal
