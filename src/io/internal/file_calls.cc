#include "io/internal/file_calls.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>

#include "base/result.h"

namespace moldau::io::internal {

namespace {

std::unexpected<rt::IoError> last_error() {
  return std::unexpected(rt::io_error_from_errno(errno));
}
rt::IoResult<void> outcome(int result) {
  if (result != 0) return last_error();
  return {};
}
rt::IoResult<void> outcome(const std::error_code& code) {
  if (code) return std::unexpected(rt::io_error_from_errno(code.value()));
  return {};
}

int open_flags(rt::OpenMode mode) {
  switch (mode) {
    case rt::OpenMode::kRead:
      return O_RDONLY;
    case rt::OpenMode::kReadWrite:
      return O_RDWR;
    case rt::OpenMode::kCreate:
      return O_RDWR | O_CREAT;
    case rt::OpenMode::kCreateNew:
      return O_RDWR | O_CREAT | O_EXCL;
    case rt::OpenMode::kCreateTruncate:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

}  // namespace

rt::IoResult<Descriptor> open_file(const std::string& path, rt::OpenMode mode) {
  Descriptor descriptor(::open(path.c_str(), open_flags(mode) | O_CLOEXEC, 0644));
  if (!descriptor.valid()) return last_error();
  return descriptor;
}

rt::IoResult<void> preallocate_file(int descriptor, std::uint64_t position, std::uint64_t length,
                                    bool keep_size) {
  const auto from = static_cast<off_t>(position);
  const auto size = static_cast<off_t>(length);
  if (::fallocate(descriptor, keep_size ? FALLOC_FL_KEEP_SIZE : 0, from, size) == 0) return {};
  if (errno != EOPNOTSUPP || keep_size) return last_error();
  // A file system without the call: the library writes zeros into each block.
  const int failed = ::posix_fallocate(descriptor, from, size);
  if (failed != 0) return std::unexpected(rt::io_error_from_errno(failed));
  return {};
}

rt::IoResult<void> truncate_file(int descriptor, std::uint64_t size) {
  return outcome(::ftruncate(descriptor, static_cast<off_t>(size)));
}

rt::IoResult<rt::FileInfo> file_info(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return last_error();
  const std::int64_t modified_ms = info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1'000'000;
  return rt::FileInfo{.size = static_cast<std::uint64_t>(info.st_size),
                      .is_directory = S_ISDIR(info.st_mode),
                      .modified = base::Timestamp(modified_ms)};
}

rt::IoResult<void> rename_file(const std::string& from, const std::string& to) {
  return outcome(::rename(from.c_str(), to.c_str()));
}

rt::IoResult<void> remove_file(const std::string& path) { return outcome(::remove(path.c_str())); }

rt::IoResult<void> remove_file_tree(const std::string& path) {
  std::error_code code;
  const auto removed = std::filesystem::remove_all(path, code);
  if (!code && removed == 0) return std::unexpected(rt::io_error_from_errno(ENOENT));
  return outcome(code);
}

rt::IoResult<void> make_directory_path(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  return outcome(code);
}

rt::IoResult<void> sync_directory_file(const std::string& path) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.valid()) return last_error();
  return outcome(::fsync(descriptor.get()));
}

rt::IoResult<std::vector<rt::DirectoryEntry>> list_directory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (directory == nullptr) return last_error();
  std::vector<rt::DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_directory = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK) {
      const auto info = file_info(path + "/" + name);
      is_directory = info && info->is_directory;
    }
    entries.push_back({.name = std::move(name), .is_directory = is_directory});
  }
  if (errno != 0) return last_error();
  std::ranges::sort(entries, {}, &rt::DirectoryEntry::name);
  return entries;
}

rt::IoResult<rt::DiskSpace> disk_space(const std::string& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return last_error();
  return rt::DiskSpace{.total_bytes = static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize,
                       .free_bytes = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize};
}

}  // namespace moldau::io::internal
