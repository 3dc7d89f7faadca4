#include "broker/format_node.h"

#include <algorithm>
#include <array>

#include "base/result.h"
#include "controller/bootstrap.h"
#include "raft/snapshot.h"
#include "storage/format.h"

namespace moldau::broker {
namespace {

base::Uuid random_uuid(rt::Loop& loop) {
  std::array<std::uint64_t, 1> seed{};
  loop.fill_random(std::as_writable_bytes(std::span(seed)));
  base::Rng rng(seed[0]);
  return base::Uuid::random(rng);
}

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
    voter.endpoints.emplace(listener.name,
                            raft::HostPort{.host = listener.host, .port = listener.port});
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

}  // namespace

std::vector<std::string> data_directories(const config::BrokerConfig& config) {
  std::vector<std::string> directories = config.log.dirs;
  if (std::ranges::find(directories, config.metadata_log.dir) == directories.end()) {
    directories.push_back(config.metadata_log.dir);
  }
  return directories;
}

std::string random_cluster_id(rt::Loop& loop) { return random_uuid(loop).to_string(); }

rt::Task<std::expected<bool, std::string>> is_unformatted(rt::Loop& loop,
                                                          const config::BrokerConfig& config) {
  for (const std::string& directory : data_directories(config)) {
    const auto meta = co_await storage::read_meta_properties(loop.disk(), directory);
    if (!meta) co_return std::unexpected(meta.error().message);
    if (*meta) co_return false;
  }
  co_return true;
}

rt::Task<std::expected<FormatOutcome, std::string>> format_node(rt::Loop& loop,
                                                                const config::BrokerConfig& config,
                                                                FormatRequest request) {
  if (const auto problem = quorum_problem(config, request)) co_return std::unexpected(*problem);
  const base::SharedBytes bootstrap = CO_TRY(bootstrap_bytes(request, loop.wall_now()));
  FormatOutcome outcome;
  for (const std::string& directory : data_directories(config)) {
    const auto meta = co_await storage::read_meta_properties(loop.disk(), directory);
    if (!meta) co_return std::unexpected(meta.error().message);
    if (*meta && !request.ignore_formatted) {
      co_return std::unexpected("Log directory " + directory +
                                " is already formatted. Use --ignore-formatted to ignore this "
                                "directory and format the others.");
    }
    if (*meta) {
      outcome.untouched.push_back(directory);
      continue;
    }
    storage::FormatOptions options{.path = directory,
                                   .cluster_id = request.cluster_id,
                                   .node_id = config.node_id,
                                   .directory_id = base::DirectoryId(random_uuid(loop)),
                                   .bootstrap_checkpoint = bootstrap,
                                   .metadata_checkpoint = std::nullopt};
    if (request.standalone && directory == config.metadata_log.dir) {
      options.metadata_checkpoint =
          raft::standalone_snapshot(own_voter(config, options.directory_id), loop.wall_now());
    }
    const auto formatted = co_await storage::format_directory(loop.disk(), std::move(options));
    if (!formatted) co_return std::unexpected(formatted.error().message);
    outcome.formatted.push_back(directory);
  }
  co_return outcome;
}

}  // namespace moldau::broker
