// LogWriter writes each line of the log with one system call, as text or as a JSON object a line:
//   2026-01-02 03:04:05,678 INFO  [storage] loaded 12 logs in 3 ms        (local time)
//   {"time":"2026-01-02T03:04:05.678Z","level":"INFO","module":"storage","message":"loaded ..."}
// Control characters are escaped, so a line stays a line whatever a peer sent. A line over 16 KiB
// is cut. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "base/trace.h"
#include "io/runtime.h"

namespace moldau::io::internal {

class LogWriter final : public base::LogSink {
 public:
  LogWriter(int descriptor, LogFormat format) : descriptor_(descriptor), format_(format) {}
  void write(base::LogLevel level, std::string_view module, std::string_view line) override;

 private:
  int descriptor_;
  LogFormat format_;
};

// With the line's end.
[[nodiscard]] std::string text_line(base::Timestamp at, base::LogLevel level,
                                    std::string_view module, std::string_view line);
[[nodiscard]] std::string json_line(base::Timestamp at, base::LogLevel level,
                                    std::string_view module, std::string_view line);

}  // namespace moldau::io::internal
