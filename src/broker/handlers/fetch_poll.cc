#include "broker/handlers/fetch_poll.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "broker/shard.h"

namespace moldau::broker {
namespace {

using PartitionData = wire::FetchResponse::PartitionData;

void add_aborted(PartitionData& data, const std::vector<logstate::AbortedTxn>& aborted) {
  if (!data.aborted_transactions) data.aborted_transactions.emplace();
  auto& entries = *data.aborted_transactions;
  for (const auto& txn : aborted) {
    // A transaction that spans two reads comes with both.
    const bool known = std::ranges::any_of(entries, [&](const auto& entry) {
      return entry.producer_id == txn.producer_id && entry.first_offset == txn.first_offset;
    });
    if (known) continue;
    auto& entry = entries.emplace_back();
    entry.producer_id = txn.producer_id;
    entry.first_offset = txn.first_offset;
  }
}

void fill(PartitionData& data, ReadOutcome& outcome) {
  if (outcome.error != wire::ErrorCode::kNone) {
    set_error(data, outcome.error);
    data.current_leader.leader_id = outcome.leader;
    data.current_leader.leader_epoch = outcome.leader_epoch;
    return;
  }
  data.error_code = wire::ErrorCode::kNone;
  data.high_watermark = outcome.decision.high_watermark;
  data.last_stable_offset = outcome.decision.last_stable_offset;
  data.log_start_offset = outcome.decision.log_start;
  if (outcome.decision.diverging) {
    data.diverging_epoch.epoch = outcome.decision.diverging->epoch;
    data.diverging_epoch.end_offset = outcome.decision.diverging->end_offset;
  }
  if (outcome.aborted) add_aborted(data, *outcome.aborted);
  if (!data.records || data.records->empty()) {
    data.records = std::move(outcome.records);
  } else {
    data.records->append(outcome.records);
  }
}

// The reads of one poll on one loop.
class LoopReads {
 public:
  LoopReads(Shard& shard, std::vector<FetchItem>& items, const FetchTerms& terms)
      : shard_(shard), items_(items), terms_(terms), bytes_left_(terms.bytes_max) {}

  // Reads every item that may have more, the first time all of them. Returns how much more there
  // is for the answer than before.
  rt::Task<std::size_t> read() {
    std::size_t found = 0;
    for (FetchItem& item : items_) {
      if (!first_ && !has_news(item)) continue;
      Partition* partition = shard_.partitions().find(item.id);
      if (partition == nullptr) {
        set_error(item.data, wire::ErrorCode::kNotLeaderOrFollower);
        urgent_ = true;
        continue;
      }
      const ReadTerms terms = read_terms(item);
      auto outcome = partition->try_read(terms);
      if (!outcome) outcome = co_await partition->read(terms);
      found += take(item, terms, *outcome);
    }
    first_ = false;
    co_return found;
  }

  // Something that the client must hear of now, whatever min_bytes says.
  [[nodiscard]] bool urgent() const { return urgent_; }

  // False when something has moved since it was read.
  [[nodiscard]] bool watch(rt::TimedEvent& event, std::deque<FetchWatch>& watches) const {
    for (const FetchItem& item : items_) {
      if (has_news(item)) return false;
      shard_.partitions().find(item.id)->watch(watches.emplace_back(event));
    }
    return true;
  }

 private:
  [[nodiscard]] ReadTerms read_terms(const FetchItem& item) const {
    return {.position = {.fetch_offset = item.next_offset,
                         .current_leader_epoch = item.current_leader_epoch,
                         // Where the read goes on it follows what this log has just said.
                         .last_fetched_epoch =
                             has_records(item) ? base::kNoLeaderEpoch : item.last_fetched_epoch,
                         .leader_only = true,
                         .isolation = terms_.committed ? replica::Isolation::kCommitted
                                                       : replica::Isolation::kHighWatermark},
            .bytes_max = std::min(item.bytes_left, bytes_left_),
            .at_least_one_batch = nothing_read_};
  }

  [[nodiscard]] static bool has_records(const FetchItem& item) {
    return item.data.records && !item.data.records->empty();
  }

  std::size_t take(FetchItem& item, const ReadTerms& terms, ReadOutcome& outcome) {
    const std::size_t size = outcome.records.size();
    const base::Offset upto = outcome.decision.upto;
    const bool refused = outcome.error != wire::ErrorCode::kNone || outcome.decision.diverging;
    urgent_ = urgent_ || refused;
    fill(item.data, outcome);
    if (refused) return 0;
    shard_.count_fetched(size);
    item.next_offset = outcome.next_offset;
    item.seen_end = std::max(item.seen_end, upto);
    nothing_read_ = nothing_read_ && size == 0;
    // A batch that is not readable to its end yet (nothing came although one batch might) is no
    // reason to answer.
    item.full = outcome.next_offset < upto && (size > 0 || !terms.at_least_one_batch);
    // What the loop's limit holds back only the next fetch can bring; what the partition's own
    // limit holds back counts as the most that the client wants of it.
    if (item.full && terms.bytes_max < item.bytes_left) urgent_ = true;
    const std::size_t found = item.full ? std::max(size, item.bytes_left) : size;
    item.bytes_left -= std::min(item.bytes_left, size);
    bytes_left_ -= std::min(bytes_left_, size);
    return found;
  }

  [[nodiscard]] bool has_news(const FetchItem& item) const {
    const Partition* partition = shard_.partitions().find(item.id);
    if (partition == nullptr) return true;
    if (partition->check_read(item.current_leader_epoch) != wire::ErrorCode::kNone) return true;
    return !item.full &&
           partition->readable_end(terms_.committed) > std::max(item.next_offset, item.seen_end);
  }

  Shard& shard_;
  std::vector<FetchItem>& items_;
  FetchTerms terms_;
  std::size_t bytes_left_;
  bool first_ = true;
  bool nothing_read_ = true;
  bool urgent_ = false;
};

}  // namespace

void set_error(PartitionData& data, wire::ErrorCode error) {
  data.error_code = error;
  data.high_watermark = base::kNoOffset;
  data.last_stable_offset = base::kNoOffset;
  data.log_start_offset = base::kNoOffset;
  data.aborted_transactions = std::nullopt;
  data.records.emplace();
}

rt::Task<std::vector<FetchItem>> fetch_here(Shard& shard, std::vector<FetchItem> items,
                                            FetchTerms terms, std::shared_ptr<FetchPoll> poll,
                                            rt::StopToken token) {
  LoopReads reads(shard, items, terms);
  FetchPoll::Place& place = poll->place(shard.loop().index());
  for (;;) {
    const std::size_t found = co_await reads.read();
    if (poll->add(found) || reads.urgent() || place.ended) break;
    if (shard.loop().now() >= terms.deadline) break;
    rt::TimedEvent event(shard.loop(), terms.deadline);
    std::deque<FetchWatch> watches;
    if (!reads.watch(event, watches)) continue;
    place.parked = &event;
    const bool woken = co_await event.wait(token);
    place.parked = nullptr;
    if (!woken || !event.happened()) break;
  }
  co_return items;
}

}  // namespace moldau::broker
