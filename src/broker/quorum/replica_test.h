// Raft drivers on a simulated node's disk, each with its own data directory, and a channel between
// them that loses, delays and cuts. What the driver tests run on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "broker/quorum/raft_driver.h"
#include "raft/snapshot.h"
#include "raft/wire_messages.h"
#include "rt/scope.h"
#include "rt/sleep.h"
#include "rt/timed_event.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"
#include "storage/format.h"
#include "storage/storage.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::broker::testing {

using namespace std::chrono_literals;

inline constexpr const char* kListener = "CONTROLLER";
inline constexpr const char* kCluster = "4L6g3nShT-eMCtK--X86sw";

inline base::SharedBytes value(const std::string& text) { return base::SharedBytes::copy_of(text); }

// Remembers what it is told and checks its order.
class Recorder final : public RaftListener, public SnapshotSource {
 public:
  void handle_commit(const raft::CommittedBatch& batch) override {
    EXPECT_EQ(batch.base_offset, next_);
    next_ = batch.last_offset + 1;
    last_epoch_ = batch.epoch;
    last_time_ = batch.append_time;
    for (const auto& record : batch.records) values.emplace_back(record.text());
  }
  void begin_snapshot(raft::SnapshotId id, base::Timestamp last_time) override {
    values.clear();
    ++snapshots;
    next_ = id.offset;
    last_epoch_ = id.epoch;
    last_time_ = last_time;
  }
  void handle_snapshot_records(std::span<const base::SharedBytes> records) override {
    for (const auto& record : records) values.emplace_back(record.text());
  }
  void end_snapshot() override {}
  void handle_leader_change(const raft::LeaderAndEpoch& change) override {
    EXPECT_GE(change.epoch, leader.epoch);
    leader = change;
  }
  std::optional<OpenedSnapshot> open_snapshot() override {
    class Content final : public SnapshotContent {
     public:
      explicit Content(std::vector<std::string> values) : values_(std::move(values)) {}
      bool next(std::vector<base::SharedBytes>& records) override {
        for (int i = 0; i < 3 && at_ < values_.size(); ++i)
          records.push_back(value(values_[at_++]));
        return at_ < values_.size();
      }

     private:
      std::vector<std::string> values_;
      std::size_t at_ = 0;
    };
    return OpenedSnapshot{.content = std::make_unique<Content>(values),
                          .id = {.offset = next_, .epoch = last_epoch_},
                          .last_contained_log_time = last_time_};
  }
  [[nodiscard]] bool leads(std::int32_t id) const { return leader.leader == base::BrokerId(id); }

  std::vector<std::string> values;
  int snapshots = 0;
  raft::LeaderAndEpoch leader;

 private:
  base::Offset next_{0};
  base::LeaderEpoch last_epoch_{0};
  base::Timestamp last_time_{-1};
};

class TestQuorum;

// Carries the core's requests as bytes, as a connection would.
class Wire final : public QuorumChannel {
 public:
  Wire(TestQuorum& quorum, std::int32_t from) : quorum_(&quorum), from_(from) {}
  rt::Task<std::expected<raft::Response, raft::RpcFailure>> send(raft::Send request,
                                                                 rt::StopToken token) override;

 private:
  TestQuorum* quorum_;
  std::int32_t from_;
};

// One replica's process: everything of it goes when it is killed.
struct Replica {
  explicit Replica(rt::Loop& loop) : scope(loop) {}
  std::unique_ptr<storage::Storage> storage;
  std::unique_ptr<Recorder> recorder = std::make_unique<Recorder>();
  std::unique_ptr<Wire> wire;
  std::unique_ptr<RaftDriver> driver;
  rt::Scope scope;  // of requests that came in
};

struct QuorumSpec {
  std::uint64_t seed = 1;
  std::int32_t voters = 1;
  raft::KRaftVersion kraft_version{1};
  std::uint32_t lost_percent = 0;
  std::function<void(RaftDriverOptions&)> adjust = {};
};

class TestQuorum {
 public:
  explicit TestQuorum(QuorumSpec spec)
      : world({.seed = spec.seed, .log_level = base::LogLevel::kWarn}),
        node(&world.add_node({.name = "n", .loops = 1})),
        spec_(std::move(spec)),
        rng_(spec_.seed) {
    for (std::int32_t id = 1; id <= spec_.voters; ++id) {
      directories_[id] = base::DirectoryId(base::Uuid::random(rng_));
      voters_.put(voter_node(id));
    }
    for (std::int32_t id = 1; id <= spec_.voters; ++id) format(id);
  }
  ~TestQuorum() { replicas_.clear(); }

  [[nodiscard]] rt::Loop& loop() { return node->loop(0); }
  template <class T>
  T run(rt::Task<T> task) {
    return sim::run_task(world, loop(), std::move(task));
  }
  void run(rt::Task<> task) { sim::run_task(world, loop(), std::move(task)); }

  // False, with the reason in `error`, when it does not open.
  bool start(std::int32_t id) {
    auto replica = std::make_unique<Replica>(loop());
    storage::StorageOptions options;
    options.log_dirs = {path(id)};
    options.metadata_log_dir = path(id);
    options.cluster_id = kCluster;
    options.node_id = base::BrokerId(id);
    options.journal_bytes_max = 1 << 20;
    auto storage = run(storage::Storage::open(node->loops(), options));
    EXPECT_TRUE(storage.has_value()) << storage.error().message;
    replica->storage = std::move(*storage);
    auto driver = run(RaftDriver::open(loop(), *replica->storage, driver_options(id)));
    if (!driver) {
      error = driver.error();
      return false;
    }
    replica->driver = std::move(*driver);
    auto evidence = run(replica->driver->journal_evidence(base::BrokerId(id)));
    EXPECT_TRUE(evidence.has_value());
    evidence->incarnation = base::Uuid::random(rng_);
    EXPECT_TRUE(run(replica->storage->recover(*evidence)).has_value());
    replica->wire = std::make_unique<Wire>(*this, id);
    replica->driver->add_listener(*replica->recorder);
    replica->driver->set_snapshot_source(*replica->recorder);
    replica->driver->set_channel(*replica->wire);
    Replica* started = replica.get();
    replicas_[id] = std::move(replica);
    run(start_on_loop(*started->driver));
    return true;
  }
  void start_all() {
    for (std::int32_t id = 1; id <= spec_.voters; ++id) ASSERT_TRUE(start(id)) << error;
  }
  // An orderly stop.
  void stop(std::int32_t id) {
    run(replicas_[id]->driver->shut_down(1s));
    const auto closed = run(replicas_[id]->storage->close(base::BrokerEpoch(0)));
    EXPECT_TRUE(closed.has_value()) << closed.error().message;
    replicas_.erase(id);
  }
  // kill -9 of one process; the disk goes on.
  void kill(std::int32_t id) { replicas_.erase(id); }
  // Of the whole machine: all replicas go, and what was not synced may.
  void crash(sim::CrashKind kind) {
    node->crash(kind);
    replicas_.clear();
    node->restart();
  }

  [[nodiscard]] bool up(std::int32_t id) const { return replicas_.contains(id); }
  [[nodiscard]] RaftDriver& driver(std::int32_t id) { return *replicas_.at(id)->driver; }
  [[nodiscard]] Recorder& recorder(std::int32_t id) { return *replicas_.at(id)->recorder; }
  [[nodiscard]] Replica* replica(std::int32_t id) {
    const auto found = replicas_.find(id);
    return found == replicas_.end() ? nullptr : found->second.get();
  }
  // The replica that was told it leads and still does.
  [[nodiscard]] std::optional<std::int32_t> leader() {
    std::optional<std::int32_t> found;
    base::LeaderEpoch epoch{-1};
    for (auto& [id, replica] : replicas_) {
      if (!replica->recorder->leads(id)) continue;
      const auto view = replica->driver->leader_and_epoch();
      if (view.leader != base::BrokerId(id) || view.epoch <= epoch) continue;
      epoch = view.epoch;
      found = id;
    }
    return found;
  }
  bool await(const std::function<bool()>& condition, base::Duration limit = 30s) {
    return world.run_until(condition, limit);
  }

  std::expected<AppendedBatch, wire::ErrorCode> append(std::int32_t id,
                                                       std::vector<std::string> values) {
    return run(append_on_loop(id, std::move(values)));
  }
  // Appends and waits for the commit.
  bool commit(std::int32_t id, std::vector<std::string> values) {
    const auto appended = append(id, std::move(values));
    if (!appended) return false;
    return run(driver(id).wait_committed(driver(id).leader_and_epoch().epoch,
                                         appended->last_offset))
        .has_value();
  }

  [[nodiscard]] static std::string path(std::int32_t id) { return "/data" + std::to_string(id); }
  [[nodiscard]] static std::string log_path(std::int32_t id) {
    return path(id) + "/" + std::string(storage::kMetadataLogName);
  }
  [[nodiscard]] std::string file(std::int32_t id, const std::string& name) {
    const auto content = run(rt::read_file(node->disk(), log_path(id) + "/" + name));
    return content ? std::string(content->text()) : "<" + content.error().to_string() + ">";
  }
  void write_file(std::int32_t id, const std::string& name, const std::string& content) {
    EXPECT_TRUE(
        run(rt::write_file_atomically(node->disk(), log_path(id) + "/" + name, value(content)))
            .has_value());
  }
  [[nodiscard]] std::set<std::string> files(std::int32_t id) {
    std::set<std::string> names;
    const auto listed = run(node->disk().list(log_path(id)));
    if (listed) {
      for (const auto& entry : *listed) names.insert(entry.name);
    }
    return names;
  }
  [[nodiscard]] base::DirectoryId directory(std::int32_t id) const { return directories_.at(id); }

  // Cuts the wires of one replica, in both directions.
  void isolate(std::int32_t id) { isolated_.insert(id); }
  void heal() { isolated_.clear(); }
  void set_lost_percent(std::uint32_t percent) { spec_.lost_percent = percent; }
  [[nodiscard]] bool passes(std::int32_t from, std::int32_t to) {
    if (isolated_.contains(from) || isolated_.contains(to)) return false;
    return rng_.below(100) >= spec_.lost_percent;
  }
  [[nodiscard]] base::Duration delay() { return std::chrono::microseconds(rng_.below(3'000)); }
  base::Rng& rng() { return rng_; }

  sim::Simulation world;
  sim::Node* node;
  std::string error;

 private:
  static rt::Task<> start_on_loop(RaftDriver& driver) {
    driver.start();
    co_return;
  }
  rt::Task<std::expected<AppendedBatch, wire::ErrorCode>> append_on_loop(
      std::int32_t id, std::vector<std::string> values) {
    std::vector<base::SharedBytes> records;
    for (const auto& text : values) records.push_back(value(text));
    co_return driver(id).append(driver(id).leader_and_epoch().epoch, records);
  }

  [[nodiscard]] static raft::Endpoints endpoints(std::int32_t id) {
    return {{kListener, {"n", static_cast<std::uint16_t>(9000 + id)}}};
  }
  [[nodiscard]] raft::VoterNode voter_node(std::int32_t id) {
    raft::VoterNode voter{.key = {.id = base::BrokerId(id), .directory = directories_[id]},
                          .endpoints = endpoints(id),
                          .supported = raft::kSupportedKRaftVersions};
    if (spec_.kraft_version == raft::kKRaftVersion0) {
      voter.key.directory = {};
      voter.supported = {};
    }
    return voter;
  }
  void format(std::int32_t id) {
    storage::FormatOptions options{.path = path(id),
                                   .cluster_id = kCluster,
                                   .node_id = base::BrokerId(id),
                                   .directory_id = directories_[id]};
    if (spec_.kraft_version >= raft::kKRaftVersion1) {
      options.metadata_checkpoint = raft::snapshot_bytes({.id = raft::kBootstrapSnapshotId,
                                                          .kraft_version = spec_.kraft_version,
                                                          .voters = voters_},
                                                         {});
    }
    const auto formatted = run(storage::format_directory(node->disk(), std::move(options)));
    ASSERT_TRUE(formatted.has_value()) << formatted.error().message;
  }
  [[nodiscard]] RaftDriverOptions driver_options(std::int32_t id) {
    RaftDriverOptions options;
    options.cluster_id = kCluster;
    options.directory = path(id);
    options.raft.self = {.id = base::BrokerId(id), .directory = directories_[id]};
    options.raft.listeners = endpoints(id);
    options.raft.default_listener = kListener;
    if (spec_.kraft_version == raft::kKRaftVersion0) options.raft.static_voters = voters_;
    if (spec_.adjust) spec_.adjust(options);
    return options;
  }

  QuorumSpec spec_;
  base::Rng rng_;
  std::map<std::int32_t, base::DirectoryId> directories_;
  raft::VoterSet voters_;
  std::map<std::int32_t, std::unique_ptr<Replica>> replicas_;
  std::set<std::int32_t> isolated_;
};

template <class Message>
Message over_the_wire(const Message& message) {
  wire::Writer out;
  encode(message, Message::kStableVersion, out);
  const auto bytes = out.finish();
  EXPECT_TRUE(bytes.has_value());
  wire::Reader in(bytes->flatten());
  Message decoded;
  EXPECT_TRUE(decode(decoded, Message::kStableVersion, in).has_value());
  return decoded;
}

// The state of one exchange: both ends may go before the other.
struct Exchange {
  explicit Exchange(rt::Loop& loop, base::Instant deadline) : answered(loop, deadline) {}
  rt::TimedEvent answered;
  std::expected<raft::Response, raft::RpcFailure> result =
      std::unexpected(raft::RpcFailure::kUnreachable);
};

template <class Own, class WireRequest, class Method>
rt::Task<> serve_exchange(TestQuorum& quorum, Replica& replica, WireRequest request, Method method,
                          std::shared_ptr<Exchange> exchange) {
  const RaftRequestInfo info{.listener = kListener, .api_version = WireRequest::kStableVersion};
  co_await rt::sleep_for(quorum.loop(), quorum.delay());
  auto response = co_await (replica.driver.get()->*method)(over_the_wire(request), info);
  co_await rt::sleep_for(quorum.loop(), quorum.delay());
  const auto taken = raft::take_response(over_the_wire(response), kListener);
  if (taken) {
    exchange->result = *taken;
  } else {
    exchange->result = std::unexpected(taken.error());
  }
  exchange->answered.set();
}

inline void begin_exchange(TestQuorum& quorum, Replica& replica, const raft::Request& request,
                           const std::shared_ptr<Exchange>& exchange) {
  const auto serve = [&]<class Own>(const Own& own, auto method) {
    replica.scope.spawn(
        serve_exchange<Own>(quorum, replica, raft::give_request(own, kCluster), method, exchange));
  };
  if (const auto* vote = std::get_if<raft::VoteRequest>(&request)) {
    serve(*vote, &RaftDriver::vote);
  } else if (const auto* begin = std::get_if<raft::BeginQuorumEpochRequest>(&request)) {
    serve(*begin, &RaftDriver::begin_quorum_epoch);
  } else if (const auto* end = std::get_if<raft::EndQuorumEpochRequest>(&request)) {
    serve(*end, &RaftDriver::end_quorum_epoch);
  } else if (const auto* fetch = std::get_if<raft::FetchRequest>(&request)) {
    serve(*fetch, &RaftDriver::fetch);
  } else if (const auto* snapshot = std::get_if<raft::FetchSnapshotRequest>(&request)) {
    serve(*snapshot, &RaftDriver::fetch_snapshot);
  }
}

inline rt::Task<std::expected<raft::Response, raft::RpcFailure>> Wire::send(raft::Send request,
                                                                            rt::StopToken token) {
  const std::int32_t to = request.address.port - 9000;
  Replica* replica = quorum_->replica(to);
  if (replica == nullptr || !quorum_->passes(from_, to)) {
    co_await rt::sleep_for(quorum_->loop(), quorum_->delay(), token);
    co_return std::unexpected(raft::RpcFailure::kUnreachable);
  }
  auto exchange = std::make_shared<Exchange>(quorum_->loop(), quorum_->loop().now() + 2s);
  begin_exchange(*quorum_, *replica, request.request, exchange);
  co_await exchange->answered.wait(token);
  if (!quorum_->passes(to, from_)) co_return std::unexpected(raft::RpcFailure::kUnreachable);
  co_return std::move(exchange->result);
}

}  // namespace moldau::broker::testing
