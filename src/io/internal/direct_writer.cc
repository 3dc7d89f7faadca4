#include "io/internal/direct_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

#include "io/internal/transfer.h"

namespace moldau::io::internal {

namespace {

constexpr std::size_t kLargePageBytes = std::size_t{2} << 20;

std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// What is left to copy of an operation's slices.
class Rest {
 public:
  explicit Rest(std::span<const base::Bytes> slices) : slices_(slices) {}

  // Copies until `into` is full or nothing is left; yields how much.
  std::size_t take(base::MutableBytes into) {
    std::size_t done = 0;
    while (done < into.size() && !slices_.empty()) {
      const base::Bytes left = slices_.front().subspan(offset_);
      const std::size_t count = std::min(left.size(), into.size() - done);
      std::ranges::copy(left.first(count), into.data() + done);
      done += count;
      offset_ += count;
      if (count < left.size()) break;
      slices_ = slices_.subspan(1);
      offset_ = 0;
    }
    return done;
  }
  [[nodiscard]] bool empty() const { return slices_.empty(); }

 private:
  std::span<const base::Bytes> slices_;
  std::size_t offset_ = 0;
};

bool refuses_direct_writes(int code) {
  return code == EINVAL || code == EOPNOTSUPP || code == ENOSYS;
}

}  // namespace

std::unique_ptr<DirectWriter> DirectWriter::open(const std::string& path, int cached) {
  // In larger pages of the page cache our blocks would have neighbours that are written through it.
  if (static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) > kBlock) return nullptr;
  Descriptor direct(::open(path.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC));
  struct stat mine{};
  struct stat theirs{};
  if (!direct.valid() || ::fstat(direct.get(), &mine) != 0 || ::fstat(cached, &theirs) != 0) {
    return nullptr;
  }
  // The path may be another file's by now.
  if (mine.st_dev != theirs.st_dev || mine.st_ino != theirs.st_ino) return nullptr;
  return std::unique_ptr<DirectWriter>(new DirectWriter(std::move(direct), cached));
}

DirectWriter::~DirectWriter() {
  if (buffer_ != nullptr) ::munmap(buffer_, capacity_);
}

bool DirectWriter::reserve(std::size_t bytes) {
  const std::size_t wanted = round_up(std::min(bytes, kBufferBytesMax), kLargePageBytes);
  if (wanted <= capacity_) return true;
  // One large page more leaves room to begin at a border of one.
  const std::size_t mapped = wanted + kLargePageBytes;
  void* const raw =
      ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return false;
  auto* const begin = static_cast<std::byte*>(raw);
  const std::size_t skip = round_up(reinterpret_cast<std::uintptr_t>(raw), kLargePageBytes) -
                           reinterpret_cast<std::uintptr_t>(raw);
  if (skip > 0) ::munmap(begin, skip);
  if (skip < kLargePageBytes) ::munmap(begin + skip + wanted, kLargePageBytes - skip);
  if (buffer_ != nullptr) ::munmap(buffer_, capacity_);
  buffer_ = begin + skip;
  capacity_ = wanted;
  ::madvise(buffer_, capacity_, MADV_HUGEPAGE);  // Refused: small pages do, too.
  return true;
}

// The first `wanted` bytes of the block at `position`, into the buffer.
bool DirectWriter::load_block(std::uint64_t position, std::size_t wanted) {
  if (wanted == 0) return true;
  if (end_ == position + wanted) {
    std::memcpy(buffer_, last_block_.data(), wanted);
    return true;
  }
  std::size_t done = 0;
  while (done < wanted) {
    const ssize_t count =
        ::pread(cached_, buffer_ + done, wanted - done, static_cast<off_t>(position + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  std::memset(buffer_ + done, 0, wanted - done);  // The file ends before.
  return true;
}

// So many bytes of the buffer, whole blocks, durably.
bool DirectWriter::put(std::uint64_t position, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes) {
    const iovec part{.iov_base = buffer_ + done, .iov_len = bytes - done};
    const ssize_t count =
        ::pwritev2(direct_.get(), &part, 1, static_cast<off_t>(position + done), RWF_DSYNC);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    const std::size_t whole = static_cast<std::size_t>(count) / kBlock * kBlock;
    if (whole == 0) {
      errno = EIO;
      return false;
    }
    done += whole;
  }
  return true;
}

bool DirectWriter::write(rt::DiskOperation& operation) {
  const std::lock_guard guard(mutex_);
  const std::size_t bytes = transfer_bytes(operation);
  std::uint64_t position = operation.position / kBlock * kBlock;
  std::size_t filled = static_cast<std::size_t>(operation.position - position);
  if (!reserve(round_up(std::max<std::size_t>(filled + bytes, 1), kBlock))) return false;
  bool ok = load_block(position, filled);
  const std::uint64_t begin = position;
  Rest rest(operation.slices);
  while (ok && !rest.empty()) {
    filled += rest.take({buffer_ + filled, capacity_ - filled});
    const std::size_t whole = round_up(filled, kBlock);
    std::memset(buffer_ + filled, 0, whole - filled);
    ok = put(position, whole);
    if (!ok && position == begin && refuses_direct_writes(errno)) return false;
    if (rest.empty()) break;
    position += filled;  // A full buffer: whole blocks.
    filled = 0;
  }
  if (!ok) {
    // Which of the two failed, writing or syncing, nobody says.
    operation.sync_failed = true;
    operation.result = std::unexpected(rt::io_error_from_errno(errno));
    end_ = 0;
    return true;
  }
  end_ = position + filled;
  const std::size_t in_last = filled % kBlock;
  std::memcpy(last_block_.data(), buffer_ + filled - in_last, in_last);
  operation.result = bytes;
  return true;
}

}  // namespace moldau::io::internal
