// FileSystem is what a simulated node's disk holds: a tree of names over file contents, each as the
// kernel shows it and as the disk has it. Name changes wait in a list until their directory is
// synced; a power loss keeps a part of the list, drawn by seed, in which a change never survives an
// earlier one to the same name, and a rename is whole or absent. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "rt/disk.h"
#include "sim/runtime/internal/file_content.h"

namespace moldau::sim {

struct Inode;
using InodeRef = std::shared_ptr<Inode>;

struct Inode {
  std::uint64_t id = 0;
  bool is_directory = false;
  base::Timestamp modified;
  FileContent content;                      // of a file
  std::uint64_t reserved = 0;               // bytes that preallocate() promised
  std::map<std::string, InodeRef> entries;  // of a directory, as the kernel shows it
  std::map<std::string, InodeRef> durable;  // as the disk has it
};

class FileSystem {
 public:
  FileSystem();
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  ~FileSystem();

  [[nodiscard]] rt::IoResult<InodeRef> find(std::string_view path) const;
  [[nodiscard]] rt::IoResult<InodeRef> open(std::string_view path, rt::OpenMode mode,
                                            base::Timestamp now);
  [[nodiscard]] rt::IoResult<void> rename(std::string_view from, std::string_view to);
  [[nodiscard]] rt::IoResult<void> remove(std::string_view path);
  [[nodiscard]] rt::IoResult<void> make_directory(std::string_view path, base::Timestamp now);

  // Number of the last name change; what a directory sync that begins now covers.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  void sync_directory(const Inode& directory, std::uint64_t version);

  // Bytes that the visible files take or have reserved.
  [[nodiscard]] std::uint64_t used_bytes() const;

  // Locks belong to a process; 0 means that the lock is held already.
  [[nodiscard]] std::uint64_t lock(const InodeRef& file);
  void unlock(std::uint64_t lock);

  void process_died() { locks_.clear(); }
  void lose_power(base::Rng& rng, std::size_t sector_bytes);

  // Parts of a path, without empty ones and ".".
  [[nodiscard]] static std::vector<std::string_view> split(std::string_view path);

 private:
  // One name that now means something else; `after` is null when it went away.
  struct NameChange {
    InodeRef directory;
    std::string name;
    InodeRef after;
  };
  struct Transaction {
    std::uint64_t version;
    std::vector<NameChange> changes;
  };
  using NameKey = std::pair<std::uint64_t, std::string>;
  struct Place {
    InodeRef directory;
    std::string name;
    InodeRef inode;  // null: nothing there
  };

  [[nodiscard]] rt::IoResult<Place> place(std::string_view path) const;
  [[nodiscard]] InodeRef create(bool is_directory, base::Timestamp now);
  void commit(std::vector<NameChange> changes);
  static void make_durable(const Transaction& transaction);

  std::uint64_t ids_ = 0;  // before root_, which takes the first
  InodeRef root_;
  std::uint64_t version_ = 0;
  std::vector<Transaction> unsynced_;
  std::map<std::uint64_t, std::uint64_t> locks_;  // lock, inode
  std::uint64_t lock_ids_ = 0;
};

}  // namespace moldau::sim
