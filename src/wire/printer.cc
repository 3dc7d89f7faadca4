#include "wire/printer.h"

#include <array>
#include <charconv>
#include <cmath>

namespace moldau::wire {
namespace {

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kHex = "0123456789abcdef";

std::string base64(base::Bytes bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group =
          group << 8 | (i + j < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0);
    }
    text += kBase64[group >> 18 & 63];
    text += kBase64[group >> 12 & 63];
    text += i + 1 < bytes.size() ? kBase64[group >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? kBase64[group & 63] : '=';
  }
  return text;
}

// Bytes of the UTF-8 character that the text starts with; 0 when it is malformed.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  // Too long a form, a surrogate, or beyond U+10FFFF.
  const unsigned second = byte(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f)) return 0;
  if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) return 0;
  return size;
}

}  // namespace

void Printer::append(std::string_view text) {
  if (full_) return;
  if (out_.size() + text.size() > limit_) {
    out_ += "...";
    full_ = true;
    return;
  }
  out_ += text;
}

void Printer::open(std::string_view type) {
  if (style_ == PrintStyle::kText) append(type);
  append(style_ == PrintStyle::kJson ? "{" : "(");
  first_ = true;
}

void Printer::close() {
  append(style_ == PrintStyle::kJson ? "}" : ")");
  first_ = false;
}

void Printer::key(std::string_view name) {
  if (!first_) append(comma());
  first_ = false;
  if (style_ == PrintStyle::kJson) append("\"");
  append(name);
  append(style_ == PrintStyle::kJson ? "\":" : "=");
}

void Printer::integer(std::int64_t number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  append({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void Printer::value(double number) {
  if (!std::isfinite(number)) {
    quoted(std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
    return;
  }
  std::array<char, 40> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  append({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void Printer::value(ErrorCode code) {
  if (style_ == PrintStyle::kJson) {
    integer(static_cast<std::int16_t>(code));
  } else {
    append(to_string(code));
  }
}

void Printer::value(const base::SharedBytes& bytes) {
  if (style_ == PrintStyle::kJson) {
    quoted(base64(bytes.span()));
    return;
  }
  integer(static_cast<std::int64_t>(bytes.size()));
  append(" bytes");
}

void Printer::value(const base::ByteChain& records) {
  if (style_ == PrintStyle::kJson) {
    append("{\"size\":");
    integer(static_cast<std::int64_t>(records.size()));
    append("}");
    return;
  }
  integer(static_cast<std::int64_t>(records.size()));
  append(" bytes of records");
}

void Printer::quoted(std::string_view text) {
  std::string escaped = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      escaped += '\\';
      escaped += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      escaped += "\\u00";
      escaped += kHex[byte >> 4U];
      escaped += kHex[byte & 15U];
    } else if (byte < 0x80) {
      escaped += c;
    } else {
      const std::size_t size = character_bytes(text.substr(i));
      escaped += size > 0 ? text.substr(i, size) : std::string_view("\\ufffd");
      i += size > 0 ? size - 1 : 0;
    }
  }
  escaped += '"';
  append(escaped);
}

void Printer::unknown_tags(const UnknownTags& tags) {
  if (tags.empty()) return;
  key("unknown_tags");
  const char* separator = "";
  append("[");
  for (const UnknownTag& tag : tags) {
    if (full()) break;
    append(separator);
    append(style_ == PrintStyle::kJson ? "{\"tag\":" : "");
    integer(tag.tag);
    append(style_ == PrintStyle::kJson ? ",\"value\":" : ":");
    value(tag.bytes);
    append(style_ == PrintStyle::kJson ? "}" : "");
    separator = comma();
  }
  append("]");
}

}  // namespace moldau::wire
