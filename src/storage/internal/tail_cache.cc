#include "storage/internal/tail_cache.h"

#include <algorithm>
#include <utility>

namespace moldau::storage::internal {

namespace {

// Frames may pin this much more than four times the cached bytes before slices are copied.
constexpr std::size_t kPinnedSlackBytes = std::size_t{4} << 20;
constexpr std::size_t kPinnedFactor = 4;

std::size_t cost(const TailBatch& batch) { return batch.size() + sizeof(TailBatch); }

}  // namespace

void TailCache::add(TailOwner& owner, base::SharedBytes header, const record::StoredBatch& batch,
                    std::uint32_t position) {
  TailBatch entry{.base_offset = batch.header.base_offset,
                  .last_offset = batch.header.last_offset(),
                  .position = position,
                  .pinned = 0,
                  .header = std::move(header),
                  .body = batch.body};
  if (entry.body.block() != last_block_) {
    const std::size_t pinned = entry.body.pinned();
    if (pinned_bytes_ + pinned > kPinnedFactor * (bytes_ + cost(entry)) + kPinnedSlackBytes) {
      entry.body = entry.body.compacted();
    }
    last_block_ = entry.body.block();
    entry.pinned =
        static_cast<std::uint32_t>(std::min<std::size_t>(entry.body.pinned(), UINT32_MAX));
  }
  bytes_ += cost(entry);
  pinned_bytes_ += entry.pinned;
  owner.tail_.push_back(std::move(entry));
  if (!arrivals_.empty() && arrivals_.back().owner == &owner) {
    ++arrivals_.back().count;
  } else {
    arrivals_.push_back({.owner = &owner, .count = 1});
  }
}

void TailCache::forget(const TailBatch& batch) {
  bytes_ -= cost(batch);
  pinned_bytes_ -= batch.pinned;
}

void TailCache::drop_from(TailOwner& owner, base::Offset offset) {
  while (!owner.tail_.empty() && owner.tail_.back().last_offset >= offset) {
    forget(owner.tail_.back());
    owner.tail_.pop_back();
  }
  last_block_ = nullptr;
}

void TailCache::drop_all(TailOwner& owner) {
  while (!owner.tail_.empty()) {
    forget(owner.tail_.front());
    owner.tail_.pop_front();
  }
  std::erase_if(arrivals_, [&](const Arrival& arrival) { return arrival.owner == &owner; });
  last_block_ = nullptr;
}

void TailCache::trim() {
  while (bytes_ > bytes_max_ && !arrivals_.empty()) {
    Arrival& oldest = arrivals_.front();
    LogTail& tail = oldest.owner->tail_;
    while (oldest.count > 0 && !tail.empty() && bytes_ > bytes_max_) {
      if (tail.front().last_offset >= oldest.owner->evictable_below_) return;
      forget(tail.front());
      tail.pop_front();
      --oldest.count;
    }
    if (oldest.count == 0 || tail.empty()) arrivals_.pop_front();
  }
}

}  // namespace moldau::storage::internal
