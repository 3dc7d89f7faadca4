// Blocks of the file system that a growing segment has ahead of its end. A write into blocks that
// are there costs a tenth less than one that has to find them, and the file lies in larger pieces.
// How much: a quarter of what the segment has, at most kSpaceAheadBytesMax and never beyond
// segment.bytes, from LogStoreOptions::space_ahead_from on; so what is taken for nothing stays in
// proportion, and small logs take nothing. The file's size does not show it. What is left is given
// back when the segment is rolled or its log closed; after a crash, when the segment that was the
// last one is. A refusal costs only speed. One loop, the log's.
#pragma once

#include <cstdint>

#include "rt/task.h"
#include "storage/error.h"
#include "storage/internal/log_state.h"

namespace moldau::storage::internal {

inline constexpr std::uint64_t kSpaceAheadBytesMax = std::uint64_t{64} << 20;

// After a write to the segment: reserves in the background when little is left ahead.
void reserve_ahead(LogState& log, const SegmentRef& segment);

// A process that was killed may have left some behind the segment, which is the log's last one.
void expect_space_ahead(const LogState& log, Segment& segment);

// Gives back what is left behind the segment, which nobody writes to any more.
[[nodiscard]] rt::Task<Result<void>> give_space_back(LogState& log, SegmentRef segment);

}  // namespace moldau::storage::internal
