#include "io/internal/log_writer.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>
#include <utility>

#include "io/internal/clock.h"
#include "io/internal/threads.h"

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

namespace {

std::string line_of(LogFormat format, base::LogLevel level, std::string_view module,
                    std::string_view line) {
  const base::Timestamp now = wall_clock_now();
  return format == LogFormat::kText ? text_line(now, level, module, line)
                                    : json_line(now, level, module, line);
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

struct LogWriter::State {
  State(int to, LogFormat as) : descriptor(to), format(as) {}

  const int descriptor;
  const LogFormat format;
  std::mutex mutex;
  std::condition_variable work;
  std::condition_variable drained;
  std::string waiting;
  std::uint64_t dropped = 0;
  bool started = false;
  bool has_thread = false;
  bool closed = false;
  // Bytes that are waiting or being written; read by flush_before_death().
  std::atomic<std::size_t> unwritten{0};

  // A log that cannot be written must not stop the node: errors are ignored.
  void write_out(std::string_view left) const {
    while (!left.empty()) {
      const ssize_t count = ::write(descriptor, left.data(), left.size());
      if (count > 0) {
        left.remove_prefix(static_cast<std::size_t>(count));
      } else if (count < 0 && errno == EAGAIN) {  // Somebody made it non-blocking.
        pollfd room{.fd = descriptor, .events = POLLOUT, .revents = 0};
        ::poll(&room, 1, -1);
      } else if (count == 0 || errno != EINTR) {
        return;
      }
    }
  }

  static void* enter(void* state) {
    const std::unique_ptr<std::shared_ptr<State>> self(static_cast<std::shared_ptr<State>*>(state));
    (*self)->run();
    return nullptr;
  }

  void run() {
    std::string text;
    std::unique_lock lock(mutex);
    for (;;) {
      work.wait(lock, [this] { return closed || !waiting.empty(); });
      if (waiting.empty()) return;
      text.clear();
      text.swap(waiting);
      const std::uint64_t missing = std::exchange(dropped, 0);
      lock.unlock();
      write_out(text);
      if (missing > 0) {
        write_out(line_of(
            format, base::LogLevel::kWarn, "log",
            base::format_line("{} lines are missing here: the log is read too slowly", {missing})));
      }
      unwritten.fetch_sub(text.size());
      lock.lock();
      if (waiting.empty()) drained.notify_all();
    }
  }
};

LogWriter::LogWriter(int descriptor, LogFormat format, base::Duration flush_max)
    : flush_max_(flush_max), state_(std::make_shared<State>(descriptor, format)) {}

LogWriter::~LogWriter() {
  std::unique_lock lock(state_->mutex);
  state_->closed = true;
  state_->work.notify_one();
  if (!state_->has_thread) return;
  state_->drained.wait_for(lock, flush_max_, [this] { return state_->unwritten.load() == 0; });
  state_->waiting.clear();  // What is stuck stays so; the rest goes with the process.
}

void LogWriter::write(base::LogLevel level, std::string_view module, std::string_view line) {
  const std::string text = line_of(state_->format, level, module, line);
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (!std::exchange(state.started, true)) {
    auto self = std::make_unique<std::shared_ptr<State>>(state_);
    const auto thread = start_thread_named("io-log", kPoolStackBytes, &State::enter, self.get());
    state.has_thread = thread.has_value();
    if (thread) {
      self.release();
      ::pthread_detach(*thread);
    }
  }
  if (!state.has_thread) return state.write_out(text);
  if (state.waiting.size() + text.size() > kWaitingBytesMax) {
    ++state.dropped;
    return;
  }
  state.waiting += text;
  state.unwritten.fetch_add(text.size());
  state.work.notify_one();
}

void LogWriter::flush_before_death() const {
  constexpr int kTriesMax = 200;
  const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
  for (int i = 0; i < kTriesMax && state_->unwritten.load() > 0; ++i) ::nanosleep(&pause, nullptr);
}

}  // namespace moldau::io::internal
