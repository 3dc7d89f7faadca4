#include "storage/internal/segment.h"

#include <utility>

#include "base/assert.h"

namespace moldau::storage::internal {

// Whoever lets go of the last reference need not know whether the file is open.
Segment::~Segment() {
  if (open_in != nullptr) open_in->close(*this);
}

void OpenFiles::add(Segment& segment, rt::FileRef file) {
  if (segment.file != nullptr) close(segment);
  segment.file = std::move(file);
  segment.open_in = this;
  segment.used_in = period_;
  link_newest(segment);
  ++count_;
  if (count_ > files_max_ && oldest_ != &segment) close(*oldest_);
}

void OpenFiles::touch(Segment& segment) {
  segment.used_in = period_;
  if (segment.file == nullptr || newest_ == &segment) return;
  unlink(segment);
  link_newest(segment);
}

void OpenFiles::close(Segment& segment) {
  if (segment.file == nullptr) return;
  unlink(segment);
  segment.file.reset();
  segment.open_in = nullptr;
  --count_;
}

void OpenFiles::close_idle() {
  while (oldest_ != nullptr && oldest_->used_in + 1 < period_) close(*oldest_);
  ++period_;
}

void OpenFiles::unlink(Segment& segment) {
  (segment.older == nullptr ? oldest_ : segment.older->newer) = segment.newer;
  (segment.newer == nullptr ? newest_ : segment.newer->older) = segment.older;
  segment.newer = nullptr;
  segment.older = nullptr;
}

void OpenFiles::link_newest(Segment& segment) {
  segment.older = newest_;
  (newest_ == nullptr ? oldest_ : newest_->newer) = &segment;
  newest_ = &segment;
}

}  // namespace moldau::storage::internal
