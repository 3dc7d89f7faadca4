#include "broker/quorum/loop_raft_driver.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "raft/control_records.h"
#include "rt/sleep.h"

namespace moldau::broker {

namespace {

// How often old snapshots are looked for.
constexpr base::Duration kCleanInterval = std::chrono::minutes(1);
// Answers that read the disk at one time: each holds what it reads.
constexpr std::size_t kReadsMax = 8;

storage::LogOptions log_options_of(const RaftDriverOptions& options) {
  storage::LogOptions log;
  constexpr std::uint64_t kSegmentBytesMax = 0x7FFFFFFF;
  log.segment_bytes = static_cast<std::int32_t>(std::min(options.segment_bytes, kSegmentBytesMax));
  log.segment_time = options.segment_time;
  // Only snapshots let records go.
  log.retention_bytes = -1;
  log.retention_time = base::Milliseconds64(-1);
  log.sync = storage::LogSync::kAck;
  return log;
}

base::LeaderEpoch highest_epoch(const RecoveredLog& recovered) {
  const base::LeaderEpoch logged = recovered.log.last_epoch();
  return recovered.election ? std::max(logged, recovered.election->epoch) : logged;
}

}  // namespace

rt::Task<std::expected<std::unique_ptr<RaftDriver>, std::string>> RaftDriver::open(
    rt::Loop& loop, storage::Storage& storage, RaftDriverOptions options) {
  auto log = CO_TRY(co_await MetadataLog::open(loop, storage, log_options_of(options)));
  co_return std::make_unique<LoopRaftDriver>(loop, std::move(options), std::move(log));
}

LoopRaftDriver::LoopRaftDriver(rt::Loop& loop, RaftDriverOptions options,
                               std::unique_ptr<MetadataLog> log)
    : loop_(&loop),
      options_(std::move(options)),
      log_(std::move(log)),
      recovered_(log_->take_recovered()),
      recovered_epoch_(highest_epoch(recovered_)),
      core_(options_.raft, std::move(recovered_.log), std::move(recovered_.election),
            loop.rng().fork()),
      feed_(loop, *log_,
            {.told = [this](const raft::CommittedBatch& batch) { snapshots_.told(batch); },
             .failed = [this](std::string why) { fail(std::move(why)); }}),
      snapshots_(
          loop, *log_,
          {.record_bytes = options_.snapshot_record_bytes, .interval = options_.snapshot_interval},
          {.log = [this]() -> const raft::LogSummary& { return core_.log(); },
           .written =
               [this](raft::SnapshotId id, raft::SnapshotInfo info) {
                 step(raft::input::SnapshotWritten{.id = id, .info = info});
               }}),
      ordered_(loop),
      wake_(*this),
      reading_(loop, kReadsMax),
      scope_(loop) {
  log_->set_events(
      {.durable = [this](raft::LogSequence sequence) { step(raft::input::Durable{sequence}); },
       .failed = [this](std::string why) { fail(std::move(why)); },
       .token = scope_.token()});
}

LoopRaftDriver::~LoopRaftDriver() {
  log_->set_events({});
  if (wake_.armed()) loop_->disarm(wake_);
  if (wake_.queue != nullptr) loop_->withdraw(wake_);
}

rt::Task<std::expected<storage::JournalEvidence, std::string>> LoopRaftDriver::journal_evidence(
    base::BrokerId node) {
  storage::JournalEvidence evidence;
  evidence.quorum_epoch = recovered_epoch_;
  if (const auto found = recovered_.registrations.find(node);
      found != recovered_.registrations.end()) {
    evidence.latest_registration = found->second;
  }
  co_return evidence;
}

void LoopRaftDriver::start() {
  ASSERT(!started_);
  started_ = true;
  take(core_.start(now()));
  scope_.spawn(run());
  scope_.spawn(feed_.run(scope_.token()));
  scope_.spawn(snapshots_.run(scope_.token()));
  scope_.spawn(clean_regularly(scope_.token()));
}

rt::Task<> LoopRaftDriver::shut_down(base::Duration patience) {
  if (started_ && !failed_) {
    rt::TimedEvent drained(*loop_, loop_->now() + patience);
    drained_ = &drained;
    step(raft::input::ShutDown{});
    co_await drained.wait();
    drained_ = nullptr;
  }
  started_ = false;
  if (wake_.armed()) loop_->disarm(wake_);
  if (wake_.queue != nullptr) loop_->withdraw(wake_);
  for (const auto& [id, waiting] : waiting_) waiting->answered.set();
  co_await scope_.stop_and_join();
  feed_.told().notify_all();
}

// ---- inputs and orders

raft::Now LoopRaftDriver::now() const {
  return {.instant = loop_->now(), .wall = loop_->wall_now()};
}

void LoopRaftDriver::step(raft::Input input) {
  if (!started_ || failed_) return;
  take(core_.step(std::move(input), now()));
}

void LoopRaftDriver::take(raft::Output out) {
  if (wake_.armed()) loop_->disarm(wake_);
  if (wake_.queue != nullptr) loop_->withdraw(wake_);
  if (out.wake_at != base::kNever) loop_->arm(wake_, out.wake_at);
  if (out.high_watermark) committed_ = std::max(committed_, *out.high_watermark);
  note_leadership();
  log_role();
  orders_.push_back(std::move(out));
  ordered_.notify_all();
  if (drained_ != nullptr && core_.drained()) drained_->set();
}

void LoopRaftDriver::note_leadership() {
  const bool leading = core_.leading();
  if (leading_epoch_ && (!leading || core_.epoch() != *leading_epoch_)) {
    last_lead_ = {.epoch = *leading_epoch_, .committed = committed_};
    leading_epoch_.reset();
    feed_.told().notify_all();
  }
  if (leading && !leading_epoch_) leading_epoch_ = core_.epoch();
}

void LoopRaftDriver::log_role() {
  if (core_.role() == role_ && core_.epoch() == role_epoch_) return;
  role_ = core_.role();
  role_epoch_ = core_.epoch();
  LOG_INFO(loop_->log(), "raft", "{} in epoch {}, leader {}", raft::to_string(role_), role_epoch_,
           core_.leader_and_epoch().leader.value_or(base::kNoBroker));
}

rt::Task<> LoopRaftDriver::run() {
  const rt::StopToken token = scope_.token();
  while (!token.stop_requested() && !failed_) {
    if (orders_.empty()) {
      co_await ordered_.wait(token);
      continue;
    }
    raft::Output out = std::move(orders_.front());
    orders_.pop_front();
    const auto done = co_await carry_out(std::move(out));
    if (!done && !token.stop_requested()) fail(done.error());
  }
}

rt::Task<LogResult<void>> LoopRaftDriver::carry_out(raft::Output out) {
  for (std::string& fault : out.faults) {
    if (fault == last_fault_) continue;  // a peer repeats itself at each retry
    LOG_ERROR(loop_->log(), "raft", "{}", fault);
    last_fault_ = std::move(fault);
  }
  if (out.election) {
    CO_TRY(co_await log_->write_election(std::move(*out.election), out.election_version));
  }
  for (raft::LogOperation& operation : out.log) {
    auto fetched = CO_TRY(co_await log_->perform(std::move(operation)));
    if (!fetched) continue;
    step(raft::input::SnapshotFetched{
        .id = fetched->id, .info = fetched->info, .control = std::move(fetched->control)});
  }
  for (raft::Send& request : out.send) scope_.spawn(send(std::move(request)));
  for (raft::Answer& answer : out.answer) {
    const bool reads = !std::holds_alternative<std::monostate>(answer.attach);
    rt::Task<> completion = complete(std::move(answer));
    if (reads) {
      scope_.spawn(std::move(completion));
    } else {
      co_await std::move(completion);
    }
  }
  if (out.high_watermark) {
    log_->set_high_watermark(*out.high_watermark);
    feed_.committed(*out.high_watermark, core_.log().latest_snapshot());
  }
  if (out.leader) feed_.leader(*out.leader);
  co_return {};
}

rt::Task<> LoopRaftDriver::complete(raft::Answer answer) {
  if (!std::holds_alternative<std::monostate>(answer.attach) && waiting_.contains(answer.id)) {
    co_await attach(answer);
  }
  const auto found = waiting_.find(answer.id);
  if (found == waiting_.end()) co_return;  // the connection is gone
  found->second->response = std::move(answer.response);
  found->second->answered.set();
}

rt::Task<> LoopRaftDriver::attach(raft::Answer& answer) {
  if (!co_await reading_.acquire(1, scope_.token())) co_return;
  if (const auto* part = std::get_if<raft::ReadLog>(&answer.attach)) {
    auto& response = std::get<raft::FetchResponse>(answer.response);
    auto records = co_await log_->read(*part);
    if (records) {
      response.records = std::move(*records);
    } else {
      LOG_ERROR(loop_->log(), "raft", "cannot answer a fetch: {}", records.error());
      response.error = wire::ErrorCode::kUnknownServerError;
    }
  } else if (const auto* piece = std::get_if<raft::ReadSnapshot>(&answer.attach)) {
    auto& response = std::get<raft::FetchSnapshotResponse>(answer.response);
    auto bytes = co_await log_->read(*piece);
    if (bytes) {
      response.bytes = base::ByteChain(std::move(*bytes));
    } else {
      response.error = wire::ErrorCode::kSnapshotNotFound;  // removed meanwhile
    }
  }
  reading_.release(1);
}

rt::Task<> LoopRaftDriver::send(raft::Send request) {
  const base::BrokerId to = request.to;
  const base::CorrelationId correlation = request.correlation;
  std::variant<raft::Response, raft::RpcFailure> result = raft::RpcFailure::kUnreachable;
  if (channel_ != nullptr) {
    auto response = co_await channel_->send(std::move(request), scope_.token());
    if (response) {
      result = std::move(*response);
    } else {
      result = response.error();
    }
  }
  step(raft::input::PeerResponse{
      .from = to, .correlation = correlation, .result = std::move(result)});
}

rt::Task<> LoopRaftDriver::clean_regularly(rt::StopToken token) {
  while (co_await rt::sleep_for(*loop_, kCleanInterval, token)) {
    step(raft::input::Clean{.log_bytes = log_->size_bytes(),
                            .retention_bytes = options_.retention_bytes,
                            .retention_time = options_.retention_time});
  }
}

void LoopRaftDriver::fail(std::string why) {
  if (failed_) return;
  LOG_ERROR(loop_->log(), "raft", "the metadata quorum stops on this node: {}", why);
  failed_ = std::move(why);
  for (const auto& [id, waiting] : waiting_) waiting->answered.set();
  feed_.told().notify_all();
  ordered_.notify_all();
  if (drained_ != nullptr) drained_->set();
}

// ---- the controller's side

std::expected<AppendedBatch, wire::ErrorCode> LoopRaftDriver::append(
    base::LeaderEpoch epoch, std::span<const base::SharedBytes> records) {
  ASSERT(!records.empty());
  ASSERT(records.size() <= raft::kAtomicRecordsMax);
  if (failed_ || !started_ || !core_.leading() || core_.epoch() != epoch) {
    return std::unexpected(wire::ErrorCode::kNotController);
  }
  auto batch = raft::data_batch(
      records, {.base_offset = next_offset(), .epoch = epoch, .time = loop_->wall_now()});
  if (!batch) return std::unexpected(wire::ErrorCode::kRecordListTooLarge);
  const AppendedBatch appended{.base_offset = batch->summary.base_offset,
                               .last_offset = batch->summary.last_offset};
  step(raft::input::LocalAppend{.batch = std::move(batch->summary),
                                .bytes = std::move(batch->bytes)});
  return appended;
}

rt::Task<std::expected<void, wire::ErrorCode>> LoopRaftDriver::wait_committed(
    base::LeaderEpoch epoch, base::Offset last) {
  while (!failed_ && started_) {
    const bool ours =
        leading_epoch_ == epoch || (last_lead_.epoch == epoch && last < last_lead_.committed);
    if (!ours) break;
    if (feed_.next_offset() > last) co_return {};
    if (!co_await feed_.told().wait(scope_.token())) break;
  }
  co_return std::unexpected(wire::ErrorCode::kNotController);
}

std::optional<raft::HostPort> LoopRaftDriver::leader_address(std::string_view listener) const {
  return raft::address_of(core_.view().endpoints, listener);
}

// ---- RPCs

rt::Task<std::optional<raft::Response>> LoopRaftDriver::ask(raft::Request request) {
  if (!started_ || failed_) co_return std::nullopt;
  struct Registered {
    LoopRaftDriver* driver;
    raft::RequestId id;
    Registered(LoopRaftDriver& of, raft::RequestId with, Waiting& waiting) : driver(&of), id(with) {
      driver->waiting_.emplace(id, &waiting);
    }
    Registered(const Registered&) = delete;
    Registered& operator=(const Registered&) = delete;
    ~Registered() { driver->waiting_.erase(id); }
  };
  Waiting waiting(*loop_);
  const raft::RequestId id = next_request_;
  next_request_ += 1;
  const Registered registered(*this, id, waiting);
  step(raft::input::PeerRequest{.id = id, .request = std::move(request)});
  co_await waiting.answered.wait();
  co_return std::move(waiting.response);
}

template <class Own, class WireResponse, class WireRequest>
rt::Task<WireResponse> LoopRaftDriver::serve(WireRequest request, RaftRequestInfo info) {
  auto taken = raft::take_request(request, options_.cluster_id);
  if (!taken) co_return std::move(taken.error());
  auto response = co_await ask(std::move(*taken));
  if (!response) {
    WireResponse refused;
    refused.error_code = wire::ErrorCode::kBrokerNotAvailable;
    co_return refused;
  }
  co_return raft::give_response(std::get<Own>(*response),
                                {.listener = info.listener, .api_version = info.api_version});
}

rt::Task<wire::VoteResponse> LoopRaftDriver::vote(wire::VoteRequest request, RaftRequestInfo info) {
  co_return co_await serve<raft::VoteResponse, wire::VoteResponse>(std::move(request),
                                                                   std::move(info));
}

rt::Task<wire::BeginQuorumEpochResponse> LoopRaftDriver::begin_quorum_epoch(
    wire::BeginQuorumEpochRequest request, RaftRequestInfo info) {
  co_return co_await serve<raft::BeginQuorumEpochResponse, wire::BeginQuorumEpochResponse>(
      std::move(request), std::move(info));
}

rt::Task<wire::EndQuorumEpochResponse> LoopRaftDriver::end_quorum_epoch(
    wire::EndQuorumEpochRequest request, RaftRequestInfo info) {
  co_return co_await serve<raft::EndQuorumEpochResponse, wire::EndQuorumEpochResponse>(
      std::move(request), std::move(info));
}

rt::Task<wire::FetchResponse> LoopRaftDriver::fetch(wire::FetchRequest request,
                                                    RaftRequestInfo info) {
  co_return co_await serve<raft::FetchResponse, wire::FetchResponse>(std::move(request),
                                                                     std::move(info));
}

rt::Task<wire::FetchSnapshotResponse> LoopRaftDriver::fetch_snapshot(
    wire::FetchSnapshotRequest request, RaftRequestInfo info) {
  co_return co_await serve<raft::FetchSnapshotResponse, wire::FetchSnapshotResponse>(
      std::move(request), std::move(info));
}

rt::Task<wire::DescribeQuorumResponse> LoopRaftDriver::describe_quorum(
    wire::DescribeQuorumRequest request, RaftRequestInfo info) {
  co_return co_await serve<raft::DescribeQuorumResponse, wire::DescribeQuorumResponse>(
      std::move(request), std::move(info));
}

}  // namespace moldau::broker
