// moldau sim: runs worlds of a scenario in virtual time.
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>

#include "cmd/moldau/command.h"
#include "cmd/moldau/output.h"
#include "sim/scenario/seeds.h"

namespace moldau::cmd {
namespace {

namespace json = boost::json;

struct SimOptions {
  std::string scenario = "produce-consume";
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  bool verbose = false;
  bool json = false;
};

json::object document_of(const sim::WorldReport& world) {
  char hash[20];
  std::snprintf(hash, sizeof hash, "%016" PRIx64, world.trace_hash);
  return {{"seed", world.seed},
          {"trace_hash", hash},
          {"acknowledged_batches", world.batches},
          {"crashes", world.crashes},
          {"steps", world.steps},
          {"problems", json::value_from(world.problems)}};
}

void print_world(const sim::WorldReport& world) {
  std::printf("seed %" PRIu64 ": trace hash %016" PRIx64 ", %" PRIu64
              " acknowledged batches, %" PRIu64 " crashes, %" PRIu64 " steps, %s\n",
              world.seed, world.trace_hash, world.batches, world.crashes, world.steps,
              world.problems.empty() ? "ok" : "FAILED");
  for (const std::string& problem : world.problems) std::printf("  %s\n", problem.c_str());
  std::fflush(stdout);
}

// A rare path that no world took is not tested by them.
void print_missing(const sim::SeedsReport& report) {
  for (const std::string& name : report.missing_marks) {
    std::printf("mark %s: NEVER REACHED\n", name.c_str());
  }
  if (report.missing_marks.empty() || report.judged_by_marks()) return;
  std::printf("%zu of %zu required marks were not reached: a run of %" PRIu64
              " worlds or more fails without them\n",
              report.missing_marks.size(), sim::required_marks().size(), sim::kSeedsForAllMarks);
}

int run(const SimOptions& options) {
  sim::SeedsOptions seeds{.first = options.seed, .count = options.seeds};
  json::array worlds;
  seeds.on_world = [&](const sim::WorldReport& world) {
    if (options.json) {
      worlds.push_back(document_of(world));
    } else {
      print_world(world);
    }
  };
  if (options.verbose) {
    seeds.on_log = [&](std::string_view line) {
      std::fprintf(options.json ? stderr : stdout, "%.*s\n", static_cast<int>(line.size()),
                   line.data());
    };
  }
  const sim::SeedsReport report = sim::run_seeds(seeds);
  if (options.json) {
    print_json(json::object{{"worlds", worlds},
                            {"failed_worlds", report.failed_worlds},
                            {"marks", json::value_from(report.marks)},
                            {"missing_marks", json::value_from(report.missing_marks)}});
    return report.ok() ? kExitDone : kExitFailed;
  }
  for (const auto& [name, count] : report.marks) {
    std::printf("mark %s: %" PRIu64 "\n", name.c_str(), count);
  }
  print_missing(report);
  const bool unmarked = report.failed_worlds == 0 && !report.ok();
  std::printf("%" PRIu64 " passed, %" PRIu64 " failed\n", report.worlds - report.failed_worlds,
              report.failed_worlds + (unmarked ? 1 : 0));
  return report.ok() ? kExitDone : kExitFailed;
}

}  // namespace

void add_sim(CLI::App& app, Action& action) {
  auto options = std::make_shared<SimOptions>();
  CLI::App* command =
      app.add_subcommand("sim", "Run a broker and its clients in virtual time, under a seed");
  command->add_option("--scenario", options->scenario, "What happens in the world")
      ->check(CLI::IsMember({"produce-consume"}));
  command->add_option("--seed", options->seed,
                      "The world's seed; the same seed, the same trace hash");
  command->add_option("--seeds", options->seeds, "How many worlds, from --seed on")
      ->check(CLI::PositiveNumber);
  command->add_flag("--verbose", options->verbose, "Print every log line of the world");
  command->add_flag("--json", options->json, "Print one JSON document; log lines go to stderr");
  command->footer(
      "Examples:\n"
      "  moldau sim --scenario produce-consume --seed 7 --verbose\n"
      "  moldau sim --scenario produce-consume --seed 1 --seeds 300\n\n"
      "A run of 300 worlds or more fails when a required mark was reached by none of them.");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace moldau::cmd
