#include "config/properties.h"

#include <charconv>
#include <system_error>
#include <utility>

namespace moldau::config {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

void append_utf8(std::string& out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { out.push_back(static_cast<char>(value)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | (code >> 6));
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

// One logical line at a time: continuation lines joined, comments and blank lines left out.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : left_(text) {}

  // The raw text of the next logical line, escapes still in it; its first line's number in `line`.
  bool next(std::string& logical, int& line) {
    logical.clear();
    while (!left_.empty()) {
      const std::string_view natural = natural_line();
      std::string_view content = natural;
      while (!content.empty() && is_blank(content.front())) content.remove_prefix(1);
      if (logical.empty()) {
        // A comment cannot be continued, and cannot begin in a continuation.
        if (!continued_ && (content.empty() || content.front() == '#' || content.front() == '!')) {
          continue;
        }
        if (!continued_) line = number_;
      }
      continued_ = ends_in_odd_backslashes(content);
      if (continued_) content.remove_suffix(1);
      logical += content;
      if (!continued_) return true;
    }
    const bool cut = std::exchange(continued_, false);
    return cut || !logical.empty();
  }

 private:
  std::string_view natural_line() {
    const auto end = left_.find_first_of("\r\n");
    const std::string_view line = left_.substr(0, end);
    std::size_t used = line.size();
    if (end != std::string_view::npos) {
      used += left_.substr(end).starts_with("\r\n") ? 2 : 1;
    }
    left_.remove_prefix(used);
    ++number_;
    return line;
  }
  static bool ends_in_odd_backslashes(std::string_view text) {
    std::size_t count = 0;
    while (count < text.size() && text[text.size() - 1 - count] == '\\') ++count;
    return count % 2 == 1;
  }

  std::string_view left_;
  int number_ = 0;
  bool continued_ = false;
};

std::optional<std::uint32_t> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, code, 16);
  if (error != std::errc() || end != text.data() + 4) return std::nullopt;
  return code;
}

// Text after a backslash-u; nothing when it is not four hexadecimal digits. Surrogate pairs become
// one character; half a pair becomes U+FFFD.
bool unescape_unicode(std::string_view& text, std::string& out) {
  const auto first = hex4(text);
  if (!first) return false;
  text.remove_prefix(4);
  const bool high = *first >= 0xD800 && *first < 0xDC00;
  if (high && text.starts_with("\\u")) {
    const auto second = hex4(text.substr(2));
    if (second && *second >= 0xDC00 && *second < 0xE000) {
      text.remove_prefix(6);
      append_utf8(out, 0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00));
      return true;
    }
  }
  const bool half = *first >= 0xD800 && *first < 0xE000;
  append_utf8(out, half ? 0xFFFD : *first);
  return true;
}

bool unescape(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\' || text.empty()) {
      if (c != '\\') out.push_back(c);
      continue;
    }
    const char escaped = text.front();
    text.remove_prefix(1);
    switch (escaped) {
      case 'u':
        if (!unescape_unicode(text, out)) return false;
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'f':
        out.push_back('\f');
        break;
      default:
        out.push_back(escaped);
    }
  }
  return true;
}

// Where the key ends: at the first '=', ':' or blank that is not escaped.
std::size_t key_end(std::string_view line) {
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\\') {
      ++at;
    } else if (line[at] == '=' || line[at] == ':' || is_blank(line[at])) {
      return at;
    }
  }
  return line.size();
}

std::string_view value_of(std::string_view rest) {
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  if (!rest.empty() && (rest.front() == '=' || rest.front() == ':')) rest.remove_prefix(1);
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  return rest;
}

void append_escaped(std::string& out, std::string_view text, bool is_key) {
  bool leading = true;
  for (const char c : text) {
    switch (c) {
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\\':
      case '=':
      case ':':
      case '#':
      case '!':
        out.push_back('\\');
        out.push_back(c);
        break;
      case ' ':
        // Blanks inside a value need no escape; at its start they would be dropped.
        if (is_key || leading) out.push_back('\\');
        out.push_back(' ');
        break;
      default:
        out.push_back(c);
    }
    leading = leading && c == ' ';
  }
}

}  // namespace

std::expected<Properties, PropertiesError> Properties::parse(std::string_view text) {
  if (text.size() > kPropertiesBytesMax) {
    return std::unexpected(PropertiesError{
        .line = 0,
        .message = "the file has " + std::to_string(text.size()) + " bytes; at most " +
                   std::to_string(kPropertiesBytesMax) + " are read"});
  }
  Properties properties;
  LineReader lines(text);
  std::string logical;
  int line = 0;
  while (lines.next(logical, line)) {
    const std::string_view whole = logical;
    const std::size_t end = key_end(whole);
    std::string key;
    std::string value;
    if (!unescape(whole.substr(0, end), key) || !unescape(value_of(whole.substr(end)), value)) {
      return std::unexpected(PropertiesError{
          .line = line, .message = "\\u must be followed by four hexadecimal digits"});
    }
    properties.set(key, value, line);
  }
  return properties;
}

void Properties::set(std::string_view key, std::string_view value, int line) {
  entries_.insert_or_assign(std::string(key), Property{.value = std::string(value), .line = line});
}

std::optional<std::string_view> Properties::get(std::string_view key) const {
  const auto at = entries_.find(key);
  if (at == entries_.end()) return std::nullopt;
  return at->second.value;
}

std::string Properties::to_text(std::string_view comment) const {
  std::string out;
  if (!comment.empty()) {
    out += "#";
    for (const char c : comment) out.push_back(c == '\n' || c == '\r' ? ' ' : c);
    out += "\n";
  }
  for (const auto& [key, property] : entries_) {
    append_escaped(out, key, true);
    out += "=";
    append_escaped(out, property.value, false);
    out += "\n";
  }
  return out;
}

}  // namespace moldau::config
