// ASSERT checks our own logic and stays on in release builds: a broken invariant stops the node
// with the place and the expression instead of going on with wrong state. Bytes from a disk or a
// peer never reach an ASSERT; they get an error (see result.h). Callable from any thread.
#pragma once

namespace moldau::base {

// Writes file, line and expression to standard error and aborts.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace moldau::base

// Split compound conditions into several ASSERTs, so that the message says which one failed.
#define ASSERT(condition)                               \
  (__builtin_expect(static_cast<bool>(condition), true) \
       ? static_cast<void>(0)                           \
       : ::moldau::base::assertion_failed(#condition, __FILE__, __LINE__))

#define UNREACHABLE() ::moldau::base::assertion_failed("unreachable", __FILE__, __LINE__)
