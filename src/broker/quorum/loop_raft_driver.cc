#include "broker/quorum/loop_raft_driver.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "raft/control_records.h"
#include "rt/sleep.h"
#include "rt/timed_event.h"

namespace moldau::broker {

namespace {

constexpr base::Duration kCleanInterval = std::chrono::minutes(1);

storage::LogOptions log_options_of(const RaftDriverOptions& options) {
  storage::LogOptions log;
  constexpr std::uint64_t kSegmentBytesMax = 0x7FFFFFFF;
  log.segment_bytes = static_cast<std::int32_t>(std::min(options.segment_bytes, kSegmentBytesMax));
  log.segment_time = options.segment_time;
  // Only snapshots let records go.
  log.cleanup_delete = false;
  log.retention_bytes = -1;
  log.retention_time = base::Milliseconds64(-1);
  log.sync = storage::LogSync::kAck;
  return log;
}

base::Rng rng_of(rt::Loop& loop) { return loop.rng().fork(); }

}  // namespace

rt::Task<std::expected<std::unique_ptr<RaftDriver>, std::string>> RaftDriver::open(
    rt::Loop& loop, storage::Storage& storage, RaftDriverOptions options) {
  auto log = CO_TRY(co_await MetadataLog::open(loop, storage, log_options_of(options)));
  co_return std::make_unique<LoopRaftDriver>(loop, std::move(options), std::move(log));
}

namespace {

// The constructor takes what recovery found apart.
raft::Raft core_of(rt::Loop& loop, const raft::RaftOptions& options, RecoveredLog& recovered) {
  return {options, std::move(recovered.log), std::move(recovered.election), rng_of(loop)};
}

}  // namespace

LoopRaftDriver::LoopRaftDriver(rt::Loop& loop, RaftDriverOptions options,
                               std::unique_ptr<MetadataLog> log)
    : LoopRaftDriver(loop, std::move(options), std::move(log), nullptr) {}

}  // namespace moldau::broker
