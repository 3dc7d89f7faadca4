#include "rt/disk.h"

#include <utility>

#include "base/result.h"

namespace moldau::rt {

Task<> Disk::forget(FileRef, std::uint64_t, std::uint64_t) { co_return; }

void Disk::write_directly(const FileRef&) {}

Task<IoResult<base::SharedBytes>> read_file(Disk& disk, std::string path, std::size_t bytes_max) {
  const FileRef file = CO_TRY(co_await disk.open(path, OpenMode::kRead));
  const std::uint64_t size = CO_TRY(co_await disk.size(file));
  if (size > bytes_max) co_return std::unexpected(IoError{.code = IoErrorCode::kInvalid});
  base::ByteBuffer buffer(size);
  const auto into = buffer.extend(size);
  const std::size_t count = CO_TRY(co_await disk.read_at(file, 0, into));
  buffer.shrink(count);
  co_return buffer.freeze();
}

Task<IoResult<void>> write_file_atomically(Disk& disk, std::string path,
                                           base::SharedBytes content) {
  const std::string temporary = path + ".tmp";
  {
    const FileRef file = CO_TRY(co_await disk.open(temporary, OpenMode::kCreateTruncate));
    CO_TRY(co_await disk.write_at(file, 0, content.span()));
    CO_TRY(co_await disk.sync(file));
  }
  CO_TRY(co_await disk.rename(temporary, path));
  const auto slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
  if (slash == 0) directory = "/";
  co_return co_await disk.sync_directory(std::move(directory));
}

}  // namespace moldau::rt
