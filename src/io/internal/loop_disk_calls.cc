// The rare calls of LoopDisk: each is one blocking function on a pool thread.
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "io/internal/event_loop.h"
#include "io/internal/file_calls.h"
#include "io/internal/loop_disk.h"
#include "io/internal/off_loop.h"
#include "io/internal/open_file.h"
#include "io/internal/shared.h"

namespace moldau::io::internal {

namespace {

int descriptor_of(const rt::FileRef& file) {
  ASSERT(file != nullptr);
  return static_cast<const OpenFile&>(*file).descriptor();
}

template <class Callable>
OffLoop<Callable> blocking(EventLoop& loop, Callable callable) {
  ASSERT(loop.is_current());
  return off_loop(loop, loop.shared().blocking, std::move(callable));
}

}  // namespace

rt::Task<rt::IoResult<rt::FileRef>> LoopDisk::open(std::string path, rt::OpenMode mode) {
  Descriptor descriptor =
      CO_TRY(co_await blocking(*loop_, [path, mode] { return open_file(path, mode); }));
  Shared& shared = loop_->shared();
  co_return std::make_shared<OpenFile>(std::move(path), std::move(descriptor), shared.locks,
                                       shared.bulk);
}

rt::Task<rt::IoResult<std::uint64_t>> LoopDisk::size(rt::FileRef file) {
  struct stat info{};
  if (::fstat(descriptor_of(file), &info) != 0) {
    co_return std::unexpected(rt::io_error_from_errno(errno));
  }
  co_return static_cast<std::uint64_t>(info.st_size);
}

rt::Task<rt::IoResult<void>> LoopDisk::preallocate(rt::FileRef file, std::uint64_t position,
                                                   std::uint64_t length, bool keep_size) {
  const int descriptor = descriptor_of(file);
  co_return co_await blocking(*loop_, [descriptor, position, length, keep_size] {
    return preallocate_file(descriptor, position, length, keep_size);
  });
}

rt::Task<rt::IoResult<void>> LoopDisk::truncate(rt::FileRef file, std::uint64_t size) {
  const int descriptor = descriptor_of(file);
  co_return co_await blocking(*loop_,
                              [descriptor, size] { return truncate_file(descriptor, size); });
}

void LoopDisk::write_directly(const rt::FileRef& file) {
  static_cast<OpenFile&>(*file).write_directly();
}

rt::Task<> LoopDisk::forget(rt::FileRef file, std::uint64_t position, std::uint64_t length) {
  const int descriptor = descriptor_of(file);
  // A hint: a kernel that does not take it is no error.
  [[maybe_unused]] const int advised = co_await blocking(*loop_, [descriptor, position, length] {
    return ::posix_fadvise(descriptor, static_cast<off_t>(position), static_cast<off_t>(length),
                           POSIX_FADV_DONTNEED);
  });
}

rt::Task<rt::IoResult<rt::FileInfo>> LoopDisk::info(std::string path) {
  co_return co_await blocking(*loop_, [path = std::move(path)] { return file_info(path); });
}

rt::Task<rt::IoResult<void>> LoopDisk::rename(std::string from, std::string to) {
  co_return co_await blocking(
      *loop_, [from = std::move(from), to = std::move(to)] { return rename_file(from, to); });
}

rt::Task<rt::IoResult<void>> LoopDisk::remove(std::string path) {
  co_return co_await blocking(*loop_, [path = std::move(path)] { return remove_file(path); });
}

rt::Task<rt::IoResult<void>> LoopDisk::remove_tree(std::string path) {
  ASSERT(loop_->is_current());
  co_return co_await off_loop(*loop_, loop_->shared().bulk,
                              [path = std::move(path)] { return remove_file_tree(path); });
}

rt::Task<rt::IoResult<void>> LoopDisk::make_directories(std::string path) {
  co_return co_await blocking(*loop_,
                              [path = std::move(path)] { return make_directory_path(path); });
}

rt::Task<rt::IoResult<void>> LoopDisk::sync_directory(std::string path) {
  co_return co_await blocking(*loop_,
                              [path = std::move(path)] { return sync_directory_file(path); });
}

rt::Task<rt::IoResult<std::vector<rt::DirectoryEntry>>> LoopDisk::list(std::string path) {
  co_return co_await blocking(*loop_, [path = std::move(path)] { return list_directory(path); });
}

rt::Task<rt::IoResult<rt::DiskSpace>> LoopDisk::space(std::string path) {
  co_return co_await blocking(*loop_, [path = std::move(path)] { return disk_space(path); });
}

rt::Task<rt::IoResult<std::unique_ptr<rt::FileLock>>> LoopDisk::lock(std::string path) {
  FileLocks& locks = loop_->shared().locks;
  co_return co_await blocking(*loop_,
                              [path = std::move(path), &locks] { return locks.lock(path); });
}

}  // namespace moldau::io::internal
