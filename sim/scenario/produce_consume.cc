#include "sim/scenario/produce_consume.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "config/broker_config.h"
#include "rt/disk.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/scenario/broker_process.h"
#include "sim/scenario/ledger.h"
#include "sim/scenario/workload.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kScenarioStream = 0x70726F6475636500ULL;
constexpr std::string_view kServer = "server";
constexpr std::uint16_t kPort = 9092;

// Virtual times after which something has gone wrong.
constexpr base::Duration kStartLimit = std::chrono::minutes(2);
constexpr base::Duration kProgressLimit = std::chrono::minutes(5);
constexpr base::Duration kMomentLimit = std::chrono::seconds(20);

// When a crash comes.
enum class Moment : std::uint8_t { kAny, kRoll, kDeletion, kRecovery };

struct Crash {
  std::uint64_t after_batches = 0;
  Moment moment = Moment::kAny;
  CrashKind kind = CrashKind::kRandom;
};

base::Duration up_to(base::Rng& rng, base::Duration longest) {
  const auto count = static_cast<std::uint64_t>(longest.count());
  return base::Duration(static_cast<std::int64_t>(rng.below(count + 1)));
}

template <class T>
T one_of(base::Rng& rng, std::initializer_list<T> choices) {
  return choices.begin()[rng.below(choices.size())];
}

config::BrokerConfig broker_config(base::Rng& rng) {
  config::Properties properties = config::default_properties("/data");
  const std::string host(kServer);
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

WorkloadTopic topic(base::Rng& rng, std::string name) {
  WorkloadTopic made;
  made.name = base::TopicName(std::move(name));
  made.partitions = static_cast<std::int32_t>(1 + rng.below(4));
  made.configs = {{"internal.segment.bytes", std::to_string(one_of(rng, {4'000, 8'000, 30'000}))},
                  {"index.interval.bytes", std::to_string(one_of(rng, {100, 1'000}))},
                  {"file.delete.delay.ms", std::to_string(one_of(rng, {0, 50, 1'000}))}};
  return made;
}

WorkloadOptions workload_options(base::Rng& rng) {
  WorkloadOptions options;
  options.bootstrap = {.host = std::string(kServer), .port = kPort};
  const std::uint64_t topics = 1 + rng.below(2);
  for (std::uint64_t i = 0; i < topics; ++i) {
    options.topics.push_back(topic(rng, "kept" + std::to_string(i)));
  }
  options.deleted_topic = topic(rng, "deleted");
  options.producers = 2 + rng.below(3);
  options.batches_min = kBatchesMin;
  options.batch_bytes = one_of<std::size_t>(rng, {300, 1'000, 2'000});
  options.linger = one_of<base::Duration>(rng, {0ms, 0ms, 2ms});
  options.value_bytes_max = one_of<std::size_t>(rng, {20, 200, 1'000});
  options.pause_max = one_of<base::Duration>(rng, {100us, 1ms, 3ms});
  return options;
}

std::vector<Crash> crash_plan(base::Rng& rng, std::uint64_t batches) {
  std::vector<Crash> plan(kCrashesMin + rng.below(3));
  for (Crash& crash : plan) {
    crash.after_batches = rng.below(batches);
    crash.moment = one_of(
        rng, {Moment::kAny, Moment::kAny, Moment::kRoll, Moment::kDeletion, Moment::kRecovery});
    crash.kind = one_of(rng, {CrashKind::kPower, CrashKind::kPower, CrashKind::kProcess});
  }
  std::ranges::sort(plan, {}, &Crash::after_batches);
  return plan;
}

// Something else, such as Apache Kafka, ran on the directory: the quorum is at a higher epoch.
rt::Task<> pretend_others_ran(rt::Disk& disk) {
  constexpr std::string_view kPath = "/data/__cluster_metadata-0/quorum-state";
  constexpr std::string_view kEpoch = "\"leaderEpoch\":";
  const auto content = co_await rt::read_file(disk, std::string(kPath));
  ASSERT(content.has_value());
  std::string text(content->text());
  const std::size_t at = text.find(kEpoch);
  ASSERT(at != std::string::npos);
  text.insert(at + kEpoch.size(), "1");
  const auto written = co_await rt::write_file_atomically(disk, std::string(kPath),
                                                          base::SharedBytes::copy_of(text));
  ASSERT(written.has_value());
}

class ProduceConsume {
 public:
  explicit ProduceConsume(const ProduceConsumeOptions& options)
      : rng_(options.seed ^ kScenarioStream),
        world_({.seed = options.seed, .on_log = options.on_log}),
        server_(world_.add_node({.name = std::string(kServer), .loops = 2 + rng_.below(2)})),
        clients_(world_.add_node({.name = "clients", .loops = 2})),
        broker_(world_, server_, broker_config(rng_)) {}

  WorldReport run() {
    broker_.start();
    if (wait_until_serving()) live();
    WorldReport report;
    report.seed = world_.options().seed;
    report.batches = workload_ == nullptr ? 0 : workload_->batches();
    workload_.reset();
    if (broker_.running() && server_.alive()) broker_.crash(CrashKind::kProcess);
    report.trace_hash = world_.trace_hash();
    report.steps = world_.steps();
    report.crashes = crashes_;
    report.marks = world_.marks();
    report.problems = problems_.texts();
    return report;
  }

 private:
  void live() {
    const WorkloadOptions options = workload_options(rng_);
    const auto plan = crash_plan(rng_, options.batches_min);
    workload_ = std::make_unique<Workload>(world_, clients_, options, rng_.fork(), problems_);
    workload_->start();
    for (const Crash& crash : plan) {
      if (!problems_.empty() || !reach(crash)) return;
      if (!crash_and_restart(crash)) return;
    }
    const bool finished = world_.run_until(
        [this] { return workload_->finished() || broker_.failure().has_value(); }, kProgressLimit);
    if (!went_well(finished, "the clients do not come to their end")) return;
    workload_->verify(true);
    end_and_verify();
  }

  // Once more after a last end of the process, in order or not.
  void end_and_verify() {
    if (!problems_.empty()) return;
    if (rng_.chance(1, 4)) {
      broker_.stop();
      server_.restart();
      broker_.start();
    } else if (rng_.chance(1, 4)) {
      // The page cache keeps everything, so the journal is not needed, and it must not be used.
      end_process(CrashKind::kProcess);
      server_.restart();
      run_task(world_, server_.loop(0), pretend_others_ran(server_.disk()));
      broker_.start();
    } else if (!crash_and_restart({.kind = CrashKind::kRandom})) {
      return;
    }
    if (wait_until_serving()) workload_->verify(true);
  }

  bool went_well(bool in_time, const std::string& otherwise) {
    if (broker_.failure()) {
      problems_.add("the broker " + *broker_.failure());
      return false;
    }
    if (!in_time) problems_.add(otherwise);
    return in_time;
  }

  bool wait_until_serving() {
    const bool in_time = world_.run_until(
        [this] { return broker_.serving() || broker_.failure().has_value(); }, kStartLimit);
    return went_well(in_time, "the broker does not start");
  }

  // Runs the world to the moment of the crash, or near it.
  bool reach(const Crash& crash) {
    const bool in_time = world_.run_until(
        [&] {
          return workload_->batches() >= crash.after_batches || workload_->finished() ||
                 broker_.failure().has_value();
        },
        kProgressLimit);
    if (!went_well(in_time, "the producers make no progress")) return false;
    switch (crash.moment) {
      case Moment::kAny:
      case Moment::kRecovery:
        world_.run_for(up_to(rng_, 5ms));
        break;
      case Moment::kRoll: {
        const std::uint64_t before = marked("segment rolled");
        world_.run_until([&] { return marked("segment rolled") > before; }, kMomentLimit);
        world_.run_for(up_to(rng_, 3ms));
        break;
      }
      case Moment::kDeletion:
        world_.run_until([this] { return workload_->deleting(); }, kMomentLimit);
        world_.run_for(up_to(rng_, 10ms));
        break;
    }
    return went_well(true, "");
  }

  bool crash_and_restart(const Crash& crash) {
    end_process(crash.kind);
    if (crash.moment == Moment::kRecovery) {
      // Before it serves again, or just after.
      broker_.restart();
      world_.run_for(up_to(rng_, 60ms));
      if (!went_well(true, "")) return false;
      end_process(crash.kind);
    }
    broker_.restart();
    return wait_until_serving();
  }

  void end_process(CrashKind kind) {
    broker_.crash(kind);
    ++crashes_;
    world_.run_for(up_to(rng_, rng_.chance(1, 5) ? base::Duration(3s) : base::Duration(50ms)));
  }

  [[nodiscard]] std::uint64_t marked(std::string_view name) const {
    const auto at = world_.marks().find(name);
    return at == world_.marks().end() ? 0 : at->second;
  }

  base::Rng rng_;
  Simulation world_;
  Node& server_;
  Node& clients_;
  Problems problems_;
  BrokerProcess broker_;
  std::unique_ptr<Workload> workload_;
  std::uint64_t crashes_ = 0;
};

}  // namespace

WorldReport run_produce_consume(const ProduceConsumeOptions& options) {
  return ProduceConsume(options).run();
}

}  // namespace moldau::sim
