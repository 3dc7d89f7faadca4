// The commands of the moldau binary. Each file adds its own to the command line: its options, its
// help with examples, and what runs when it is chosen. Exit codes: 0 done, 1 failed, 2 wrong usage.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

namespace moldau::cmd {

// Set by the chosen command's callback; main() runs it after parsing.
using Action = std::function<int()>;

void add_start(CLI::App& app, Action& action);
void add_storage(CLI::App& app, Action& action);
void add_topic(CLI::App& app, Action& action);
void add_produce(CLI::App& app, Action& action);
void add_consume(CLI::App& app, Action& action);
void add_log(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_sim(CLI::App& app, Action& action);
void add_version(CLI::App& app, Action& action);

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

}  // namespace moldau::cmd
