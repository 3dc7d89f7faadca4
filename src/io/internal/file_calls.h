// The rare calls of rt::Disk as plain blocking functions, with its errors. Any thread but a loop's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/internal/descriptor.h"
#include "rt/disk.h"

namespace moldau::io::internal {

[[nodiscard]] rt::IoResult<Descriptor> open_file(const std::string& path, rt::OpenMode mode);
[[nodiscard]] rt::IoResult<void> preallocate_file(int descriptor, std::uint64_t position,
                                                  std::uint64_t length, bool keep_size);
[[nodiscard]] rt::IoResult<void> truncate_file(int descriptor, std::uint64_t size);
[[nodiscard]] rt::IoResult<rt::FileInfo> file_info(const std::string& path);
[[nodiscard]] rt::IoResult<void> rename_file(const std::string& from, const std::string& to);
[[nodiscard]] rt::IoResult<void> remove_file(const std::string& path);
[[nodiscard]] rt::IoResult<void> remove_file_tree(const std::string& path);
[[nodiscard]] rt::IoResult<void> make_directory_path(const std::string& path);
[[nodiscard]] rt::IoResult<void> sync_directory_file(const std::string& path);
[[nodiscard]] rt::IoResult<std::vector<rt::DirectoryEntry>> list_directory(const std::string& path);
[[nodiscard]] rt::IoResult<rt::DiskSpace> disk_space(const std::string& path);

}  // namespace moldau::io::internal
