// LogWriter writes the lines of the log, as text or as a JSON object a line:
//   2026-01-02 03:04:05,678 INFO  [storage] loaded 12 logs in 3 ms        (local time)
//   {"time":"2026-01-02T03:04:05.678Z","level":"INFO","module":"storage","message":"loaded ..."}
// Control characters are escaped, so a line stays a line whatever a peer sent. A line over 16 KiB
// is cut. write() never waits for the descriptor: a thread does, with up to kWaitingBytesMax behind
// it; lines beyond that are dropped and counted, and the log says how many. The destructor writes
// what waits, for a limited time: a pipe that nobody reads must not keep a process from ending.
// Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/trace.h"
#include "io/runtime.h"

namespace moldau::io::internal {

class LogWriter final : public base::LogSink {
 public:
  static constexpr std::size_t kWaitingBytesMax = 1 << 20;
  static constexpr base::Duration kFlushMax = std::chrono::seconds(1);

  LogWriter(int descriptor, LogFormat format, base::Duration flush_max = kFlushMax);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  ~LogWriter() override;

  void write(base::LogLevel level, std::string_view module, std::string_view line) override;

  // For the handler of a deadly signal, on any thread: gives the log's thread a moment to write
  // what led to it. Takes no lock.
  void flush_before_death() const;

 private:
  struct State;  // also held by the thread, which a stuck descriptor may keep for longer

  const base::Duration flush_max_;
  std::shared_ptr<State> state_;
};

// With the line's end.
[[nodiscard]] std::string text_line(base::Timestamp at, base::LogLevel level,
                                    std::string_view module, std::string_view line);
[[nodiscard]] std::string json_line(base::Timestamp at, base::LogLevel level,
                                    std::string_view module, std::string_view line);

}  // namespace moldau::io::internal
