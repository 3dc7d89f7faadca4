#include "broker/partition/partition.h"

#include <algorithm>

#include "broker/shard.h"
#include "rt/work.h"

namespace moldau::broker {
namespace {

// Compressed batches up to this size are unpacked on the loop, as long as they do not unpack to
// more than kInlineUnpackedBytesMax: a few KiB may hold hundreds of MiB, and all partitions of the
// loop would wait for them.
constexpr std::size_t kInlineCompressedBytesMax = std::size_t{16} << 10;
constexpr std::size_t kInlineUnpackedBytesMax = std::size_t{1} << 20;

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

void take(storage::Result<storage::ReadResult> result, ReadOutcome& outcome) {
  if (!result) {
    outcome.error = to_wire(result.error().code);
    return;
  }
  outcome.records = std::move(result->batches);
  outcome.next_offset = result->next_offset;
  if (outcome.aborted) outcome.aborted = std::move(result->aborted);
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
  options.now = terms.arrived;
  options.timestamp_type = config_->timestamp_type == config::TimestampType::kLogAppendTime
                               ? record::TimestampType::kLogAppendTime
                               : record::TimestampType::kCreateTime;
  options.timestamp_before_max_ms = config_->timestamp_before_max.count();
  options.timestamp_after_max_ms = config_->timestamp_after_max.count();
  options.message_bytes_max = config_->message_bytes_max;
  options.decompressed_bytes_max =
      std::min(record::kDecompressedBytesMax,
               static_cast<std::size_t>(config_->decompressed_message_bytes_max));
  options.segment_bytes_max = config_->segment_bytes;
  options.compacted = config_->cleanup_compact;
  options.zstd_allowed = terms.zstd_allowed;
  options.compression = compression_of(*config_);
  return options;
}

bool Partition::validates_off_loop(const base::SharedBytes& records) const {
  if (records.size() <= kInlineCompressedBytesMax) return false;
  const auto attributes =
      std::to_integer<unsigned>(records.data()[record::kAttributesPosition + 1]);
  const auto target = compression_of(*config_);
  return (attributes & record::BatchAttributes::kCodecMask) != 0 ||
         (target && target->codec != record::Codec::kNone);
}

Validation Partition::validate_here(const base::SharedBytes& records,
                                    const record::ValidateOptions& options) {
  return record::validate(records, options, shard_->codec_contexts());
}

rt::Task<Validation> Partition::validate(base::SharedBytes records, ProduceTerms terms) {
  const Use use(*this);
  record::ValidateOptions options = validate_options(terms);
  if (!validates_off_loop(records)) {
    const std::size_t bytes_max = options.decompressed_bytes_max;
    options.decompressed_bytes_max = kInlineUnpackedBytesMax;
    auto validated = validate_here(records, options);
    const bool again = !validated && validated.error().code == record::Error::kMessageTooLarge;
    if (!again) co_return validated;
    options.decompressed_bytes_max = bytes_max;
  }
  struct Job {
    record::CodecContexts contexts;
    Validation validation;
  };
  Job job = co_await rt::run_work(
      shard_->loop(),
      [records = std::move(records), options, contexts = shard_->take_work_contexts()]() mutable {
        Validation validation = record::validate(records, options, contexts);
        return Job{std::move(contexts), std::move(validation)};
      });
  shard_->give_back_work_contexts(std::move(job.contexts));
  co_return std::move(job.validation);
}

bool Partition::may_append(const ProduceTerms& terms, ProduceOutcome& outcome) const {
  if (failed_ || !replica_) {
    outcome.error =
        failed_ ? wire::ErrorCode::kKafkaStorageError : wire::ErrorCode::kNotLeaderOrFollower;
    return false;
  }
  outcome.leader = replica_->leader();
  outcome.leader_epoch = replica_->leader_epoch();
  outcome.error = replica_->check_append(terms.acks);
  return outcome.error == wire::ErrorCode::kNone;
}

rt::Task<bool> Partition::ready_to_append(const ProduceTerms& terms, ProduceOutcome& outcome) {
  co_await wait_open();
  if (!may_append(terms, outcome)) co_return false;
  if (!log_->prepared()) {
    const auto prepared = co_await log_->prepare();
    if (!prepared) {
      outcome.error = to_wire(prepared.error().code);
      outcome.message = prepared.error().message;
      co_return false;
    }
  }
  while (!shard_->log_store().has_room()) co_await shard_->log_store().room({});
  co_return may_append(terms, outcome);  // It may have changed meanwhile.
}

bool Partition::try_produce(std::uint64_t ticket, const base::SharedBytes& records,
                            const ProduceTerms& terms, ParkedProduce& parked) {
  if (serving_ticket_ != ticket || opening_ || validates_off_loop(records)) return false;
  if (may_append(terms, *parked.outcome)) {
    if (!log_->prepared() || !shard_->log_store().has_room()) return false;
    record::ValidateOptions options = validate_options(terms);
    options.decompressed_bytes_max = kInlineUnpackedBytesMax;
    Validation validation = validate_here(records, options);
    if (!validation && validation.error().code == record::Error::kMessageTooLarge) return false;
    append(std::move(validation), terms, parked);
  }
  next_turn();
  return true;
}

rt::Task<> Partition::produce(std::uint64_t ticket, ProduceInput input, ProduceTerms terms,
                              ParkedProduce& parked) {
  const Use use(*this);
  while (serving_ticket_ != ticket) co_await turn_.wait();
  co_await produce_in_turn(std::move(input), terms, parked);
  next_turn();
}

void Partition::next_turn() {
  ++serving_ticket_;
  turn_.notify_all();
}

rt::Task<> Partition::produce_in_turn(ProduceInput input, ProduceTerms terms,
                                      ParkedProduce& parked) {
  if (!co_await ready_to_append(terms, *parked.outcome)) co_return;
  if (input.ahead == nullptr) {
    auto validation = co_await validate(std::move(input.records), terms);
    append(std::move(validation), terms, parked);
    co_return;
  }
  co_await input.ahead->done.wait();
  append(std::move(*input.ahead->result), terms, parked);
}

void Partition::append(Validation validation, const ProduceTerms& terms, ParkedProduce& parked) {
  ProduceOutcome& outcome = *parked.outcome;
  if (!validation) {
    record::Refusal& refusal = validation.error();
    outcome.error = static_cast<wire::ErrorCode>(static_cast<std::int16_t>(refusal.code));
    outcome.message = std::move(refusal.message);
    outcome.record_errors = std::move(refusal.record_errors);
    // Kafka tells it only with errors of single records.
    if (!outcome.record_errors.empty()) outcome.log_start_offset = log_->log_start_offset();
    return;
  }
  if (!may_append(terms, outcome)) return;
  std::vector<record::StoredBatch> batches;
  batches.push_back(std::move(validation->batch));
  const auto info = log_->append_as_leader(std::move(batches), replica_->leader_epoch(),
                                           logstate::AppendOrigin::kClient);
  if (!info) {
    outcome.error = to_wire(info.error().code);
    outcome.message = info.error().message;
    return;
  }
  outcome.base_offset = info->base_offset;
  outcome.log_start_offset = info->log_start_offset;
  // A retry is told what its first copy was told, or, with CreateTime, that copy's timestamp.
  outcome.log_append_time = info->duplicate ? info->timestamp : validation->log_append_time;
  shard_->count_appended(validation->input_bytes,
                         static_cast<std::uint64_t>(validation->record_count));
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

std::optional<storage::ReadRequest> Partition::check_read_terms(const ReadTerms& terms,
                                                                ReadOutcome& outcome) const {
  outcome.leader = replica_->leader();
  outcome.leader_epoch = replica_->leader_epoch();
  outcome.next_offset = terms.position.fetch_offset;
  outcome.decision = replica_->check_fetch(terms.position, log_->epochs(),
                                           log_->producers().first_unstable_offset());
  outcome.error = outcome.decision.error;
  if (outcome.error != wire::ErrorCode::kNone || outcome.decision.diverging) return std::nullopt;
  if (terms.position.isolation == replica::Isolation::kCommitted) outcome.aborted.emplace();
  if (outcome.decision.upto <= terms.position.fetch_offset) return std::nullopt;
  if (terms.bytes_max == 0 && !terms.at_least_one_batch) return std::nullopt;  // No need to look.
  return storage::ReadRequest{.from = terms.position.fetch_offset,
                              .upto = outcome.decision.upto,
                              .bytes_max = terms.bytes_max,
                              .at_least_one_batch = terms.at_least_one_batch};
}

std::optional<ReadOutcome> Partition::try_read(const ReadTerms& terms) {
  const bool committed = terms.position.isolation == replica::Isolation::kCommitted;
  const bool needs_state = committed || terms.position.last_fetched_epoch != base::kNoLeaderEpoch;
  if (opening_ || failed_ || !replica_ || (needs_state && !log_->prepared())) return std::nullopt;
  ReadOutcome outcome;
  const auto request = check_read_terms(terms, outcome);
  if (!request) return outcome;
  if (committed) return std::nullopt;
  auto cached = log_->read_cached(*request);
  if (!cached) return std::nullopt;
  take(*std::move(cached), outcome);
  return outcome;
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
  const bool committed = terms.position.isolation == replica::Isolation::kCommitted;
  const bool needs_state = committed || terms.position.last_fetched_epoch != base::kNoLeaderEpoch;
  if (needs_state && !log_->prepared()) {
    const auto prepared = co_await log_->prepare();
    if (!prepared) {
      outcome.error = to_wire(prepared.error().code);
      co_return outcome;
    }
  }
  const auto request = check_read_terms(terms, outcome);
  if (!request) co_return outcome;
  take(committed ? co_await log_->read_committed(*request) : co_await log_->read(*request),
       outcome);
  co_return outcome;
}

}  // namespace moldau::broker
