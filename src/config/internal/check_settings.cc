#include <algorithm>

#include "config/internal/values_reader.h"

namespace moldau::config::internal {
namespace {

constexpr std::string_view kListeners = "listeners";
constexpr std::string_view kAdvertised = "advertised.listeners";
constexpr std::string_view kControllers = "controller.listener.names";
constexpr std::string_view kVoters = "controller.quorum.voters";

std::string names(const std::vector<Listener>& listeners) {
  std::string out;
  for (const auto& listener : listeners) {
    if (!out.empty()) out += ",";
    out += listener.name;
  }
  return out;
}

bool has(const std::vector<Listener>& listeners, std::string_view name) {
  return std::ranges::find(listeners, name, &Listener::name) != listeners.end();
}

void check_quorum(ValuesReader& values, const BrokerConfig& config) {
  const auto& quorum = config.quorum;
  values.require(!quorum.voters.empty() || !quorum.bootstrap_servers.empty(),
                 "controller.quorum.bootstrap.servers",
                 "Either controller.quorum.bootstrap.servers must name controllers, or "
                 "controller.quorum.voters must name the voters.");
  if (quorum.voters.empty()) return;
  const bool is_voter =
      std::ranges::find(quorum.voters, config.node_id, &Voter::id) != quorum.voters.end();
  const std::string id = std::to_string(config.node_id.value());
  if (config.is_controller) {
    values.require(is_voter, kVoters,
                   "If process.roles contains the 'controller' role, the node id " + id +
                       " must be included in the set of voters controller.quorum.voters.");
  } else {
    values.require(!is_voter, kVoters,
                   "If process.roles contains just the 'broker' role, the node id " + id +
                       " must not be included in the set of voters controller.quorum.voters.");
  }
}

void check_controller_listeners(ValuesReader& values, const BrokerConfig& config) {
  const auto& network = config.network;
  if (!config.is_controller) {
    values.require(network.controller_listeners.empty(), kControllers,
                   "controller.listener.names must not contain a value appearing in the "
                   "'listeners' configuration when running just the broker role: " +
                       names(network.controller_listeners));
    return;
  }
  for (const auto& name : network.controller_listener_names) {
    values.require(has(network.controller_listeners, name), kControllers,
                   "controller.listener.names must only contain values appearing in the "
                   "'listeners' configuration when running the controller role: " +
                       name + " is not there.");
  }
  if (!config.is_broker) {
    values.require(network.broker_listeners.empty(), kListeners,
                   "The listeners config must only contain controller listeners from "
                   "controller.listener.names when process.roles=controller: " +
                       names(network.broker_listeners) + " is not one.");
  }
}

void check_broker_listeners(ValuesReader& values, const BrokerConfig& config) {
  const auto& network = config.network;
  const auto& advertised = network.advertised_broker_listeners;
  values.require(!advertised.empty(), kAdvertised,
                 "There must be at least one broker advertised listener. Perhaps all listeners "
                 "appear in controller.listener.names?");
  values.require(advertised.empty() || has(advertised, network.inter_broker_listener),
                 "inter.broker.listener.name",
                 "inter.broker.listener.name must be a listener name defined in "
                 "advertised.listeners. The valid options based on currently configured listeners "
                 "are " +
                     names(advertised));
  for (const auto& listener : advertised) {
    values.require(has(network.broker_listeners, listener.name), kAdvertised,
                   "advertised.listeners listener names must be equal to or a subset of the ones "
                   "defined in listeners. Found " +
                       listener.name + ". The valid options are " +
                       names(network.broker_listeners));
  }
}

void check_addresses(ValuesReader& values, const BrokerConfig& config) {
  const auto& network = config.network;
  const auto nonroutable = [](const Listener& listener) { return listener.host == "0.0.0.0"; };
  values.require(std::ranges::none_of(network.advertised_broker_listeners, nonroutable) &&
                     std::ranges::none_of(network.advertised_controller_listeners, nonroutable),
                 values.is_set(kAdvertised) ? kAdvertised : kListeners,
                 "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a "
                 "routable IP address.");
  for (const auto* listeners : {&network.broker_listeners, &network.controller_listeners}) {
    for (const auto& listener : *listeners) {
      values.require(listener.protocol == SecurityProtocol::kPlaintext, kListeners,
                     "Listener " + listener.name + " has protocol " +
                         std::string(to_string(listener.protocol)) +
                         ": only PLAINTEXT is served yet.");
    }
  }
}

void check_limits(ValuesReader& values, const BrokerConfig& config) {
  const auto& network = config.network;
  values.require(network.queued_request_bytes_max <= 0 ||
                     network.queued_request_bytes_max >= network.request_bytes_max,
                 "queued.max.request.bytes",
                 "queued.max.request.bytes must be larger or equal to socket.request.max.bytes");
  values.require(
      network.connections.per_address_max != 0 ||
          !network.connections.per_address_overrides.empty(),
      "max.connections.per.ip",
      "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides "
      "property is set.");
  const auto& replication = config.replication;
  values.require(replication.fetch_wait_max <= replication.socket_timeout,
                 "replica.socket.timeout.ms",
                 "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to "
                 "prevent unnecessary socket timeouts");
  values.require(replication.fetch_wait_max <= replication.lag_time_max, "replica.lag.time.max.ms",
                 "replica.fetch.wait.max.ms should always be less than or equal to "
                 "replica.lag.time.max.ms to prevent frequent changes in ISR");
  const auto& controller = config.controller;
  values.require(controller.broker_session_timeout.count() > 0, "broker.session.timeout.ms",
                 "broker.session.timeout.ms must be positive");
  values.require(controller.broker_heartbeat_interval.count() > 0, "broker.heartbeat.interval.ms",
                 "broker.heartbeat.interval.ms must be positive");
  values.require(
      config.topics.replication_factor >= 1 && config.topics.replication_factor <= 32'767,
      "default.replication.factor",
      "Invalid value " + std::to_string(config.topics.replication_factor) +
          " for configuration default.replication.factor: from 1 to 32767 replicas");
}

void check_logs(ValuesReader& values, const BrokerConfig& config) {
  const TopicConfig& topic = config.log.topic_defaults;
  values.require(topic.segment_time.count() >= 1, "log.roll.ms",
                 "log.roll.ms must be greater than or equal to 1");
  values.require(topic.segment_jitter.count() >= 0, "log.roll.jitter.ms",
                 "log.roll.jitter.ms must be greater than or equal to 0");
  values.require(topic.retention_time.count() >= 1 || topic.retention_time.count() == -1,
                 "log.retention.ms",
                 "log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
  values.require(
      topic.min_compaction_lag <= topic.max_compaction_lag, "log.cleaner.min.compaction.lag.ms",
      "conflict topic config setting min.compaction.lag.ms (" +
          std::to_string(topic.min_compaction_lag.count()) + ") > max.compaction.lag.ms (" +
          std::to_string(topic.max_compaction_lag.count()) + ")");
  const auto& dirs = config.log.dirs;
  values.require(!dirs.empty(), "log.dirs",
                 "At least one log directory must be defined via log.dirs or log.dir.");
  for (const auto& dir : config.log.cordoned_dirs) {
    values.require(std::ranges::find(dirs, dir) != dirs.end(), "cordoned.log.dirs",
                   "All entries in cordoned.log.dirs must be present in log.dirs or log.dir. "
                   "Missing: " +
                       dir);
  }
}

}  // namespace

void check_settings(ValuesReader& values, const BrokerConfig& config) {
  if (values.is_good("node.id")) check_quorum(values, config);
  // What follows from a listener that could not be read is not worth telling.
  const auto& network = config.network;
  if (values.list(kListeners).size() ==
      network.controller_listeners.size() + network.broker_listeners.size()) {
    check_controller_listeners(values, config);
    if (config.is_broker && values.is_good(kAdvertised)) check_broker_listeners(values, config);
  }
  check_addresses(values, config);
  check_limits(values, config);
  check_logs(values, config);
}

}  // namespace moldau::config::internal
