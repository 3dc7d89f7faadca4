#include "cmd/moldau/output.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <unistd.h>

#include <fmt/core.h>

namespace moldau::cmd {
namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::int64_t kMillisecondsPerSecond = 1000;

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::string space(width - std::min(width, text.size()), ' ');
  return right ? space + text : text + space;
}

}  // namespace

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

Table::Table(std::vector<std::string> heads) : heads_(std::move(heads)) {
  for (std::string& head : heads_) {
    right_.push_back(head.starts_with('>'));
    if (right_.back()) head.erase(0, 1);
  }
}

void Table::add(std::vector<std::string> row) {
  row.resize(heads_.size());
  rows_.push_back(std::move(row));
}

void Table::print() const {
  std::vector<std::size_t> widths;
  for (const std::string& head : heads_) widths.push_back(head.size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) text += "  ";
      text += padded(cells[i], widths[i], right_[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  const bool colour = is_terminal(STDOUT_FILENO);
  std::cout << (colour ? kBold : "") << line(heads_) << (colour ? kPlain : "") << "\n";
  for (const auto& row : rows_) std::cout << line(row) << "\n";
  std::cout.flush();
}

void print_json(const boost::json::value& document) {
  std::cout << boost::json::serialize(document) << "\n";
  std::cout.flush();
}

void print_error(std::string_view message) {
  std::cout.flush();
  std::cerr << "moldau: " << message << "\n";
}

std::string human_bytes(double bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string human_count(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string human_duration(base::Duration duration) {
  const auto nanoseconds = static_cast<double>(duration.count());
  if (nanoseconds < 1e6) return fmt::format("{:.0f} us", nanoseconds / 1e3);
  if (nanoseconds < 1e9) return fmt::format("{:.2f} ms", nanoseconds / 1e6);
  return fmt::format("{:.2f} s", nanoseconds / 1e9);
}

std::string iso_time(base::Timestamp time) {
  if (time.value() < 0) return "";
  const std::time_t seconds = time.value() / kMillisecondsPerSecond;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     time.value() % kMillisecondsPerSecond);
}

std::optional<base::Timestamp> parse_iso_time(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::int64_t milliseconds = 0;
  if (rest == nullptr) {
    parts = {};
    rest = strptime(text.c_str(), "%Y-%m-%d", &parts);
    if (rest == nullptr) return std::nullopt;
  } else if (*rest == '.') {
    std::int64_t scale = kMillisecondsPerSecond;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest) {
      scale /= 10;
      milliseconds += (*rest - '0') * scale;
    }
  }
  if (*rest == 'Z') ++rest;
  if (*rest != '\0') return std::nullopt;
  return base::Timestamp(static_cast<std::int64_t>(timegm(&parts)) * kMillisecondsPerSecond +
                         milliseconds);
}

std::string base64(base::Bytes bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < count ? std::to_integer<std::uint32_t>(bytes[at + i]) : 0);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= count ? kAlphabet[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return text;
}

bool is_utf8(base::Bytes bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const auto lead = std::to_integer<std::uint32_t>(bytes[at++]);
    if (lead < 0x80) continue;
    const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || bytes.size() - at < more) return false;
    std::uint32_t point = lead & (0x3FU >> more);
    for (std::size_t i = 0; i < more; ++i) {
      const auto next = std::to_integer<std::uint32_t>(bytes[at++]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3F);
    }
    const bool overlong = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
    if (overlong || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return false;
  }
  return true;
}

void add_bytes(boost::json::object& object, std::string_view name,
               const std::optional<base::Bytes>& bytes) {
  if (!bytes) {
    object[name] = nullptr;
  } else if (is_utf8(*bytes)) {
    object[name] = base::as_text(*bytes);
  } else {
    object[std::string(name) + "_base64"] = base64(*bytes);
  }
}

}  // namespace moldau::cmd
