#include "config/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <system_error>
#include <utility>

namespace moldau::config {
namespace {

constexpr std::string_view kBlanks = " \t\n\v\f\r";

std::string invalid(const Key& key, std::string_view value, std::string_view why) {
  return "Invalid value " + std::string(key.sensitive() ? "[hidden]" : value) +
         " for configuration " + std::string(key.name) + ": " + std::string(why);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += separator;
    out += word;
  }
  return out;
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) return std::nullopt;
  }
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> parse_integer(Type type, std::string_view text) {
  const auto number = parse_number<std::int64_t>(text);
  if (!number) return std::nullopt;
  const auto fits = [&]<class T>(T) {
    return *number >= std::numeric_limits<T>::min() && *number <= std::numeric_limits<T>::max();
  };
  if (type == Type::kInt && !fits(std::int32_t{})) return std::nullopt;
  if (type == Type::kShort && !fits(std::int16_t{})) return std::nullopt;
  return number;
}

template <class T>
std::optional<std::string> out_of_range(const Check& check, T value) {
  if (check.low != std::numeric_limits<std::int64_t>::min() && value < static_cast<T>(check.low)) {
    return "Value must be at least " + std::to_string(check.low);
  }
  if (check.high != std::numeric_limits<std::int64_t>::max() &&
      value > static_cast<T>(check.high)) {
    return "Value must be no more than " + std::to_string(check.high);
  }
  return std::nullopt;
}

std::optional<std::string> check_integer(const Check& check, std::int64_t value) {
  if (check.kind == Check::Kind::kLevelOrDefault) {
    if (value == -1 || (value >= check.low && value <= check.high)) return std::nullopt;
    return "Value must be between " + std::to_string(check.low) + " and " +
           std::to_string(check.high) + " or equal to -1";
  }
  if (check.kind != Check::Kind::kRange) return std::nullopt;
  return out_of_range(check, value);
}

std::optional<std::string> check_one_of(const Check& check, std::string_view value) {
  const auto words = split_list(check.words);
  if (check.kind == Check::Kind::kOneOf) {
    if (std::ranges::find(words, value) != words.end()) return std::nullopt;
    return "String must be one of: " + joined(words, ", ");
  }
  for (const auto& word : words) {
    if (lower(word) == lower(value)) return std::nullopt;
  }
  return "String must be one of (case insensitive): " + joined(words, ", ");
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_throttled_replica(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  return is_digits(text.substr(0, colon)) && is_digits(text.substr(colon + 1));
}

// Java's Duration.parse for what is not negative: PnDTnHnMn.nS, in upper or lower case.
bool is_duration(std::string_view text) {
  const std::string upper = lower(text);
  std::string_view left = upper;
  if (!left.starts_with('p')) return false;
  left.remove_prefix(1);
  std::string_view units = "d";
  bool any_part = false;
  if (left.empty()) return false;
  while (!left.empty()) {
    if (left.starts_with('t')) {
      if (units == "hms" || left.size() == 1) return false;
      units = "hms";
      left.remove_prefix(1);
      continue;
    }
    const auto end = left.find_first_not_of("0123456789.");
    if (end == 0 || end == std::string_view::npos) return false;
    const char unit = left[end];
    const std::string_view number = left.substr(0, end);
    const auto at = units.find(unit);
    if (at == std::string_view::npos || !parse_number<double>(number)) return false;
    if (unit != 's' && number.find('.') != std::string_view::npos) return false;
    units.remove_prefix(at + 1);
    left.remove_prefix(end + 1);
    any_part = true;
  }
  return any_part;
}

std::optional<std::string> check_text(const Check& check, std::string_view value) {
  switch (check.kind) {
    case Check::Kind::kOneOf:
    case Check::Kind::kOneOfAnyCase:
      return check_one_of(check, value);
    case Check::Kind::kNotEmpty:
      if (value.empty()) return "String must be non-empty";
      return std::nullopt;
    case Check::Kind::kAutoOffsetReset: {
      const std::string reset = lower(value);
      if (reset == "earliest" || reset == "latest") return std::nullopt;
      constexpr std::string_view kByDuration = "by_duration:";
      if (reset.starts_with(kByDuration) && is_duration(value.substr(kByDuration.size()))) {
        return std::nullopt;
      }
      return "Value must be earliest, latest or by_duration:PnDTnHnMn.nS";
    }
    default:
      return std::nullopt;
  }
}

// The whole message, since lists have messages of their own.
std::optional<std::string> check_list(const Key& key, std::string_view text,
                                      const std::vector<std::string>& values) {
  const std::string named = "Configuration '" + std::string(key.name) + "'";
  const Check& check = key.check;
  if (check.kind == Check::Kind::kThrottledReplicas) {
    const bool all = values.size() == 1 && trim(values.front()) == "*";
    if (values.empty() || all || std::ranges::all_of(values, is_throttled_replica)) {
      return std::nullopt;
    }
    return invalid(key, text,
                   "must be the literal '*' or a list of replicas in the format "
                   "[partitionId]:[brokerId],[partitionId]:[brokerId],...");
  }
  if (check.kind != Check::Kind::kWords) return std::nullopt;
  if (!check.may_be_empty && values.empty()) {
    return named + " must not be empty. Valid values include: " +
           (check.words.empty() ? "any non-empty value" : allowed_values(key));
  }
  if (std::set<std::string_view>(values.begin(), values.end()).size() != values.size()) {
    return named + " values must not be duplicated.";
  }
  const auto words = split_list(check.words);
  for (const auto& value : values) {
    if (value.empty()) return named + " values must not be empty.";
    if (words.empty() || std::ranges::find(words, value) != words.end()) continue;
    return invalid(key, value, "String must be one of: " + joined(words, ", "));
  }
  return std::nullopt;
}

// As Java's Double.toString: 0.5, 1.0E10, 1.7976931348623157E308.
std::string java_double(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  char buffer[64];
  const double size = std::abs(value);
  if (size >= 1e-3 && size < 1e7) {
    const auto [end, error] =
        std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
    std::string text(buffer, end);
    if (error == std::errc() && text.find('.') == std::string::npos) text += ".0";
    return text;
  }
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string text(buffer, error == std::errc() ? end : buffer);
  const auto e = text.find('e');
  if (e == std::string::npos) return text;
  std::string digits = text.substr(0, e);
  if (digits.find('.') == std::string::npos) digits += ".0";
  const auto exponent = parse_number<int>(std::string_view(text).substr(e + 1));
  return digits + "E" + std::to_string(exponent.value_or(0));
}

std::expected<Value, std::string> parse_boolean(const Key& key, std::string_view text) {
  const std::string value = lower(text);
  if (value == "true") return Value(true);
  if (value == "false") return Value(false);
  return std::unexpected(invalid(key, text, "Expected value to be either true or false"));
}

std::expected<Value, std::string> parse_typed(const Key& key, std::string_view text) {
  const auto not_a_number = [&] {
    return std::unexpected(
        invalid(key, text, "Not a number of type " + std::string(to_string(key.type))));
  };
  switch (key.type) {
    case Type::kBoolean:
      return parse_boolean(key, text);
    case Type::kInt:
    case Type::kShort:
    case Type::kLong: {
      const auto number = parse_integer(key.type, text);
      if (!number) return not_a_number();
      if (auto why = check_integer(key.check, *number)) {
        return std::unexpected(invalid(key, text, *why));
      }
      return Value(*number);
    }
    case Type::kDouble: {
      const auto number = parse_number<double>(text);
      if (!number) return not_a_number();
      if (key.check.kind == Check::Kind::kRange) {
        if (auto why = out_of_range(key.check, *number)) {
          return std::unexpected(invalid(key, text, *why));
        }
      }
      return Value(*number);
    }
    case Type::kList: {
      auto values = split_list(text);
      if (auto message = check_list(key, text, values)) return std::unexpected(*message);
      return Value(std::move(values));
    }
    default:
      break;
  }
  if (auto why = check_text(key.check, text)) return std::unexpected(invalid(key, text, *why));
  return Value(std::string(text));
}

}  // namespace

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> words;
  text = trim(text);
  if (text.empty()) return words;
  for (;;) {
    const auto comma = text.find(',');
    words.emplace_back(trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) return words;
    text.remove_prefix(comma + 1);
  }
}

std::expected<Value, std::string> parse_value(const Key& key,
                                              std::optional<std::string_view> text) {
  if (!text) {
    const bool needs_value =
        key.check.kind != Check::Kind::kAny && key.default_value.kind != Default::Kind::kNull;
    if (needs_value) return std::unexpected(invalid(key, "null", "Value must be non-null"));
    return Value(std::monostate{});
  }
  if (text->size() > kValueBytesMax) {
    return std::unexpected(invalid(key, "of " + std::to_string(text->size()) + " bytes",
                                   "a value has at most " + std::to_string(kValueBytesMax)));
  }
  return parse_typed(key, trim(*text));
}

std::optional<std::string> canonical_text(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&value)) return java_double(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return joined(*list, ",");
  return std::nullopt;
}

std::string allowed_values(const Key& key) {
  const Check& check = key.check;
  switch (check.kind) {
    case Check::Kind::kRange:
      if (check.high == std::numeric_limits<std::int64_t>::max()) {
        return "[" + std::to_string(check.low) + ",...]";
      }
      return "[" + std::to_string(check.low) + ",...," + std::to_string(check.high) + "]";
    case Check::Kind::kOneOf:
      return "[" + joined(split_list(check.words), ", ") + "]";
    case Check::Kind::kOneOfAnyCase:
      return "(case insensitive) [" + joined(split_list(check.words), ", ") + "]";
    case Check::Kind::kWords:
      return check.words.empty() ? "" : "[" + joined(split_list(check.words), ", ") + "]";
    case Check::Kind::kNotEmpty:
      return "non-empty string";
    case Check::Kind::kLevelOrDefault:
      return "[" + std::to_string(check.low) + ",...," + std::to_string(check.high) + "] or -1";
    case Check::Kind::kThrottledReplicas:
      return "[partitionId]:[brokerId],[partitionId]:[brokerId],...";
    case Check::Kind::kAutoOffsetReset:
      return "[latest, earliest, by_duration:PnDTnHnMn.nS]";
    case Check::Kind::kAny:
      break;
  }
  return key.type == Type::kBoolean ? "true or false" : "";
}

}  // namespace moldau::config
