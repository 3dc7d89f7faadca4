// The newest batches of each log, kept as they came, so that readers who keep up never touch the
// disk. LogTail is one log's part: a queue of batches whose tail end may not be written yet.
// TailCache is the loop's budget: batches go in order of arrival over all logs; what is not durable
// stays (it is bounded by the store's pending bytes). A slice keeps its whole frame alive: the
// frames' sizes are counted, and when they come to more than four times what is cached, new slices
// are copied (design.md rule 7). One loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "record/batch.h"
#include "storage/internal/ring.h"

namespace moldau::storage::internal {

struct TailBatch {
  base::Offset base_offset{0};
  base::Offset last_offset{0};
  std::uint32_t position = 0;  // in its segment's file
  std::uint32_t pinned = 0;    // bytes of the frame, when this batch is the one that counts them
  base::SharedBytes header;
  base::SharedBytes body;

  [[nodiscard]] std::size_t size() const { return header.size() + body.size(); }
};

using LogTail = Ring<TailBatch>;

class TailCache;

// What the cache needs of a log when it makes room.
class TailOwner {
 public:
  [[nodiscard]] LogTail& tail() { return tail_; }
  [[nodiscard]] const LogTail& tail() const { return tail_; }

 protected:
  ~TailOwner() = default;
  // Offsets below may be dropped from the tail.
  base::Offset evictable_below_{0};

 private:
  friend class TailCache;
  static constexpr std::uint32_t kNoPlace = UINT32_MAX;

  LogTail tail_;
  std::uint32_t place_ = kNoPlace;  // in the cache's list of owners
};

class TailCache {
 public:
  explicit TailCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void add(TailOwner& owner, base::SharedBytes header, const record::StoredBatch& batch,
           std::uint32_t position);
  // Drops from the newest end: batches at and above `offset`.
  void drop_from(TailOwner& owner, base::Offset offset);
  // The log goes away, or everything in it.
  void drop_all(TailOwner& owner);
  // Makes room; called when batches became durable.
  void trim();

  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Arrival {
    std::uint32_t place;
    std::uint32_t count;
  };
  // A log may go while arrivals of it are still queued: its place stays until they have passed.
  struct Place {
    TailOwner* owner = nullptr;
    std::uint32_t arrivals = 0;
  };

  [[nodiscard]] bool full() const;
  void forget(const TailBatch& batch);
  void note_arrival(TailOwner& owner);
  void end_arrival(std::uint32_t place);

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::size_t pinned_bytes_ = 0;
  const void* last_block_ = nullptr;
  std::deque<Arrival> arrivals_;
  std::vector<Place> places_;
  std::vector<std::uint32_t> free_places_;
};

}  // namespace moldau::storage::internal
