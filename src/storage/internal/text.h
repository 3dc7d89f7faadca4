// Small pieces of text that file names and checkpoints are made of. Pure; any loop.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace moldau::storage::internal {

// The whole text as a decimal number, no plus sign and no spaces; nothing when it is not one.
template <std::integral T>
[[nodiscard]] std::optional<T> parse_number(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stopped_at, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc{} || stopped_at != end) return std::nullopt;
  return value;
}

// The number with leading zeros; longer when it does not fit.
[[nodiscard]] inline std::string zero_padded(long long value, std::size_t width) {
  std::string digits = std::to_string(value);
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

// Takes the next line off the text, without its end ("\n" or "\r\n").
[[nodiscard]] inline std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

[[nodiscard]] inline std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\f\r\n");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\f\r\n") - from + 1);
}

}  // namespace moldau::storage::internal
