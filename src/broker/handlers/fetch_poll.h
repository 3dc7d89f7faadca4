// A long poll as seen by the loops that hold its partitions: each reads what is there and, while
// all loops together have less than min_bytes, parks and reads on when one of its partitions has
// more. What was read stays in the answer, so nothing is read twice, and the data comes back with
// the call that parked. The loop that completes the answer, or sees something the client must hear
// of now, returns; the caller then ends the loops that still wait. fetch_here() runs on the loop of
// its items; FetchPoll is shared by the loops of one poll.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "rt/stop.h"
#include "rt/task.h"
#include "rt/timed_event.h"
#include "wire/fetch_response.h"

namespace moldau::broker {

class Shard;

// One partition of a fetch.
struct FetchItem {
  std::size_t position = 0;  // in the request or session
  base::TopicIdPartition id;
  base::LeaderEpoch current_leader_epoch{-1};
  base::LeaderEpoch last_fetched_epoch{-1};
  base::Offset next_offset;
  std::size_t bytes_left = 0;  // of what the client wants of this partition at most
  base::Offset seen_end{-1};   // up to here there was something to read, when last looked at
  bool full = false;           // there is more, but a limit holds it back
  wire::FetchResponse::PartitionData data;
};

struct FetchTerms {
  base::Instant deadline;
  // Of this loop's items together. One batch may go over it, and over the partition's own limit,
  // when it would be the only one (KIP-74).
  std::size_t bytes_max = 0;
  bool committed = false;
};

class FetchPoll {
 public:
  FetchPoll(std::size_t loops, std::size_t bytes_min) : places_(loops), bytes_min_(bytes_min) {}

  // Any loop: so much more is to be had. True when that completes the answer.
  [[nodiscard]] bool add(std::size_t bytes) {
    return bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes >= bytes_min_;
  }

  // Where one loop is; touched only on that loop.
  struct Place {
    rt::TimedEvent* parked = nullptr;
    bool ended = false;
  };
  [[nodiscard]] Place& place(std::size_t loop) { return places_[loop]; }
  // On the loop concerned: it shall wait no longer.
  void end(std::size_t loop) {
    places_[loop].ended = true;
    if (places_[loop].parked != nullptr) places_[loop].parked->set();
  }

 private:
  std::vector<Place> places_;
  std::size_t bytes_min_;
  std::atomic<std::size_t> bytes_ = 0;
};

// An error in place of a partition's data.
void set_error(wire::FetchResponse::PartitionData& data, wire::ErrorCode error);

// The items with their data. `token` must belong to this loop; it ends the wait.
[[nodiscard]] rt::Task<std::vector<FetchItem>> fetch_here(Shard& shard,
                                                          std::vector<FetchItem> items,
                                                          FetchTerms terms,
                                                          std::shared_ptr<FetchPoll> poll,
                                                          rt::StopToken token);

}  // namespace moldau::broker
