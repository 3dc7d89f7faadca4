// format_node() prepares a node's data directories, as `kafka-storage format` does: identity files
// in every directory, the records a new cluster starts with, and, for a quorum whose voters are in
// the log, the snapshot that names this node as its one voter (--standalone). Nothing that is
// formatted already is touched. One loop. Source: Formatter.java (4.3's layout).
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "config/broker_config.h"
#include "rt/loop.h"
#include "rt/task.h"

namespace moldau::broker {

struct FormatRequest {
  std::string cluster_id;
  bool ignore_formatted = false;
  // Must agree with the settings: static voters need neither, a controller without them needs one.
  bool standalone = false;
  bool no_initial_controllers = false;
  std::optional<std::string> release_version;
};

struct FormatOutcome {
  std::vector<std::string> formatted;
  std::vector<std::string> untouched;
};

[[nodiscard]] rt::Task<std::expected<FormatOutcome, std::string>> format_node(
    rt::Loop& loop, const config::BrokerConfig& config, FormatRequest request);

// Whether no data directory holds a meta.properties: a first start may format them.
[[nodiscard]] rt::Task<std::expected<bool, std::string>> is_unformatted(
    rt::Loop& loop, const config::BrokerConfig& config);

// All data directories, the metadata log's included, each once.
[[nodiscard]] std::vector<std::string> data_directories(const config::BrokerConfig& config);

// A fresh cluster id.
[[nodiscard]] std::string random_cluster_id(rt::Loop& loop);

}  // namespace moldau::broker
