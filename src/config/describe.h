// The answer of DescribeConfigs for one resource as values: every key in its order, the value in
// force, where it comes from, and the values behind it. The broker's handler turns them into the
// wire struct; CreateTopics' answer uses the topic form. Pure; any loop. Source: ConfigHelper.java
// (4.4).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/key.h"
#include "config/layers.h"
#include "config/value.h"

namespace moldau::config {

struct Entry {
  std::string name;
  std::optional<std::string> value;  // nothing when null or sensitive
  Source source = Source::kUnknown;
  Type type = Type::kUnknown;
  bool read_only = false;
  bool sensitive = false;
  std::vector<Synonym> synonyms;
  std::string_view documentation;
};

[[nodiscard]] std::vector<Entry> describe_topic(const Layers& broker, const Values& overrides);
[[nodiscard]] std::vector<Entry> describe_broker(const Layers& broker);
// The settings for all brokers (resource BROKER ""): only those that are set.
[[nodiscard]] std::vector<Entry> describe_broker_defaults(const Layers& broker);
[[nodiscard]] std::vector<Entry> describe_group(const Layers& broker, const Values& overrides);
[[nodiscard]] std::vector<Entry> describe_client_metrics(const Values& values);

}  // namespace moldau::config
