// Shared is what the loops of one runtime have in common. Built before the loops, destroyed after.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/result.h"
#include "io/internal/acceptor.h"
#include "io/internal/log_writer.h"
#include "io/internal/memory_trimmer.h"
#include "io/internal/open_file.h"
#include "io/internal/resolver.h"
#include "io/internal/thread_pool.h"
#include "io/runtime.h"

namespace moldau::io::internal {

struct Shared {
  Shared(const RuntimeOptions& wanted, std::size_t cores, DiskBackend backend)
      : options(wanted),
        disk_backend(backend),
        log(wanted.log_descriptor, wanted.log_format),
        writers("io-write", std::clamp<std::size_t>(cores, 2, kWritersMax), log),
        syncs("io-sync", wanted.disk_threads_max, log),
        blocking("io-disk", wanted.disk_threads_max, log),
        bulk("io-bulk", kBulkThreads, log),
        compute("io-work", cores, log) {}

  // Fails when the process may not have a thread for each kind of work.
  [[nodiscard]] rt::IoResult<void> start() {
    for (ThreadPool* pool : pools()) TRY(pool->start());
    return {};
  }
  // Runs what was submitted; none of it can reach a loop afterwards. Idempotent.
  void close() {
    for (ThreadPool* pool : pools()) pool->close();
  }

  static constexpr std::size_t kWritersMax = 8;
  static constexpr std::size_t kBulkThreads = 2;

  const RuntimeOptions options;
  const DiskBackend disk_backend;  // kUring or kWorkers
  LogWriter log;
  AcceptorTable acceptors;
  FileLocks locks;
  TrimPolicy trim_policy;
  // Apart from each other, so that what answers wait for never queues behind what may take long.
  ThreadPool writers;   // buffered writes, in batches
  ThreadPool syncs;     // syncs that the ring does not take
  ThreadPool blocking;  // calls that somebody waits for; without a ring also cold reads
  ThreadPool bulk;      // removing trees, closing files, giving memory back: nobody waits, or long
  ThreadPool compute;   // rt::Work
  Resolver resolver;    // host names

 private:
  [[nodiscard]] std::array<ThreadPool*, 5> pools() {
    return {&writers, &syncs, &blocking, &bulk, &compute};
  }
};

}  // namespace moldau::io::internal
