// Disk is a loop's view of the file system. Reading, writing and syncing are operations that live
// in the waiting frame and allocate nothing; the rare calls (open, list, rename) are tasks. Any
// file may be used through any loop of the node; the result arrives on the loop whose Disk was
// asked.
//
// Promises, which both runtimes keep and storage builds on:
//  - A write is in the page cache when it completes: later reads see it, a crash of the machine may
//    lose or tear it at any sector border, in any order, until a sync of that file that began after
//    the write completed has succeeded.
//  - Operations in flight at one time complete in any order.
//  - A new name, a rename or a removal is durable after sync_directory() of its directory.
//  - After a failed sync nothing written since the last good sync may be assumed to be there.
//  - A write that is synced is a write and, once it has completed, a sync: one trip off the loop.
//  - One write never throttles the loop: the runtime moves it to a worker where the kernel would.
// Positions and sizes are bytes. Buffers belong to the awaiting frame until the await returns. An
// operation cannot be cancelled; whoever awaits it is not destroyed before (the simulator may).
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "rt/io_error.h"
#include "rt/job.h"
#include "rt/loop.h"
#include "rt/task.h"

namespace moldau::rt {

// An open file; closed with its last reference. Opaque: only the Disk that opened it knows inside.
class File {
 public:
  virtual ~File() = default;
  [[nodiscard]] virtual const std::string& path() const = 0;
};
using FileRef = std::shared_ptr<File>;

enum class OpenMode : std::uint8_t {
  kRead,            // must exist
  kReadWrite,       // must exist
  kCreate,          // created when missing, kept when there; read and write
  kCreateNew,       // must not exist; read and write
  kCreateTruncate,  // created, or emptied when there; read and write
};

struct FileInfo {
  std::uint64_t size = 0;
  bool is_directory = false;
  base::Timestamp modified;
};
struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};
struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;  // for this process
};

// A held lock on a file, released when destroyed. The same lock as Java's FileChannel.tryLock: a
// POSIX record lock over the whole file.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// One read, write, sync, or write that is synced. Filled by Disk's functions below, or by whoever
// keeps operations of his own; the runtime sets `result` and either says that it is done or runs
// the job on the asking loop.
struct DiskOperation : ResumeJob {
  enum class Kind : std::uint8_t { kRead, kWrite, kSync, kWriteAndSync };

  Kind kind = Kind::kRead;
  FileRef file;
  std::uint64_t position = 0;
  base::MutableBytes into;              // kRead
  std::span<const base::Bytes> slices;  // of a write, in order
  base::Bytes single;                   // kWrite of one slice: slices refers to it
  IoResult<std::size_t> result = 0;     // bytes read (fewer only at the end of the file) or written
  bool sync_failed = false;             // kWriteAndSync: the error is the sync's
  void* runtime = nullptr;              // the runtime's own bookkeeping while in flight
  DiskOperation* runtime_next = nullptr;
};

// Disk::write_directly() counts in these.
inline constexpr std::size_t kDirectBlockBytes = 4096;

class Disk;

// What read_at, write_at, write_and_sync and sync return: co_await it at once.
class [[nodiscard]] DiskAwait {
 public:
  DiskAwait(Disk& disk, FileRef file, std::uint64_t position, base::MutableBytes into)
      : DiskAwait(disk, DiskOperation::Kind::kRead, std::move(file), position) {
    operation_.into = into;
  }
  DiskAwait(Disk& disk, FileRef file, std::uint64_t position, std::span<const base::Bytes> slices,
            DiskOperation::Kind kind = DiskOperation::Kind::kWrite)
      : DiskAwait(disk, kind, std::move(file), position) {
    operation_.slices = slices;
  }
  DiskAwait(Disk& disk, FileRef file, std::uint64_t position, base::Bytes bytes)
      : DiskAwait(disk, DiskOperation::Kind::kWrite, std::move(file), position) {
    operation_.single = bytes;
    operation_.slices = {&operation_.single, 1};
  }
  DiskAwait(Disk& disk, FileRef file)
      : DiskAwait(disk, DiskOperation::Kind::kSync, std::move(file), 0) {}
  DiskAwait(const DiskAwait&) = delete;
  DiskAwait& operator=(const DiskAwait&) = delete;
  inline ~DiskAwait();

  [[nodiscard]] bool await_ready() const { return false; }
  // False (no suspension) when the operation finished at once.
  inline bool await_suspend(std::coroutine_handle<> waiter);
  IoResult<std::size_t> await_resume() {
    in_flight_ = false;
    return operation_.result;
  }

 private:
  DiskAwait(Disk& disk, DiskOperation::Kind kind, FileRef file, std::uint64_t position)
      : disk_(&disk) {
    operation_.kind = kind;
    operation_.file = std::move(file);
    operation_.position = position;
  }

  Disk* disk_;
  bool in_flight_ = false;
  DiskOperation operation_;
};

class Disk {
 public:
  virtual ~Disk() = default;

  // Reads into.size() bytes, fewer only where the file ends. Yields the count.
  DiskAwait read_at(FileRef file, std::uint64_t position, base::MutableBytes into) {
    return {*this, std::move(file), position, into};
  }
  // Writes all bytes or fails; the file grows as needed.
  DiskAwait write_at(FileRef file, std::uint64_t position, base::Bytes bytes) {
    return {*this, std::move(file), position, bytes};
  }
  // The same from several places, in order, at one position. The array lives in the caller's frame.
  DiskAwait write_at(FileRef file, std::uint64_t position, std::span<const base::Bytes> slices) {
    return {*this, std::move(file), position, slices};
  }
  // The same, and once it is written a sync().
  DiskAwait write_and_sync(FileRef file, std::uint64_t position,
                           std::span<const base::Bytes> slices) {
    return {*this, std::move(file), position, slices, DiskOperation::Kind::kWriteAndSync};
  }
  // Makes durable all that was written before the call, and the file's size (fdatasync).
  DiskAwait sync(FileRef file) { return {*this, std::move(file)}; }

  [[nodiscard]] virtual Task<IoResult<FileRef>> open(std::string path, OpenMode mode) = 0;
  [[nodiscard]] virtual Task<IoResult<std::uint64_t>> size(FileRef file) = 0;
  // Reserves blocks so that later writes below position + length cannot fail for want of space; the
  // size does not change when keep_size.
  [[nodiscard]] virtual Task<IoResult<void>> preallocate(FileRef file, std::uint64_t position,
                                                         std::uint64_t length, bool keep_size) = 0;
  [[nodiscard]] virtual Task<IoResult<void>> truncate(FileRef file, std::uint64_t size) = 0;
  // A hint that the range will hardly be read soon: pages of it that are on the disk leave the page
  // cache, of the others the writing back begins. Changes nothing but speed and memory.
  [[nodiscard]] virtual Task<> forget(FileRef file, std::uint64_t position, std::uint64_t length);
  // A hint that the file is written in order by write_and_sync(), and hardly read: these go past
  // the page cache from now on, where the file system can, and make durable what they write,
  // nothing else. The block of kDirectBlockBytes in which one ends may become zeros behind it.
  virtual void write_directly(const FileRef& file);

  [[nodiscard]] virtual Task<IoResult<FileInfo>> info(std::string path) = 0;
  // Replaces the target when it is there; also moves directories.
  [[nodiscard]] virtual Task<IoResult<void>> rename(std::string from, std::string to) = 0;
  [[nodiscard]] virtual Task<IoResult<void>> remove(std::string path) = 0;
  // A directory and all that is in it.
  [[nodiscard]] virtual Task<IoResult<void>> remove_tree(std::string path) = 0;
  // With parents; no error when it is there already.
  [[nodiscard]] virtual Task<IoResult<void>> make_directories(std::string path) = 0;
  [[nodiscard]] virtual Task<IoResult<void>> sync_directory(std::string path) = 0;
  // Sorted by name.
  [[nodiscard]] virtual Task<IoResult<std::vector<DirectoryEntry>>> list(std::string path) = 0;
  [[nodiscard]] virtual Task<IoResult<DiskSpace>> space(std::string path) = 0;
  // Creates the file when missing; kLocked when another process (or an earlier call) holds it.
  [[nodiscard]] virtual Task<IoResult<std::unique_ptr<FileLock>>> lock(std::string path) = 0;

  // For DiskAwait only. True when the operation finished within the call; else the job runs later
  // on this Disk's loop.
  [[nodiscard]] virtual bool submit(DiskOperation& operation) = 0;
  // The waiting frame is being destroyed with the operation in flight: the simulator forgets the
  // operation (it may still take effect on the disk), the real runtime asserts.
  virtual void abandon(DiskOperation& operation) = 0;
};

inline DiskAwait::~DiskAwait() {
  if (in_flight_) disk_->abandon(operation_);
}

inline bool DiskAwait::await_suspend(std::coroutine_handle<> waiter) {
  operation_.waiter = waiter;
  in_flight_ = true;
  return !disk_->submit(operation_);
}

// Whole small files. The limit guards against reading something that cannot be ours.
inline constexpr std::size_t kSmallFileBytesMax = 64 << 20;
[[nodiscard]] Task<IoResult<base::SharedBytes>> read_file(
    Disk& disk, std::string path, std::size_t bytes_max = kSmallFileBytesMax);
// Writes path + ".tmp", syncs it, renames it over path and syncs the directory: afterwards either
// the old or the new content is there, whole.
[[nodiscard]] Task<IoResult<void>> write_file_atomically(Disk& disk, std::string path,
                                                         base::SharedBytes content);

}  // namespace moldau::rt
