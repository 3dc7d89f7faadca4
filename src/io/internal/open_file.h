// OpenFile is rt::File: a descriptor and the path it was opened by. Closing may take long (blocks
// of a removed file are freed then), so it happens on a pool thread. All files are gone before the
// runtime is. FileLocks remembers which files this process has locked: POSIX locks neither exclude
// within a process nor survive the closing of any other descriptor of the file, so a second lock is
// refused here and such a closing is put off.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "io/internal/descriptor.h"
#include "io/internal/direct_writer.h"
#include "rt/disk.h"

namespace moldau::io::internal {

class ThreadPool;

// Any thread.
class FileLocks {
 public:
  // Blocks: off the loops.
  [[nodiscard]] rt::IoResult<std::unique_ptr<rt::FileLock>> lock(const std::string& path);
  // Closes, or keeps open until the lock on the same file is released.
  void close(Descriptor descriptor);

 private:
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  struct Held {
    Identity file;
    Descriptor descriptor;
    std::vector<Descriptor> put_off;
  };
  class Lock;

  [[nodiscard]] bool holds(const Identity& file) const;
  void release(const Identity& file);

  std::mutex mutex_;
  std::vector<Held> held_;
  std::atomic<std::size_t> count_{0};
};

class OpenFile final : public rt::File {
 public:
  OpenFile(std::string path, Descriptor descriptor, FileLocks& locks, ThreadPool& closer)
      : path_(std::move(path)),
        descriptor_(std::move(descriptor)),
        locks_(&locks),
        closer_(&closer) {}
  ~OpenFile() override;

  [[nodiscard]] const std::string& path() const override { return path_; }
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  // Does the file system answer reads of cached pages without waiting? Known after the first try.
  [[nodiscard]] bool reads_cached() const { return reads_cached_.load(std::memory_order_relaxed); }
  void reads_cached(bool can) { reads_cached_.store(can, std::memory_order_relaxed); }

  void write_directly() { direct_wanted_.store(true, std::memory_order_relaxed); }
  // What is to write to this file and sync it: null for the page cache. Blocks: off the loops.
  [[nodiscard]] DirectWriter* direct_writer();
  // It cannot after all.
  void give_up_direct() { direct_wanted_.store(false, std::memory_order_relaxed); }

 private:
  std::string path_;
  Descriptor descriptor_;
  std::atomic<bool> reads_cached_{true};
  std::atomic<bool> direct_wanted_{false};
  std::mutex direct_mutex_;
  std::unique_ptr<DirectWriter> direct_;
  FileLocks* locks_;
  ThreadPool* closer_;
};

}  // namespace moldau::io::internal
