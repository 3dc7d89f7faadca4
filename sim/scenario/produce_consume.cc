#include "sim/scenario/produce_consume.h"

#include <memory>
#include <string>
#include <utility>

#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/scenario/broker_process.h"
#include "sim/scenario/ledger.h"
#include "sim/scenario/others.h"
#include "sim/scenario/plan.h"
#include "sim/scenario/workload.h"

namespace moldau::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kScenarioStream = 0x70726F6475636500ULL;

// Virtual times after which something has gone wrong.
constexpr base::Duration kStartLimit = std::chrono::minutes(2);
constexpr base::Duration kProgressLimit = std::chrono::minutes(5);
constexpr base::Duration kMomentLimit = std::chrono::seconds(20);

class ProduceConsume {
 public:
  explicit ProduceConsume(const ProduceConsumeOptions& options)
      : rng_(options.seed ^ kScenarioStream),
        plan_(draw_plan(rng_)),
        world_({.seed = options.seed, .net = plan_.net, .on_log = options.on_log}),
        server_(world_.add_node({.name = std::string(kServerName), .loops = plan_.loops})),
        clients_(world_.add_node({.name = "clients", .loops = 2})),
        broker_(world_, server_, plan_.broker),
        workload_(
            std::make_unique<Workload>(world_, clients_, plan_.workload, rng_.fork(), problems_)) {}

  WorldReport run() {
    live();
    WorldReport report;
    report.seed = world_.options().seed;
    report.batches = workload_->batches();
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
    if (!begin()) return;
    for (const Crash& crash : plan_.crashes) {
      if (!problems_.empty() || !reach(crash)) return;
      ++crashes_;
      if (!crash_and_restart(crash)) return;
    }
    const bool finished = world_.run_until(
        [this] { return workload_->finished() || broker_.failure().has_value(); }, kProgressLimit);
    if (!went_well(finished, "the clients do not come to their end")) return;
    workload_->verify(true);
    end_and_verify();
  }

  // The first start and the topics, interrupted or not.
  bool begin() {
    broker_.start();
    if (!interrupt(plan_.during_first_start, "crash during the first start")) return false;
    if (!wait_until_serving()) return false;
    workload_->create_topics();
    if (!interrupt(plan_.during_creation, "crash before all topics were there")) return false;
    const bool created = world_.run_until(
        [this] { return workload_->created() || broker_.failure().has_value(); }, kProgressLimit);
    if (!went_well(created, "the topics cannot be created")) return false;
    workload_->start();
    return true;
  }

  bool interrupt(const std::vector<EarlyCrash>& crashes, std::string_view mark) {
    for (const EarlyCrash& crash : crashes) {
      world_.run_for(crash.after);
      if (!went_well(true, "")) return false;
      if (!workload_->created()) server_.loop(0).mark(mark);
      end_process(crash.kind);
      broker_.restart();
    }
    return true;
  }

  // Once more after a last end of the process.
  void end_and_verify() {
    if (!problems_.empty()) return;
    switch (plan_.last_end) {
      case LastEnd::kStop:
        broker_.stop();
        broker_.restart();
        break;
      case LastEnd::kOthers:
        workload_->write_shared();
        broker_.crash(CrashKind::kProcess);
        let_others_run();
        broker_.start();
        break;
      case LastEnd::kCrash:
        end_process(plan_.last_crash);
        broker_.restart();
        break;
    }
    if (wait_until_serving()) workload_->verify(true);
  }

  void let_others_run() {
    server_.restart();
    const Workload::OthersRecord theirs = workload_->others_record();
    const bool appends = rng_.chance(1, 2);
    const base::Offset end = run_task(
        world_, server_.loop(0),
        others_run(server_.disk(), {.data_directory = std::string(kDataDirectory),
                                    .partition = plan_.workload.shared_topic.name.value() + "-0",
                                    .appends = appends,
                                    .key = theirs.key,
                                    .value = theirs.value,
                                    .now = server_.wall_now()}));
    workload_->others_wrote(end, appends);
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
    world_.run_for(up_to(rng_, rng_.chance(1, 5) ? base::Duration(3s) : base::Duration(50ms)));
  }

  [[nodiscard]] std::uint64_t marked(std::string_view name) const {
    const auto at = world_.marks().find(name);
    return at == world_.marks().end() ? 0 : at->second;
  }

  base::Rng rng_;
  Plan plan_;
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
