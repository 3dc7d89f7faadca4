#include "broker/quorum/commit_feed.h"

#include <utility>

#include "base/result.h"
#include "raft/control_records.h"
#include "raft/snapshot.h"
#include "record/batch.h"

namespace moldau::broker {

namespace {

// Read and told without a pause: bounds how long the loop is held.
constexpr std::uint32_t kTellBytes = 256 << 10;

}  // namespace

void CommitFeed::committed(base::Offset high_watermark, std::optional<raft::SnapshotId> snapshot) {
  ASSERT(high_watermark >= high_watermark_);
  high_watermark_ = high_watermark;
  snapshot_ = snapshot;
  changed_.notify_all();
}

void CommitFeed::leader(const raft::LeaderAndEpoch& leader) {
  if (!leaders_.empty() && leaders_.back().after == high_watermark_) {
    leaders_.back().leader = leader;
  } else {
    leaders_.push_back({.after = high_watermark_, .leader = leader});
  }
  changed_.notify_all();
}

rt::Task<> CommitFeed::run(rt::StopToken token) {
  while (!token.stop_requested()) {
    tell_leaders();
    if (next_ >= high_watermark_) {
      co_await changed_.wait(token);
      continue;
    }
    const auto advanced = co_await advance(token);
    if (!advanced) {
      hooks_.failed(advanced.error());
      co_return;
    }
  }
}

rt::Task<LogResult<void>> CommitFeed::advance(rt::StopToken token) {
  // A snapshot is the way in: at start, and when the log no longer reaches back to where we are.
  const bool behind = next_ < log_->start_offset();
  if ((!begun_ || behind) && snapshot_ && snapshot_->offset <= high_watermark_) {
    begun_ = true;
    if (snapshot_->offset > next_ || *snapshot_ == raft::kBootstrapSnapshotId) {
      CO_TRY(co_await load_snapshot(*snapshot_));
      co_return {};
    }
  }
  begun_ = true;
  if (behind) {
    co_return std::unexpected("the metadata log starts at offset " +
                              std::to_string(log_->start_offset().value()) +
                              " and no snapshot holds what is before");
  }
  const base::Offset upto = high_watermark_;
  const auto batches =
      co_await log_->read(raft::ReadLog{.from = next_, .upto = upto, .bytes_max = kTellBytes});
  if (token.stop_requested()) co_return {};
  if (!batches && next_ < log_->start_offset()) co_return {};  // it went meanwhile: next time round
  co_return tell(CO_TRY(std::move(batches)));
}

rt::Task<LogResult<void>> CommitFeed::load_snapshot(raft::SnapshotId id) {
  raft::SnapshotReader reader(CO_TRY(co_await log_->read_whole(id)));
  bool begun = false;
  while (true) {
    const auto batch = reader.next();
    if (!batch) {
      co_return std::unexpected("the snapshot that ends at offset " +
                                std::to_string(id.offset.value()) +
                                " cannot be read: " + batch.error());
    }
    if (!begun) {
      begun = true;
      for (RaftListener* listener : listeners_) {
        listener->begin_snapshot(id, reader.last_contained_log_time());
      }
    }
    if (!batch->has_value()) break;
    for (RaftListener* listener : listeners_) listener->handle_snapshot_records((*batch)->values);
  }
  for (RaftListener* listener : listeners_) listener->end_snapshot();
  if (id != raft::kBootstrapSnapshotId) loop_->mark("snapshot loaded");
  next_ = id.offset;
  told_.notify_all();
  co_return {};
}

LogResult<void> CommitFeed::tell(const base::ByteChain& batches) {
  record::BatchIterator each(batches.flatten());
  while (true) {
    const auto next = each.next();
    if (!next) return std::unexpected("the metadata log: " + next.error().message);
    if (!next->has_value()) return {};
    const record::BatchView& view = **next;
    if (view.header().base_offset < next_) continue;  // told already
    raft::CommittedBatch batch{.base_offset = view.header().base_offset,
                               .last_offset = view.header().last_offset(),
                               .epoch = view.header().partition_leader_epoch,
                               .append_time = view.header().max_timestamp,
                               .bytes = view.size(),
                               .records = TRY(raft::data_values(view))};
    next_ = batch.last_offset + 1;
    for (RaftListener* listener : listeners_) listener->handle_commit(batch);
    hooks_.told(batch);
    told_.notify_all();
    tell_leaders();
  }
}

void CommitFeed::tell_leaders() {
  while (!leaders_.empty() && leaders_.front().after <= next_) {
    const raft::LeaderAndEpoch leader = leaders_.front().leader;
    leaders_.pop_front();
    for (RaftListener* listener : listeners_) listener->handle_leader_change(leader);
  }
}

}  // namespace moldau::broker
