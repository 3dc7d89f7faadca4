// The RaftDriver of a node: one core, its disk, and the tasks between them. step() gives the core
// an input and queues what it orders; one task carries the orders out, first to last, so that
// nothing is sent or answered before what it rests on is written. The log's own sync runs beside it
// and comes back as an input; so do answers that read the disk, that a slow reader delays no
// commit.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/quorum/commit_feed.h"
#include "broker/quorum/metadata_log.h"
#include "broker/quorum/raft_driver.h"
#include "broker/quorum/snapshot_job.h"
#include "raft/raft.h"
#include "raft/wire_messages.h"
#include "rt/loop.h"
#include "rt/scope.h"
#include "rt/sync.h"
#include "rt/timed_event.h"

namespace moldau::broker {

class LoopRaftDriver final : public RaftDriver {
 public:
  LoopRaftDriver(rt::Loop& loop, RaftDriverOptions options, std::unique_ptr<MetadataLog> log);
  ~LoopRaftDriver() override;

  rt::Task<std::expected<storage::JournalEvidence, std::string>> journal_evidence(
      base::BrokerId node) override;
  void add_listener(RaftListener& listener) override { feed_.add_listener(listener); }
  void set_snapshot_source(SnapshotSource& source) override { snapshots_.set_source(source); }
  void set_channel(QuorumChannel& channel) override { channel_ = &channel; }
  void start() override;
  rt::Task<> shut_down(base::Duration patience) override;

  std::expected<AppendedBatch, wire::ErrorCode> append(
      base::LeaderEpoch epoch, std::span<const base::SharedBytes> records) override;
  base::Offset next_offset() const override { return core_.log().end_offset(); }
  rt::Task<std::expected<void, wire::ErrorCode>> wait_committed(base::LeaderEpoch epoch,
                                                                base::Offset last) override;
  void resign(base::LeaderEpoch epoch) override { step(raft::input::Resign{epoch}); }

  raft::LeaderAndEpoch leader_and_epoch() const override { return core_.leader_and_epoch(); }
  std::optional<raft::HostPort> leader_address(std::string_view listener) const override;
  std::optional<base::Offset> high_watermark() const override { return core_.high_watermark(); }
  base::Offset told_offset() const override { return feed_.next_offset(); }
  const raft::VoterSet& voters() const override { return core_.voters(); }
  raft::KRaftVersion kraft_version() const override { return core_.log().kraft_version(); }
  const std::optional<std::string>& failed() const override { return failed_; }

  rt::Task<wire::VoteResponse> vote(wire::VoteRequest request, RaftRequestInfo info) override;
  rt::Task<wire::BeginQuorumEpochResponse> begin_quorum_epoch(wire::BeginQuorumEpochRequest request,
                                                              RaftRequestInfo info) override;
  rt::Task<wire::EndQuorumEpochResponse> end_quorum_epoch(wire::EndQuorumEpochRequest request,
                                                          RaftRequestInfo info) override;
  rt::Task<wire::FetchResponse> fetch(wire::FetchRequest request, RaftRequestInfo info) override;
  rt::Task<wire::FetchSnapshotResponse> fetch_snapshot(wire::FetchSnapshotRequest request,
                                                       RaftRequestInfo info) override;
  rt::Task<wire::DescribeQuorumResponse> describe_quorum(wire::DescribeQuorumRequest request,
                                                         RaftRequestInfo info) override;

 private:
  // A peer's request that waits for its answer; lives in the frame of its task.
  struct Waiting {
    explicit Waiting(rt::Loop& loop) : answered(loop) {}
    rt::Event answered;
    std::optional<raft::Response> response;
  };
  struct Wake : rt::Timer {
    explicit Wake(LoopRaftDriver& driver) : Timer(&Wake::fire), owner(&driver) {}
    static void fire(rt::Job& job) { static_cast<Wake&>(job).owner->step(raft::input::Tick{}); }
    LoopRaftDriver* owner;
  };

  [[nodiscard]] raft::Now now() const;
  void step(raft::Input input);
  void take(raft::Output out);
  rt::Task<> run();
  rt::Task<LogResult<void>> carry_out(raft::Output out);
  rt::Task<> complete(raft::Answer answer);
  rt::Task<> attach(raft::Answer& answer);
  rt::Task<> send(raft::Send request);
  rt::Task<> clean_regularly(rt::StopToken token);
  rt::Task<std::optional<raft::Response>> ask(raft::Request request);
  template <class Own, class WireResponse, class WireRequest>
  rt::Task<WireResponse> serve(WireRequest request, RaftRequestInfo info);
  void note_leadership();
  void fail(std::string why);
  void log_role();

  rt::Loop* loop_;
  RaftDriverOptions options_;
  std::unique_ptr<MetadataLog> log_;
  RecoveredLog recovered_;  // its log and election are the core's
  base::LeaderEpoch recovered_epoch_;
  raft::Raft core_;
  CommitFeed feed_;
  SnapshotJob snapshots_;
  QuorumChannel* channel_ = nullptr;

  bool started_ = false;
  std::deque<raft::Output> orders_;
  rt::Signal ordered_;
  Wake wake_;
  std::map<raft::RequestId, Waiting*> waiting_;
  rt::Semaphore reading_;  // answers that wait for the disk at one time
  raft::RequestId next_request_{1};
  // While leading: commits of this epoch can be waited for.
  std::optional<base::LeaderEpoch> leading_epoch_;
  // Of the leadership that ended last: what was committed by then still counts.
  struct LastLead {
    base::LeaderEpoch epoch{-1};
    base::Offset committed{0};
  };
  LastLead last_lead_;
  base::Offset committed_{0};
  raft::Role role_ = raft::Role::kUnattached;  // last logged, with its epoch
  base::LeaderEpoch role_epoch_{-1};
  std::string last_fault_;
  std::optional<std::string> failed_;
  rt::TimedEvent* drained_ = nullptr;  // of shut_down()
  rt::Scope scope_;
};

}  // namespace moldau::broker
