// moldau sim: runs worlds of a scenario in virtual time.
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>

#include "cmd/moldau/command.h"
#include "sim/scenario/seeds.h"

namespace moldau::cmd {
namespace {

struct SimOptions {
  std::string scenario = "produce-consume";
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  bool verbose = false;
};

int run(const SimOptions& options) {
  sim::SeedsOptions seeds{.first = options.seed, .count = options.seeds};
  // One world reaches few marks; a batch must reach them all.
  seeds.require_marks = options.seeds >= sim::kSeedsForAllMarks;
  seeds.on_world = [](const sim::WorldReport& world) {
    std::printf("seed %" PRIu64 ": trace hash %016" PRIx64 ", %" PRIu64
                " acknowledged batches, %" PRIu64 " crashes, %" PRIu64 " steps, %s\n",
                world.seed, world.trace_hash, world.batches, world.crashes, world.steps,
                world.problems.empty() ? "ok" : "FAILED");
    for (const std::string& problem : world.problems) std::printf("  %s\n", problem.c_str());
    std::fflush(stdout);
  };
  if (options.verbose) {
    seeds.on_log = [](std::string_view line) {
      std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
    };
  }
  const sim::SeedsReport report = sim::run_seeds(seeds);
  for (const auto& [name, count] : report.marks) {
    std::printf("mark %s: %" PRIu64 "\n", name.c_str(), count);
  }
  for (const std::string& name : report.missing_marks) {
    std::printf("mark %s: NEVER REACHED\n", name.c_str());
  }
  std::printf("%" PRIu64 " passed, %" PRIu64 " failed\n", report.worlds - report.failed_worlds,
              report.failed_worlds + (report.missing_marks.empty() ? 0 : 1));
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
  command->footer(
      "Examples:\n"
      "  moldau sim --scenario produce-consume --seed 7 --verbose\n"
      "  moldau sim --scenario produce-consume --seed 1 --seeds 300");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace moldau::cmd
