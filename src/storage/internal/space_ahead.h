// Blocks of the file system that a growing segment has ahead of its end. A write into blocks that
// are there costs a tenth less than one that has to find them, and the file lies in larger pieces.
// How much: a quarter of what the segment has, at least LogStoreOptions::space_ahead_from, at most
// kSpaceAheadBytesMax and never beyond segment.bytes; from a segment of space_ahead_from, or of a
// quarter of segment.bytes, on. So what is taken for nothing stays in proportion, and small logs
// take nothing. The file's size does not show it. What is left is given back when the segment is
// rolled or its log closed; after a crash, when the segment that was the last one is. A refusal
// costs only speed.
//
// Into such blocks small appends write zeros behind themselves, up to the next multiple of
// LogStoreOptions::fill_bytes: the page cache then takes these bytes as one folio, not as one for
// every few pages, and the next appends find it. So a file that grows may be longer than its log,
// as with Kafka's log.preallocate, by less than fill_bytes. The zeros are cut off, durably, before
// the log gets a next segment and at a clean stop; recovery cuts them like a torn tail. One loop,
// the log's.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "rt/task.h"
#include "storage/error.h"
#include "storage/internal/log_state.h"

namespace moldau::storage::internal {

inline constexpr std::uint64_t kSpaceAheadBytesMax = std::uint64_t{64} << 20;
inline constexpr std::uint64_t kFillBytesMax = std::uint64_t{32} << 10;

// The size of a segment from which on it is done.
[[nodiscard]] std::uint64_t space_ahead_from(const LogState& log);

// After a write to the segment: reserves in the background when little is left ahead.
void reserve_ahead(LogState& log, const SegmentRef& segment);

// A process that was killed may have left some behind the segment, which is the log's last one.
void expect_space_ahead(const LogState& log, Segment& segment);

// The zeros to write behind an append that ends at `end` of the segment; mostly none.
[[nodiscard]] base::Bytes fill_behind(const LogState& log, const Segment& segment,
                                      std::uint64_t end);

// Whether zeros lie behind a segment that is not the log's last one any more: nothing may be
// written to the next before they are cut off, or a recovery would take it for lost.
[[nodiscard]] bool has_filled_rolled(const LogState& log);
[[nodiscard]] rt::Task<Result<void>> cut_filled_rolled(LogState& log);

// Gives back what is left behind the segment, which nobody is writing to: the file has the size of
// its log, durably.
[[nodiscard]] rt::Task<Result<void>> give_space_back(LogState& log, SegmentRef segment);

}  // namespace moldau::storage::internal
