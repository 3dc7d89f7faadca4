// PageWindow decides how much of what a loop's logs have written stays in the page cache. A log
// that only grows takes a fresh page for each 4 KiB until all memory is page cache, and a fresh
// page costs several times the write into it; giving back what lies far behind keeps a stream in
// the same pages (docs/decisions/0001-disk-backends.md has the figures). Only ranges that are on
// the disk are queued, oldest first, in whole steps of kStepBytes; beyond the budget the oldest is
// given back. Readers further behind than the budget read from the disk. A hint only: what is given
// back twice, or dirty again after a truncation, does no harm. One loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "storage/internal/segment.h"

namespace moldau::storage::internal {

struct PageRange {
  SegmentRef segment;
  std::uint64_t position = 0;
  std::uint64_t length = 0;
};

class PageWindow {
 public:
  static constexpr std::uint64_t kStepBytes = std::uint64_t{1} << 20;

  // No budget: nothing is ever given back.
  explicit PageWindow(std::optional<std::size_t> bytes_max) : bytes_max_(bytes_max) {}

  // The segment is on the disk up to segment->synced.
  void synced(const SegmentRef& segment);
  // The next range to give back, when there is more than the budget. Segments that are gone are
  // passed over: their pages went with their files.
  [[nodiscard]] std::optional<PageRange> next();
  [[nodiscard]] bool over_budget() const { return bytes_max_.has_value() && bytes_ > *bytes_max_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Queued {
    std::weak_ptr<Segment> segment;
    std::uint64_t position = 0;
    std::uint64_t length = 0;
  };

  std::optional<std::size_t> bytes_max_;
  std::size_t bytes_ = 0;
  std::deque<Queued> queue_;
};

}  // namespace moldau::storage::internal
