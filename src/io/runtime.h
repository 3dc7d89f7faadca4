// Runtime is the real world behind the seam of rt/: one event loop and one thread a core, epoll for
// sockets, io_uring or a worker pool for the disk, a worker pool for CPU work, a log sink, signals.
//
//   auto runtime = io::Runtime::create({.cores = 0});
//   if (!runtime) ...
//   return (*runtime)->run(serve(**runtime));   // Task<int> on loop 0; its value is the exit code
//
// The thread that calls run() becomes loop 0; the others start with run() and have ended when it
// returns. The main task joins whatever it started: when it returns nothing may be in flight.
// A process has at most one Runtime with handle_signals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/trace.h"
#include "rt/io_error.h"
#include "rt/loop.h"
#include "rt/stop.h"
#include "rt/task.h"

namespace moldau::io {

enum class DiskBackend : std::uint8_t {
  kAuto,     // io_uring when the kernel allows it, else workers
  kUring,    // io_uring, or create() fails
  kWorkers,  // threads only
};
[[nodiscard]] std::string_view to_string(DiskBackend backend);

enum class LogFormat : std::uint8_t { kText, kJson };

struct RuntimeOptions {
  std::size_t cores = 0;  // loops; 0 = available_cores()
  DiskBackend disk = DiskBackend::kAuto;
  std::size_t disk_threads_max =
      16;  // threads that sync, and as many for the rare calls; all but one started on need
  base::LogLevel log_level = base::LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
  int log_descriptor = 2;
  int send_buffer_bytes = 0;     // SO_SNDBUF of each connection; 0 leaves it to the kernel
  int receive_buffer_bytes = 0;  // SO_RCVBUF
  int listen_backlog = 1024;
  bool handle_signals =
      false;  // SIGTERM and SIGINT end wait_for_signal(); a second one exits at once
};

// Cores that the cgroup's CPU quota (v2 or v1) and the affinity mask leave to this process, at
// least one. A quota of 1.5 cores counts as 2.
[[nodiscard]] std::size_t available_cores();

class Runtime {
 public:
  // Fails when the kernel refuses a descriptor or a thread, or io_uring when it is demanded.
  [[nodiscard]] static rt::IoResult<std::unique_ptr<Runtime>> create(RuntimeOptions options);
  virtual ~Runtime() = default;

  [[nodiscard]] virtual rt::Loops loops() const = 0;
  [[nodiscard]] rt::Loop& loop(std::size_t index) const { return *loops()[index]; }

  // Runs the task on loop 0 and yields its value once all threads of the loops have ended; 1, with
  // an error in the log, when a loop can have no thread. Once.
  [[nodiscard]] virtual int run(rt::Task<int> main) = 0;

  // The number of the first SIGTERM or SIGINT; 0 when the token stopped the wait. Loop 0 only.
  [[nodiscard]] virtual rt::Task<int> wait_for_signal(rt::StopToken token) = 0;

  // What kAuto became.
  [[nodiscard]] virtual DiskBackend disk_backend() const = 0;
  // Level of all loops' loggers from now on.
  virtual void set_log_level(base::LogLevel level) = 0;
};

}  // namespace moldau::io
