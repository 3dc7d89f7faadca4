#include "broker/quorum/snapshot_job.h"

#include <utility>
#include <vector>

#include "base/result.h"
#include "raft/snapshot.h"

namespace moldau::broker {

void SnapshotJob::told(const raft::CommittedBatch& batch) {
  bytes_ += batch.bytes;
  const bool by_time = options_.interval.count() > 0 && loop_->now() - since_ >= options_.interval;
  if (bytes_ >= options_.record_bytes || by_time) due_.set();
}

rt::Task<> SnapshotJob::run(rt::StopToken token) {
  while (co_await due_.wait(token)) {
    due_.reset();
    bytes_ = 0;
    since_ = loop_->now();
    if (source_ == nullptr) continue;
    auto opened = source_->open_snapshot();
    if (!opened) continue;
    const auto written = co_await write(std::move(*opened), token);
    if (!written) {
      LOG_ERROR(loop_->log(), "raft", "no snapshot of the metadata log was written: {}",
                written.error());
    }
  }
}

rt::Task<LogResult<bool>> SnapshotJob::usable(raft::SnapshotId id) {
  const raft::LogSummary& log = hooks_.log();
  const auto latest = log.latest_snapshot();
  if (id.offset <= log.start_offset() || (latest && id <= *latest)) co_return false;
  // A follower that goes on from a snapshot needs the leader's next batch to start there.
  co_return co_await log_->is_batch_border(id.offset);
}

rt::Task<LogResult<void>> SnapshotJob::finish(storage::SnapshotWriter& writer,
                                              base::ByteChain last) {
  const auto written = co_await writer.append(std::move(last));
  if (!written) co_return std::unexpected(written.error().message);
  CO_TRY(co_await log_->wait_durable(writer.name().end_offset));
  const auto finished = co_await writer.finish();
  if (!finished) co_return std::unexpected(finished.error().message);
  co_return {};
}

rt::Task<LogResult<void>> SnapshotJob::write(OpenedSnapshot opened, rt::StopToken token) {
  if (!CO_TRY(co_await usable(opened.id))) co_return {};
  const base::Instant begun = loop_->now();
  raft::SnapshotDescription description{.id = opened.id,
                                        .last_contained_log_time = opened.last_contained_log_time,
                                        .written_at = loop_->wall_now(),
                                        .kraft_version = {},
                                        .voters = std::nullopt};
  const raft::LogSummary& log = hooks_.log();
  description.kraft_version = log.kraft_version_before(opened.id.offset);
  if (const raft::VoterSet* voters = log.voters_before(opened.id.offset); voters != nullptr) {
    description.voters = *voters;
  }
  raft::SnapshotBuilder builder(std::move(description));
  const storage::SnapshotName name{.end_offset = opened.id.offset, .epoch = opened.id.epoch};
  auto created = co_await storage::SnapshotWriter::create(loop_->disk(), log_->path(), name);
  if (!created) co_return std::unexpected(created.error().message);
  storage::SnapshotWriter& writer = *created;

  base::ByteChain bytes = builder.begin();
  std::vector<base::SharedBytes> records;
  bool more = true;
  while (more) {
    if (const auto appended = co_await writer.append(std::exchange(bytes, {})); !appended) {
      co_await writer.abandon();
      co_return std::unexpected(appended.error().message);
    }
    if (token.stop_requested()) {
      co_await writer.abandon();
      co_return {};
    }
    records.clear();
    more = opened.content->next(records);
    auto batches = builder.add(records);
    if (!batches) {
      co_await writer.abandon();
      co_return std::unexpected(std::move(batches.error()));
    }
    bytes = std::move(*batches);
  }
  bytes.append(builder.finish());
  auto done = co_await finish(writer, std::move(bytes));
  if (!done) {
    co_await writer.abandon();
    co_return std::unexpected(std::move(done.error()));
  }
  LOG_INFO(loop_->log(), "raft", "wrote the metadata snapshot {} ({} bytes) in {} ms",
           storage::to_file_name(name), writer.size(),
           std::chrono::duration_cast<std::chrono::milliseconds>(loop_->now() - begun).count());
  loop_->mark("snapshot written");
  hooks_.written(opened.id, {.bytes = writer.size(),
                             .last_contained_log_time = opened.last_contained_log_time});
  co_return {};
}

}  // namespace moldau::broker
