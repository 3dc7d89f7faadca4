#include "broker/quorum/open_quorum.h"

#include <algorithm>

#include "base/result.h"
#include "controller/bootstrap.h"
#include "raft/snapshot.h"

namespace moldau::broker {
namespace {

raft::QuorumTimeouts timeouts_of(const config::QuorumSettings& quorum) {
  raft::QuorumTimeouts timeouts;
  timeouts.election = quorum.election_timeout;
  timeouts.fetch = quorum.fetch_timeout;
  timeouts.election_backoff_max = quorum.election_backoff_max;
  timeouts.request = quorum.request_timeout;
  timeouts.retry_backoff = quorum.retry_backoff;
  return timeouts;
}

raft::VoterSet static_voters(const config::BrokerConfig& config) {
  raft::VoterSet voters;
  const std::string& listener = config.network.controller_listener_names.front();
  for (const config::Voter& voter : config.quorum.voters) {
    raft::VoterNode node;
    node.key.id = voter.id;
    node.endpoints.emplace(listener,
                           raft::HostPort{.host = voter.address.host, .port = voter.address.port});
    voters.put(std::move(node));
  }
  return voters;
}

RaftDriverOptions options_of(const storage::Storage& storage, const config::BrokerConfig& config,
                             const QuorumParts& parts) {
  RaftDriverOptions options;
  options.cluster_id = parts.cluster_id;
  options.directory = config.metadata_log.dir;
  options.raft.self = {.id = config.node_id, .directory = storage.metadata_directory().id()};
  options.raft.can_become_voter = config.is_controller;
  for (const auto& [name, endpoint] : parts.listeners) {
    options.raft.listeners.emplace(name,
                                   raft::HostPort{.host = endpoint.host, .port = endpoint.port});
  }
  options.raft.default_listener = config.network.controller_listener_names.front();
  options.raft.static_voters = static_voters(config);
  for (const config::HostPort& server : config.quorum.bootstrap_servers) {
    options.raft.bootstrap_servers.push_back({.host = server.host, .port = server.port});
  }
  options.raft.timeouts = timeouts_of(config.quorum);
  options.raft.fetch_bytes_max = static_cast<std::uint32_t>(config.quorum.fetch_bytes_max);
  options.raft.fetch_snapshot_bytes_max =
      static_cast<std::uint32_t>(config.quorum.fetch_snapshot_bytes_max);
  const config::MetadataLogSettings& log = config.metadata_log;
  options.segment_bytes = static_cast<std::uint64_t>(log.segment_bytes);
  options.segment_time = log.segment_ms;
  options.snapshot_record_bytes =
      static_cast<std::uint64_t>(log.record_bytes_between_snapshots_max);
  options.snapshot_interval = log.snapshot_interval_max;
  options.retention_bytes = log.retention_bytes_max;
  options.retention_time = log.retention_max;
  return options;
}

}  // namespace

rt::Task<std::expected<std::unique_ptr<RaftDriver>, std::string>> open_quorum(
    rt::Loop& loop, storage::Storage& storage, const config::BrokerConfig& config,
    QuorumParts parts) {
  co_return co_await RaftDriver::open(loop, storage, options_of(storage, config, parts));
}

std::expected<void, std::string> check_quorum(const config::BrokerConfig& config,
                                              const storage::Storage& storage,
                                              const RaftDriver& raft) {
  if (!config.is_controller) {
    return std::unexpected(
        "process.roles has no controller, and this version of Moldau runs a cluster of one node "
        "only: set process.roles=broker,controller");
  }
  const raft::VoterSet& voters = raft.voters();
  const std::string self = std::to_string(config.node_id.value());
  if (voters.empty()) {
    return std::unexpected(
        "the quorum has no voter: the directory was formatted for a quorum that is named by "
        "controller.quorum.voters, or that exists elsewhere; set controller.quorum.voters=" +
        self + "@host:port, or format a new directory with --standalone");
  }
  if (voters.size() > 1) {
    return std::unexpected("the quorum has " + std::to_string(voters.size()) +
                           " voters, and this version of Moldau runs a cluster of one node only: "
                           "name this node alone in controller.quorum.voters, or leave the key "
                           "out and format with --standalone");
  }
  const raft::ReplicaKey own{.id = config.node_id, .directory = storage.metadata_directory().id()};
  if (!voters.is_only_voter(own)) {
    return std::unexpected("the quorum's one voter is " +
                           voters.by_id().begin()->second.key.to_string() + ", and this node is " +
                           own.to_string() +
                           ": correct node.id or controller.quorum.voters, or "
                           "restore meta.properties of " +
                           storage.metadata_directory().path());
  }
  return {};
}

rt::Task<std::expected<std::vector<metadata::Record>, std::string>> read_bootstrap(
    rt::Loop& loop, storage::Storage& storage) {
  const std::string path =
      storage.metadata_directory().path() + "/" + std::string(storage::kBootstrapCheckpointName);
  const auto bytes = co_await rt::read_file(loop.disk(), path);
  if (!bytes) {
    if (bytes.error().code == rt::IoErrorCode::kNotFound) {
      co_return controller::bootstrap_records(controller::BootstrapOptions{});
    }
    co_return std::unexpected("cannot read " + path + ": " + bytes.error().to_string());
  }
  std::vector<metadata::Record> records;
  raft::SnapshotReader reader(*bytes);
  for (;;) {
    const auto batch = reader.next();
    if (!batch) co_return std::unexpected(path + ": " + batch.error());
    if (!*batch) break;
    for (const base::SharedBytes& value : (*batch)->values) {
      auto record = metadata::decode_record(value);
      if (!record) co_return std::unexpected(path + ": " + record.error().message);
      records.push_back(std::move(*record));
    }
  }
  co_return records;
}

void log_journal_outcome(rt::Loop& loop, const storage::JournalOutcome& outcome) {
  if (outcome.discarded) {
    LOG_WARN(loop.log(), "storage", "the journal of {} was set aside and not replayed: {}",
             outcome.directory, outcome.reason);
  } else if (outcome.entries_replayed > 0) {
    LOG_INFO(loop.log(), "storage", "replayed {} entries ({} bytes) from the journal of {}",
             outcome.entries_replayed, outcome.bytes_replayed, outcome.directory);
  }
}

}  // namespace moldau::broker
