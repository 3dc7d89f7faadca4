#include "config/broker_config.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>
#include <tuple>
#include <utility>

#include "config/internal/values_reader.h"
#include "config/table.h"

namespace moldau::config {
namespace {

using internal::ValuesReader;

// Keys that plugins of Apache Kafka read for themselves.
constexpr std::string_view kPluginPrefixes[] = {"rsm.config.", "rlmm.config.", "config.providers."};

constexpr std::string_view kOverridesKey = "max.connections.per.ip.overrides";

Problem no_effect(const std::string& key, std::string_view why, int line) {
  return {.kind = Problem::Kind::kNoEffect,
          .key = key,
          .message = key + " has no effect: " + std::string(why),
          .line = line};
}

std::optional<Problem> judge_unknown(const std::string& key, int line) {
  for (const auto prefix : kPluginPrefixes) {
    if (key.starts_with(prefix)) return no_effect(key, "this node loads no Java classes", line);
  }
  std::string message = key + " is not a known configuration";
  if (find_key(Scope::kTopic, key) != nullptr) {
    message += ": it is set for a topic";
    const auto synonyms = broker_synonyms(key);
    if (!synonyms.empty()) {
      message += "; for all topics set " + std::string(synonyms.front().broker_key);
    }
  } else if (const auto nearest = nearest_key(Scope::kBroker, key)) {
    message += "; did you mean " + std::string(*nearest) + "?";
  }
  return Problem{.kind = Problem::Kind::kUnknownKey, .key = key, .message = message, .line = line};
}

// What is to be said about a line of the file, other than that its value is wrong.
std::optional<Problem> judge(const std::string& name, const Property& property) {
  const auto listener = split_listener_key(name);
  const Key* key = find_key(Scope::kBroker, listener ? listener->key : std::string_view(name));
  if (key == nullptr) return judge_unknown(name, property.line);
  if (auto parsed = parse_value(*key, property.value); !parsed) {
    return Problem{.kind = Problem::Kind::kError,
                   .key = name,
                   .message = parsed.error(),
                   .line = property.line};
  }
  if (!key->honoured()) return no_effect(name, key->no_effect, property.line);
  if (listener) return no_effect(name, "it cannot differ between listeners yet", property.line);
  return std::nullopt;
}

void read_node(ValuesReader& values, BrokerConfig& config) {
  config.node_id = base::BrokerId(values.int32("node.id"));
  for (const auto& role : values.list("process.roles")) {
    if (role == "broker") config.is_broker = true;
    if (role == "controller") config.is_controller = true;
  }
  if (values.is_set("broker.id") && values.is_good("node.id")) {
    values.require(values.int32("broker.id") == config.node_id.value(), "broker.id",
                   "node.id and broker.id must be set to the same value.");
  }
  config.rack = values.maybe_text("broker.rack");
  config.cores = values.int32("moldau.cores");
}

void read_connection_overrides(ValuesReader& values, NetworkConfig& network) {
  auto overrides = parse_connection_overrides(values.text(kOverridesKey));
  if (!overrides) return values.error(kOverridesKey, overrides.error());
  network.connections.per_address_overrides = std::move(*overrides);
}

void read_network(ValuesReader& values, NetworkConfig& network) {
  network.send_buffer_bytes = values.int32("socket.send.buffer.bytes");
  network.receive_buffer_bytes = values.int32("socket.receive.buffer.bytes");
  network.request_bytes_max = values.int32("socket.request.max.bytes");
  network.listen_backlog = values.int32("socket.listen.backlog.size");
  network.queued_requests_max = values.int32("queued.max.requests");
  network.queued_request_bytes_max = values.int64("queued.max.request.bytes");
  network.connections.count_max = values.int32("max.connections");
  network.connections.per_address_max = values.int32("max.connections.per.ip");
  read_connection_overrides(values, network);
  network.connections.a_second_max = values.int32("max.connection.creation.rate");
  network.connection_idle_max = values.milliseconds("connections.max.idle.ms");
  network.request_timeout = values.milliseconds("request.timeout.ms");
  network.connection_setup_timeout = values.milliseconds("socket.connection.setup.timeout.ms");
  network.connection_setup_timeout_max =
      values.milliseconds("socket.connection.setup.timeout.max.ms");
  const std::string http = values.text("moldau.http.listener");
  if (http.empty()) return;
  network.http = parse_host_port(http);
  values.require(network.http.has_value(), "moldau.http.listener",
                 "Invalid value " + http +
                     " for configuration moldau.http.listener: it is host:port, or empty");
}

void read_quorum_timing(ValuesReader& values, QuorumSettings& quorum) {
  quorum.auto_join = values.boolean("controller.quorum.auto.join.enable");
  quorum.election_timeout = values.milliseconds("controller.quorum.election.timeout.ms");
  quorum.fetch_timeout = values.milliseconds("controller.quorum.fetch.timeout.ms");
  quorum.election_backoff_max = values.milliseconds("controller.quorum.election.backoff.max.ms");
  quorum.append_linger = values.milliseconds("controller.quorum.append.linger.ms");
  quorum.request_timeout = values.milliseconds("controller.quorum.request.timeout.ms");
  quorum.retry_backoff = values.milliseconds("controller.quorum.retry.backoff.ms");
  quorum.fetch_bytes_max = values.int32("controller.quorum.fetch.max.bytes");
  quorum.fetch_snapshot_bytes_max = values.int32("controller.quorum.fetch.snapshot.max.bytes");
}

void read_metadata_log(ValuesReader& values, MetadataLogSettings& log) {
  log.dir = values.text("metadata.log.dir");
  log.segment_bytes = values.int32("metadata.log.segment.bytes");
  if (const auto bytes = values.maybe_int64("internal.metadata.log.segment.bytes")) {
    log.segment_bytes = static_cast<std::int32_t>(*bytes);
  }
  log.segment_ms = values.milliseconds("metadata.log.segment.ms");
  log.retention_bytes_max = values.int64("metadata.max.retention.bytes");
  log.retention_max = values.milliseconds("metadata.max.retention.ms");
  log.record_bytes_between_snapshots_max =
      values.int64("metadata.log.max.record.bytes.between.snapshots");
  log.snapshot_interval_max = values.milliseconds("metadata.log.max.snapshot.interval.ms");
  log.idle_interval_max = values.milliseconds("metadata.max.idle.interval.ms");
}

void read_log(ValuesReader& values, LogSettings& log) {
  log.dirs = values.list("log.dirs");
  if (log.dirs.empty()) log.dirs = values.list("log.dir");
  log.cordoned_dirs = values.list("cordoned.log.dirs");
  if (std::ranges::find(log.cordoned_dirs, "*") != log.cordoned_dirs.end()) {
    log.cordoned_dirs = log.dirs;
  }
  log.sync = values.text("moldau.log.sync") == "os" ? LogSync::kOs : LogSync::kAck;
  log.journal_bytes = values.int64("moldau.journal.bytes");
  log.tail_cache_bytes = values.int64("moldau.tail.cache.bytes");
  log.page_cache_bytes = values.int64("moldau.page.cache.bytes");
  log.recovery_threads = values.int32("num.recovery.threads.per.data.dir");
  log.retention_check_interval = values.milliseconds("log.retention.check.interval.ms");
  log.initial_task_delay = values.milliseconds("log.initial.task.delay.ms");
  log.recovery_checkpoint_interval = values.milliseconds("log.flush.offset.checkpoint.interval.ms");
  log.start_offset_checkpoint_interval =
      values.milliseconds("log.flush.start.offset.checkpoint.interval.ms");
  log.high_watermark_checkpoint_interval =
      values.milliseconds("replica.high.watermark.checkpoint.interval.ms");
  log.dir_failure_timeout = values.milliseconds("log.dir.failure.timeout.ms");
  log.producer_id_expiration = values.milliseconds("producer.id.expiration.ms");
  log.producer_id_expiration_check_interval =
      values.milliseconds("producer.id.expiration.check.interval.ms");
  log.cleaner_enabled = values.boolean("log.cleaner.enable");
}

void read_topics(ValuesReader& values, TopicCreationSettings& topics) {
  topics.auto_create = values.boolean("auto.create.topics.enable");
  topics.delete_enabled = values.boolean("delete.topic.enable");
  topics.partitions = values.int32("num.partitions");
  topics.replication_factor = values.int32("default.replication.factor");
}

void read_replication(ValuesReader& values, ReplicationSettings& replication,
                      FetchSettings& fetch) {
  replication.lag_time_max = values.milliseconds("replica.lag.time.max.ms");
  replication.fetch_wait_max = values.milliseconds("replica.fetch.wait.max.ms");
  replication.fetch_backoff = values.milliseconds("replica.fetch.backoff.ms");
  replication.socket_timeout = values.milliseconds("replica.socket.timeout.ms");
  replication.fetch_bytes_min = values.int32("replica.fetch.min.bytes");
  replication.fetch_bytes_max = values.int32("replica.fetch.max.bytes");
  replication.fetch_response_bytes_max = values.int32("replica.fetch.response.max.bytes");
  replication.fetchers = values.int32("num.replica.fetchers");
  replication.controlled_shutdown = values.boolean("controlled.shutdown.enable");
  fetch.bytes_max = values.int32("fetch.max.bytes");
  fetch.session_slots_max = values.int32("max.incremental.fetch.session.cache.slots");
  fetch.partitions_in_request_max = values.int32("max.request.partition.size.limit");
}

void read_controller(ValuesReader& values, ControllerSettings& controller) {
  controller.broker_session_timeout = values.milliseconds("broker.session.timeout.ms");
  controller.broker_heartbeat_interval = values.milliseconds("broker.heartbeat.interval.ms");
  controller.initial_registration_timeout =
      values.milliseconds("initial.broker.registration.timeout.ms");
  controller.leader_imbalance_check_interval =
      std::chrono::seconds(values.int64("leader.imbalance.check.interval.seconds"));
  controller.unclean_election_interval = values.milliseconds("unclean.leader.election.interval.ms");
  controller.auto_leader_rebalance = values.boolean("auto.leader.rebalance.enable");
}

Layers file_layer(const Properties& properties) {
  Layers layers;
  for (const auto& [key, property] : properties.entries()) layers.file[key] = property.value;
  // node.id and its old name stand for each other.
  const auto copy = [&](const char* from, const char* to) {
    const auto at = layers.file.find(from);
    if (at != layers.file.end()) layers.file.try_emplace(to, at->second);
  };
  copy("broker.id", "node.id");
  copy("node.id", "broker.id");
  return layers;
}

}  // namespace

bool LoadedConfig::ok() const {
  return std::ranges::none_of(
      problems, [](const Problem& problem) { return problem.kind == Problem::Kind::kError; });
}

LoadedConfig load(const Properties& properties) {
  LoadedConfig loaded;
  BrokerConfig& config = loaded.config;
  config.layers = file_layer(properties);
  ValuesReader values(config.layers, properties);
  read_node(values, config);
  read_network(values, config.network);
  internal::read_quorum(values, config);
  internal::read_listeners(values, config);
  read_quorum_timing(values, config.quorum);
  read_metadata_log(values, config.metadata_log);
  read_log(values, config.log);
  if (config.metadata_log.dir.empty() && !config.log.dirs.empty()) {
    config.metadata_log.dir = config.log.dirs.front();
  }
  read_topics(values, config.topics);
  read_replication(values, config.replication, config.fetch);
  read_controller(values, config.controller);
  config.log.topic_defaults = resolve_topic(config.layers, {});
  internal::check_settings(values, config);

  loaded.problems = values.take_problems();
  for (const auto& [name, property] : properties.entries()) {
    const bool reported =
        std::ranges::find(loaded.problems, name, &Problem::key) != loaded.problems.end();
    if (auto problem = judge(name, property); problem && !reported) {
      loaded.problems.push_back(std::move(*problem));
    }
  }
  std::ranges::sort(loaded.problems, {}, [](const Problem& problem) {
    return std::tuple(problem.kind != Problem::Kind::kError, problem.line, problem.key);
  });
  return loaded;
}

std::expected<std::map<std::string, std::int32_t>, std::string> parse_connection_overrides(
    std::string_view text) {
  std::map<std::string, std::int32_t> overrides;
  for (const auto& entry : split_list(text)) {
    const auto colon = entry.rfind(':');
    std::int32_t count = 0;
    const std::string_view number =
        colon == std::string::npos ? std::string_view() : std::string_view(entry).substr(colon + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
    if (number.empty() || error != std::errc() || end != number.data() + number.size() ||
        count < 0) {
      return std::unexpected("Invalid value " + entry + " for configuration " +
                             std::string(kOverridesKey) + ": each entry is address:count");
    }
    overrides[entry.substr(0, colon)] = count;
  }
  return overrides;
}

ConnectionLimits resolve_connections(const Layers& layers) {
  const auto number = [&](std::string_view name) {
    const Key* key = find_key(Scope::kBroker, name);
    for (const auto& text : {layers.get(name), key->default_text()}) {
      const auto value = text ? parse_value(*key, *text) : std::unexpected(std::string());
      const auto* found = value ? std::get_if<std::int64_t>(&*value) : nullptr;
      if (found != nullptr) return static_cast<std::int32_t>(*found);
    }
    return std::numeric_limits<std::int32_t>::max();
  };
  ConnectionLimits limits{.count_max = number("max.connections"),
                          .per_address_max = number("max.connections.per.ip"),
                          .per_address_overrides = {},
                          .a_second_max = number("max.connection.creation.rate")};
  const auto text = layers.get(kOverridesKey);
  auto overrides = parse_connection_overrides(text.value_or(""));
  if (overrides) limits.per_address_overrides = std::move(*overrides);
  return limits;
}

Properties default_properties(std::string_view data_dir) {
  Properties properties;
  properties.set("process.roles", "broker,controller");
  properties.set("node.id", "1");
  properties.set("listeners", "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093");
  properties.set("controller.listener.names", "CONTROLLER");
  properties.set("controller.quorum.bootstrap.servers", "127.0.0.1:9093");
  properties.set("log.dirs", data_dir);
  return properties;
}

}  // namespace moldau::config
