#include "sim/scenario/seeds.h"

#include <array>

namespace moldau::sim {
namespace {

constexpr std::array<std::string_view, 15> kRequiredMarks = {
    "journal replayed",
    "journal filled a gap",
    "journal discarded",
    "journal region recycled",
    "synced in place",
    "torn tail cut",
    "duplicate recognised after a crash",
    "snapshot loaded",
    "crash during a segment roll",
    "crash during topic deletion",
    "directory set aside",
    "log start moved",
    "zeros behind a segment cut",
    "crash during the first start",
    "metadata log truncated",
};

// A world that was too easy proves nothing.
void check_size(WorldReport& world) {
  if (!world.problems.empty()) return;
  if (world.batches < kBatchesMin) {
    world.problems.push_back("only " + std::to_string(world.batches) + " batches acknowledged");
  }
  if (world.crashes < kCrashesMin) {
    world.problems.push_back("only " + std::to_string(world.crashes) + " crashes");
  }
}

}  // namespace

std::span<const std::string_view> required_marks() { return kRequiredMarks; }

SeedsReport run_seeds(const SeedsOptions& options) {
  SeedsReport report;
  for (std::uint64_t i = 0; i < options.count; ++i) {
    WorldReport world = run_produce_consume({.seed = options.first + i, .on_log = options.on_log});
    check_size(world);
    ++report.worlds;
    for (const auto& [name, count] : world.marks) report.marks[name] += count;
    if (!world.problems.empty()) ++report.failed_worlds;
    if (options.on_world) options.on_world(world);
    if (!world.problems.empty() && options.stop_at_failure) break;
  }
  for (const std::string_view name : kRequiredMarks) {
    if (!report.marks.contains(name)) report.missing_marks.emplace_back(name);
  }
  return report;
}

}  // namespace moldau::sim
