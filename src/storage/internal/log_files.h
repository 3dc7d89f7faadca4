// The files of one log: opening, creating, syncing, and the small ones beside the segments (leader
// epochs, producer snapshots, partition.metadata, indexes). Callers have passed the log's gate or
// closed it. Failures are returned, not recorded: the caller decides whether the log stops.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "rt/task.h"
#include "storage/error.h"
#include "storage/internal/log_state.h"

namespace moldau::storage::internal {

// Whether every segment with unwritten batches has its file open.
[[nodiscard]] bool files_open(const LogState& log);
// Creates the directory and partition.metadata when missing and opens those files.
[[nodiscard]] rt::Task<Result<void>> open_for_append(LogState& log);
[[nodiscard]] rt::Task<Result<rt::FileRef>> open_segment(LogState& log, SegmentRef segment);

// The segment's file was synced after all below `upto` had been written to it.
void note_synced(LogState& log, const SegmentRef& segment, std::uint64_t upto);
// Makes everything durable that is written at the time of the call: segments, new names, epochs of
// what they hold. Moves the recovery point there.
[[nodiscard]] rt::Task<Result<void>> sync_log(LogState& log);

// Nobody knows whether partition.metadata and the names of the log's files are durable: the next
// sync of the log sees to it.
void doubt_names(LogState& log);

// The text of partition.metadata, and the topic id in it (nothing when it is not one).
[[nodiscard]] std::string partition_metadata_text(const base::TopicId& id);
[[nodiscard]] std::optional<base::TopicId> parse_partition_metadata(std::string_view text);

[[nodiscard]] rt::Task<Result<void>> write_epochs(LogState& log);

// Appends to the index files what they lack. With `final`, the file has exactly the index's size
// and is durable: a roll or a clean stop.
[[nodiscard]] rt::Task<Result<void>> save_index(LogState& log, SegmentRef segment, bool final);
// Loads the segment's index from its files, or rebuilds it from the log when they are missing or
// damaged.
[[nodiscard]] rt::Task<Result<void>> load_index(LogState& log, SegmentRef segment);

// The index in memory as that of a segment that ends at `offset` and `position`; what is behind in
// the files remains to be cut (offsets_saved, times_saved).
[[nodiscard]] rt::Task<Result<void>> truncate_index(LogState& log, SegmentRef segment,
                                                    base::Offset offset, std::uint64_t position);

// Where in the segment's file to begin looking for the batch with `offset`.
[[nodiscard]] rt::Task<Result<std::uint64_t>> position_for(LogState& log, SegmentRef segment,
                                                           base::Offset offset);
// An offset of the segment at or before the first record whose timestamp is larger.
[[nodiscard]] rt::Task<Result<base::Offset>> offset_before_timestamp(LogState& log,
                                                                     SegmentRef segment,
                                                                     base::Timestamp timestamp);

[[nodiscard]] rt::Task<Result<void>> write_producer_snapshot(LogState& log, base::Offset offset,
                                                             base::SharedBytes content, bool sync);
[[nodiscard]] rt::Task<> remove_producer_snapshots(LogState& log, base::Offset from,
                                                   base::Offset upto);

// Removes the snapshots below `upto` that are not at the start of a segment, all but the newest.
[[nodiscard]] rt::Task<> remove_checkpoint_snapshots(LogState& log, base::Offset upto);

// What is due for the log after a round, in the background: finishing rolled segments, checkpoints.
void start_maintenance(LogState& log);
// Finishes what was rolled so far; waits for a background run of the same.
[[nodiscard]] rt::Task<Result<void>> finish_rolled(LogState& log);

}  // namespace moldau::storage::internal
