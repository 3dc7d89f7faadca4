// The options with which start and storage find a node's settings: a properties file, a data
// directory instead of one, and single keys that override either.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "config/broker_config.h"

namespace moldau::cmd {

struct NodeOptions {
  std::string config_file;
  std::string data_dir;
  std::vector<std::string> overrides;  // "key=value"

  void add_to(CLI::App& command);
  // Reads and checks the settings; prints what is wrong with them. Nothing when the node must not
  // start. Warnings are in the result, for the log.
  [[nodiscard]] std::expected<config::LoadedConfig, int> load() const;
};

}  // namespace moldau::cmd
