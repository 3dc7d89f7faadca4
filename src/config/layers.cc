#include "config/layers.h"

#include <algorithm>
#include <utility>

#include "config/table.h"

namespace moldau::config {
namespace {

std::optional<std::string_view> find(const Values& values, std::string_view key) {
  const auto at = values.find(key);
  if (at == values.end()) return std::nullopt;
  return at->second;
}

}  // namespace

std::optional<std::string_view> Layers::get(std::string_view key) const {
  for (const Values* layer : {&dynamic_broker, &dynamic_default, &file}) {
    if (const auto value = find(*layer, key)) return value;
  }
  const Key* known = find_key(Scope::kBroker, key);
  return known == nullptr ? std::nullopt : known->default_text();
}

std::vector<Synonym> Layers::synonyms(std::string_view key) const {
  std::vector<Synonym> found;
  const auto names = alternative_broker_keys(key);
  const auto add = [&](const std::string& name, std::string_view value, Source source) {
    const Key* known = find_key(Scope::kBroker, name);
    // What is not known may be a secret.
    const bool hidden = known == nullptr || known->sensitive();
    found.push_back({.name = name,
                     .value = hidden ? std::nullopt : std::optional(std::string(value)),
                     .source = source});
  };
  const std::pair<const Values*, Source> layers[] = {
      {&dynamic_broker, Source::kDynamicBroker},
      {&dynamic_default, Source::kDynamicDefaultBroker},
      {&file, Source::kStaticBroker},
  };
  for (const auto& [values, source] : layers) {
    for (const auto& name : names) {
      if (const auto value = find(*values, name)) add(name, *value, source);
    }
  }
  for (const auto& name : names) {
    const Key* known = find_key(Scope::kBroker, name);
    if (known == nullptr) continue;
    if (const auto value = known->default_text()) add(name, *value, Source::kDefault);
  }
  // Kafka begins the list at the first value under the asked name.
  const auto first = std::ranges::find(found, key, &Synonym::name);
  found.erase(found.begin(), first);
  return found;
}

}  // namespace moldau::config
