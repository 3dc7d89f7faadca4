// Turns the text of a configuration value into a typed value and says, in Kafka's form, what is
// wrong with it: "Invalid value x for configuration y: Not a number of type INT". Clients and tools
// show these texts. Pure; any loop. Source: ConfigDef.java, ConfigException.java (4.4).
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/key.h"

namespace moldau::config {

// Name to text, ordered by name: what a properties file, a topic's overrides or a ConfigRecord
// holds.
using Values = std::map<std::string, std::string, std::less<>>;

using Value =
    std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>>;

// A numeric limit of the text that is parsed; longer values are an error.
inline constexpr std::size_t kValueBytesMax = 64 * 1024;

// The typed value, or the message. Nothing as input is null: allowed where the check allows it.
[[nodiscard]] std::expected<Value, std::string> parse_value(const Key& key,
                                                            std::optional<std::string_view> text);

// The text that DescribeConfigs shows: numbers and booleans in one form, lists joined by commas.
[[nodiscard]] std::optional<std::string> canonical_text(const Value& value);

// What a key accepts, for messages and documentation: "[1,...]", "[compact, delete]", "true or
// false".
[[nodiscard]] std::string allowed_values(const Key& key);

// A list as Kafka splits it: at commas, blanks around words dropped, nothing for an empty text.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);
[[nodiscard]] std::string_view trim(std::string_view text);

}  // namespace moldau::config
