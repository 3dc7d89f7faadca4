// RaftDriver pumps the raft core: it owns the log of __cluster_metadata-0, the file quorum-state
// and the snapshot files, gives the core its inputs, and does what the core says in the order it
// says it (persist, then send, answer, tell). It decides nothing itself. Lives on one loop; every
// call is made there (others go through rt::call). A failed write of the metadata log or of
// quorum-state stops it for good: failed() then names the cause, appends are refused, and the node
// must stop. Source: raft/.../KafkaRaftClientDriver.java, KafkaRaftLog.java; design.md "decide,
// then do".
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "broker/quorum/quorum_channel.h"
#include "broker/quorum/raft_listener.h"
#include "raft/quorum_config.h"
#include "raft/raft.h"
#include "rt/loop.h"
#include "rt/task.h"
#include "storage/journal_evidence.h"
#include "storage/storage.h"
#include "wire/begin_quorum_epoch_request.h"
#include "wire/begin_quorum_epoch_response.h"
#include "wire/describe_quorum_request.h"
#include "wire/describe_quorum_response.h"
#include "wire/end_quorum_epoch_request.h"
#include "wire/end_quorum_epoch_response.h"
#include "wire/error_code.h"
#include "wire/fetch_request.h"
#include "wire/fetch_response.h"
#include "wire/fetch_snapshot_request.h"
#include "wire/fetch_snapshot_response.h"
#include "wire/vote_request.h"
#include "wire/vote_response.h"

namespace moldau::broker {

struct RaftDriverOptions {
  std::string cluster_id;
  std::string directory;  // metadata.log.dir: holds __cluster_metadata-0
  raft::RaftOptions raft;

  std::uint64_t segment_bytes = 1ULL << 30;  // metadata.log.segment.bytes
  std::chrono::milliseconds segment_time = std::chrono::hours(24 * 7);
  std::uint64_t snapshot_record_bytes = 20ULL
                                        << 20;  // metadata.log.max.record.bytes.between.snapshots
  std::chrono::milliseconds snapshot_interval = std::chrono::hours(1);  // 0: never by time
  std::int64_t retention_bytes = 100LL << 20;  // metadata.max.retention.bytes
  std::chrono::milliseconds retention_time = std::chrono::hours(24 * 7);
};

// What appended records got.
struct AppendedBatch {
  base::Offset base_offset;
  base::Offset last_offset;
};

// Of the connection that an RPC came on: answers name the leader's address on that listener.
struct RaftRequestInfo {
  std::string listener;
  std::int16_t api_version = 0;
};

class RaftDriver {
 public:
  // Opens and recovers log, quorum-state and snapshots. The error is a sentence for the operator.
  // The metadata log is opened through Storage (open_metadata_log), whose journals wait for
  // evidence.
  [[nodiscard]] static rt::Task<std::expected<std::unique_ptr<RaftDriver>, std::string>> open(
      rt::Loop& loop, storage::Storage& storage, RaftDriverOptions options);

  virtual ~RaftDriver() = default;

  // What decides whether a journal may be replayed, read from log, snapshot and quorum-state as
  // they lie on disk: the newest RegisterBrokerRecord of `node` (committed or not) and the highest
  // epoch. Before start(): the first election raises the epoch.
  [[nodiscard]] virtual rt::Task<std::expected<storage::JournalEvidence, std::string>>
  journal_evidence(base::BrokerId node) = 0;

  // Before start(). Listeners and source outlive the driver. While it runs, a higher epoch is made
  // durable in quorum-state only after Storage::raise_quorum_epoch() returned.
  virtual void add_listener(RaftListener& listener) = 0;
  virtual void set_snapshot_source(SnapshotSource& source) = 0;
  virtual void set_channel(QuorumChannel& channel) = 0;

  // Starts the state machine; a sole voter leads before the first turn ends, and its listeners hear
  // so when its epoch's first batch is durable. Only once.
  virtual void start() = 0;
  // Resigns, tells the voters (for at most `patience`), stops, syncs and closes. Waits for all
  // tasks.
  [[nodiscard]] virtual rt::Task<> shut_down(base::Duration patience) = 0;

  // ---- for the controller, while it leads

  // Appends one atomic batch in `epoch`: it is in the log's order when this returns, and committed
  // or lost later. At most raft::kAtomicRecordsMax records and raft::kRaftBatchBytesMax bytes, at
  // least one record. kNotController when we do not lead that epoch.
  [[nodiscard]] virtual std::expected<AppendedBatch, wire::ErrorCode> append(
      base::LeaderEpoch epoch, std::span<const base::SharedBytes> records) = 0;
  // Where the next append() will start.
  [[nodiscard]] virtual base::Offset next_offset() const = 0;
  // Waits until the records up to `last` of that epoch are committed and have been told to the
  // listeners; kNotController when the leadership ended first.
  [[nodiscard]] virtual rt::Task<std::expected<void, wire::ErrorCode>> wait_committed(
      base::LeaderEpoch epoch, base::Offset last) = 0;
  // The controller cannot go on (it failed to replay): another shall lead.
  virtual void resign(base::LeaderEpoch epoch) = 0;

  // ---- views

  [[nodiscard]] virtual raft::LeaderAndEpoch leader_and_epoch() const = 0;
  // Address of the leader on a controller listener, when known.
  [[nodiscard]] virtual std::optional<raft::HostPort> leader_address(
      std::string_view listener) const = 0;
  [[nodiscard]] virtual std::optional<base::Offset> high_watermark() const = 0;
  // The offset after the last batch told to the listeners.
  [[nodiscard]] virtual base::Offset told_offset() const = 0;
  [[nodiscard]] virtual const raft::VoterSet& voters() const = 0;
  [[nodiscard]] virtual raft::KRaftVersion kraft_version() const = 0;
  [[nodiscard]] virtual const std::optional<std::string>& failed() const = 0;

  // ---- RPCs of the controller listener (DescribeQuorum also of brokers)

  [[nodiscard]] virtual rt::Task<wire::VoteResponse> vote(wire::VoteRequest request,
                                                          RaftRequestInfo info) = 0;
  [[nodiscard]] virtual rt::Task<wire::BeginQuorumEpochResponse> begin_quorum_epoch(
      wire::BeginQuorumEpochRequest request, RaftRequestInfo info) = 0;
  [[nodiscard]] virtual rt::Task<wire::EndQuorumEpochResponse> end_quorum_epoch(
      wire::EndQuorumEpochRequest request, RaftRequestInfo info) = 0;
  // Of the metadata topic; long-polls up to the request's wait.
  [[nodiscard]] virtual rt::Task<wire::FetchResponse> fetch(wire::FetchRequest request,
                                                            RaftRequestInfo info) = 0;
  [[nodiscard]] virtual rt::Task<wire::FetchSnapshotResponse> fetch_snapshot(
      wire::FetchSnapshotRequest request, RaftRequestInfo info) = 0;
  [[nodiscard]] virtual rt::Task<wire::DescribeQuorumResponse> describe_quorum(
      wire::DescribeQuorumRequest request, RaftRequestInfo info) = 0;
};

}  // namespace moldau::broker
