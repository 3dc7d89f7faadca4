#include "base/trace.h"

#include <fmt/format.h>

#include "base/assert.h"

namespace moldau::base {

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return "TRACE";
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarn:
      return "WARN";
    case LogLevel::kError:
      return "ERROR";
  }
  UNREACHABLE();
}

std::string format_line(std::string_view format, std::initializer_list<LogValue> values) {
  std::string line;
  auto value = values.begin();
  std::size_t from = 0;
  for (;;) {
    const auto at = format.find("{}", from);
    if (at == std::string_view::npos || value == values.end()) break;
    line.append(format.substr(from, at - from));
    switch (value->kind_) {
      case LogValue::Kind::kSigned:
        line += fmt::to_string(value->signed_);
        break;
      case LogValue::Kind::kUnsigned:
        line += fmt::to_string(value->unsigned_);
        break;
      case LogValue::Kind::kReal:
        line += fmt::to_string(value->real_);
        break;
      case LogValue::Kind::kText:
        line += value->text_;
        break;
    }
    ++value;
    from = at + 2;
  }
  line.append(format.substr(from));
  return line;
}

void Logger::write(LogLevel level, std::string_view module, std::string_view format,
                   std::initializer_list<LogValue> values) {
  sink_->write(level, module, format_line(format, values));
}

}  // namespace moldau::base
