#include "broker/format_node.h"

#include <algorithm>
#include <memory>

#include "base/result.h"
#include "broker/random_uuid.h"
#include "controller/bootstrap.h"
#include "raft/snapshot.h"
#include "storage/data_directory.h"
#include "storage/format.h"
#include "storage/snapshot_files.h"

namespace moldau::broker {
namespace {

std::optional<std::string> quorum_problem(const config::BrokerConfig& config,
                                          const FormatRequest& request) {
  const bool fixed = !config.quorum.voters.empty();
  const bool chosen = request.standalone || request.no_initial_controllers;
  if (request.standalone && request.no_initial_controllers) {
    return "--standalone and --no-initial-controllers exclude each other";
  }
  if (fixed && chosen) {
    return "controller.quorum.voters names a fixed quorum: format without --standalone and "
           "--no-initial-controllers, or remove that key";
  }
  if (request.standalone && !config.is_controller) {
    return "--standalone makes this node the first controller, but process.roles has no controller";
  }
  if (!fixed && !chosen && config.is_controller) {
    return "controller.quorum.voters is not set: say --standalone for a quorum of this one node, "
           "or "
           "--no-initial-controllers for a node that joins one";
  }
  return std::nullopt;
}

raft::VoterNode own_voter(const config::BrokerConfig& config, base::DirectoryId directory) {
  raft::VoterNode voter;
  voter.key = {.id = config.node_id, .directory = directory};
  voter.supported = raft::kSupportedKRaftVersions;
  for (const config::Listener& listener : config.network.advertised_controller_listeners) {
    const std::string host = listener.host.empty() ? "localhost" : listener.host;
    voter.endpoints.emplace(listener.name, raft::HostPort{.host = host, .port = listener.port});
  }
  return voter;
}

std::expected<base::SharedBytes, std::string> bootstrap_bytes(const FormatRequest& request,
                                                              base::Timestamp now) {
  std::optional<std::string_view> release;
  if (request.release_version) release = *request.release_version;
  const auto options = TRY(controller::bootstrap_options(release, {}));
  std::vector<base::SharedBytes> values;
  for (const metadata::Record& record : controller::bootstrap_records(options)) {
    auto value = metadata::encode_record(record);
    if (!value) return std::unexpected(value.error().message);
    values.push_back(std::move(*value));
  }
  return raft::bootstrap_checkpoint(values, now);
}

// A data directory as it was found.
struct Found {
  std::string path;
  std::optional<storage::MetaProperties> meta;
};
using Survey = std::expected<std::vector<Found>, std::string>;

rt::Task<Survey> survey(rt::Loop& loop, const config::BrokerConfig& config) {
  std::vector<Found> found;
  for (const std::string& directory : data_directories(config)) {
    auto meta = co_await storage::read_meta_properties(loop.disk(), directory);
    if (!meta) co_return std::unexpected(meta.error().message);
    found.push_back({.path = directory, .meta = std::move(*meta)});
  }
  co_return found;
}

// Kafka's MetaPropertiesEnsemble: before anything is written.
std::optional<std::string> formatted_problem(const Found& found, const config::BrokerConfig& config,
                                             const FormatRequest& request) {
  if (!found.meta) return std::nullopt;
  if (!request.ignore_formatted) {
    return "Log directory " + found.path +
           " is already formatted. Use --ignore-formatted to ignore this directory and format the "
           "others.";
  }
  const auto other = [&](std::string_view key, const std::string& is, const std::string& asked) {
    return "Log directory " + found.path + " has " + std::string(key) + " " + is + ", not " +
           asked + ": nothing was formatted; give the " + std::string(key) +
           " that it has, or take it out of log.dirs";
  };
  const auto& cluster_id = found.meta->cluster_id;
  if (cluster_id && *cluster_id != request.cluster_id) {
    return other("cluster.id", *cluster_id, request.cluster_id);
  }
  const auto& node_id = found.meta->node_id;
  if (node_id && *node_id != config.node_id) {
    return other("node.id", std::to_string(node_id->value()),
                 std::to_string(config.node_id.value()));
  }
  return std::nullopt;
}

using Locks = std::expected<std::vector<std::unique_ptr<rt::FileLock>>, std::string>;

// Makes the directories and keeps others out of them, as a node that runs does.
rt::Task<Locks> lock_directories(rt::Loop& loop, std::vector<std::string> directories) {
  std::vector<std::unique_ptr<rt::FileLock>> locks;
  for (const std::string& directory : directories) {
    const auto made = co_await loop.disk().make_directories(directory);
    if (!made) {
      co_return std::unexpected("cannot create " + directory + ": " + made.error().to_string());
    }
    const std::string path = directory + "/.lock";
    auto lock = co_await loop.disk().lock(path);
    if (!lock) {
      co_return std::unexpected(lock.error().code == rt::IoErrorCode::kLocked
                                    ? "data directory " + directory +
                                          " is in use: another process holds " + path
                                    : "cannot lock " + path + ": " + lock.error().to_string());
    }
    locks.push_back(std::move(*lock));
  }
  co_return locks;
}

// What may lie in a directory that no node ever used: what the system puts there, the lock, and
// what an interrupted format leaves.
bool is_leftover(std::string_view name) {
  return name == "lost+found" || name == ".lock" ||
         name.starts_with(storage::kBootstrapCheckpointName) ||
         name.starts_with(storage::kMetaPropertiesName);
}

// The first entry that says that the directory was used; nothing when it is as good as empty.
rt::Task<std::expected<std::optional<std::string>, std::string>> used_entry(rt::Loop& loop,
                                                                            std::string directory) {
  const auto entries = co_await loop.disk().list(directory);
  if (!entries) {
    co_return std::unexpected("cannot list " + directory + ": " + entries.error().to_string());
  }
  for (const auto& entry : *entries) {
    if (is_leftover(entry.name)) continue;
    if (entry.name != storage::kMetadataLogName) co_return entry.name;
    const std::string log = directory + "/" + entry.name;
    const auto files = co_await loop.disk().list(log);
    if (!files) co_return std::unexpected("cannot list " + log + ": " + files.error().to_string());
    const std::string first = storage::to_file_name({});
    for (const auto& file : *files) {
      if (!file.name.starts_with(first)) co_return entry.name + "/" + file.name;
    }
  }
  co_return std::nullopt;
}

rt::Task<std::expected<void, std::string>> format_one(rt::Loop& loop,
                                                      const config::BrokerConfig& config,
                                                      const FormatRequest& request,
                                                      std::string directory,
                                                      base::SharedBytes bootstrap) {
  storage::FormatOptions options{.path = directory,
                                 .cluster_id = request.cluster_id,
                                 .node_id = config.node_id,
                                 .directory_id = base::DirectoryId(random_uuid(loop)),
                                 .bootstrap_checkpoint = std::move(bootstrap),
                                 .metadata_checkpoint = std::nullopt};
  if (request.standalone && directory == config.metadata_log.dir) {
    options.metadata_checkpoint =
        raft::standalone_snapshot(own_voter(config, options.directory_id), loop.wall_now());
  }
  const auto formatted = co_await storage::format_directory(loop.disk(), std::move(options));
  if (!formatted) co_return std::unexpected(formatted.error().message);
  co_return {};
}

}  // namespace

std::vector<std::string> data_directories(const config::BrokerConfig& config) {
  std::vector<std::string> directories = config.log.dirs;
  if (std::ranges::find(directories, config.metadata_log.dir) == directories.end()) {
    directories.push_back(config.metadata_log.dir);
  }
  return directories;
}

std::string random_cluster_id(rt::Loop& loop) { return random_uuid(loop).to_string(); }

rt::Task<std::expected<FormatOutcome, std::string>> format_node(rt::Loop& loop,
                                                                const config::BrokerConfig& config,
                                                                FormatRequest request) {
  if (const auto problem = quorum_problem(config, request)) co_return std::unexpected(*problem);
  const base::SharedBytes bootstrap = CO_TRY(bootstrap_bytes(request, loop.wall_now()));
  FormatOutcome outcome{.cluster_id = request.cluster_id, .formatted = {}, .untouched = {}};
  for (const Found& found : CO_TRY(co_await survey(loop, config))) {
    if (const auto problem = formatted_problem(found, config, request)) {
      co_return std::unexpected(*problem);
    }
    (found.meta ? outcome.untouched : outcome.formatted).push_back(found.path);
  }
  const auto locks = CO_TRY(co_await lock_directories(loop, outcome.formatted));
  // Another process may have been there first.
  for (const Found& found : CO_TRY(co_await survey(loop, config))) {
    if (found.meta && std::ranges::count(outcome.untouched, found.path) == 0) {
      co_return std::unexpected("Log directory " + found.path +
                                " was formatted by another process just now");
    }
  }
  for (const std::string& directory : outcome.formatted) {
    CO_TRY(co_await format_one(loop, config, request, directory, bootstrap));
  }
  co_return outcome;
}

rt::Task<std::expected<FormatOutcome, std::string>> format_first_start(
    rt::Loop& loop, const config::BrokerConfig& config) {
  for (const Found& found : CO_TRY(co_await survey(loop, config))) {
    if (found.meta) co_return FormatOutcome{};
  }
  {
    const auto locks = CO_TRY(co_await lock_directories(loop, data_directories(config)));
    for (const std::string& directory : data_directories(config)) {
      const auto used = CO_TRY(co_await used_entry(loop, directory));
      if (!used) continue;
      co_return std::unexpected(
          "data directory " + directory + " has no " + std::string(storage::kMetaPropertiesName) +
          ", but it is not empty: it holds " + *used +
          "; restore that file from a backup, move what is there away, or name an empty directory "
          "in log.dirs");
    }
  }
  FormatRequest request{.cluster_id = random_cluster_id(loop)};
  request.standalone = config.quorum.voters.empty() && config.is_controller;
  request.no_initial_controllers = config.quorum.voters.empty() && !config.is_controller;
  co_return co_await format_node(loop, config, std::move(request));
}

}  // namespace moldau::broker
