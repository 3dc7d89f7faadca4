#include "storage/internal/page_window.h"

#include <algorithm>
#include <utility>

namespace moldau::storage::internal {

void PageWindow::synced(const SegmentRef& segment) {
  if (!bytes_max_.has_value()) return;
  const std::uint64_t upto = segment->synced / kStepBytes * kStepBytes;
  // What was there when the log was opened is not in the page cache for its writing.
  const std::uint64_t from = segment->windowed.value_or(upto);
  segment->windowed = std::max(from, upto);
  if (upto <= from) return;
  queue_.push_back({.segment = segment, .position = from, .length = upto - from});
  bytes_ += upto - from;
}

std::optional<PageRange> PageWindow::next() {
  while (over_budget() && !queue_.empty()) {
    const Queued oldest = queue_.front();
    queue_.pop_front();
    bytes_ -= oldest.length;
    SegmentRef segment = oldest.segment.lock();
    // A segment whose file was closed has not been used for long: the kernel's own order will do.
    if (segment == nullptr || segment->deleted || segment->file == nullptr) continue;
    return PageRange{
        .segment = std::move(segment), .position = oldest.position, .length = oldest.length};
  }
  return std::nullopt;
}

}  // namespace moldau::storage::internal
