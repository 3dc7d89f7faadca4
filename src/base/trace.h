// Log lines of the node. A Logger is a level and a sink that the runtime owns: no global, so two
// nodes in one process keep their lines apart, and the simulator folds each line into its trace
// hash. The macros check the level before anything is formatted; formatting lives in trace.cc.
// A line says what happened, to what, why, and what to do. Sinks are called on the loop that logs.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/strong.h"
#include "base/uuid.h"

namespace moldau::base {

enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError };
[[nodiscard]] std::string_view to_string(LogLevel level);

// One value of a line, kept without formatting until the line is written.
class LogValue {
 public:
  template <std::signed_integral T>
  LogValue(T value) : kind_(Kind::kSigned), signed_(value) {}
  template <std::unsigned_integral T>
  LogValue(T value) : kind_(Kind::kUnsigned), unsigned_(value) {}
  LogValue(bool value) : LogValue(value ? std::string_view("true") : std::string_view("false")) {}
  LogValue(double value) : kind_(Kind::kReal), real_(value) {}
  LogValue(std::string_view value) : kind_(Kind::kText), text_(value) {}
  LogValue(const char* value) : LogValue(std::string_view(value)) {}
  LogValue(const std::string& value) : LogValue(std::string_view(value)) {}
  template <class Tag, class Rep>
  LogValue(Strong<Tag, Rep> value) : LogValue(static_cast<std::int64_t>(value.value())) {}
  template <class Tag>
  LogValue(const StrongString<Tag>& value) : LogValue(value.view()) {}

 private:
  friend std::string format_line(std::string_view format, std::initializer_list<LogValue> values);
  enum class Kind : std::uint8_t { kSigned, kUnsigned, kReal, kText };

  Kind kind_;
  union {
    std::int64_t signed_;
    std::uint64_t unsigned_;
    double real_;
  };
  std::string_view text_;
};

// Formats with {} placeholders; a malformed format yields the format itself.
[[nodiscard]] std::string format_line(std::string_view format,
                                      std::initializer_list<LogValue> values);

class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void write(LogLevel level, std::string_view module, std::string_view line) = 0;
};

class Logger {
 public:
  Logger(LogSink& sink, LogLevel level) : sink_(&sink), level_(level) {}

  [[nodiscard]] bool enabled(LogLevel level) const { return level >= level_; }
  [[nodiscard]] LogLevel level() const { return level_; }
  void set_level(LogLevel level) { level_ = level; }
  void write(LogLevel level, std::string_view module, std::string_view format,
             std::initializer_list<LogValue> values);

 private:
  LogSink* sink_;
  LogLevel level_;
};

}  // namespace moldau::base

// LOG_INFO(loop.log(), "storage", "loaded {} logs in {} ms", count, ms);
#define MOLDAU_LOG(logger, level, module, format, ...)           \
  do {                                                           \
    auto& moldau_logger = (logger);                              \
    if (moldau_logger.enabled(level)) [[unlikely]] {             \
      moldau_logger.write(level, module, format, {__VA_ARGS__}); \
    }                                                            \
  } while (false)
#define LOG_TRACE(logger, module, ...) \
  MOLDAU_LOG(logger, ::moldau::base::LogLevel::kTrace, module, __VA_ARGS__)
#define LOG_DEBUG(logger, module, ...) \
  MOLDAU_LOG(logger, ::moldau::base::LogLevel::kDebug, module, __VA_ARGS__)
#define LOG_INFO(logger, module, ...) \
  MOLDAU_LOG(logger, ::moldau::base::LogLevel::kInfo, module, __VA_ARGS__)
#define LOG_WARN(logger, module, ...) \
  MOLDAU_LOG(logger, ::moldau::base::LogLevel::kWarn, module, __VA_ARGS__)
#define LOG_ERROR(logger, module, ...) \
  MOLDAU_LOG(logger, ::moldau::base::LogLevel::kError, module, __VA_ARGS__)
