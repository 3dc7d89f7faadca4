#include "broker/partition/partition.h"

#include <algorithm>

#include "broker/shard.h"
#include "rt/work.h"

namespace moldau::broker {
namespace {

// Unpacking more than this is not done on the loop.
constexpr std::size_t kInlineCompressedBytesMax = std::size_t{16} << 10;

std::optional<record::Compression> compression_of(const config::TopicConfig& config) {
  using config::CompressionType;
  switch (config.compression_type) {
    case CompressionType::kProducer:
      return std::nullopt;
    case CompressionType::kUncompressed:
      return record::Compression{record::Codec::kNone, std::nullopt};
    case CompressionType::kGzip:
      return record::Compression{record::Codec::kGzip, config.gzip_level};
    case CompressionType::kSnappy:
      return record::Compression{record::Codec::kSnappy, std::nullopt};
    case CompressionType::kLz4:
      return record::Compression{record::Codec::kLz4, config.lz4_level};
    case CompressionType::kZstd:
      return record::Compression{record::Codec::kZstd, config.zstd_level};
  }
  UNREACHABLE();
}

template <class List>
std::vector<base::BrokerId> ids_of(const List& list) {
  return {list.begin(), list.end()};
}

wire::ErrorCode to_wire(storage::ErrorCode code) {
  return static_cast<wire::ErrorCode>(static_cast<std::int16_t>(code));
}

}  // namespace

struct Partition::Ticker {
  Ticker(rt::Loop& on, Partition& of) : loop(&on), owner(&of), timer(*this) {}
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;
  ~Ticker() {
    if (timer.armed()) loop->disarm(timer);
    if (timer.queue != nullptr) loop->withdraw(timer);
  }
  struct Fire : rt::Timer {
    explicit Fire(Ticker& of) : Timer(&Fire::fire), ticker(&of) {}
    static void fire(rt::Job& job) {
      Partition& partition = *static_cast<Fire&>(job).ticker->owner;
      partition.apply(partition.replica_->step(replica::Tick{}, partition.now()));
    }
    Ticker* ticker;
  };

  rt::Loop* loop;
  Partition* owner;
  Fire timer;
};

void FetchWatch::leave() {
  if (partition_ == nullptr) return;
  (before_ == nullptr ? partition_->watches_ : before_->after_) = after_;
  if (after_ != nullptr) after_->before_ = before_;
  partition_ = nullptr;
  before_ = nullptr;
  after_ = nullptr;
}

Partition::Partition(Shard& shard, base::TopicIdPartition id, base::TopicName topic,
                     std::shared_ptr<const config::TopicConfig> config)
    : shard_(&shard),
      id_(id),
      topic_(std::move(topic)),
      config_(std::move(config)),
      turn_(shard.loop()),
      unused_(shard.loop()) {}

Partition::~Partition() {
  while (watches_ != nullptr) watches_->leave();
  detach();
}

void Partition::detach() {
  if (log_ != nullptr) log_->set_listener(nullptr);
  log_ = nullptr;
  replica_.reset();
}

base::Instant Partition::now() const { return shard_->loop().now(); }

rt::Task<> Partition::idle() {
  while (users_ > 0) co_await unused_.wait();
}

void Partition::opened(storage::Log& log) {
  log_ = &log;
  replica_.emplace(replica::ReplicaOptions{.self = shard_->node_id(),
                                           .min_insync_replicas = config_->min_insync_replicas,
                                           .replica_lag_time_max = shard_->replica_lag_time_max()},
                   replica::LogOffsets{.log_start = log.log_start_offset(),
                                       .log_end = log.end_offset(),
                                       .durable_end = log.durable_end(),
                                       .high_watermark = log.high_watermark()});
}

void Partition::failed_to_open() {
  failed_ = true;
  opening_done();
}

void Partition::opening_done() {
  opening_ = false;
  turn_.notify_all();
}

rt::Task<> Partition::wait_open() {
  while (opening_) co_await turn_.wait();
}

void Partition::set_registration(const metadata::Partition& registration) {
  if (!replica_) return;
  apply(replica_->step(replica::Registration{.leader = registration.leader,
                                             .leader_epoch = registration.leader_epoch,
                                             .partition_epoch = registration.partition_epoch,
                                             .replicas = ids_of(registration.replicas),
                                             .isr = ids_of(registration.isr)},
                       now()));
}

void Partition::set_config(std::shared_ptr<const config::TopicConfig> config) {
  config_ = std::move(config);
  if (log_ != nullptr) log_->set_options(shard_->log_options(*config_));
  if (!replica_) return;
  apply(replica_->step(replica::MinIsrChanged{config_->min_insync_replicas}, now()));
}

void Partition::stop(wire::ErrorCode error) {
  opening_done();
  if (replica_) apply(replica_->stop(error));
  wake_watches();
}

// Order matters: the epoch is known to the log before anybody who is woken here appends.
void Partition::apply(const replica::Output& output) {
  if (output.epoch_started) {
    log_->assign_epoch_start(output.epoch_started->epoch, output.epoch_started->start_offset);
  }
  if (output.high_watermark_moved) log_->set_high_watermark(replica_->high_watermark());
  for (const replica::Released& released : output.released) {
    auto& parked = *reinterpret_cast<ParkedProduce*>(released.token);
    parked.outcome->error = released.error;
    if (--parked.wait->parked == 0) parked.wait->done.set();
  }
  if (output.high_watermark_moved || output.role_changed) wake_watches();
  if (output.alter_partition) shard_->alter_partition(id_, *output.alter_partition);
  rearm();
}

void Partition::rearm() {
  const base::Instant at = replica_->wake_at();
  if (ticker_ == nullptr) {
    if (at == base::kNever) return;
    ticker_ = std::make_unique<Ticker>(shard_->loop(), *this);
  }
  rt::Timer& timer = ticker_->timer;
  if (timer.armed()) {
    if (timer.at == at) return;
    shard_->loop().disarm(timer);
  }
  if (at != base::kNever) shard_->loop().arm(timer, at);
}

void Partition::altered(const replica::AlterPartitionAnswer& answer) {
  if (replica_) apply(replica_->step(answer, now()));
}

base::Offset Partition::readable_end(bool committed) const {
  if (!replica_) return base::kNoOffset;
  const auto isolation =
      committed ? replica::Isolation::kCommitted : replica::Isolation::kHighWatermark;
  return replica_->fetchable_end(isolation, committed && log_->prepared()
                                                ? log_->producers().first_unstable_offset()
                                                : std::nullopt);
}

void Partition::watch(FetchWatch& watch) {
  ASSERT(watch.partition_ == nullptr);
  watch.partition_ = this;
  watch.after_ = watches_;
  if (watches_ != nullptr) watches_->before_ = &watch;
  watches_ = &watch;
}

void Partition::wake_watches() {
  while (watches_ != nullptr) {
    FetchWatch& watch = *watches_;
    watch.leave();
    watch.event_->set();
  }
}

void Partition::durable_end_moved(storage::Log&, base::Offset durable_end) {
  apply(replica_->step(replica::Synced{durable_end}, now()));
}

void Partition::log_failed(storage::Log&, const storage::Error& error) {
  LOG_ERROR(shard_->loop().log(), "partition",
            "{}-{} stops taking records: {}; restart the node once the disk is well", topic_,
            id_.partition, error.message);
  failed_ = true;
  stop(wire::ErrorCode::kKafkaStorageError);
}

wire::ErrorCode Partition::check_read(base::LeaderEpoch current_leader_epoch) const {
  if (failed_) return wire::ErrorCode::kKafkaStorageError;
  if (!replica_) return wire::ErrorCode::kLeaderNotAvailable;
  return replica_->check_read(current_leader_epoch, true);
}

record::ValidateOptions Partition::validate_options(const ProduceTerms& terms) const {
  record::ValidateOptions options;
  options.now = shard_->loop().wall_now();
  options.timestamp_type = config_->timestamp_type == config::TimestampType::kLogAppendTime
                               ? record::TimestampType::kLogAppendTime
                               : record::TimestampType::kCreateTime;
  options.timestamp_before_max_ms = config_->timestamp_before_max.count();
  options.timestamp_after_max_ms = config_->timestamp_after_max.count();
  options.message_bytes_max = config_->message_bytes_max;
  options.segment_bytes_max = config_->segment_bytes;
  options.compacted = config_->cleanup_compact;
  options.zstd_allowed = terms.zstd_allowed;
  options.compression = compression_of(*config_);
  return options;
}

rt::Task<std::expected<record::Validated, record::Refusal>> Partition::validate(
    base::SharedBytes records, record::ValidateOptions options) {
  const bool has_header = records.size() > record::kAttributesPosition + 1;
  const bool compressed =
      has_header && (std::to_integer<unsigned>(records.data()[record::kAttributesPosition + 1]) &
                     record::BatchAttributes::kCodecMask) != 0;
  const bool recompress =
      options.compression.has_value() && options.compression->codec != record::Codec::kNone;
  if ((!compressed && !recompress) || records.size() <= kInlineCompressedBytesMax) {
    co_return record::validate(records, options, shard_->codec_contexts());
  }
  co_return co_await rt::run_work(shard_->loop(), [records, options] {
    record::CodecContexts contexts;
    return record::validate(records, options, contexts);
  });
}

rt::Task<bool> Partition::ready_to_append(const ProduceTerms& terms, ProduceOutcome& outcome) {
  co_await wait_open();
  if (failed_ || !replica_) {
    outcome.error =
        failed_ ? wire::ErrorCode::kKafkaStorageError : wire::ErrorCode::kNotLeaderOrFollower;
    co_return false;
  }
  outcome.leader = replica_->leader();
  outcome.leader_epoch = replica_->leader_epoch();
  outcome.error = replica_->check_append(terms.acks);
  if (outcome.error != wire::ErrorCode::kNone) co_return false;
  if (!log_->prepared()) {
    const auto prepared = co_await log_->prepare();
    if (!prepared) {
      outcome.error = to_wire(prepared.error().code);
      outcome.message = prepared.error().message;
      co_return false;
    }
  }
  while (!shard_->log_store().has_room()) co_await shard_->log_store().room({});
  // Both may have changed meanwhile.
  outcome.error =
      failed_ ? wire::ErrorCode::kKafkaStorageError : replica_->check_append(terms.acks);
  co_return outcome.error == wire::ErrorCode::kNone;
}

rt::Task<> Partition::produce(std::uint64_t ticket, base::SharedBytes records, ProduceTerms terms,
                              ParkedProduce& parked) {
  const Use use(*this);
  while (serving_ticket_ != ticket) co_await turn_.wait();
  co_await append(std::move(records), terms, parked);
  ++serving_ticket_;
  turn_.notify_all();
}

rt::Task<> Partition::append(base::SharedBytes records, ProduceTerms terms, ParkedProduce& parked) {
  ProduceOutcome& outcome = *parked.outcome;
  if (!co_await ready_to_append(terms, outcome)) co_return;
  auto validated = co_await validate(std::move(records), validate_options(terms));
  if (!validated) {
    record::Refusal& refusal = validated.error();
    outcome.error = static_cast<wire::ErrorCode>(static_cast<std::int16_t>(refusal.code));
    outcome.message = std::move(refusal.message);
    outcome.record_errors = std::move(refusal.record_errors);
    co_return;
  }
  if (!replica_->is_leader()) {
    outcome.error = wire::ErrorCode::kNotLeaderOrFollower;
    co_return;
  }
  std::vector<record::StoredBatch> batches;
  batches.push_back(std::move(validated->batch));
  const auto info = log_->append_as_leader(std::move(batches), replica_->leader_epoch(),
                                           logstate::AppendOrigin::kClient);
  if (!info) {
    outcome.error = to_wire(info.error().code);
    outcome.message = info.error().message;
    co_return;
  }
  outcome.base_offset = info->base_offset;
  outcome.log_start_offset = info->log_start_offset;
  outcome.log_append_time = validated->log_append_time;
  shard_->count_appended(validated->input_bytes,
                         static_cast<std::uint64_t>(validated->record_count));
  park(*info, terms, parked);
}

void Partition::park(const storage::AppendInfo& info, const ProduceTerms& terms,
                     ParkedProduce& parked) {
  if (!info.duplicate) apply(replica_->step(replica::Appended{log_->end_offset()}, now()));
  if (terms.acks == 0) return;
  ++parked.wait->parked;
  apply(replica_->step(replica::ParkProduce{.token = reinterpret_cast<std::uint64_t>(&parked),
                                            .required = info.last_offset + 1,
                                            .acks = terms.acks,
                                            .deadline = terms.deadline},
                       now()));
}

rt::Task<ReadOutcome> Partition::read(ReadTerms terms) {
  const Use use(*this);
  co_await wait_open();
  ReadOutcome outcome;
  if (failed_ || !replica_) {
    outcome.error =
        failed_ ? wire::ErrorCode::kKafkaStorageError : wire::ErrorCode::kNotLeaderOrFollower;
    co_return outcome;
  }
  const bool needs_state = terms.position.last_fetched_epoch != base::kNoLeaderEpoch ||
                           terms.position.isolation == replica::Isolation::kCommitted;
  if (needs_state && !log_->prepared()) {
    const auto prepared = co_await log_->prepare();
    if (!prepared) {
      outcome.error = to_wire(prepared.error().code);
      co_return outcome;
    }
  }
  outcome.leader = replica_->leader();
  outcome.leader_epoch = replica_->leader_epoch();
  outcome.decision = replica_->check_fetch(terms.position, log_->epochs(),
                                           log_->producers().first_unstable_offset());
  outcome.error = outcome.decision.error;
  const bool committed = terms.position.isolation == replica::Isolation::kCommitted;
  if (outcome.error != wire::ErrorCode::kNone || outcome.decision.diverging) co_return outcome;
  if (committed) outcome.aborted.emplace();
  if (outcome.decision.upto <= terms.position.fetch_offset) co_return outcome;
  if (terms.bytes_max == 0 && !terms.at_least_one_batch) co_return outcome;  // No need to look.
  const storage::ReadRequest request{.from = terms.position.fetch_offset,
                                     .upto = outcome.decision.upto,
                                     .bytes_max = terms.bytes_max,
                                     .at_least_one_batch = terms.at_least_one_batch};
  auto cached = committed ? std::nullopt : log_->read_cached(request);
  auto result = cached      ? std::move(*cached)
                : committed ? co_await log_->read_committed(request)
                            : co_await log_->read(request);
  if (!result) {
    outcome.error = to_wire(result.error().code);
    co_return outcome;
  }
  outcome.records = std::move(result->batches);
  if (committed) outcome.aborted = std::move(result->aborted);
  co_return outcome;
}

}  // namespace moldau::broker
