#include "config/describe.h"

#include <algorithm>
#include <utility>

#include "config/table.h"

namespace moldau::config {
namespace {

std::optional<std::string> shown(const Key& key, const std::optional<std::string>& text) {
  if (!text || key.sensitive()) return std::nullopt;
  const auto value = parse_value(key, *text);
  return value ? canonical_text(*value) : text;
}

void fill(Entry& entry, const Key& key, const std::optional<std::string>& own, Source own_source) {
  entry.name = std::string(key.name);
  entry.type = key.type;
  entry.sensitive = key.sensitive();
  entry.documentation = key.doc;
  if (own) {
    entry.synonyms.insert(entry.synonyms.begin(),
                          {.name = entry.name, .value = shown(key, own), .source = own_source});
  }
  entry.source = entry.synonyms.empty() ? Source::kDefault : entry.synonyms.front().source;
}

std::optional<std::string> find(const Values& values, std::string_view key) {
  const auto at = values.find(key);
  if (at == values.end()) return std::nullopt;
  return at->second;
}

// The value of a topic key that the topic does not set, in the topic's unit.
std::optional<std::string> topic_fallback(const Layers& broker, const Key& key) {
  for (const auto& synonym : broker_synonyms(key.name)) {
    const auto text = broker.get(synonym.broker_key);
    const Key* broker_key = find_key(Scope::kBroker, synonym.broker_key);
    if (!text || broker_key == nullptr) continue;
    auto value = parse_value(*broker_key, text);
    if (!value) continue;
    if (auto* number = std::get_if<std::int64_t>(&*value)) *number *= synonym.factor;
    return canonical_text(*value);
  }
  const auto text = key.default_text();
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

}  // namespace

std::vector<Entry> describe_topic(const Layers& broker, const Values& overrides) {
  std::vector<Entry> entries;
  for (const Key& key : keys(Scope::kTopic)) {
    const auto own = find(overrides, key.name);
    if (key.internal && !own) continue;
    Entry entry;
    const auto synonyms = broker_synonyms(key.name);
    if (!synonyms.empty()) entry.synonyms = broker.synonyms(synonyms.front().broker_key);
    entry.value = shown(key, own ? own : topic_fallback(broker, key));
    fill(entry, key, own, Source::kTopic);
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<Entry> describe_broker(const Layers& broker) {
  std::vector<Entry> entries;
  for (const Key& key : keys(Scope::kBroker)) {
    const auto text = broker.get(key.name);
    Entry entry;
    entry.synonyms = broker.synonyms(key.name);
    const bool is_set =
        !entry.synonyms.empty() && entry.synonyms.front().source != Source::kDefault;
    if (key.internal && !is_set) continue;
    entry.value = shown(key, text ? std::optional(std::string(*text)) : std::nullopt);
    entry.read_only = key.update == Update::kReadOnly;
    fill(entry, key, std::nullopt, Source::kUnknown);
    entries.push_back(std::move(entry));
  }
  // Names that are not in the table: listener prefixes and strangers. What is not known may be
  // secret.
  for (const Values* layer : {&broker.dynamic_broker, &broker.dynamic_default, &broker.file}) {
    for (const auto& [name, text] : *layer) {
      if (find_key(Scope::kBroker, name) != nullptr) continue;
      if (std::ranges::find(entries, name, &Entry::name) != entries.end()) continue;
      const auto listener = split_listener_key(name);
      const Key* key = listener ? find_key(Scope::kBroker, listener->key) : nullptr;
      Entry entry;
      entry.name = name;
      entry.synonyms = broker.synonyms(name);
      entry.source = entry.synonyms.empty() ? Source::kDefault : entry.synonyms.front().source;
      entry.sensitive = key == nullptr || key->sensitive();
      entry.read_only = key == nullptr || key->update == Update::kReadOnly;
      if (key != nullptr) {
        entry.type = key->type;
        entry.documentation = key->doc;
        entry.value = shown(*key, text);
      }
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

std::vector<Entry> describe_broker_defaults(const Layers& broker) {
  std::vector<Entry> entries;
  for (const auto& [name, text] : broker.dynamic_default) {
    const Key* key = find_key(Scope::kBroker, name);
    Entry entry;
    if (key != nullptr) {
      entry.value = shown(*key, text);
      fill(entry, *key, text, Source::kDynamicDefaultBroker);
    } else {
      entry.name = name;
      entry.sensitive = true;
      entry.source = Source::kDynamicDefaultBroker;
      entry.synonyms.push_back(
          {.name = name, .value = std::nullopt, .source = Source::kDynamicDefaultBroker});
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<Entry> describe_group(const Layers& broker, const Values& overrides) {
  std::vector<Entry> entries;
  for (const Key& key : keys(Scope::kGroup)) {
    const auto own = find(overrides, key.name);
    if (key.internal && !own) continue;
    Entry entry;
    std::optional<std::string> text;
    if (const auto broker_key = group_synonym(key.name)) {
      entry.synonyms = broker.synonyms(*broker_key);
      if (const auto value = broker.get(*broker_key)) text = std::string(*value);
      // The broker lists assignors; a group names one.
      if (text && key.name == "streams.assignor.name") text = text->substr(0, text->find(','));
    } else if (const auto value = key.default_text()) {
      text = std::string(*value);
    }
    entry.value = shown(key, own ? own : text);
    fill(entry, key, own, Source::kGroup);
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<Entry> describe_client_metrics(const Values& values) {
  std::vector<Entry> entries;
  for (const Key& key : keys(Scope::kClientMetrics)) {
    const auto own = find(values, key.name);
    Entry entry;
    const auto text = key.default_text();
    entry.value = shown(key, own ? own : std::optional(std::string(text.value_or(""))));
    fill(entry, key, own, Source::kClientMetrics);
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace moldau::config
