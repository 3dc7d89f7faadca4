#include "config/topic_config.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "config/broker_config.h"
#include "config/layers.h"
#include "config/table.h"

namespace moldau::config {
namespace {

// Long.MAX_VALUE hours are still Long.MAX_VALUE milliseconds.
std::int64_t scaled(std::int64_t value, std::int64_t factor) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (value > kMax / factor) return kMax;
  if (value < -(kMax / factor)) return -kMax;
  return value * factor;
}

std::optional<Value> parsed(Scope scope, std::string_view name, std::string_view text) {
  const Key* key = find_key(scope, name);
  ASSERT(key != nullptr);
  auto value = parse_value(*key, text);
  if (!value) return std::nullopt;
  return std::move(*value);
}

// What a topic without an override has: the first broker key with a value, else the key's default.
std::optional<Value> fallback(const Layers& broker, const Key& key) {
  for (const auto& synonym : broker_synonyms(key.name)) {
    const auto text = broker.get(synonym.broker_key);
    if (!text) continue;
    auto value = parsed(Scope::kBroker, synonym.broker_key, *text);
    if (!value) continue;
    if (auto* number = std::get_if<std::int64_t>(&*value)) {
      *number = scaled(*number, synonym.factor);
      if (key.name == "retention.ms" && *number < 0) *number = -1;
    }
    return value;
  }
  if (const auto text = key.default_text()) return parsed(Scope::kTopic, key.name, *text);
  return std::nullopt;
}

class TopicReader {
 public:
  TopicReader(const Layers& broker, const Values& overrides)
      : broker_(broker), overrides_(overrides) {}

  [[nodiscard]] std::optional<Value> value(std::string_view name) const {
    const Key* key = find_key(Scope::kTopic, name);
    ASSERT(key != nullptr);
    const auto at = overrides_.find(name);
    if (at != overrides_.end()) {
      if (auto own = parsed(Scope::kTopic, name, at->second)) return own;
    }
    return fallback(broker_, *key);
  }

  void read(std::string_view name, std::int32_t& into) const {
    if (const auto number = integer(name)) into = static_cast<std::int32_t>(*number);
  }
  void read(std::string_view name, std::int64_t& into) const {
    if (const auto number = integer(name)) into = *number;
  }
  void read(std::string_view name, base::Milliseconds64& into) const {
    if (const auto number = integer(name)) into = base::Milliseconds64(*number);
  }
  void read(std::string_view name, bool& into) const { read_as(name, into); }
  void read(std::string_view name, double& into) const { read_as(name, into); }
  void read(std::string_view name, std::string& into) const { read_as(name, into); }
  void read(std::string_view name, std::vector<std::string>& into) const { read_as(name, into); }

 private:
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const {
    const auto found = value(name);
    if (!found) return std::nullopt;
    const auto* number = std::get_if<std::int64_t>(&*found);
    return number == nullptr ? std::nullopt : std::optional(*number);
  }
  template <class T>
  void read_as(std::string_view name, T& into) const {
    const auto found = value(name);
    if (!found) return;
    if (const auto* typed = std::get_if<T>(&*found)) into = *typed;
  }

  const Layers& broker_;
  const Values& overrides_;
};

CompressionType compression_of(std::string_view name) {
  if (name == "uncompressed") return CompressionType::kUncompressed;
  if (name == "gzip") return CompressionType::kGzip;
  if (name == "snappy") return CompressionType::kSnappy;
  if (name == "lz4") return CompressionType::kLz4;
  if (name == "zstd") return CompressionType::kZstd;
  return CompressionType::kProducer;
}

void read_segments(const TopicReader& values, TopicConfig& topic) {
  values.read("segment.bytes", topic.segment_bytes);
  values.read("internal.segment.bytes", topic.segment_bytes);
  values.read("segment.ms", topic.segment_time);
  values.read("segment.jitter.ms", topic.segment_jitter);
  values.read("segment.index.bytes", topic.segment_index_bytes);
  values.read("flush.messages", topic.flush_messages);
  values.read("flush.ms", topic.flush_interval);
  values.read("index.interval.bytes", topic.index_interval_bytes);
  values.read("file.delete.delay.ms", topic.file_delete_delay);
  values.read("preallocate", topic.preallocate);
  values.read("retention.bytes", topic.retention_bytes);
  values.read("retention.ms", topic.retention_time);
  values.read("delete.retention.ms", topic.delete_retention);
  values.read("min.compaction.lag.ms", topic.min_compaction_lag);
  values.read("max.compaction.lag.ms", topic.max_compaction_lag);
  values.read("min.cleanable.dirty.ratio", topic.min_cleanable_dirty_ratio);
  std::vector<std::string> policy;
  values.read("cleanup.policy", policy);
  topic.cleanup_compact = std::ranges::find(policy, "compact") != policy.end();
  topic.cleanup_delete = std::ranges::find(policy, "delete") != policy.end();
}

void read_records(const TopicReader& values, TopicConfig& topic) {
  values.read("max.message.bytes", topic.message_bytes_max);
  values.read("max.decompressed.message.bytes", topic.decompressed_message_bytes_max);
  std::string text;
  values.read("compression.type", text);
  topic.compression_type = compression_of(text);
  values.read("compression.gzip.level", topic.gzip_level);
  values.read("compression.lz4.level", topic.lz4_level);
  values.read("compression.zstd.level", topic.zstd_level);
  values.read("message.timestamp.type", text);
  topic.timestamp_type =
      text == "LogAppendTime" ? TimestampType::kLogAppendTime : TimestampType::kCreateTime;
  values.read("message.timestamp.before.max.ms", topic.timestamp_before_max);
  values.read("message.timestamp.after.max.ms", topic.timestamp_after_max);
}

void read_replicas(const TopicReader& values, TopicConfig& topic) {
  values.read("unclean.leader.election.enable", topic.unclean_leader_election);
  values.read("min.insync.replicas", topic.min_insync_replicas);
  values.read("leader.replication.throttled.replicas", topic.leader_throttled_replicas);
  values.read("follower.replication.throttled.replicas", topic.follower_throttled_replicas);
  values.read("remote.storage.enable", topic.remote_storage);
  values.read("remote.log.copy.disable", topic.remote_copy_disabled);
  values.read("remote.log.delete.on.disable", topic.remote_delete_on_disable);
  values.read("local.retention.ms", topic.local_retention_time);
  values.read("local.retention.bytes", topic.local_retention_bytes);
}

std::expected<void, std::string> check_values(Scope scope, std::string_view kind,
                                              const Values& values) {
  for (const auto& [name, text] : values) {
    const Key* key = find_key(scope, name);
    if (key == nullptr) {
      return std::unexpected("Unknown " + std::string(kind) + " config name: " + name);
    }
    if (auto value = parse_value(*key, text); !value) return std::unexpected(value.error());
  }
  return {};
}

std::expected<void, std::string> check_remote(const TopicConfig& topic, const Values& before) {
  if (topic.remote_storage) {
    return std::unexpected(
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with "
        "remote log storage.");
  }
  const auto was = before.find("remote.storage.enable");
  if (was != before.end() && was->second == "true" && !topic.remote_delete_on_disable) {
    return std::unexpected(
        "It is invalid to disable remote storage without deleting remote data: set "
        "remote.log.delete.on.disable=true with it.");
  }
  return {};
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

base::Milliseconds64 TopicConfig::segment_time_max() const {
  if (cleanup_compact && max_compaction_lag.count() > 0) {
    return std::min(max_compaction_lag, segment_time);
  }
  return segment_time;
}

TopicConfig resolve_topic(const Layers& broker, const Values& overrides) {
  const TopicReader values(broker, overrides);
  TopicConfig topic;
  read_segments(values, topic);
  read_records(values, topic);
  read_replicas(values, topic);
  return topic;
}

std::expected<void, std::string> check_topic(const Layers& broker, const Values& overrides,
                                             const Values& before) {
  if (auto valid = check_values(Scope::kTopic, "topic", overrides); !valid) return valid;
  const TopicConfig topic = resolve_topic(broker, overrides);
  if (topic.min_compaction_lag > topic.max_compaction_lag) {
    return std::unexpected("conflict topic config setting min.compaction.lag.ms (" +
                           std::to_string(topic.min_compaction_lag.count()) +
                           ") > max.compaction.lag.ms (" +
                           std::to_string(topic.max_compaction_lag.count()) + ")");
  }
  return check_remote(topic, before);
}

std::expected<void, std::string> check_dynamic_broker(const Values& values, bool for_all_brokers) {
  std::vector<std::string> fixed;
  std::optional<std::string> without_effect;
  std::vector<std::string> per_broker;
  for (const auto& [name, text] : values) {
    const auto listener = split_listener_key(name);
    const Key* key = find_key(Scope::kBroker, listener ? listener->key : std::string_view(name));
    // An unknown name may belong to a plugin of another broker: stored, as Kafka does.
    if (key == nullptr) continue;
    if (auto value = parse_value(*key, text); !value) return std::unexpected(value.error());
    if (name == "max.connections.per.ip.overrides") {
      if (auto parsed = parse_connection_overrides(text); !parsed) {
        return std::unexpected(parsed.error());
      }
    }
    if (key->update == Update::kReadOnly) fixed.push_back(name);
    if (key->update == Update::kPerBroker) per_broker.push_back(name);
    const auto reason = listener ? std::optional<std::string_view>(
                                       "it cannot differ between "
                                       "listeners yet")
                                 : no_dynamic_effect(*key);
    if (reason && !without_effect) {
      without_effect = name + " cannot be changed while the node runs: " + std::string(*reason);
    }
  }
  if (!fixed.empty()) {
    return std::unexpected("Cannot update these configs dynamically: [" + joined(fixed) + "]");
  }
  if (for_all_brokers && !per_broker.empty()) {
    return std::unexpected(
        "Cannot update these configs at default cluster level, per-broker configs must be defined "
        "at "
        "broker level: [" +
        joined(per_broker) + "]");
  }
  // Kafka would act on these. Storing what changes nothing would look as if it did.
  if (without_effect) return std::unexpected(*without_effect);
  return {};
}

std::expected<void, std::string> check_group(const Layers& broker, const Values& values) {
  if (auto valid = check_values(Scope::kGroup, "group", values); !valid) return valid;
  // Group values lie between the broker's bounds: group.share.min.x <= share.x <=
  // group.share.max.x.
  for (const auto& [name, text] : values) {
    const Key* key = find_key(Scope::kGroup, name);
    const auto value = parse_value(*key, text);
    const auto* number = value ? std::get_if<std::int64_t>(&*value) : nullptr;
    if (number == nullptr) continue;
    const auto dot = name.find('.');
    const std::string kind = "group." + name.substr(0, dot);
    for (const bool is_min : {true, false}) {
      const std::string bound = kind + (is_min ? ".min." : ".max.") + name.substr(dot + 1);
      const auto limit_text = broker.get(bound);
      if (!limit_text) continue;
      const auto limit_value = parsed(Scope::kBroker, bound, *limit_text);
      const auto* limit = limit_value ? std::get_if<std::int64_t>(&*limit_value) : nullptr;
      if (limit == nullptr) continue;
      if (is_min ? *number < *limit : *number > *limit) {
        return std::unexpected(name + " must be " + (is_min ? "greater" : "less") +
                               " than or equal to " + bound + " (" + std::to_string(*limit) + ")");
      }
    }
  }
  return {};
}

std::expected<void, std::string> check_client_metrics(const Values& values) {
  if (auto valid = check_values(Scope::kClientMetrics, "client metrics", values); !valid) {
    return valid;
  }
  constexpr std::string_view kMatchNames[] = {"client_instance_id",    "client_id",
                                              "client_software_name",  "client_software_version",
                                              "client_source_address", "client_source_port"};
  const auto match = values.find("match");
  if (match == values.end()) return {};
  for (const auto& pattern : split_list(match->second)) {
    const auto equals = pattern.find('=');
    const std::string_view name = trim(std::string_view(pattern).substr(0, equals));
    if (equals == std::string::npos ||
        std::ranges::find(kMatchNames, name) == std::end(kMatchNames)) {
      return std::unexpected("Illegal client matching pattern: " + pattern);
    }
  }
  return {};
}

}  // namespace moldau::config
