#include "broker/controller_driver.h"

#include <algorithm>

#include "base/assert.h"
#include "raft/quorum_config.h"

namespace moldau::broker {

ControllerDriver::ControllerDriver(rt::Loop& loop, RaftDriver& raft, controller::Settings settings,
                                   std::vector<metadata::Record> bootstrap)
    : loop_(&loop),
      raft_(&raft),
      node_id_(settings.node_id),
      bootstrap_(std::move(bootstrap)),
      core_(std::move(settings)),
      scope_(loop) {}

void ControllerDriver::start() { scope_.spawn(run_upkeep()); }

rt::Task<> ControllerDriver::stop() { co_await scope_.stop_and_join(); }

controller::Context ControllerDriver::context() const {
  return {.now = loop_->now(), .next_offset = raft_->next_offset(), .chance = loop_->rng()};
}

// A decision about many partitions (a broker that comes or goes) may be larger than one batch. Its
// last record makes it final: should the lead be lost in between, the next one decides the rest.
ControllerDriver::Appended ControllerDriver::append(std::span<const metadata::Record> records) {
  Appended last;
  while (!records.empty()) {
    const auto batch = records.first(std::min(records.size(), raft::kAtomicRecordsMax));
    last = append_batch(batch);
    if (!last) return last;
    records = records.subspan(batch.size());
  }
  return last;
}

ControllerDriver::Appended ControllerDriver::append_batch(
    std::span<const metadata::Record> records) {
  std::vector<base::SharedBytes> values;
  values.reserve(records.size());
  for (const metadata::Record& record : records) {
    auto value = metadata::encode_record(record);
    if (!value) {
      fail("a decided record cannot be written: " + value.error().message);
      return std::unexpected(wire::ErrorCode::kNotController);
    }
    values.push_back(std::move(*value));
  }
  const auto appended = raft_->append(epoch_, values);
  if (!appended) return std::unexpected(appended.error());
  const auto replayed = core_.replay(records, appended->base_offset);
  if (!replayed) {
    fail("a decided record does not apply: " + replayed.error().message);
    return std::unexpected(wire::ErrorCode::kNotController);
  }
  replayed_to_ = appended->last_offset;
  return appended->last_offset;
}

void ControllerDriver::handle_commit(const raft::CommittedBatch& batch) {
  if (failed_) return;
  if (batch.last_offset > replayed_to_) {
    std::vector<metadata::Record> records;
    records.reserve(batch.records.size());
    for (const base::SharedBytes& value : batch.records) {
      auto record = metadata::decode_record(value);
      if (!record) {
        return fail("the metadata log has an unreadable record in the batch at offset " +
                    std::to_string(batch.base_offset.value()) + ": " + record.error().message);
      }
      records.push_back(std::move(*record));
    }
    const auto replayed = core_.replay(records, batch.base_offset);
    if (!replayed) {
      return fail("the metadata log does not apply at offset " +
                  std::to_string(batch.base_offset.value()) + ": " + replayed.error().message);
    }
    replayed_to_ = batch.last_offset;
  }
  core_.committed(batch.last_offset + 1);
}

void ControllerDriver::begin_snapshot(raft::SnapshotId id, base::Timestamp) {
  snapshot_.emplace(metadata::Image{});
  snapshot_end_ = id.offset;
}

void ControllerDriver::handle_snapshot_records(std::span<const base::SharedBytes> records) {
  if (failed_) return;
  for (const base::SharedBytes& value : records) {
    const auto record = metadata::decode_record(value);
    if (!record) return fail("the snapshot has an unreadable record: " + record.error().message);
    const auto applied = snapshot_->apply(*record);
    if (!applied) return fail("the snapshot does not apply: " + applied.error().message);
  }
}

void ControllerDriver::end_snapshot() {
  if (failed_) return;
  const base::Offset last = snapshot_end_ - 1;
  metadata::Image image = snapshot_->take_image();
  snapshot_.reset();
  // The snapshot that a formatted directory begins with may hold control records only.
  if (image.empty() && last < base::Offset(0)) return;
  const auto loaded = core_.load(image, last);
  if (!loaded) return fail("the snapshot does not load: " + loaded.error().message);
  replayed_to_ = last;
}

rt::Task<> ControllerDriver::leader_changed(std::uint64_t seen, base::Duration patience,
                                            rt::StopToken token) {
  if (leader_changes_ != seen) co_return;
  ASSERT(leader_wait_ == nullptr);
  rt::TimedEvent change(*loop_, loop_->now() + patience);
  leader_wait_ = &change;
  co_await change.wait(token);
  leader_wait_ = nullptr;
}

void ControllerDriver::handle_leader_change(const raft::LeaderAndEpoch& leader) {
  ++leader_changes_;
  if (leader_wait_ != nullptr) leader_wait_->set();
  if (core_.active()) {
    core_.deactivate();
    replayed_to_ = core_.last_offset();  // What was not committed is undone.
  }
  epoch_ = leader.epoch;
  if (failed_ || leader.leader != node_id_) return;
  if (auto why = core_.not_served(bootstrap_)) {
    // Nobody else could lead either: the node must stop.
    failed_ = std::move(why);
    return;
  }
  const controller::Upkeep first = core_.activate(context(), bootstrap_);
  if (!first.records.empty() && !append(first.records)) {
    raft_->resign(epoch_);
    return;
  }
  LOG_INFO(loop_->log(), "controller", "leads the metadata quorum in epoch {}", epoch_);
  if (pause_ != nullptr) pause_->set();
}

rt::Task<bool> ControllerDriver::room() {
  while (core_.active() && !core_.may_append() && !scope_.stop_requested()) {
    const base::LeaderEpoch epoch = epoch_;
    const auto committed = co_await raft_->wait_committed(epoch, replayed_to_);
    // From here on it fails at once, until the feed has told us of the next leader.
    if (!committed && epoch_ == epoch) co_return false;
  }
  co_return true;
}

rt::Task<> ControllerDriver::run_upkeep() {
  bool lost = false;
  while (!scope_.stop_requested()) {
    const base::Instant wake_at = core_.active() && !lost ? core_.wake_at() : base::kNever;
    rt::TimedEvent pause(*loop_, wake_at);
    pause_ = &pause;
    co_await pause.wait(scope_.token());
    pause_ = nullptr;
    lost = !co_await room();
    if (!lost && !scope_.stop_requested()) do_upkeep();
  }
}

void ControllerDriver::do_upkeep() {
  while (core_.active() && core_.may_append() && core_.wake_at() <= loop_->now()) {
    const controller::Upkeep upkeep = core_.tick(context());
    if (!upkeep.note.empty()) LOG_INFO(loop_->log(), "controller", "{}", upkeep.note);
    if (upkeep.records.empty() || !append(upkeep.records)) return;
  }
}

void ControllerDriver::fail(std::string why) {
  if (failed_) return;
  LOG_ERROR(loop_->log(), "controller", "{}; this node gives up the lead of the quorum", why);
  failed_ = std::move(why);
  core_.deactivate();
  raft_->resign(epoch_);
}

}  // namespace moldau::broker
