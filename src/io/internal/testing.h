// What the tests of io share: a temporary folder and a runtime that runs one task. Tests only.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdlib.h>
#include <string>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "io/runtime.h"

namespace moldau::io::internal {

class TemporaryFolder {
 public:
  TemporaryFolder() : path_(std::filesystem::temp_directory_path() / "moldau-io-XXXXXX") {
    const char* made = ::mkdtemp(path_.data());
    EXPECT_NE(made, nullptr);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

[[nodiscard]] inline std::unique_ptr<Runtime> make_runtime(std::size_t cores,
                                                           DiskBackend disk = DiskBackend::kAuto) {
  auto runtime =
      Runtime::create({.cores = cores, .disk = disk, .log_level = base::LogLevel::kWarn});
  EXPECT_TRUE(runtime.has_value());
  return runtime ? std::move(*runtime) : nullptr;
}

inline rt::Task<int> as_main(rt::Task<> body) {
  co_await std::move(body);
  co_return 0;
}

// Runs the coroutine function on loop 0 of a new runtime, with the runtime as its argument.
inline void run(std::size_t cores, rt::Task<> (*body)(Runtime&)) {
  const auto runtime = make_runtime(cores);
  ASSERT_NE(runtime, nullptr);
  EXPECT_EQ(runtime->run(as_main(body(*runtime))), 0);
}

// For assertions inside coroutines, which cannot return early as gtest's ASSERT_ does.
#define CO_ASSERT(condition)                     \
  do {                                           \
    if (!(condition)) {                          \
      ADD_FAILURE() << "failed: " << #condition; \
      co_return;                                 \
    }                                            \
  } while (false)

}  // namespace moldau::io::internal
