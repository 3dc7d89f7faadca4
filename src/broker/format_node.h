// format_node() prepares a node's data directories, as `kafka-storage format` does: identity files
// in every directory, the records a new cluster starts with, and, for a quorum whose voters are in
// the log, the snapshot that names this node as its one voter (--standalone). All directories are
// looked at and locked before the first is written; nothing that is formatted already is touched,
// and it must agree with what is asked. One loop. Source: Formatter.java (4.3's layout),
// MetaPropertiesEnsemble.java.
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
  std::string cluster_id;
  std::vector<std::string> formatted;
  std::vector<std::string> untouched;
};

[[nodiscard]] rt::Task<std::expected<FormatOutcome, std::string>> format_node(
    rt::Loop& loop, const config::BrokerConfig& config, FormatRequest request);

// What a start does first: formats the data directories for a new cluster of this node when all are
// empty. Nothing (an empty outcome) when one of them is formatted. An error when none is and one
// holds something: a node is not made over old data that has lost its identity.
[[nodiscard]] rt::Task<std::expected<FormatOutcome, std::string>> format_first_start(
    rt::Loop& loop, const config::BrokerConfig& config);

// All data directories, the metadata log's included, each once.
[[nodiscard]] std::vector<std::string> data_directories(const config::BrokerConfig& config);

// A fresh cluster id.
[[nodiscard]] std::string random_cluster_id(rt::Loop& loop);

}  // namespace moldau::broker
