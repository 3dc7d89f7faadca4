// A quorum of raft cores in one thread for the module's tests: disks that lose what was not synced,
// a network that delays, drops and partitions, virtual time, all drawn from one seed. After each
// step it checks what must always hold: one leader an epoch, high watermarks that do not fall,
// committed records that are the same everywhere and never go away.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "raft/control_records.h"
#include "raft/raft.h"
#include "raft/snapshot.h"
#include "record/batch.h"

namespace moldau::raft::testing {

using std::chrono::milliseconds;

struct TestOptions {
  std::uint64_t seed = 1;
  std::int32_t voters = 3;
  std::int32_t observers = 0;
  KRaftVersion kraft_version{1};
  std::uint32_t lost_percent = 0;
  milliseconds delay_max{5};
  milliseconds sync_max{3};
};

// What survives a crash.
struct TestDisk {
  struct Batch {
    BatchSummary summary;
    base::SharedBytes bytes;
  };
  std::vector<Batch> batches;
  std::size_t durable = 0;  // batches
  base::Offset start{0};
  std::optional<ElectionState> election;
  std::map<SnapshotId, base::SharedBytes> snapshots;
  std::map<SnapshotId, base::ByteBuffer> partial;

  [[nodiscard]] base::Offset end() const {
    return batches.empty() ? start : batches.back().summary.next_offset();
  }
};

struct TestNode {
  ReplicaKey key;
  TestDisk disk;
  std::unique_ptr<Raft> raft;
  std::uint64_t incarnation = 0;
  std::uint64_t wake_version = 0;
  bool sync_running = false;
  LogSequence written{0};
  LeaderAndEpoch told;
  base::Offset told_high_watermark{0};
  std::vector<std::string> faults;
  std::set<std::string> data;  // of committed batches, by value
};

class TestQuorum {
 public:
  explicit TestQuorum(TestOptions options) : options_(options), rng_(options.seed) {
    for (std::int32_t i = 0; i < options.voters + options.observers; ++i) {
      TestNode node;
      node.key = {.id = base::BrokerId(i + 1),
                  .directory = base::DirectoryId(base::Uuid::random(rng_))};
      nodes_.push_back(std::move(node));
    }
    for (std::int32_t i = 0; i < options.voters; ++i) voters_.put(voter_node(at(i + 1)));
    for (auto& node : nodes_) {
      if (options.kraft_version >= kKRaftVersion1) {
        node.disk.snapshots[kBootstrapSnapshotId] = snapshot_bytes(
            {.id = kBootstrapSnapshotId, .kraft_version = options.kraft_version, .voters = voters_},
            {});
      }
    }
  }

  // ---- control

  void start_all() {
    for (auto& node : nodes_) start(node.key.id.value());
  }
  void start(std::int32_t id) {
    TestNode& node = at(id);
    node.incarnation += 1;
    node.told = {};
    node.told_high_watermark = base::Offset(0);
    node.sync_running = false;
    node.raft =
        std::make_unique<Raft>(raft_options(node), recover(node), node.disk.election, rng_.fork());
    perform(node, node.raft->start(now()));
  }
  // Loses some of what was not synced.
  void crash(std::int32_t id) {
    TestNode& node = at(id);
    node.raft.reset();
    const std::size_t extra = node.disk.batches.size() - node.disk.durable;
    node.disk.batches.resize(node.disk.durable + (extra == 0 ? 0 : rng_.below(extra + 1)));
    node.disk.durable = node.disk.batches.size();
    node.disk.partial.clear();
    node.incarnation += 1;
  }
  void cut(std::int32_t a, std::int32_t b) {
    cut_.insert({a, b});
    cut_.insert({b, a});
  }
  void isolate(std::int32_t id) {
    for (auto& node : nodes_) {
      if (node.key.id.value() != id) cut(id, node.key.id.value());
    }
  }
  void heal() { cut_.clear(); }
  void set_lost_percent(std::uint32_t percent) { options_.lost_percent = percent; }

  // Runs until the condition holds; false when it does not within `limit` of virtual time.
  bool run_until(const std::function<bool()>& condition, milliseconds limit) {
    const base::Instant end = now_ + limit;
    while (!condition()) {
      if (events_.empty() || events_.top().at > end) {
        now_ = end;
        return condition();
      }
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      event.run();
      check();
      if (::testing::Test::HasFatalFailure()) return false;
    }
    return true;
  }
  void run_for(milliseconds time) {
    run_until([] { return false; }, time);
  }

  // The node that was told it leads in the highest epoch, if it still does.
  [[nodiscard]] std::optional<std::int32_t> leader() const {
    std::optional<std::int32_t> found;
    base::LeaderEpoch epoch{-1};
    for (const auto& node : nodes_) {
      if (node.raft == nullptr || !node.raft->leading()) continue;
      if (node.told.leader != node.key.id || node.told.epoch != node.raft->epoch()) continue;
      if (node.raft->epoch() <= epoch) continue;
      epoch = node.raft->epoch();
      found = node.key.id.value();
    }
    return found;
  }
  // Appends a batch of one record on a leader; its value comes back as committed, or never.
  bool append(std::int32_t id, const std::string& value) {
    TestNode& node = at(id);
    if (node.raft == nullptr || !node.raft->leading()) return false;
    const auto bytes = base::SharedBytes::copy_of(value);
    auto batch = data_batch(std::span(&bytes, 1), {.base_offset = node.raft->log().end_offset(),
                                                   .epoch = node.raft->epoch(),
                                                   .time = now().wall});
    step(node, input::LocalAppend{.batch = batch->summary, .bytes = batch->bytes});
    return true;
  }
  // Writes a snapshot of what the node knows as committed, and lets old ones and the log go.
  void snapshot(std::int32_t id) {
    TestNode& node = at(id);
    if (node.raft == nullptr || node.told_high_watermark <= node.disk.start) return;
    const LogSummary& log = node.raft->log();
    base::LeaderEpoch epoch{0};
    for (const auto& batch : node.disk.batches) {
      if (batch.summary.next_offset() == node.told_high_watermark) epoch = batch.summary.epoch;
    }
    const SnapshotId name{.offset = node.told_high_watermark, .epoch = epoch};
    if (epoch == base::LeaderEpoch(0) || log.snapshots().contains(name)) return;
    const VoterSet* voters = log.voters_before(name.offset);
    std::vector<base::SharedBytes> values;
    for (const auto& value : node.data) values.push_back(base::SharedBytes::copy_of(value));
    node.disk.snapshots[name] =
        snapshot_bytes({.id = name,
                        .last_contained_log_time = now().wall,
                        .kraft_version = log.kraft_version_before(name.offset),
                        .voters = voters == nullptr ? std::nullopt : std::optional(*voters)},
                       values);
    step(node, input::SnapshotWritten{.id = name,
                                      .info = {.bytes = node.disk.snapshots[name].size(),
                                               .last_contained_log_time = now().wall}});
    step(node, input::Clean{.log_bytes = 1, .retention_bytes = 0});
  }
  void step(TestNode& node, Input input) {
    perform(node, node.raft->step(std::move(input), now()));
  }

  // The state of all nodes, for messages.
  [[nodiscard]] std::string describe() const {
    std::string text;
    for (const auto& node : nodes_) {
      text += "\nnode " + std::to_string(node.key.id.value()) + ": ";
      if (node.raft == nullptr) {
        text += "down";
        continue;
      }
      const Raft& raft = *node.raft;
      text += std::string(to_string(raft.role())) + " epoch " +
              std::to_string(raft.epoch().value()) + " log " +
              std::to_string(raft.log().start_offset().value()) + ".." +
              std::to_string(raft.log().end_offset().value()) + " durable " +
              std::to_string(raft.durable_end().value()) + " committed " +
              std::to_string(node.told_high_watermark.value()) + " values " +
              std::to_string(node.data.size());
      for (const auto& [id, info] : raft.log().snapshots()) {
        text += " snapshot " + std::to_string(id.offset.value()) + "-" +
                std::to_string(id.epoch.value());
      }
      if (!node.faults.empty()) {
        text += " faults " + std::to_string(node.faults.size()) + ", last: " + node.faults.back();
      }
    }
    return text;
  }

  TestNode& at(std::int32_t id) { return nodes_[static_cast<std::size_t>(id - 1)]; }
  std::vector<TestNode>& nodes() { return nodes_; }
  [[nodiscard]] base::Instant instant() const { return now_; }
  [[nodiscard]] Now now() const {
    return {.instant = now_,
            .wall = base::Timestamp(1'700'000'000'000 + now_.since_start.count() / 1'000'000)};
  }
  [[nodiscard]] std::size_t committed_count() const { return committed_.size(); }
  [[nodiscard]] const std::map<base::LeaderEpoch, base::BrokerId>& leaders() const {
    return leader_of_epoch_;
  }
  base::Rng& rng() { return rng_; }

  [[nodiscard]] static std::string listener() { return "CONTROLLER"; }
  [[nodiscard]] VoterNode voter_node(const TestNode& node) const {
    VoterNode voter{.key = node.key, .endpoints = endpoints(node), .supported = {}};
    if (options_.kraft_version >= kKRaftVersion1) {
      voter.supported = kSupportedKRaftVersions;
    } else {
      voter.key.directory = {};
    }
    return voter;
  }

 private:
  struct Event {
    base::Instant at;
    std::uint64_t sequence;
    std::function<void()> run;
    friend bool operator<(const Event& a, const Event& b) {
      return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
    }
  };

  [[nodiscard]] static Endpoints endpoints(const TestNode& node) {
    return {{listener(),
             {"node" + std::to_string(node.key.id.value()),
              static_cast<std::uint16_t>(9000 + node.key.id.value())}}};
  }
  RaftOptions raft_options(const TestNode& node) {
    RaftOptions options;
    options.self = node.key;
    options.listeners = endpoints(node);
    options.default_listener = listener();
    if (options_.kraft_version == kKRaftVersion0) options.static_voters = voters_;
    options.can_become_voter = node.key.id.value() <= options_.voters;
    options.bootstrap_servers = {{"node1", 9001}, {"node2", 9002}};
    return options;
  }

  void after(milliseconds delay, std::function<void()> run) {
    events_.push({.at = now_ + delay, .sequence = next_event_++, .run = std::move(run)});
  }
  milliseconds up_to(milliseconds max) {
    return milliseconds(rng_.below(static_cast<std::uint64_t>(max.count()) + 1));
  }

  LogSummary recover(TestNode& node) {
    if (!node.disk.snapshots.empty()) {
      const SnapshotId latest = node.disk.snapshots.rbegin()->first;
      const bool behind =
          node.disk.batches.empty()
              ? latest.offset > node.disk.start
              : latest > OffsetAndEpoch{node.disk.end(), node.disk.batches.back().summary.epoch};
      if (behind) {
        node.disk.batches.clear();
        node.disk.durable = 0;
        node.disk.start = latest.offset;
      }
      load_snapshot(node, latest);
    }
    LogSummary log(node.disk.start);
    for (const auto& [id, bytes] : node.disk.snapshots) {
      log.add_snapshot(id, {.bytes = bytes.size(), .last_contained_log_time = now().wall});
    }
    for (const auto& [id, bytes] : node.disk.snapshots) {
      log.load_control(id, read_snapshot_head(bytes)->control);
    }
    for (const auto& batch : node.disk.batches) log.append(batch.summary);
    return log;
  }

  void perform(TestNode& node, Output out) {
    if (out.election) {
      // Both forms must survive their file.
      const auto again =
          decode_quorum_state(encode_quorum_state(*out.election, out.election_version));
      ASSERT_TRUE(again.has_value()) << again.error();
      node.disk.election = *again;
    }
    for (auto& operation : out.log) {
      std::visit([&](auto& what) { write(node, what); }, operation.what);
      node.written = operation.sequence;
    }
    for (auto& fault : out.faults) node.faults.push_back(std::move(fault));
    for (auto& send : out.send) transmit(node, std::move(send));
    for (auto& answer : out.answer) reply(node, std::move(answer));
    if (out.high_watermark) commit(node, *out.high_watermark);
    if (out.leader) node.told = *out.leader;
    if (node.raft != nullptr && node.raft->role() == Role::kLeader) lead(node);
    const std::uint64_t version = ++node.wake_version;
    const std::uint64_t incarnation = node.incarnation;
    if (out.wake_at != base::kNever) {
      events_.push(
          {.at = std::max(out.wake_at, now_), .sequence = next_event_++, .run = [=, this, &node] {
             if (node.incarnation != incarnation || node.wake_version != version) return;
             step(node, input::Tick{});
           }});
    }
    start_sync(node);
  }

  // One sync at a time, of all that is written when it starts.
  void start_sync(TestNode& node) {
    if (node.sync_running || node.raft == nullptr) return;
    if (node.raft->durable_end() == node.raft->log().end_offset()) return;
    node.sync_running = true;
    const LogSequence sequence = node.written;
    const std::size_t count = node.disk.batches.size();
    const std::uint64_t incarnation = node.incarnation;
    after(up_to(options_.sync_max), [=, this, &node] {
      if (node.incarnation != incarnation) return;
      node.sync_running = false;
      node.disk.durable = std::max(node.disk.durable, std::min(count, node.disk.batches.size()));
      step(node, input::Durable{sequence});
    });
  }

  // ---- log operations

  void write(TestNode& node, log_op::Append& append) {
    const base::SharedBytes bytes = append.bytes.flatten();
    std::size_t at = 0;
    for (const auto& summary : append.batches) {
      ASSERT_EQ(node.disk.end(), summary.base_offset);
      node.disk.batches.push_back({summary, bytes.slice(at, summary.bytes)});
      at += summary.bytes;
    }
    ASSERT_EQ(at, bytes.size());
  }
  void write(TestNode& node, log_op::TruncateTo& truncate) {
    ASSERT_GE(truncate.end, node.told_high_watermark) << "a committed record would go";
    while (node.disk.end() > truncate.end) node.disk.batches.pop_back();
    ASSERT_EQ(node.disk.end(), truncate.end) << "not at the border of a batch";
    node.disk.durable = std::min(node.disk.durable, node.disk.batches.size());
  }
  void write(TestNode& node, log_op::TruncateFully& truncate) {
    node.disk.batches.clear();
    node.disk.durable = 0;
    node.disk.start = truncate.id.offset;
    load_snapshot(node, truncate.id);
  }
  void load_snapshot(TestNode& node, SnapshotId id) {
    SnapshotReader reader(node.disk.snapshots.at(id));
    while (true) {
      const auto batch = reader.next();
      ASSERT_TRUE(batch.has_value()) << batch.error();
      if (!batch->has_value()) break;
      for (const auto& value : (*batch)->values) node.data.insert(std::string(value.text()));
    }
  }
  void write(TestNode& node, log_op::StartAt& start) {
    std::size_t gone = 0;
    while (gone < node.disk.batches.size() &&
           node.disk.batches[gone].summary.next_offset() <= start.id.offset) {
      ++gone;
    }
    node.disk.batches.erase(node.disk.batches.begin(),
                            node.disk.batches.begin() + static_cast<std::ptrdiff_t>(gone));
    node.disk.durable -= std::min(node.disk.durable, gone);
    node.disk.start = start.id.offset;
  }
  void write(TestNode& node, log_op::RemoveSnapshots& remove) {
    for (const SnapshotId id : remove.ids) node.disk.snapshots.erase(id);
  }
  void write(TestNode& node, log_op::SnapshotChunk& chunk) {
    base::ByteBuffer& partial = node.disk.partial[chunk.id];
    ASSERT_EQ(partial.size(), chunk.position);
    partial.append(chunk.bytes.flatten().span());
    if (!chunk.last) return;
    const auto whole = partial.freeze();
    node.disk.partial.erase(chunk.id);
    const auto head = read_snapshot_head(whole);
    ASSERT_TRUE(head.has_value()) << head.error();
    node.disk.snapshots[chunk.id] = whole;
    after(up_to(options_.sync_max), [this, &node, id = chunk.id, size = whole.size(), head = *head,
                                     incarnation = node.incarnation] {
      if (node.incarnation != incarnation) return;
      step(node, input::SnapshotFetched{
                     .id = id,
                     .info = SnapshotInfo{.bytes = size,
                                          .last_contained_log_time = head.last_contained_log_time},
                     .control = head.control});
    });
  }
  void write(TestNode& node, log_op::DropPartialSnapshot& drop) {
    node.disk.partial.erase(drop.id);
  }

  // ---- network

  bool passes(std::int32_t from, std::int32_t to) {
    if (cut_.contains({from, to})) return false;
    return rng_.below(100) >= options_.lost_percent;
  }
  void transmit(TestNode& from, Send send) {
    const std::int32_t to = send.address.port - 9000;
    ASSERT_GE(to, 1);
    ASSERT_LE(to, static_cast<std::int32_t>(nodes_.size()));
    const std::uint64_t id = next_request_++;
    requests_[id] = {.from = from.key.id.value(),
                     .incarnation = from.incarnation,
                     .to = send.to,
                     .correlation = send.correlation};
    if (!passes(from.key.id.value(), to) || at(to).raft == nullptr) {
      // Half of the failures are noticed, the others time out.
      if (rng_.chance(1, 2)) deliver(id, RpcFailure::kUnreachable);
      return;
    }
    after(up_to(options_.delay_max), [this, to, id, request = std::move(send.request)] {
      TestNode& target = at(to);
      if (target.raft == nullptr) return;
      step(target, input::PeerRequest{.id = RequestId(id), .request = request});
    });
  }
  void reply(TestNode& node, Answer answer) {
    if (const auto* read = std::get_if<ReadLog>(&answer.attach)) {
      auto& response = std::get<FetchResponse>(answer.response);
      for (const auto& batch : node.disk.batches) {
        if (batch.summary.last_offset < read->from || batch.summary.base_offset >= read->upto)
          continue;
        if (!response.records.empty() &&
            response.records.size() + batch.bytes.size() > read->bytes_max) {
          break;
        }
        response.records.append(batch.bytes);
      }
    } else if (const auto* part = std::get_if<ReadSnapshot>(&answer.attach)) {
      auto& response = std::get<FetchSnapshotResponse>(answer.response);
      const auto& bytes = node.disk.snapshots.at(part->id);
      const std::size_t left = bytes.size() - part->position;
      // Small pieces, so that a download takes several requests.
      response.bytes.append(bytes.slice(part->position, std::min<std::size_t>(left, 300)));
    }
    const auto found = requests_.find(answer.id.value());
    if (found == requests_.end()) {
      direct_answers_[answer.id.value()] = answer.response;
      return;
    }
    if (passes(node.key.id.value(), found->second.from))
      deliver(answer.id.value(), answer.response);
  }
  void deliver(std::uint64_t id, std::variant<Response, RpcFailure> result) {
    after(up_to(options_.delay_max), [this, id, result = std::move(result)] {
      const auto found = requests_.find(id);
      if (found == requests_.end()) return;
      const Pending pending = found->second;
      requests_.erase(found);
      TestNode& node = at(pending.from);
      if (node.raft == nullptr || node.incarnation != pending.incarnation) return;
      step(node, input::PeerResponse{
                     .from = pending.to, .correlation = pending.correlation, .result = result});
    });
  }

  // ---- what must hold

  void lead(const TestNode& node) {
    const auto [known, fresh] = leader_of_epoch_.emplace(node.raft->epoch(), node.key.id);
    ASSERT_EQ(known->second, node.key.id)
        << "two leaders in epoch " << node.raft->epoch().value() << ", seed " << options_.seed;
  }
  void commit(TestNode& node, base::Offset end) {
    ASSERT_GT(end, node.told_high_watermark) << "a high watermark fell, seed " << options_.seed;
    for (const auto& batch : node.disk.batches) {
      if (batch.summary.base_offset < node.told_high_watermark) continue;
      if (batch.summary.base_offset >= end) break;
      ASSERT_LE(batch.summary.next_offset(), end) << "half a batch is committed";
      const auto [known, fresh] =
          committed_.emplace(batch.summary.base_offset, std::string(batch.bytes.text()));
      ASSERT_EQ(known->second, batch.bytes.text())
          << "another batch was committed at " << batch.summary.base_offset.value() << ", seed "
          << options_.seed;
      if (batch.summary.control) continue;
      const auto view = record::BatchView::parse(batch.bytes);
      ASSERT_TRUE(view.has_value());
      const auto values = data_values(*view);
      ASSERT_TRUE(values.has_value());
      for (const auto& value : *values) node.data.insert(std::string(value.text()));
    }
    node.told_high_watermark = end;
  }
  void check() {
    for (const auto& node : nodes_) {
      if (node.raft == nullptr) continue;
      ASSERT_EQ(node.raft->log().end_offset(), node.disk.end());
      ASSERT_EQ(node.raft->log().start_offset(), node.disk.start);
    }
  }

 public:
  // Sends a request from outside of the quorum, and its answer if it came at once.
  std::optional<Response> ask(std::int32_t id, Request request) {
    const std::uint64_t request_id = (1ULL << 40) + next_request_++;
    step(at(id), input::PeerRequest{.id = RequestId(request_id), .request = std::move(request)});
    return answer_of(request_id);
  }
  std::optional<Response> answer_of(std::uint64_t request_id) {
    const auto found = direct_answers_.find(request_id);
    if (found == direct_answers_.end()) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] std::uint64_t last_request() const { return (1ULL << 40) + next_request_ - 1; }

 private:
  struct Pending {
    std::int32_t from;
    std::uint64_t incarnation;
    base::BrokerId to;
    base::CorrelationId correlation;
  };

  TestOptions options_;
  base::Rng rng_;
  VoterSet voters_;
  std::vector<TestNode> nodes_;
  base::Instant now_{std::chrono::seconds(1)};
  std::uint64_t next_event_ = 0;
  std::uint64_t next_request_ = 1;
  std::priority_queue<Event> events_;
  std::map<std::uint64_t, Pending> requests_;
  std::map<std::uint64_t, Response> direct_answers_;
  std::set<std::pair<std::int32_t, std::int32_t>> cut_;
  std::map<base::LeaderEpoch, base::BrokerId> leader_of_epoch_;
  std::map<base::Offset, std::string> committed_;
};

}  // namespace moldau::raft::testing
