#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace moldau::base {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "moldau: assertion failed: %s (%s:%d)\n", expression, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace moldau::base
