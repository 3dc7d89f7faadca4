// ControllerDriver pumps the pure controller core: it replays committed batches, appends what the
// core decides through the raft driver, and answers once that is committed. While this node leads
// the quorum it also runs the core's upkeep (sessions, elections, NoOp records). It decides
// nothing. A replay that fails means that log and code disagree: the node gives up the lead and
// failed() says why. Lives on loop 0.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "broker/controller_answers.h"
#include "broker/quorum/raft_driver.h"
#include "controller/controller.h"
#include "metadata/delta.h"
#include "metadata/record.h"
#include "rt/scope.h"
#include "rt/timed_event.h"

namespace moldau::broker {

class ControllerDriver final : public RaftListener {
 public:
  ControllerDriver(rt::Loop& loop, RaftDriver& raft, controller::Settings settings,
                   std::vector<metadata::Record> bootstrap);

  void start();
  rt::Task<> stop();

  [[nodiscard]] bool active() const { return core_.active(); }
  // How often the lead was seen to change, and a wait for the next change after `seen` of them: for
  // who was refused because nobody led yet.
  [[nodiscard]] std::uint64_t leader_changes() const { return leader_changes_; }
  rt::Task<> leader_changed(std::uint64_t seen, base::Duration patience, rt::StopToken token);
  [[nodiscard]] const metadata::Image& image() const { return core_.image(); }
  [[nodiscard]] const std::optional<std::string>& failed() const { return failed_; }

  // Decides, appends, waits for the commit, answers. kNotController inside the answer when this
  // node does not lead, or lost the lead before the commit; kRecordListTooLarge when the decision
  // does not fit into one batch.
  template <class Request, class Response = ResponseOf<Request>>
  rt::Task<Response> serve(Request request);

  // RaftListener
  void handle_commit(const raft::CommittedBatch& batch) override;
  void begin_snapshot(raft::SnapshotId id, base::Timestamp last_contained_log_time) override;
  void handle_snapshot_records(std::span<const base::SharedBytes> records) override;
  void end_snapshot() override;
  void handle_leader_change(const raft::LeaderAndEpoch& leader) override;

 private:
  [[nodiscard]] controller::Context context() const;
  // Appends and replays at once: the last offset, or why the append was refused.
  using Appended = std::expected<base::Offset, wire::ErrorCode>;
  Appended append(std::span<const metadata::Record> records);
  Appended append_batch(std::span<const metadata::Record> records);
  // Waits until the core may append, or does not lead; false when raft has lost the lead and the
  // core will hear so later.
  rt::Task<bool> room();
  rt::Task<> run_upkeep();
  void do_upkeep();
  void fail(std::string why);

  rt::Loop* loop_;
  RaftDriver* raft_;
  base::BrokerId node_id_;
  std::vector<metadata::Record> bootstrap_;
  controller::Controller core_;
  base::LeaderEpoch epoch_{-1};   // while leading
  base::Offset replayed_to_{-1};  // last offset the core has seen, its own appends included
  std::optional<std::string> failed_;
  std::uint64_t leader_changes_ = 0;
  rt::TimedEvent* leader_wait_ = nullptr;  // of the one that waits for a change
  rt::TimedEvent* pause_ = nullptr;        // of the upkeep task
  // A snapshot that is being loaded.
  std::optional<metadata::Delta> snapshot_;
  base::Offset snapshot_end_{-1};
  rt::Scope scope_;  // last: its frames use the members above
};

template <class Request, class Response>
rt::Task<Response> ControllerDriver::serve(Request request) {
  const bool room_left = co_await room();
  if (!room_left || !core_.active()) co_return refuse_all(request, wire::ErrorCode::kNotController);
  if constexpr (std::is_same_v<Request, wire::BrokerHeartbeatRequest>) {
    core_.heard(request, loop_->now());
  }
  const base::LeaderEpoch epoch = epoch_;
  auto decision = core_.decide(context(), request);
  if (decision.records.empty()) co_return std::move(decision.response);
  const Appended last = append(decision.records);
  if (!last) co_return refuse_all(request, last.error());
  if (!co_await raft_->wait_committed(epoch, *last)) {
    co_return refuse_all(request, wire::ErrorCode::kNotController);
  }
  if (pause_ != nullptr) pause_->set();
  co_return std::move(decision.response);
}

}  // namespace moldau::broker
