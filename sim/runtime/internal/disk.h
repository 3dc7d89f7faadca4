// SimDisk is one loop's view of its node's simulated file system: it draws when an operation takes
// effect and when it completes, and applies the node's disk faults. Writes read their bytes, and
// reads fill theirs, at the moment of effect, so that a buffer which is given up too early is
// found. A crash lets an unfinished write happen, not happen, or happen up to some sector. One
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "rt/disk.h"
#include "sim/runtime/internal/event_queue.h"
#include "sim/runtime/internal/file_system.h"

namespace moldau::sim {

class SimLoop;
struct Delay;

class SimFile final : public rt::File {
 public:
  SimFile(std::string path, InodeRef inode, bool writable)
      : path_(std::move(path)), inode_(std::move(inode)), writable_(writable) {}
  [[nodiscard]] const std::string& path() const override { return path_; }
  [[nodiscard]] Inode& inode() const { return *inode_; }
  [[nodiscard]] bool writable() const { return writable_; }
  [[nodiscard]] bool direct() const { return direct_; }
  void write_directly() { direct_ = true; }

 private:
  std::string path_;
  InodeRef inode_;
  bool writable_;
  bool direct_ = false;
};

class SimDisk final : public rt::Disk {
 public:
  SimDisk(SimLoop& loop, base::Rng rng) : loop_(&loop), rng_(rng) {}

  rt::Task<rt::IoResult<rt::FileRef>> open(std::string path, rt::OpenMode mode) override;
  rt::Task<rt::IoResult<std::uint64_t>> size(rt::FileRef file) override;
  rt::Task<rt::IoResult<void>> preallocate(rt::FileRef file, std::uint64_t position,
                                           std::uint64_t length, bool keep_size) override;
  rt::Task<rt::IoResult<void>> truncate(rt::FileRef file, std::uint64_t size) override;
  void write_directly(const rt::FileRef& file) override;
  rt::Task<rt::IoResult<rt::FileInfo>> info(std::string path) override;
  rt::Task<rt::IoResult<void>> rename(std::string from, std::string to) override;
  rt::Task<rt::IoResult<void>> remove(std::string path) override;
  rt::Task<rt::IoResult<void>> remove_tree(std::string path) override;
  rt::Task<rt::IoResult<void>> make_directories(std::string path) override;
  rt::Task<rt::IoResult<void>> sync_directory(std::string path) override;
  rt::Task<rt::IoResult<std::vector<rt::DirectoryEntry>>> list(std::string path) override;
  rt::Task<rt::IoResult<rt::DiskSpace>> space(std::string path) override;
  rt::Task<rt::IoResult<std::unique_ptr<rt::FileLock>>> lock(std::string path) override;
  bool submit(rt::DiskOperation& operation) override;
  void abandon(rt::DiskOperation& operation) override;

  void die();

 private:
  struct InFlight {
    rt::DiskOperation* operation = nullptr;
    EventQueue::Ticket ticket;
    std::uint64_t sync_version = 0;
    bool written = false;  // of a write that is synced: the first half is done
    std::size_t index = 0;
  };

  [[nodiscard]] FileSystem& files() const;
  [[nodiscard]] rt::Task<> pause(Delay delay);
  [[nodiscard]] base::Duration draw(const Delay& delay);
  [[nodiscard]] bool is_odd(const SimFile& file) const;
  [[nodiscard]] base::Duration lag_of(rt::DiskOperation::Kind kind, const SimFile& file) const;
  [[nodiscard]] bool fails(std::uint32_t per_million);
  [[nodiscard]] bool has_room(const Inode& inode, std::uint64_t end) const;
  void perform(rt::DiskOperation& operation, std::uint64_t sync_version);
  void perform_write(rt::DiskOperation& operation, const SimFile& file);
  void perform_sync(rt::DiskOperation& operation, const SimFile& file, std::uint64_t version);
  void complete_after(base::Duration delay, InFlight& in_flight);
  void complete(InFlight& in_flight);
  [[nodiscard]] bool goes_on_with_sync(InFlight& in_flight);
  void drop(InFlight& in_flight);
  void leave_unfinished(const rt::DiskOperation& operation);

  SimLoop* loop_;
  base::Rng rng_;
  std::vector<std::unique_ptr<InFlight>> in_flight_;
};

}  // namespace moldau::sim
