#include "io/internal/open_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/internal/thread_pool.h"

namespace moldau::io::internal {

class FileLocks::Lock final : public rt::FileLock {
 public:
  Lock(FileLocks& owner, Identity file) : owner_(&owner), file_(file) {}
  ~Lock() override { owner_->release(file_); }

 private:
  FileLocks* owner_;
  Identity file_;
};

bool FileLocks::holds(const Identity& file) const {
  return std::ranges::find(held_, file, &Held::file) != held_.end();
}

rt::IoResult<std::unique_ptr<rt::FileLock>> FileLocks::lock(const std::string& path) {
  const std::lock_guard guard(mutex_);
  struct stat info{};
  // Looked up before it is opened: closing a second descriptor would drop the first one's lock.
  if (::stat(path.c_str(), &info) == 0 && holds({info.st_dev, info.st_ino})) {
    return std::unexpected(rt::IoError{.code = rt::IoErrorCode::kLocked});
  }
  Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!descriptor.valid() || ::fstat(descriptor.get(), &info) != 0) {
    return std::unexpected(rt::io_error_from_errno(errno));
  }
  struct flock whole{};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(descriptor.get(), F_SETLK, &whole) != 0) {
    if (errno != EACCES && errno != EAGAIN) {
      return std::unexpected(rt::io_error_from_errno(errno));
    }
    return std::unexpected(rt::IoError{.code = rt::IoErrorCode::kLocked, .os_error = errno});
  }
  const Identity file{info.st_dev, info.st_ino};
  held_.push_back({.file = file, .descriptor = std::move(descriptor), .put_off = {}});
  count_.fetch_add(1);
  return std::make_unique<Lock>(*this, file);
}

void FileLocks::release(const Identity& file) {
  const std::lock_guard guard(mutex_);
  std::erase_if(held_, [&](const Held& held) { return held.file == file; });
  count_.fetch_sub(1);
}

void FileLocks::close(Descriptor descriptor) {
  if (count_.load() == 0) return;
  struct stat info{};
  if (::fstat(descriptor.get(), &info) != 0) return;
  const std::lock_guard guard(mutex_);
  const auto held = std::ranges::find(held_, Identity{info.st_dev, info.st_ino}, &Held::file);
  if (held != held_.end()) held->put_off.push_back(std::move(descriptor));
}

DirectWriter* OpenFile::direct_writer() {
  if (!direct_wanted_.load(std::memory_order_relaxed)) return nullptr;
  const std::lock_guard guard(direct_mutex_);
  if (direct_ == nullptr) direct_ = DirectWriter::open(path_, descriptor_.get());
  if (direct_ == nullptr) give_up_direct();
  return direct_.get();
}

OpenFile::~OpenFile() {
  struct Closing : PoolTask {
    Closing(Descriptor d, std::unique_ptr<DirectWriter> w, FileLocks& l)
        : PoolTask(&Closing::work), descriptor(std::move(d)), direct(std::move(w)), locks(&l) {}
    static void work(PoolTask& task) {
      const std::unique_ptr<Closing> self(static_cast<Closing*>(&task));
      self->locks->close(std::move(self->descriptor));
    }
    Descriptor descriptor;
    std::unique_ptr<DirectWriter> direct;
    FileLocks* locks;
  };
  closer_->submit(
      *std::make_unique<Closing>(std::move(descriptor_), std::move(direct_), *locks_).release());
}

}  // namespace moldau::io::internal
