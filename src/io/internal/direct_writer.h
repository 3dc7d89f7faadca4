// DirectWriter writes a file that is written in order to the disk, past the page cache: one copy
// into a buffer of its own, in large pages where the kernel has them, and one call that returns
// when the bytes are durable. Against the page cache, where each page is found, marked, looked for
// and written back, and the disk asked to sync: docs/decisions/0003-group-commit.md has the
// figures.
//
// Direct writes take whole blocks. What the block in which a write begins has before it is kept
// from the write before, or read; behind its end its last block becomes zeros. Off the loops; calls
// wait for each other. Limits: kBufferBytesMax at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/bytes.h"
#include "io/internal/descriptor.h"
#include "rt/disk.h"

namespace moldau::io::internal {

class DirectWriter {
 public:
  // Null when the file system does not do it. `cached` is an open descriptor of the same file.
  [[nodiscard]] static std::unique_ptr<DirectWriter> open(const std::string& path, int cached);
  ~DirectWriter();
  DirectWriter(const DirectWriter&) = delete;
  DirectWriter& operator=(const DirectWriter&) = delete;

  // The write and its sync. False when the file system refuses direct writes after all: it is to be
  // done another way.
  [[nodiscard]] bool write(rt::DiskOperation& operation);

 private:
  static constexpr std::size_t kBlock = rt::kDirectBlockBytes;
  static constexpr std::size_t kBufferBytesMax = std::size_t{4} << 20;

  DirectWriter(Descriptor direct, int cached) : direct_(std::move(direct)), cached_(cached) {}

  [[nodiscard]] bool reserve(std::size_t bytes);
  [[nodiscard]] bool load_block(std::uint64_t position, std::size_t wanted);
  [[nodiscard]] bool put(std::uint64_t position, std::size_t bytes);

  std::mutex mutex_;
  Descriptor direct_;
  int cached_;
  std::byte* buffer_ = nullptr;
  std::size_t capacity_ = 0;
  // The block in which the last write ended, when it did not end with it.
  std::array<std::byte, kBlock> last_block_{};
  std::uint64_t end_ = 0;
};

}  // namespace moldau::io::internal
