#include "storage/internal/tail_cache.h"

#include <algorithm>
#include <utility>

namespace moldau::storage::internal {

namespace {

// Frames may pin this much more than four times the cached bytes before slices are copied.
constexpr std::size_t kPinnedSlackBytes = std::size_t{4} << 20;
constexpr std::size_t kPinnedFactor = 4;
// Runs of batches of one log that are remembered; beyond it the oldest go although there is room.
constexpr std::size_t kArrivalsMax = std::size_t{1} << 20;

// Runs that trim() passes over because they are not durable yet, at most.
constexpr std::size_t kStuckArrivalsMax = 64;

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
  note_arrival(owner);
}

void TailCache::note_arrival(TailOwner& owner) {
  if (owner.place_ == TailOwner::kNoPlace) {
    if (free_places_.empty()) {
      free_places_.push_back(static_cast<std::uint32_t>(places_.size()));
      places_.emplace_back();
    }
    owner.place_ = free_places_.back();
    free_places_.pop_back();
    places_[owner.place_] = {.owner = &owner, .arrivals = 0};
  }
  if (!arrivals_.empty() && arrivals_.back().place == owner.place_) {
    ++arrivals_.back().count;
    return;
  }
  arrivals_.push_back({.place = owner.place_, .count = 1});
  ++places_[owner.place_].arrivals;
}

void TailCache::end_arrival(std::uint32_t place) {
  arrivals_.pop_front();
  Place& at = places_[place];
  if (--at.arrivals > 0) return;
  if (at.owner != nullptr) at.owner->place_ = TailOwner::kNoPlace;
  at.owner = nullptr;
  free_places_.push_back(place);
}

void TailCache::forget(const TailBatch& batch) {
  // The block may be freed, and the next frame come to its address.
  if (batch.body.block() == last_block_) last_block_ = nullptr;
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
  if (owner.place_ != TailOwner::kNoPlace) places_[owner.place_].owner = nullptr;
  owner.place_ = TailOwner::kNoPlace;
  last_block_ = nullptr;
}

bool TailCache::full() const { return bytes_ > bytes_max_ || arrivals_.size() > kArrivalsMax; }

void TailCache::trim() {
  // A log whose sync lasts must not keep what arrived after it: it goes behind the others.
  std::size_t stuck_left = std::min(kStuckArrivalsMax, arrivals_.size());
  while (full() && !arrivals_.empty()) {
    Arrival& oldest = arrivals_.front();
    TailOwner* owner = places_[oldest.place].owner;
    while (owner != nullptr && oldest.count > 0 && !owner->tail_.empty() && full() &&
           owner->tail_.front().last_offset < owner->evictable_below_) {
      forget(owner->tail_.front());
      owner->tail_.pop_front();
      --oldest.count;
    }
    if (owner == nullptr || oldest.count == 0 || owner->tail_.empty()) {
      end_arrival(oldest.place);
    } else if (full()) {
      if (stuck_left-- == 0) return;
      const Arrival stuck = oldest;
      arrivals_.pop_front();
      arrivals_.push_back(stuck);
    }
  }
}

}  // namespace moldau::storage::internal
