#include "sim/scenario/plan.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

#include "base/assert.h"
#include "sim/scenario/produce_consume.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;

template <class T>
T one_of(base::Rng& rng, std::initializer_list<T> choices) {
  return choices.begin()[rng.below(choices.size())];
}

// What the other draws of a world depend on.
struct Kind {
  bool page_cache = false;  // moldau.log.sync=os: only the process may die
  bool large = false;       // batches that are synced in place by their size
};

CrashKind crash_kind(base::Rng& rng, const Kind& kind) {
  const CrashKind drawn = one_of(rng, {CrashKind::kPower, CrashKind::kPower, CrashKind::kProcess});
  return kind.page_cache ? CrashKind::kProcess : drawn;
}

config::BrokerConfig broker_config(base::Rng& rng, const Kind& kind) {
  config::Properties properties = config::default_properties(std::string(kDataDirectory));
  const std::string host(kServerName);
  properties.set("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093");
  properties.set("advertised.listeners",
                 "PLAINTEXT://" + host + ":9092,CONTROLLER://" + host + ":9093");
  if (rng.chance(1, 3)) {
    properties.set("controller.quorum.bootstrap.servers", "");
    properties.set("controller.quorum.voters", "1@" + host + ":9093");
  } else {
    properties.set("controller.quorum.bootstrap.servers", host + ":9093");
  }
  properties.set("moldau.http.listener", "");
  properties.set("moldau.log.sync", kind.page_cache ? "os" : "ack");
  properties.set("metadata.log.max.record.bytes.between.snapshots",
                 std::to_string(one_of(rng, {200, 1'000, 5'000})));
  properties.set("log.flush.offset.checkpoint.interval.ms",
                 std::to_string(one_of(rng, {50, 300, 60'000})));
  properties.set("log.flush.start.offset.checkpoint.interval.ms", "100");
  properties.set("replica.high.watermark.checkpoint.interval.ms", "100");
  properties.set("log.retention.check.interval.ms", "100");
  properties.set("moldau.journal.bytes", "1048576");
  properties.set("moldau.tail.cache.bytes", std::to_string(one_of(rng, {0, 5'000, 10'000'000})));
  auto loaded = config::load(properties);
  ASSERT(loaded.ok());
  return std::move(loaded.config);
}

WorkloadTopic topic(base::Rng& rng, const Kind& kind, std::string name) {
  WorkloadTopic made;
  made.name = base::TopicName(std::move(name));
  made.partitions = static_cast<std::int32_t>(1 + rng.below(4));
  const int segment_bytes =
      kind.large ? one_of(rng, {400'000, 1'000'000}) : one_of(rng, {4'000, 8'000, 30'000});
  made.configs = {{"internal.segment.bytes", std::to_string(segment_bytes)},
                  {"index.interval.bytes", std::to_string(one_of(rng, {100, 1'000}))},
                  {"file.delete.delay.ms", std::to_string(one_of(rng, {0, 50, 1'000}))},
                  {"compression.type", one_of<const char*>(rng, {"producer", "producer", "producer",
                                                                 "uncompressed", "lz4", "zstd"})}};
  return made;
}

WorkloadTopic topic_with_retention(base::Rng& rng, const Kind& kind, std::string name) {
  WorkloadTopic made = topic(rng, kind, std::move(name));
  made.partitions = static_cast<std::int32_t>(1 + rng.below(2));
  made.retention_bytes = kind.large ? 2'000'000 : 20'000;
  made.configs.emplace_back("retention.bytes", std::to_string(*made.retention_bytes));
  return made;
}

// The first one of a world keeps the strongest promise: its kind also fills the topics that come
// and go.
std::vector<WorkloadProducer> producers(base::Rng& rng) {
  using record::Codec;
  std::vector<WorkloadProducer> made(2 + rng.below(3));
  for (WorkloadProducer& producer : made) {
    producer.codec = one_of(rng, {Codec::kNone, Codec::kNone, Codec::kNone, Codec::kGzip,
                                  Codec::kSnappy, Codec::kLz4, Codec::kZstd});
    if (&producer == made.data() || rng.chance(2, 3)) continue;
    producer.acks = one_of<std::int16_t>(rng, {-1, 1, 1, 0});
    producer.promise = producer.acks == 0 ? Promise::kNothing : Promise::kAtLeastOnce;
  }
  return made;
}

WorkloadOptions workload_options(base::Rng& rng, const Kind& kind) {
  WorkloadOptions options;
  options.bootstrap = {.host = std::string(kServerName), .port = kServerPort};
  const std::uint64_t topics = 1 + rng.below(2);
  for (std::uint64_t i = 0; i < topics; ++i) {
    options.topics.push_back(topic(rng, kind, "kept" + std::to_string(i)));
  }
  if (rng.chance(1, 2)) {
    options.topics.push_back(topic_with_retention(rng, kind, "passing"));
    // Retention may take a stored batch before its producer, held up by two crashes, asks again.
    // What is left of it then is the last batch in a producer snapshot, as in Kafka.
    options.in_flight_max = 1;
  }
  options.deleted_topic = topic(rng, kind, "deleted");
  options.shared_topic = topic(rng, kind, "shared");
  options.shared_topic.partitions = 1;
  options.producers = producers(rng);
  options.batches_min = kBatchesMin;
  options.batch_bytes = kind.large ? one_of<std::size_t>(rng, {60'000, 200'000})
                                   : one_of<std::size_t>(rng, {300, 1'000, 2'000});
  options.buffer_bytes = std::max<std::size_t>(16'000, 4 * options.batch_bytes);
  options.linger = one_of<base::Duration>(rng, {0ms, 0ms, 2ms});
  options.value_bytes_max = kind.large ? 20'000 : one_of<std::size_t>(rng, {20, 200, 1'000});
  options.pause_max = one_of<base::Duration>(rng, {100us, 1ms, 3ms});
  return options;
}

std::vector<Crash> crashes(base::Rng& rng, const Kind& kind, std::uint64_t batches) {
  std::vector<Crash> plan(kCrashesMin + rng.below(3));
  for (Crash& crash : plan) {
    crash.after_batches = rng.below(batches);
    crash.moment = one_of(
        rng, {Moment::kAny, Moment::kAny, Moment::kRoll, Moment::kDeletion, Moment::kRecovery});
    crash.kind = crash_kind(rng, kind);
  }
  std::ranges::sort(plan, {}, &Crash::after_batches);
  return plan;
}

std::vector<EarlyCrash> early_crashes(base::Rng& rng, const Kind& kind, base::Duration longest) {
  std::vector<EarlyCrash> plan;
  while (plan.size() < 3 && rng.chance(1, 3)) {
    plan.push_back({.after = up_to(rng, longest), .kind = crash_kind(rng, kind)});
  }
  return plan;
}

}  // namespace

base::Duration up_to(base::Rng& rng, base::Duration longest) {
  const auto count = static_cast<std::uint64_t>(longest.count());
  return base::Duration(static_cast<std::int64_t>(rng.below(count + 1)));
}

Plan draw_plan(base::Rng& rng) {
  const Kind kind{.page_cache = rng.chance(1, 10), .large = rng.chance(1, 10)};
  Plan plan{.broker = broker_config(rng, kind)};
  plan.loops = 2 + rng.below(2);
  plan.net.resets = one_of<std::uint32_t>(rng, {0, 0, 500});
  plan.during_first_start = early_crashes(rng, kind, 60ms);
  plan.during_creation = early_crashes(rng, kind, 20ms);
  plan.workload = workload_options(rng, kind);
  plan.crashes = crashes(rng, kind, plan.workload.batches_min);
  plan.last_end = one_of(rng, {LastEnd::kStop, LastEnd::kOthers, LastEnd::kCrash, LastEnd::kCrash});
  plan.last_crash = crash_kind(rng, kind);
  return plan;
}

}  // namespace moldau::sim
