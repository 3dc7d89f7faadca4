// Threads of the runtime: named, with a stack of stated size, and with all signals blocked, so that
// the main thread gets them.
#pragma once

#include <cstddef>
#include <pthread.h>
#include <string>

#include "rt/io_error.h"

namespace moldau::io::internal {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    (defined(__has_feature) &&                                       \
     (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)))
inline constexpr std::size_t kStackScale = 8;  // instrumented frames are larger
#else
inline constexpr std::size_t kStackScale = 1;
#endif
// Only touched pages cost memory; small stacks keep huge pages away from them.
inline constexpr std::size_t kLoopStackBytes = kStackScale * (1 << 20);
inline constexpr std::size_t kPoolStackBytes = kStackScale * (256 << 10);

// Fails when the process may not have another thread (a limit of its cgroup or user, or no memory).
using ThreadStarter = rt::IoResult<pthread_t> (*)(const std::string& name, std::size_t stack_bytes,
                                                  void* (*function)(void*), void* argument);
[[nodiscard]] rt::IoResult<pthread_t> start_thread_named(const std::string& name,
                                                         std::size_t stack_bytes,
                                                         void* (*function)(void*), void* argument);

}  // namespace moldau::io::internal
