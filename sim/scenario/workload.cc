#include "sim/scenario/workload.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include "rt/sleep.h"
#include "sim/runtime/run_task.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;

// Nothing that a client waits for takes longer than this: crashes and restarts are over by then.
constexpr base::Duration kPatience = std::chrono::minutes(10);
constexpr base::Duration kReadingLimit = std::chrono::minutes(5);
constexpr base::Duration kPollTime = 100ms;
// A reader that follows starts again after so many batches, on average.
constexpr std::uint64_t kBatchesBeforeNewStart = 300;
constexpr std::uint64_t kRecordsInDeletedTopicMax = 60;
constexpr int kSharedBatches = 5;
// The producer of what somebody else wrote.
constexpr std::int32_t kOthers = 1'000;
// More than a record and its batch take beside key and value.
constexpr std::size_t kOverheadBytesMax = 100;

client::ClusterOptions cluster_options(const rt::Endpoint& bootstrap, std::string name) {
  client::ClusterOptions options;
  options.bootstrap = {bootstrap};
  options.channel.client_id = std::move(name);
  options.channel.connect_timeout = 300ms;
  options.channel.request_timeout = 300ms;
  options.backoff_min = 5ms;
  options.backoff_max = 200ms;
  options.call_timeout = kPatience;
  options.patience = kPatience;
  return options;
}

std::string text_of(const client::ClientError& error) { return error.message; }

}  // namespace

Workload::Workload(Simulation& world, Node& node, WorkloadOptions options, base::Rng rng,
                   Problems& problems)
    : world_(&world), node_(&node), options_(std::move(options)), rng_(rng), problems_(&problems) {}

// The machine is gone by then, or nothing runs on it: frames first, then what they use.
Workload::~Workload() {
  if (node_->alive()) node_->crash(CrashKind::kProcess);
  front_.reset();
  back_.reset();
}

PartitionLedger& Workload::ledger(const base::TopicName& topic, base::PartitionIndex partition,
                                  int generation) {
  std::string name = topic.value() + "-" + std::to_string(partition.value());
  if (generation > 0) name += "@" + std::to_string(generation);
  const auto found = ledgers_.find(name);
  if (found != ledgers_.end()) return found->second;
  return ledgers_.try_emplace(name, name, *problems_).first->second;
}

void Workload::take(const client::Delivery& delivery, Sending sending) {
  if (sending.promise == Promise::kNothing) return;
  PartitionLedger& log = ledger(delivery.topic, delivery.partition, sending.generation);
  if (!delivery.base_offset) {
    problems_->add(log.name() +
                   ": a batch was not delivered: " + text_of(delivery.base_offset.error()));
    return;
  }
  ++batches_;
  std::int64_t index = 0;
  for (const client::DeliveryTag tag : delivery.tags) {
    std::optional<base::Offset> offset;
    if (*delivery.base_offset >= base::Offset(0)) offset = *delivery.base_offset + index++;
    log.acknowledge({.producer = sending.number, .number = static_cast<std::int64_t>(tag)}, offset);
  }
}

void Workload::take(client::ConsumedBatch& batch, int generation,
                    std::vector<PartitionLedger::Read>* reads) {
  const base::TopicPartition& partition = batch.partition();
  PartitionLedger& log = ledger(partition.topic, partition.partition, generation);
  record::RecordView record;
  for (;;) {
    const auto more = batch.next(record);
    if (!more) {
      problems_->add(log.name() + ": " + text_of(more.error()));
      return;
    }
    if (!*more) return;
    const auto name = name_of(base::as_text(record.key.value_or(base::Bytes())));
    const std::string where = " at offset " + std::to_string(record.offset.value());
    if (!name) {
      problems_->add(log.name() + ": a record that nobody sent" + where);
      return;
    }
    const std::string value = value_of(log.name(), *name, options_.value_bytes_max);
    if (base::as_text(record.value.value_or(base::Bytes())) != value) {
      problems_->add(log.name() + ": record " + key_of(*name) + where + " has another value");
    }
    log.see(record.offset, *name);
    if (reads != nullptr) reads->push_back({.offset = record.offset, .record = *name});
  }
}

void Workload::create_topics() {
  front_ = std::make_unique<rt::Scope>(node_->loop(0));
  back_ = std::make_unique<rt::Scope>(node_->loop(1));
  back_->spawn(create_all());
}

void Workload::start() {
  producing_ = options_.producers.size();
  running_ = producing_ + 3;
  for (std::size_t i = 0; i < options_.producers.size(); ++i) {
    front_->spawn(produce(static_cast<std::int32_t>(i), rng_.fork()));
  }
  back_->spawn(follow(rng_.fork()));
  back_->spawn(watch_ends(rng_.fork()));
  back_->spawn(come_and_go(rng_.fork()));
}

rt::Task<> Workload::create_all() {
  client::Cluster cluster(node_->loop(1), cluster_options(options_.bootstrap, "creator"));
  for (const WorkloadTopic& topic : options_.topics) co_await create(cluster, topic);
  co_await create(cluster, options_.shared_topic);
  co_await cluster.close();
  created_ = true;
}

rt::Task<bool> Workload::create(client::Cluster& cluster, WorkloadTopic topic) {
  client::Admin admin(cluster);
  const auto outcomes = co_await admin.create_topics({{.name = topic.name,
                                                       .partitions = topic.partitions,
                                                       .replication_factor = 1,
                                                       .configs = topic.configs}});
  if (!outcomes) {
    problems_->add("cannot create " + topic.name.value() + ": " + text_of(outcomes.error()));
    co_return false;
  }
  const auto& result = outcomes->front().result;
  // A request whose answer was lost in a crash is repeated.
  if (result || result.error().code == wire::ErrorCode::kTopicAlreadyExists) co_return true;
  problems_->add("cannot create " + topic.name.value() + ": " + text_of(result.error()));
  co_return false;
}

// --- Producers ----------------------------------------------------------------------------------

client::ProducerOptions Workload::producer_options(const WorkloadProducer& producer) const {
  client::ProducerOptions options;
  options.acks = producer.acks;
  options.idempotent = producer.promise == Promise::kExactlyOnce;
  options.compression.codec = producer.codec;
  options.batch_bytes = options_.batch_bytes;
  options.buffer_bytes_max = options_.buffer_bytes;
  options.in_flight_max = options_.in_flight_max;
  options.linger = options_.linger;
  options.delivery_timeout = kPatience;
  options.request_timeout = 2s;
  return options;
}

rt::Task<bool> Workload::send(client::Producer& producer, const WorkloadTopic& topic,
                              Sending sending, base::Rng& rng) {
  const base::PartitionIndex partition(
      static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(topic.partitions))));
  PartitionLedger& log = ledger(topic.name, partition, sending.generation);
  const RecordName name = log.send(sending.number, sending.promise);
  const std::string key = key_of(name);
  const std::string value = value_of(log.name(), name, options_.value_bytes_max);
  const auto sent = co_await producer.send(
      topic.name, {.key = base::as_bytes(key), .value = base::as_bytes(value)}, partition,
      static_cast<client::DeliveryTag>(name.number));
  if (!sent) {
    problems_->add(log.name() + ": record " + key + " was not taken: " + text_of(sent.error()));
  }
  co_return sent.has_value();
}

rt::Task<> Workload::produce(std::int32_t number, base::Rng rng) {
  rt::Loop& loop = node_->loop(0);
  client::Cluster cluster(loop,
                          cluster_options(options_.bootstrap, "producer" + std::to_string(number)));
  const WorkloadProducer& kind = options_.producers[static_cast<std::size_t>(number)];
  const Sending sending{.number = number, .promise = kind.promise};
  client::Producer producer(cluster, producer_options(kind),
                            [this, sending](const auto& delivery) { take(delivery, sending); });
  std::optional<base::ProducerId> id;
  bool well = true;
  while (well && !enough()) {
    const WorkloadTopic& topic = options_.topics[rng.below(options_.topics.size())];
    well = co_await send(producer, topic, sending, rng);
    if (rng.chance(1, 2)) {
      const auto pause = rng.below(static_cast<std::uint64_t>(options_.pause_max.count()) + 1);
      co_await rt::sleep_for(loop, base::Duration(static_cast<std::int64_t>(pause)));
    }
    if (!id && producer.producer_id() != base::kNoProducerId) id = producer.producer_id();
    check_identity(number, id, producer);
  }
  co_await producer.flush();  // What failed was reported with its delivery.
  check_identity(number, id, producer);
  co_await producer.close();
  co_await cluster.close();
  --producing_;
  --running_;
}

// A producer takes a new id only when the broker no longer knows what it stored.
void Workload::check_identity(std::int32_t number, std::optional<base::ProducerId> id,
                              const client::Producer& producer) {
  if (!id || producer.producer_id() == *id || lost_identity_.contains(number)) return;
  lost_identity_.insert(number);
  problems_->add("producer " + std::to_string(number) +
                 " was refused under its sequence: the broker forgot what it had stored");
}

// --- Readers ------------------------------------------------------------------------------------

rt::Task<> Workload::follow(base::Rng rng) {
  client::Cluster cluster(node_->loop(1), cluster_options(options_.bootstrap, "reader"));
  while (producing_ > 0) co_await follow_once(cluster, rng);
  co_await cluster.close();
  --running_;
}

rt::Task<> Workload::follow_once(client::Cluster& cluster, base::Rng& rng) {
  rt::Loop& loop = node_->loop(1);
  client::Consumer consumer(cluster, consumer_options());
  for (const WorkloadTopic& topic : options_.topics) {
    const auto assigned = co_await consumer.assign(topic.name, {}, {});
    if (!assigned) problems_->add("reader: " + text_of(assigned.error()));
  }
  std::map<base::TopicPartition, base::Offset> next;
  while (producing_ > 0 && !rng.chance(1, kBatchesBeforeNewStart)) {
    auto polled = co_await consumer.poll(loop.now() + kPollTime);
    if (!polled) {
      problems_->add("reader: " + text_of(polled.error()));
      break;
    }
    if (!*polled) continue;
    client::ConsumedBatch& batch = **polled;
    std::vector<PartitionLedger::Read> reads;
    take(batch, 0, &reads);
    check_follows(batch.partition(), reads, next);
  }
  co_await consumer.close();
}

void Workload::check_follows(const base::TopicPartition& partition,
                             const std::vector<PartitionLedger::Read>& reads,
                             std::map<base::TopicPartition, base::Offset>& next) {
  for (const PartitionLedger::Read& read : reads) {
    const auto [at, first] = next.emplace(partition, read.offset);
    const bool jumps = retained(partition.topic) != nullptr && read.offset > at->second;
    if (read.offset != at->second && !jumps) {
      problems_->add(partition.to_string() + ": a reader got offset " +
                     std::to_string(read.offset.value()) + " where " +
                     std::to_string(at->second.value()) + " was expected");
    }
    at->second = read.offset + 1;
  }
}

const WorkloadTopic* Workload::retained(const base::TopicName& name) const {
  const auto at = std::ranges::find(options_.topics, name, &WorkloadTopic::name);
  return at != options_.topics.end() && at->retention_bytes ? &*at : nullptr;
}

rt::Task<> Workload::watch_ends(base::Rng rng) {
  rt::Loop& loop = node_->loop(1);
  client::Cluster cluster(loop, cluster_options(options_.bootstrap, "watcher"));
  while (producing_ > 0) {
    co_await watch_ends_of(cluster, options_.topics[rng.below(options_.topics.size())]);
    co_await rt::sleep_for(loop, std::chrono::microseconds(rng.below(100'000)));
  }
  co_await cluster.close();
  --running_;
}

rt::Task<> Workload::watch_ends_of(client::Cluster& cluster, const WorkloadTopic& topic) {
  const auto info = co_await cluster.topic(topic.name);
  if (!info) {
    problems_->add(topic.name.value() + " is not known: " + text_of(info.error()));
    co_return;
  }
  std::vector<base::Offset> durable;
  for (std::int32_t i = 0; i < topic.partitions; ++i) {
    durable.push_back(ledger(topic.name, base::PartitionIndex(i)).acknowledged_end());
  }
  client::Admin admin(cluster);
  const auto ends = co_await admin.offsets(*info);
  if (!ends) co_return;  // The broker is away; asked again later.
  for (std::size_t i = 0; i < ends->size() && i < durable.size(); ++i) {
    const auto& range = (*ends)[i];
    ledger(topic.name, base::PartitionIndex(static_cast<std::int32_t>(i)))
        .told(durable[i], range.earliest, range.latest);
  }
}

client::ConsumerOptions Workload::consumer_options() {
  client::ConsumerOptions options;
  options.wait_max = 100ms;
  // Retention may take what is about to be read; elsewhere a step back to the start is noticed.
  options.out_of_range = client::OutOfRange::kEarliest;
  return options;
}

// --- A topic that comes and goes ----------------------------------------------------------------

rt::Task<> Workload::come_and_go(base::Rng rng) {
  rt::Loop& loop = node_->loop(1);
  for (int generation = 1; producing_ > 0; ++generation) {
    client::Cluster cluster(loop, cluster_options(options_.bootstrap, "changer"));
    bool well = co_await create(cluster, options_.deleted_topic);
    well = well && co_await fill(cluster, generation, rng);
    if (well) {
      co_await read_all(cluster, {options_.deleted_topic}, generation, true);
      well = co_await remove(cluster);
    }
    co_await cluster.close();
    if (!well) break;
    co_await rt::sleep_for(loop, std::chrono::microseconds(rng.below(200'000)));
  }
  --running_;
}

rt::Task<bool> Workload::fill(client::Cluster& cluster, int generation, base::Rng& rng) {
  const Sending sending{.number = 0, .generation = generation};
  client::Producer producer(cluster, producer_options(options_.producers.front()),
                            [this, sending](const auto& delivery) { take(delivery, sending); });
  bool well = true;
  const std::uint64_t records = rng.below(kRecordsInDeletedTopicMax);
  for (std::uint64_t i = 0; i < records && well; ++i) {
    well = co_await send(producer, options_.deleted_topic, sending, rng);
  }
  well = (co_await producer.flush()).has_value() && well;
  co_await producer.close();
  co_return well;
}

rt::Task<bool> Workload::remove(client::Cluster& cluster) {
  client::Admin admin(cluster);
  const base::TopicName& name = options_.deleted_topic.name;
  deleting_ = true;
  const auto outcomes = co_await admin.delete_topics({name});
  deleting_ = false;
  if (!outcomes) {
    problems_->add("cannot delete " + name.value() + ": " + text_of(outcomes.error()));
    co_return false;
  }
  const auto& result = outcomes->front().result;
  if (result || result.error().code == wire::ErrorCode::kUnknownTopicOrPartition) co_return true;
  problems_->add("cannot delete " + name.value() + ": " + text_of(result.error()));
  co_return false;
}

// --- A partition that others write to as well ---------------------------------------------------

void Workload::write_shared() { run_task(*world_, node_->loop(1), fill_shared(), kPatience); }

rt::Task<> Workload::fill_shared() {
  client::Cluster cluster(node_->loop(1), cluster_options(options_.bootstrap, "sharer"));
  const Sending sending{.number = 0};
  client::Producer producer(cluster, producer_options(options_.producers.front()),
                            [this, sending](const auto& delivery) { take(delivery, sending); });
  base::Rng rng = rng_.fork();
  for (int i = 0; i < kSharedBatches; ++i) {
    co_await send(producer, options_.shared_topic, sending, rng);
    co_await producer.flush();  // What failed was reported with its delivery.
  }
  co_await producer.close();
  co_await cluster.close();
}

Workload::OthersRecord Workload::others_record() const {
  const RecordName name{.producer = kOthers, .number = 0};
  const std::string partition = options_.shared_topic.name.value() + "-0";
  return {.name = name,
          .key = key_of(name),
          .value = value_of(partition, name, options_.value_bytes_max)};
}

void Workload::others_wrote(base::Offset end, bool appended) {
  PartitionLedger& log = ledger(options_.shared_topic.name, base::PartitionIndex(0));
  log.cut(end);
  if (appended) log.acknowledge(log.send(kOthers), end);
}

// --- Everything, from the start -----------------------------------------------------------------

rt::Task<> Workload::read_all(client::Cluster& cluster, std::vector<WorkloadTopic> topics,
                              int generation, bool all_settled) {
  rt::Loop& loop = node_->loop(1);
  std::map<base::TopicPartition, std::vector<PartitionLedger::Read>> reads;
  client::Consumer consumer(cluster, consumer_options());
  for (const WorkloadTopic& topic : topics) {
    const auto assigned = co_await consumer.assign(topic.name, {}, {});
    if (!assigned) {
      problems_->add(topic.name.value() + ": cannot be read: " + text_of(assigned.error()));
    }
    for (std::int32_t i = 0; i < topic.partitions; ++i) {
      reads[{topic.name, base::PartitionIndex(i)}];
    }
  }
  const base::Instant end = loop.now() + kReadingLimit;
  while (!consumer.reached_ends() && loop.now() < end) {
    auto polled = co_await consumer.poll(loop.now() + kPollTime);
    if (!polled) {
      problems_->add("reading everything: " + text_of(polled.error()));
      break;
    }
    if (!*polled) continue;
    auto& records = reads[(*polled)->partition()];
    const std::size_t before = records.size();
    take(**polled, generation, &records);
    const bool jumped = before > 0 && before < records.size() &&
                        records[before].offset > records[before - 1].offset + 1;
    // The log's start has passed what was read before.
    if (jumped && retained((*polled)->partition().topic) != nullptr) {
      records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(before));
    }
  }
  if (loop.now() >= end) problems_->add("reading everything does not come to its end");
  co_await consumer.close();
  for (const auto& [id, records] : reads) {
    const WorkloadTopic* topic = retained(id.topic);
    const bool from_zero = topic == nullptr || records.empty();
    PartitionLedger& log = ledger(id.topic, id.partition, generation);
    log.check_whole(records, from_zero ? base::Offset(0) : records.front().offset, all_settled);
    if (!from_zero) check_retained(*topic, log, records);
  }
}

// Retention keeps at least so many bytes, less what a crash took off the other end. Counted here is
// the most that the records can take on the disk.
void Workload::check_retained(const WorkloadTopic& topic, const PartitionLedger& log,
                              const std::vector<PartitionLedger::Read>& reads) {
  if (reads.front().offset == base::Offset(0)) return;
  node_->loop(1).mark("log start moved");
  std::size_t bytes = 0;
  for (const PartitionLedger::Read& read : reads) {
    bytes += value_of(log.name(), read.record, options_.value_bytes_max).size() + kOverheadBytesMax;
  }
  if (bytes >= *topic.retention_bytes / 2) return;
  problems_->add(log.name() + ": retention left at most " + std::to_string(bytes) + " bytes of " +
                 std::to_string(*topic.retention_bytes));
}

void Workload::verify(bool all_settled) {
  run_task(*world_, node_->loop(1), verify_all(all_settled), kPatience);
}

rt::Task<> Workload::verify_all(bool all_settled) {
  client::Cluster cluster(node_->loop(1), cluster_options(options_.bootstrap, "verifier"));
  std::vector<WorkloadTopic> topics = options_.topics;
  topics.push_back(options_.shared_topic);
  co_await read_all(cluster, std::move(topics), 0, all_settled);
  for (const WorkloadTopic& topic : options_.topics) co_await watch_ends_of(cluster, topic);
  co_await cluster.close();
}

}  // namespace moldau::sim
