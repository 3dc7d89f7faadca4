// A configuration key as a value: what it is called, what it may hold, when it may change, and
// whether this node acts on it. Names, types, defaults, ranges and importance are Kafka 4.4's
// (ConfigDef of AbstractKafkaConfig, LogConfig, GroupConfig, ClientMetricsConfigs); the
// descriptions are ours. The rows live in table.h. Constant data; free to use on any loop.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace moldau::config {

// The numbers are those of DescribeConfigs' config_type (frozen).
enum class Type : std::int8_t {
  kUnknown = 0,
  kBoolean = 1,
  kString = 2,
  kInt = 3,
  kShort = 4,
  kLong = 5,
  kDouble = 6,
  kList = 7,
  kClass = 8,
  kPassword = 9,
};
[[nodiscard]] std::string_view to_string(Type type);

enum class Importance : std::uint8_t { kHigh, kMedium, kLow };

// Whether a running broker takes a new value: never, for one broker, or for the whole cluster.
enum class Update : std::uint8_t { kReadOnly, kPerBroker, kClusterWide };

enum class Scope : std::uint8_t { kBroker, kTopic, kGroup, kClientMetrics };

// What a value must be, beyond its type.
struct Check {
  enum class Kind : std::uint8_t {
    kAny,
    kRange,              // low <= value <= high
    kOneOf,              // one of the words
    kOneOfAnyCase,       // the same, upper or lower case
    kWords,              // a list: no word twice, each one of the words (any, when there are none)
    kNotEmpty,           // a text that is not empty, when it is set
    kLevelOrDefault,     // low <= value <= high, or -1
    kThrottledReplicas,  // "*", or a list of partition:broker
    kAutoOffsetReset,    // earliest, latest, by_duration:<ISO 8601 duration>
  };
  Kind kind = Kind::kAny;
  std::int64_t low = std::numeric_limits<std::int64_t>::min();
  std::int64_t high = std::numeric_limits<std::int64_t>::max();
  std::string_view words = {};  // comma-separated
  bool may_be_empty = true;     // kWords: whether the list may have no element
};

[[nodiscard]] constexpr Check any() { return {}; }
[[nodiscard]] constexpr Check between(std::int64_t low, std::int64_t high) {
  return {.kind = Check::Kind::kRange, .low = low, .high = high};
}
[[nodiscard]] constexpr Check at_least(std::int64_t low) {
  return {.kind = Check::Kind::kRange, .low = low};
}
[[nodiscard]] constexpr Check one_of(std::string_view words) {
  return {.kind = Check::Kind::kOneOf, .words = words};
}
[[nodiscard]] constexpr Check one_of_any_case(std::string_view words) {
  return {.kind = Check::Kind::kOneOfAnyCase, .words = words};
}
[[nodiscard]] constexpr Check words_of(std::string_view words) {
  return {.kind = Check::Kind::kWords, .words = words};
}
[[nodiscard]] constexpr Check words() { return {.kind = Check::Kind::kWords}; }
[[nodiscard]] constexpr Check some_words(std::string_view words = {}) {
  return {.kind = Check::Kind::kWords, .words = words, .may_be_empty = false};
}
[[nodiscard]] constexpr Check not_empty() { return {.kind = Check::Kind::kNotEmpty}; }
[[nodiscard]] constexpr Check level_or_default(std::int64_t low, std::int64_t high) {
  return {.kind = Check::Kind::kLevelOrDefault, .low = low, .high = high};
}
[[nodiscard]] constexpr Check throttled_replicas() {
  return {.kind = Check::Kind::kThrottledReplicas};
}
[[nodiscard]] constexpr Check auto_offset_reset() {
  return {.kind = Check::Kind::kAutoOffsetReset};
}

// A default: a text, null (the key may be without a value), or none (the file must have it).
struct Default {
  enum class Kind : std::uint8_t { kText, kNull, kRequired };
  Kind kind = Kind::kNull;
  std::string_view text = {};

  constexpr Default() = default;
  constexpr Default(const char* value) : kind(Kind::kText), text(value) {}
  constexpr explicit Default(Kind of) : kind(of) {}
};
inline constexpr Default kNull{Default::Kind::kNull};
inline constexpr Default kRequired{Default::Kind::kRequired};

// Stands where a reason for having no effect would stand.
inline constexpr std::string_view kHonoured = {};

struct Key {
  std::string_view name;
  Type type = Type::kString;
  Default default_value;
  Check check;
  Importance importance = Importance::kMedium;
  Update update = Update::kReadOnly;
  // Empty: this node acts on the key. Otherwise the reason why it does not, as a clause that
  // follows
  // "<key> has no effect: ".
  std::string_view no_effect = kHonoured;
  std::string_view doc = {};
  bool internal = false;  // listed only when it is set

  [[nodiscard]] constexpr bool honoured() const { return no_effect.empty(); }
  [[nodiscard]] constexpr bool sensitive() const { return type == Type::kPassword; }
  [[nodiscard]] constexpr std::optional<std::string_view> default_text() const {
    if (default_value.kind != Default::Kind::kText) return std::nullopt;
    return default_value.text;
  }
};

}  // namespace moldau::config
