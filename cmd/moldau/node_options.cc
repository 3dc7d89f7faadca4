#include "cmd/moldau/node_options.h"

#include <fstream>
#include <iostream>
#include <sstream>

#include "cmd/moldau/command.h"

namespace moldau::cmd {
namespace {

std::expected<config::Properties, std::string> read_properties(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::unexpected("cannot read " + path + ": is the path right?");
  std::ostringstream text;
  text << file.rdbuf();
  auto parsed = config::Properties::parse(text.str());
  if (!parsed) {
    return std::unexpected(path + ":" + std::to_string(parsed.error().line) + ": " +
                           parsed.error().message);
  }
  return std::move(*parsed);
}

}  // namespace

void NodeOptions::add_to(CLI::App& command) {
  command.add_option("--config,-c", config_file, "Kafka's server.properties of this node");
  command.add_option("--data-dir", data_dir,
                     "Data directory of a node without a properties file (default: data)");
  command.add_option("--override", overrides, "Sets one key: --override num.partitions=3")
      ->type_name("KEY=VALUE");
}

std::expected<config::LoadedConfig, int> NodeOptions::load() const {
  config::Properties properties;
  if (config_file.empty()) {
    properties = config::default_properties(data_dir.empty() ? "data" : data_dir);
  } else {
    auto read = read_properties(config_file);
    if (!read) {
      std::cerr << "moldau: " << read.error() << "\n";
      return std::unexpected(kExitUsage);
    }
    properties = std::move(*read);
    if (!data_dir.empty()) properties.set("log.dirs", data_dir);
  }
  for (const std::string& pair : overrides) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      std::cerr << "moldau: --override " << pair << ": write it as key=value\n";
      return std::unexpected(kExitUsage);
    }
    properties.set(pair.substr(0, equals), pair.substr(equals + 1));
  }
  config::LoadedConfig loaded = config::load(properties);
  if (loaded.ok()) return loaded;
  for (const config::Problem& problem : loaded.problems) {
    if (problem.kind != config::Problem::Kind::kError) continue;
    std::cerr << "moldau: " << (config_file.empty() ? "settings" : config_file);
    if (problem.line > 0) std::cerr << ":" << problem.line;
    std::cerr << ": " << problem.message << "\n";
  }
  return std::unexpected(kExitUsage);
}

}  // namespace moldau::cmd
