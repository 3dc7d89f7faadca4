#include "config/internal/values_reader.h"

#include <utility>

#include "base/assert.h"
#include "config/table.h"

namespace moldau::config::internal {

Value ValuesReader::value(std::string_view name) {
  const Key* key = find_key(Scope::kBroker, name);
  ASSERT(key != nullptr);
  if (const auto text = layers_.get(name)) {
    auto parsed = parse_value(*key, text);
    if (parsed) return *parsed;
    error(name, parsed.error());
  } else if (key->default_value.kind == Default::Kind::kRequired) {
    error(name, "Missing required configuration \"" + std::string(name) +
                    "\" which has no default value.");
  }
  return parse_value(*key, key->default_text()).value_or(Value{});
}

bool ValuesReader::boolean(std::string_view key) {
  const Value found = value(key);
  const auto* flag = std::get_if<bool>(&found);
  return flag != nullptr && *flag;
}

std::optional<std::int64_t> ValuesReader::maybe_int64(std::string_view key) {
  const Value found = value(key);
  if (const auto* number = std::get_if<std::int64_t>(&found)) return *number;
  return std::nullopt;
}

std::int64_t ValuesReader::int64(std::string_view key) { return maybe_int64(key).value_or(0); }

std::optional<std::string> ValuesReader::maybe_text(std::string_view key) {
  Value found = value(key);
  if (auto* text = std::get_if<std::string>(&found)) return std::move(*text);
  return std::nullopt;
}

std::string ValuesReader::text(std::string_view key) { return maybe_text(key).value_or(""); }

std::vector<std::string> ValuesReader::list(std::string_view key) {
  Value found = value(key);
  if (auto* words = std::get_if<std::vector<std::string>>(&found)) return std::move(*words);
  return {};
}

void ValuesReader::error(std::string_view key, std::string message) {
  if (!reported_.insert(std::string(key)).second) return;
  const auto at = properties_.entries().find(key);
  problems_.push_back({.kind = Problem::Kind::kError,
                       .key = std::string(key),
                       .message = std::move(message),
                       .line = at == properties_.entries().end() ? 0 : at->second.line});
}

}  // namespace moldau::config::internal
