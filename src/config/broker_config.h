// The settings of one node as typed values: the outcome of its properties file, or of the defaults
// when there is none. load() reports everything that is wrong with a file at once; the struct is
// complete and consistent only when no problem is an error. Immutable after start and passed by
// const reference; any loop. Durations are as named; sizes are bytes.
// Source: AbstractKafkaConfig.java, KafkaConfig.scala (validateValues), SocketServerConfigs.java
// (4.4).
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "config/layers.h"
#include "config/properties.h"
#include "config/topic_config.h"

namespace moldau::config {

using base::Milliseconds64;

// The numbers are those of the registration records (frozen).
enum class SecurityProtocol : std::int16_t {
  kPlaintext = 0,
  kSsl = 1,
  kSaslPlaintext = 2,
  kSaslSsl = 3,
};
[[nodiscard]] std::string_view to_string(SecurityProtocol protocol);

struct Listener {
  std::string name;  // upper case
  SecurityProtocol protocol = SecurityProtocol::kPlaintext;
  std::string host;  // empty: all addresses
  std::uint16_t port = 0;

  friend bool operator==(const Listener&, const Listener&) = default;
};

struct HostPort {
  std::string host;
  std::uint16_t port = 0;

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

struct Voter {
  base::BrokerId id{-1};
  HostPort address;

  friend bool operator==(const Voter&, const Voter&) = default;
};

// When an answer counts as durable (moldau.log.sync).
enum class LogSync : std::uint8_t {
  kAck,  // after the data is synced to the disk
  kOs,   // as Kafka: after it is in the page cache
};

// How many connections a node takes; may change while it runs.
struct ConnectionLimits {
  std::int32_t count_max = 0;
  std::int32_t per_address_max = 0;
  std::map<std::string, std::int32_t> per_address_overrides;
  std::int32_t a_second_max = 0;

  friend bool operator==(const ConnectionLimits&, const ConnectionLimits&) = default;
};

struct NetworkConfig {
  std::vector<Listener> broker_listeners;      // bound when the node is a broker
  std::vector<Listener> controller_listeners;  // bound when the node is a controller
  std::vector<Listener> advertised_broker_listeners;
  std::vector<Listener> advertised_controller_listeners;
  std::vector<std::string> controller_listener_names;  // the first is the one brokers talk to
  SecurityProtocol controller_protocol = SecurityProtocol::kPlaintext;
  std::string inter_broker_listener;
  std::optional<HostPort> http;  // moldau.http.listener; nothing when it is empty

  std::int32_t send_buffer_bytes = 0;  // -1: what the system has
  std::int32_t receive_buffer_bytes = 0;
  std::int32_t request_bytes_max = 0;
  std::int32_t listen_backlog = 0;
  std::int32_t queued_requests_max = 0;
  std::int64_t queued_request_bytes_max = 0;  // -1: no limit of its own
  ConnectionLimits connections;
  Milliseconds64 connection_idle_max{0};  // negative: never closed for being idle
  Milliseconds64 request_timeout{0};
  Milliseconds64 connection_setup_timeout{0};
  Milliseconds64 connection_setup_timeout_max{0};
};

struct QuorumSettings {
  std::vector<Voter> voters;                // static quorum: kraft.version 0
  std::vector<HostPort> bootstrap_servers;  // dynamic quorum: kraft.version 1
  bool auto_join = false;
  Milliseconds64 election_timeout{0};
  Milliseconds64 fetch_timeout{0};
  Milliseconds64 election_backoff_max{0};
  Milliseconds64 append_linger{0};
  Milliseconds64 request_timeout{0};
  Milliseconds64 retry_backoff{0};
  std::int32_t fetch_bytes_max = 0;
  std::int32_t fetch_snapshot_bytes_max = 0;
};

struct MetadataLogSettings {
  std::string dir;
  std::int32_t segment_bytes = 0;
  Milliseconds64 segment_ms{0};
  std::int64_t retention_bytes_max = 0;
  Milliseconds64 retention_max{0};
  std::int64_t record_bytes_between_snapshots_max = 0;
  Milliseconds64 snapshot_interval_max{0};
  Milliseconds64 idle_interval_max{0};  // 0: no NoOp records
};

struct LogSettings {
  std::vector<std::string> dirs;
  std::vector<std::string> cordoned_dirs;
  LogSync sync = LogSync::kAck;
  std::int64_t journal_bytes = 0;     // moldau.journal.bytes, for each data directory
  std::int64_t tail_cache_bytes = 0;  // moldau.tail.cache.bytes, for each core
  std::int64_t page_cache_bytes = 0;  // moldau.page.cache.bytes, all cores; -1 for no limit
  std::int32_t recovery_threads = 0;  // for each data directory
  Milliseconds64 retention_check_interval{0};
  Milliseconds64 initial_task_delay{0};
  Milliseconds64 recovery_checkpoint_interval{0};
  Milliseconds64 start_offset_checkpoint_interval{0};
  Milliseconds64 high_watermark_checkpoint_interval{0};
  Milliseconds64 dir_failure_timeout{0};
  Milliseconds64 producer_id_expiration{0};
  Milliseconds64 producer_id_expiration_check_interval{0};
  bool cleaner_enabled = true;
  TopicConfig topic_defaults;  // of topics without overrides
};

struct TopicCreationSettings {
  bool auto_create = true;
  bool delete_enabled = true;
  std::int32_t partitions = 1;
  std::int32_t replication_factor = 1;
};

struct ReplicationSettings {
  Milliseconds64 lag_time_max{0};
  Milliseconds64 fetch_wait_max{0};
  Milliseconds64 fetch_backoff{0};
  Milliseconds64 socket_timeout{0};
  std::int32_t fetch_bytes_min = 0;
  std::int32_t fetch_bytes_max = 0;
  std::int32_t fetch_response_bytes_max = 0;
  std::int32_t fetchers = 1;
  bool controlled_shutdown = true;
};

struct FetchSettings {
  std::int32_t bytes_max = 0;
  std::int32_t session_slots_max = 0;
  std::int32_t partitions_in_request_max = 0;  // DescribeTopicPartitions
};

struct ControllerSettings {
  Milliseconds64 broker_session_timeout{0};
  Milliseconds64 broker_heartbeat_interval{0};
  Milliseconds64 initial_registration_timeout{0};
  Milliseconds64 leader_imbalance_check_interval{0};
  Milliseconds64 unclean_election_interval{0};
  bool auto_leader_rebalance = true;
};

struct BrokerConfig {
  base::BrokerId node_id{-1};
  bool is_broker = false;
  bool is_controller = false;
  std::optional<std::string> rack;
  std::int32_t cores = 0;  // moldau.cores; 0: what the cgroup and affinity allow

  NetworkConfig network;
  QuorumSettings quorum;
  MetadataLogSettings metadata_log;
  LogSettings log;
  TopicCreationSettings topics;
  ReplicationSettings replication;
  FetchSettings fetch;
  ControllerSettings controller;

  // Every value as it was set, for DescribeConfigs and for resolving topics.
  Layers layers;

  [[nodiscard]] bool combined() const { return is_broker && is_controller; }
};

struct Problem {
  enum class Kind : std::uint8_t {
    kError,       // the node must not start
    kNoEffect,    // a known key that this node does not act on
    kUnknownKey,  // ignored
  };
  Kind kind;
  std::string key;
  std::string message;  // whole: names the key, the value and what is allowed
  int line = 0;         // of the file; 0 when there is none
};

struct LoadedConfig {
  BrokerConfig config;
  std::vector<Problem> problems;  // errors first, then by line

  [[nodiscard]] bool ok() const;
};

// Reads a node's settings. A key that is not there has Kafka's default.
[[nodiscard]] LoadedConfig load(const Properties& properties);

// The limits in force under these layers: the file's, and what was set while running. A stored
// value that does not parse counts as not set.
[[nodiscard]] ConnectionLimits resolve_connections(const Layers& layers);

// "address:count,..."; the error is a whole message.
[[nodiscard]] std::expected<std::map<std::string, std::int32_t>, std::string>
parse_connection_overrides(std::string_view text);

// What a node without a file runs with: broker and controller 1 on 127.0.0.1, ports 9092 and 9093,
// data in `data_dir`.
[[nodiscard]] Properties default_properties(std::string_view data_dir);

// "host:port", "[::1]:port", ":port". Nothing when it is neither.
[[nodiscard]] std::optional<HostPort> parse_host_port(std::string_view text);

}  // namespace moldau::config
