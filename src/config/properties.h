// Reads and writes Java's .properties syntax, which server.properties, meta.properties and
// client files use: `key=value`, `key: value` or `key value`; # and ! comments; backslash escapes,
// \uXXXX and continuation lines. A later duplicate of a key wins. Bytes above 0x7f are taken as
// UTF-8 and kept (Java reads Latin-1; files written for either agree as long as they are ASCII).
// Pure; any loop. Source: java.util.Properties.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moldau::config {

inline constexpr std::size_t kPropertiesBytesMax = std::size_t{1} << 20;

struct Property {
  std::string value;
  int line = 0;  // where the file has it, from 1; 0 when it did not come from a file
};

struct PropertiesError {
  int line;
  std::string message;
};

class Properties {
 public:
  [[nodiscard]] static std::expected<Properties, PropertiesError> parse(std::string_view text);

  void set(std::string_view key, std::string_view value, int line = 0);
  [[nodiscard]] std::optional<std::string_view> get(std::string_view key) const
      [[clang::lifetimebound]];
  [[nodiscard]] bool contains(std::string_view key) const { return get(key).has_value(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  // Ordered by key.
  [[nodiscard]] const std::map<std::string, Property, std::less<>>& entries() const
      [[clang::lifetimebound]] {
    return entries_;
  }

  // Keys in order, escaped so that parse() and Java read the same back. `comment` becomes the first
  // line, when it is not empty.
  [[nodiscard]] std::string to_text(std::string_view comment = {}) const;

 private:
  std::map<std::string, Property, std::less<>> entries_;
};

}  // namespace moldau::config
