// The one table of configuration keys: Kafka 4.4's broker, topic, group and client-metrics keys and
// our own (`moldau.*`), each with type, default, allowed values, when it may change, whether it is
// honoured, and one line of documentation. Also which broker keys stand in for a topic key that a
// topic does not set, in Kafka's order and with its units. Constant data; any loop.
// Source: ServerTopicConfigSynonyms.java, DynamicBrokerConfig.java, GroupConfig.java (4.4).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/key.h"

namespace moldau::config {

// All keys of a scope, ordered by name.
[[nodiscard]] std::span<const Key> keys(Scope scope);
// Nothing when the scope has no such key.
[[nodiscard]] const Key* find_key(Scope scope, std::string_view name);
// The known name with the smallest edit distance; nothing when none is close enough to be meant.
[[nodiscard]] std::optional<std::string_view> nearest_key(Scope scope, std::string_view name);

// A broker key whose value, times `factor`, is used where the topic has none.
struct BrokerSynonym {
  std::string_view broker_key;
  std::int64_t factor = 1;  // hours or minutes to milliseconds
};
// The broker keys that stand in for a topic key; the first that is set wins. Empty when there is
// none.
[[nodiscard]] std::span<const BrokerSynonym> broker_synonyms(std::string_view topic_key);

// The broker keys that set the same thing, strongest first: log.roll.ms, log.roll.hours. A key with
// a listener prefix is followed by what it overrides: listener.name.x.ssl.keystore.location,
// ssl.keystore.location. Any other key stands alone.
[[nodiscard]] std::vector<std::string> alternative_broker_keys(std::string_view broker_key);

// Why a node that runs does not act on a new value of a broker key, as a clause that follows
// "<key> cannot be changed while the node runs: ". Nothing when it does act.
[[nodiscard]] std::optional<std::string_view> no_dynamic_effect(const Key& key);

// The broker key whose value is a group key's default; nothing when the group key has its own.
[[nodiscard]] std::optional<std::string_view> group_synonym(std::string_view group_key);

// "listener.name.external.ssl.keystore.type" -> {"external", "ssl.keystore.type"}; with a SASL
// mechanism, as in "listener.name.external.plain.sasl.jaas.config", the key is what follows it.
struct ListenerKey {
  std::string_view listener;
  std::string_view mechanism;
  std::string_view key;
};
[[nodiscard]] std::optional<ListenerKey> split_listener_key(std::string_view name);

}  // namespace moldau::config
