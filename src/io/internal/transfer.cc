#include "io/internal/transfer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/internal/open_file.h"

namespace moldau::io::internal {

namespace {

int descriptor_of(const rt::DiskOperation& operation) {
  return static_cast<const OpenFile&>(*operation.file).descriptor();
}

void fail(rt::DiskOperation& operation) {
  operation.result = std::unexpected(rt::io_error_from_errno(errno));
}

void read_rest(rt::DiskOperation& operation) {
  for (;;) {
    const ssize_t count = ::pread(descriptor_of(operation), operation.into.data(),
                                  operation.into.size(), static_cast<off_t>(operation.position));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(operation);
    if (advance_read(operation, static_cast<std::size_t>(count))) return;
  }
}

void sync_data(rt::DiskOperation& operation) {
  if (::fdatasync(descriptor_of(operation)) == 0) return;
  operation.sync_failed = true;
  fail(operation);
}

void write_all(rt::DiskOperation& operation) {
  constexpr std::size_t kSlicesPerCall = 256;
  std::array<iovec, kSlicesPerCall> parts;
  std::size_t written = 0;
  std::size_t slice = 0;
  std::size_t offset = 0;
  for (;;) {
    std::size_t used = 0;
    std::size_t from = offset;
    for (std::size_t i = slice; i < operation.slices.size() && used < parts.size(); ++i) {
      const base::Bytes bytes = operation.slices[i].subspan(from);
      from = 0;
      if (bytes.empty()) continue;
      parts[used] = {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
      ++used;
    }
    if (used == 0) break;
    const ssize_t result = ::pwritev(descriptor_of(operation), parts.data(), static_cast<int>(used),
                                     static_cast<off_t>(operation.position + written));
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) return fail(operation);
    auto count = static_cast<std::size_t>(result);
    written += count;
    while (slice < operation.slices.size()) {
      const std::size_t left = operation.slices[slice].size() - offset;
      if (count < left) break;
      count -= left;
      ++slice;
      offset = 0;
    }
    offset += count;
  }
  operation.result = written;
}

void write_and_sync(rt::DiskOperation& operation) {
  auto& file = static_cast<OpenFile&>(*operation.file);
  if (DirectWriter* const direct = file.direct_writer(); direct != nullptr) {
    if (direct->write(operation)) return;
    file.give_up_direct();
  }
  write_all(operation);
  if (operation.result) sync_data(operation);
}

}  // namespace

bool advance_read(rt::DiskOperation& operation, std::size_t count) {
  ASSERT(count <= operation.into.size());
  operation.result = *operation.result + count;
  operation.position += count;
  operation.into = operation.into.subspan(count);
  return count == 0 || operation.into.empty();
}

bool try_read(rt::DiskOperation& operation) {
  auto& file = static_cast<OpenFile&>(*operation.file);
  if (!file.reads_cached()) return false;
  while (!operation.into.empty()) {
    const iovec part{.iov_base = operation.into.data(), .iov_len = operation.into.size()};
    const ssize_t count =
        ::preadv2(file.descriptor(), &part, 1, static_cast<off_t>(operation.position), RWF_NOWAIT);
    if (count >= 0) {
      if (advance_read(operation, static_cast<std::size_t>(count))) return true;
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno == EOPNOTSUPP || errno == ENOSYS) {
      file.reads_cached(false);
      return false;
    } else if (errno != EINTR) {
      fail(operation);
      return true;
    }
  }
  return true;
}

std::size_t transfer_bytes(const rt::DiskOperation& operation) {
  std::size_t bytes = operation.into.size();
  for (const base::Bytes slice : operation.slices) bytes += slice.size();
  return bytes;
}

void transfer(rt::DiskOperation& operation) {
  switch (operation.kind) {
    case rt::DiskOperation::Kind::kRead:
      return read_rest(operation);
    case rt::DiskOperation::Kind::kWrite:
      return write_all(operation);
    case rt::DiskOperation::Kind::kSync:
      operation.result = 0;
      return sync_data(operation);
    case rt::DiskOperation::Kind::kWriteAndSync:
      return write_and_sync(operation);
  }
}

}  // namespace moldau::io::internal
