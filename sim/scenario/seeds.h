// run_seeds() runs the worlds of consecutive seeds and adds up which marks they reached. A batch of
// kSeedsForAllMarks worlds or more has to reach each of required_marks(), or it says nothing about
// the rare paths behind them: it fails. A smaller one only tells which it missed.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario/produce_consume.h"

namespace moldau::sim {

inline constexpr std::uint64_t kSeedsForAllMarks = 300;

[[nodiscard]] std::span<const std::string_view> required_marks();

struct SeedsOptions {
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  bool stop_at_failure = false;
  std::function<void(const WorldReport&)> on_world;
  std::function<void(std::string_view line)> on_log;
};

struct SeedsReport {
  std::uint64_t worlds = 0;
  std::uint64_t failed_worlds = 0;
  Simulation::Marks marks;
  std::vector<std::string> missing_marks;
  // Whether the batch was large enough to be judged by its marks.
  [[nodiscard]] bool judged_by_marks() const { return worlds >= kSeedsForAllMarks; }
  [[nodiscard]] bool ok() const {
    return failed_worlds == 0 && (missing_marks.empty() || !judged_by_marks());
  }
};

[[nodiscard]] SeedsReport run_seeds(const SeedsOptions& options);

}  // namespace moldau::sim
