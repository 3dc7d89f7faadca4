// From a node's settings to its quorum: the options of the raft driver, and the records that a
// freshly formatted directory brings along.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/quorum/raft_driver.h"
#include "config/broker_config.h"
#include "metadata/record.h"
#include "rt/loop.h"
#include "rt/net.h"
#include "rt/task.h"
#include "storage/storage.h"

namespace moldau::broker {

struct QuorumParts {
  std::string cluster_id;
  // This node's controller listeners by name, as others reach them.
  std::map<std::string, rt::Endpoint> listeners;
};

[[nodiscard]] rt::Task<std::expected<std::unique_ptr<RaftDriver>, std::string>> open_quorum(
    rt::Loop& loop, storage::Storage& storage, const config::BrokerConfig& config,
    QuorumParts parts);

// Whether this node can run the quorum that its directory and settings name: until there are
// quorums of several nodes, the one with itself as the only voter. Before RaftDriver::start().
[[nodiscard]] std::expected<void, std::string> check_quorum(const config::BrokerConfig& config,
                                                            const storage::Storage& storage,
                                                            const RaftDriver& raft);

// The records of bootstrap.checkpoint (written by format up to Kafka 4.3); our defaults when the
// file is not there.
[[nodiscard]] rt::Task<std::expected<std::vector<metadata::Record>, std::string>> read_bootstrap(
    rt::Loop& loop, storage::Storage& storage);

// One line for what became of a journal at start.
void log_journal_outcome(rt::Loop& loop, const storage::JournalOutcome& outcome);

}  // namespace moldau::broker
