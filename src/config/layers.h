// The values a broker key can take, by where they come from, strongest first: set for this broker
// while running, set for all brokers while running, from the file, default. One value type that
// answers what is in force and from where. Copies are cheap enough for a config change, not for a
// request. Owned by one loop, or const. Source: DynamicBrokerConfig.java, ConfigHelper.java (4.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/key.h"
#include "config/value.h"

namespace moldau::config {

// The numbers are those of DescribeConfigs' config_source (frozen).
enum class Source : std::int8_t {
  kUnknown = 0,
  kTopic = 1,
  kDynamicBroker = 2,
  kDynamicDefaultBroker = 3,
  kStaticBroker = 4,
  kDefault = 5,
  kDynamicBrokerLogger = 6,
  kClientMetrics = 7,
  kGroup = 8,
};

struct Synonym {
  std::string name;
  std::optional<std::string> value;  // nothing for null and for what must not be shown
  Source source = Source::kUnknown;
};

struct Layers {
  Values dynamic_broker;   // ConfigRecords of resource BROKER "<node id>"
  Values dynamic_default;  // ConfigRecords of resource BROKER ""
  Values file;             // the properties file

  // The value in force for exactly this key: nothing when it is null or unknown.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view key) const
      [[clang::lifetimebound]];
  // All values of a key and of the keys that mean the same, strongest first. As in Kafka the list
  // begins with the first value under the key's own name, and is empty when there is none.
  [[nodiscard]] std::vector<Synonym> synonyms(std::string_view key) const;
};

}  // namespace moldau::config
