#include "io/internal/log_writer.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <unistd.h>

#include "io/internal/clock.h"

namespace moldau::io::internal {

namespace {

constexpr std::size_t kLineBytesMax = 16 << 10;

void append_escaped(std::string& out, std::string_view text, bool json) {
  for (const char c : text.substr(0, kLineBytesMax)) {
    if (json && (c == '"' || c == '\\')) {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      out += escape.data();
    } else {
      out.push_back(c);
    }
  }
}

std::string formatted_time(base::Timestamp at, bool local, const char* format) {
  const std::time_t seconds = at.value() / 1000;
  std::tm parts{};
  if (local) {
    ::localtime_r(&seconds, &parts);
  } else {
    ::gmtime_r(&seconds, &parts);
  }
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), format, &parts);
  std::array<char, 8> millis{};
  std::snprintf(millis.data(), millis.size(), local ? ",%03d" : ".%03dZ",
                static_cast<int>(at.value() % 1000));
  return std::string(text.data(), length) + millis.data();
}

}  // namespace

std::string text_line(base::Timestamp at, base::LogLevel level, std::string_view module,
                      std::string_view line) {
  std::string out = formatted_time(at, true, "%Y-%m-%d %H:%M:%S");
  const std::string_view name = base::to_string(level);
  out.append(" ").append(name).append(6 - name.size(), ' ');
  out.append("[").append(module).append("] ");
  append_escaped(out, line, false);
  out.push_back('\n');
  return out;
}

std::string json_line(base::Timestamp at, base::LogLevel level, std::string_view module,
                      std::string_view line) {
  std::string out = "{\"time\":\"" + formatted_time(at, false, "%Y-%m-%dT%H:%M:%S");
  out.append("\",\"level\":\"").append(base::to_string(level)).append("\",\"module\":\"");
  append_escaped(out, module, true);
  out += "\",\"message\":\"";
  append_escaped(out, line, true);
  out += "\"}\n";
  return out;
}

void LogWriter::write(base::LogLevel level, std::string_view module, std::string_view line) {
  const base::Timestamp now = wall_clock_now();
  const std::string text = format_ == LogFormat::kText ? text_line(now, level, module, line)
                                                       : json_line(now, level, module, line);
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t count = ::write(descriptor_, left.data(), left.size());
    if (count > 0) {
      left.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return;  // A log that cannot be written must not stop the node.
    }
  }
}

}  // namespace moldau::io::internal
