#include "config/table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <utility>

#include "config/internal/rows.h"

namespace moldau::config {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;

std::vector<Key> sorted(std::initializer_list<std::span<const Key>> parts) {
  std::vector<Key> all;
  for (const auto part : parts) all.insert(all.end(), part.begin(), part.end());
  std::ranges::sort(all, {}, &Key::name);
  return all;
}

struct TopicSynonyms {
  std::string_view topic_key;
  std::array<BrokerSynonym, 3> broker_keys;
  std::size_t count;
};

// Ordered by topic key.
constexpr TopicSynonyms kTopicSynonyms[] = {
    {"cleanup.policy", {{{"log.cleanup.policy"}}}, 1},
    {"compression.gzip.level", {{{"compression.gzip.level"}}}, 1},
    {"compression.lz4.level", {{{"compression.lz4.level"}}}, 1},
    {"compression.type", {{{"compression.type"}}}, 1},
    {"compression.zstd.level", {{{"compression.zstd.level"}}}, 1},
    {"delete.retention.ms", {{{"log.cleaner.delete.retention.ms"}}}, 1},
    {"file.delete.delay.ms", {{{"log.segment.delete.delay.ms"}}}, 1},
    {"flush.messages", {{{"log.flush.interval.messages"}}}, 1},
    {"flush.ms", {{{"log.flush.interval.ms"}, {"log.flush.scheduler.interval.ms"}}}, 2},
    {"index.interval.bytes", {{{"log.index.interval.bytes"}}}, 1},
    {"local.retention.bytes", {{{"log.local.retention.bytes"}}}, 1},
    {"local.retention.ms", {{{"log.local.retention.ms"}}}, 1},
    {"max.compaction.lag.ms", {{{"log.cleaner.max.compaction.lag.ms"}}}, 1},
    {"max.decompressed.message.bytes", {{{"max.decompressed.message.bytes"}}}, 1},
    {"max.message.bytes", {{{"message.max.bytes"}}}, 1},
    {"message.timestamp.after.max.ms", {{{"log.message.timestamp.after.max.ms"}}}, 1},
    {"message.timestamp.before.max.ms", {{{"log.message.timestamp.before.max.ms"}}}, 1},
    {"message.timestamp.type", {{{"log.message.timestamp.type"}}}, 1},
    {"min.cleanable.dirty.ratio", {{{"log.cleaner.min.cleanable.ratio"}}}, 1},
    {"min.compaction.lag.ms", {{{"log.cleaner.min.compaction.lag.ms"}}}, 1},
    {"min.insync.replicas", {{{"min.insync.replicas"}}}, 1},
    {"preallocate", {{{"log.preallocate"}}}, 1},
    {"remote.copy.lag.bytes", {{{"log.remote.copy.lag.bytes"}}}, 1},
    {"remote.copy.lag.ms", {{{"log.remote.copy.lag.ms"}}}, 1},
    {"retention.bytes", {{{"log.retention.bytes"}}}, 1},
    {"retention.ms",
     {{{"log.retention.ms"}, {"log.retention.minutes", kMinute}, {"log.retention.hours", kHour}}},
     3},
    {"segment.bytes", {{{"log.segment.bytes"}}}, 1},
    {"segment.index.bytes", {{{"log.index.size.max.bytes"}}}, 1},
    {"segment.jitter.ms", {{{"log.roll.jitter.ms"}, {"log.roll.jitter.hours", kHour}}}, 2},
    {"segment.ms", {{{"log.roll.ms"}, {"log.roll.hours", kHour}}}, 2},
    {"unclean.leader.election.enable", {{{"unclean.leader.election.enable"}}}, 1},
};

constexpr std::pair<std::string_view, std::string_view> kGroupSynonyms[] = {
    {"consumer.assignment.interval.ms", "group.consumer.assignment.interval.ms"},
    {"consumer.assignor.offload.enable", "group.consumer.assignor.offload.enable"},
    {"consumer.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"},
    {"consumer.session.timeout.ms", "group.consumer.session.timeout.ms"},
    {"share.assignment.interval.ms", "group.share.assignment.interval.ms"},
    {"share.assignor.offload.enable", "group.share.assignor.offload.enable"},
    {"share.delivery.count.limit", "group.share.delivery.count.limit"},
    {"share.heartbeat.interval.ms", "group.share.heartbeat.interval.ms"},
    {"share.partition.max.record.locks", "group.share.partition.max.record.locks"},
    {"share.record.lock.duration.ms", "group.share.record.lock.duration.ms"},
    {"share.session.timeout.ms", "group.share.session.timeout.ms"},
    {"streams.acceptable.recovery.lag", "group.streams.acceptable.recovery.lag"},
    {"streams.assignment.interval.ms", "group.streams.assignment.interval.ms"},
    {"streams.assignor.name", "group.streams.assignors"},
    {"streams.assignor.offload.enable", "group.streams.assignor.offload.enable"},
    {"streams.heartbeat.interval.ms", "group.streams.heartbeat.interval.ms"},
    {"streams.initial.rebalance.delay.ms", "group.streams.initial.rebalance.delay.ms"},
    {"streams.num.standby.replicas", "group.streams.num.standby.replicas"},
    {"streams.num.warmup.replicas", "group.streams.num.warmup.replicas"},
    {"streams.rack.aware.assignment.tags", "group.streams.rack.aware.assignment.tags"},
    {"streams.session.timeout.ms", "group.streams.session.timeout.ms"},
    {"streams.task.offset.interval.ms", "group.streams.task.offset.interval.ms"},
};

// Broker keys that a running node follows beside those that stand in for topic keys.
constexpr std::string_view kFollowedKeys[] = {
    "max.connection.creation.rate",
    "max.connections",
    "max.connections.per.ip",
    "max.connections.per.ip.overrides",
};

// Keys that may carry a SASL mechanism after the listener.
constexpr std::string_view kMechanismKeys[] = {
    "connections.max.reauth.ms",          "sasl.jaas.config",
    "sasl.login.callback.handler.class",  "sasl.login.class",
    "sasl.server.callback.handler.class",
};

constexpr std::string_view kListenerPrefix = "listener.name.";

// Edit distance, or `limit` + 1 when it is more than that.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  const std::size_t longer = std::max(a.size(), b.size());
  const std::size_t shorter = std::min(a.size(), b.size());
  if (longer - shorter > limit) return limit + 1;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    std::size_t best = row[0];
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, replaced});
      best = std::min(best, row[j]);
      diagonal = above;
    }
    if (best > limit) return limit + 1;
  }
  return row[b.size()];
}

}  // namespace

std::string_view to_string(Type type) {
  switch (type) {
    case Type::kUnknown:
      return "UNKNOWN";
    case Type::kBoolean:
      return "BOOLEAN";
    case Type::kString:
      return "STRING";
    case Type::kInt:
      return "INT";
    case Type::kShort:
      return "SHORT";
    case Type::kLong:
      return "LONG";
    case Type::kDouble:
      return "DOUBLE";
    case Type::kList:
      return "LIST";
    case Type::kClass:
      return "CLASS";
    case Type::kPassword:
      return "PASSWORD";
  }
  return "UNKNOWN";
}

std::span<const Key> keys(Scope scope) {
  static const std::vector<Key> broker =
      sorted({internal::node_rows(), internal::network_rows(), internal::log_rows(),
              internal::replication_rows(), internal::group_rows(), internal::transaction_rows()});
  static const std::vector<Key> topic = sorted({internal::topic_rows()});
  static const std::vector<Key> group = sorted({internal::group_key_rows()});
  static const std::vector<Key> metrics = sorted({internal::metrics_rows()});
  switch (scope) {
    case Scope::kBroker:
      return broker;
    case Scope::kTopic:
      return topic;
    case Scope::kGroup:
      return group;
    case Scope::kClientMetrics:
      return metrics;
  }
  return {};
}

const Key* find_key(Scope scope, std::string_view name) {
  const auto all = keys(scope);
  const auto at = std::ranges::lower_bound(all, name, {}, &Key::name);
  return at != all.end() && at->name == name ? &*at : nullptr;
}

std::optional<std::string_view> nearest_key(Scope scope, std::string_view name) {
  // Further away it is a guess, not a typing error.
  std::size_t limit = std::max<std::size_t>(2, name.size() / 4);
  std::optional<std::string_view> nearest;
  for (const Key& key : keys(scope)) {
    if (key.internal) continue;
    const std::size_t distance = edit_distance(name, key.name, limit);
    if (distance > limit) continue;
    nearest = key.name;
    if (distance == 0) return nearest;
    limit = distance - 1;
  }
  return nearest;
}

std::span<const BrokerSynonym> broker_synonyms(std::string_view topic_key) {
  const auto* at =
      std::ranges::lower_bound(kTopicSynonyms, topic_key, {}, &TopicSynonyms::topic_key);
  if (at == std::end(kTopicSynonyms) || at->topic_key != topic_key) return {};
  return std::span(at->broker_keys).first(at->count);
}

std::vector<std::string> alternative_broker_keys(std::string_view broker_key) {
  for (const auto& topic : kTopicSynonyms) {
    const auto group = std::span(topic.broker_keys).first(topic.count);
    if (group.size() > 1 &&
        std::ranges::find(group, broker_key, &BrokerSynonym::broker_key) != group.end()) {
      std::vector<std::string> names;
      for (const auto& synonym : group) names.emplace_back(synonym.broker_key);
      return names;
    }
  }
  if (const auto split = split_listener_key(broker_key)) {
    return {std::string(broker_key), std::string(split->key)};
  }
  return {std::string(broker_key)};
}

std::optional<std::string_view> no_dynamic_effect(const Key& key) {
  if (!key.honoured()) return key.no_effect;
  if (std::ranges::find(kFollowedKeys, key.name) != std::end(kFollowedKeys)) return std::nullopt;
  for (const auto& topic : kTopicSynonyms) {
    const auto group = std::span(topic.broker_keys).first(topic.count);
    if (std::ranges::find(group, key.name, &BrokerSynonym::broker_key) != group.end()) {
      return std::nullopt;
    }
  }
  return "set it in the properties file; it is read at the start";
}

std::optional<std::string_view> group_synonym(std::string_view group_key) {
  for (const auto& [group, broker] : kGroupSynonyms) {
    if (group == group_key) return broker;
  }
  return std::nullopt;
}

std::optional<ListenerKey> split_listener_key(std::string_view name) {
  if (!name.starts_with(kListenerPrefix)) return std::nullopt;
  const std::string_view rest = name.substr(kListenerPrefix.size());
  const auto dot = rest.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == rest.size()) return std::nullopt;
  ListenerKey split{.listener = rest.substr(0, dot), .mechanism = {}, .key = rest.substr(dot + 1)};
  for (const auto key : kMechanismKeys) {
    const bool longer = split.key.size() > key.size() + 1;
    if (longer && split.key.ends_with(key) && split.key[split.key.size() - key.size() - 1] == '.') {
      split.mechanism = split.key.substr(0, split.key.size() - key.size() - 1);
      split.key = key;
      break;
    }
  }
  return split;
}

}  // namespace moldau::config
