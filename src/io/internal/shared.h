// Shared is what the loops of one runtime have in common. Built before the loops, destroyed after.
#pragma once

#include <algorithm>
#include <cstddef>

#include "io/internal/acceptor.h"
#include "io/internal/log_writer.h"
#include "io/internal/memory_trimmer.h"
#include "io/internal/open_file.h"
#include "io/internal/thread_pool.h"
#include "io/runtime.h"

namespace moldau::io::internal {

struct Shared {
  Shared(const RuntimeOptions& wanted, std::size_t cores, DiskBackend backend)
      : options(wanted),
        disk_backend(backend),
        log(wanted.log_descriptor, wanted.log_format),
        writers("io-write", std::clamp<std::size_t>(cores, 2, kWritersMax)),
        blocking("io-disk", wanted.disk_threads_max),
        compute("io-work", cores),
        resolver("io-resolve", 1) {}

  static constexpr std::size_t kWritersMax = 8;

  const RuntimeOptions options;
  const DiskBackend disk_backend;  // kUring or kWorkers
  LogWriter log;
  AcceptorTable acceptors;
  FileLocks locks;
  TrimPolicy trim_policy;
  ThreadPool writers;   // buffered writes, in batches
  ThreadPool blocking;  // the rare calls; without a ring also syncs and cold reads
  ThreadPool compute;   // rt::Work
  ThreadPool resolver;  // getaddrinfo, which may wait for seconds
};

}  // namespace moldau::io::internal
