#include "sim/runtime/internal/file_system.h"

#include <algorithm>

#include "base/assert.h"
#include "base/result.h"

namespace moldau::sim {
namespace {

using rt::IoErrorCode;

std::unexpected<rt::IoError> failure(IoErrorCode code) {
  return std::unexpected(rt::IoError{.code = code});
}

// All inodes under a directory in the order of their names, following either view of the tree.
void collect(const InodeRef& inode, bool both, std::set<std::uint64_t>& seen,
             std::vector<InodeRef>& into) {
  if (!seen.insert(inode->id).second) return;
  into.push_back(inode);
  for (const auto& [name, child] : inode->entries) collect(child, both, seen, into);
  if (!both) return;
  for (const auto& [name, child] : inode->durable) collect(child, both, seen, into);
}

std::vector<InodeRef> reachable(const InodeRef& root, bool both) {
  std::set<std::uint64_t> seen;
  std::vector<InodeRef> into;
  collect(root, both, seen, into);
  return into;
}

}  // namespace

FileSystem::FileSystem() : root_(create(true, base::Timestamp(0))) {}

FileSystem::~FileSystem() {
  // Renamed directories can refer to each other through their two views.
  std::set<std::uint64_t> seen;
  std::vector<InodeRef> all;
  collect(root_, true, seen, all);
  for (const Transaction& transaction : unsynced_) {
    for (const NameChange& change : transaction.changes) {
      collect(change.directory, true, seen, all);
      if (change.after != nullptr) collect(change.after, true, seen, all);
    }
  }
  for (const InodeRef& inode : all) {
    inode->entries.clear();
    inode->durable.clear();
  }
}

std::vector<std::string_view> FileSystem::split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    const auto part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.push_back(part);
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

InodeRef FileSystem::create(bool is_directory, base::Timestamp now) {
  auto inode = std::make_shared<Inode>();
  inode->id = ++ids_;
  inode->is_directory = is_directory;
  inode->modified = now;
  return inode;
}

rt::IoResult<InodeRef> FileSystem::find(std::string_view path) const {
  InodeRef at = root_;
  for (const auto part : split(path)) {
    if (!at->is_directory) return failure(IoErrorCode::kNotDirectory);
    const auto found = at->entries.find(std::string(part));
    if (found == at->entries.end()) return failure(IoErrorCode::kNotFound);
    at = found->second;
  }
  return at;
}

rt::IoResult<FileSystem::Place> FileSystem::place(std::string_view path) const {
  const auto parts = split(path);
  if (parts.empty()) return failure(IoErrorCode::kInvalid);
  InodeRef at = root_;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto found = at->entries.find(std::string(parts[i]));
    if (found == at->entries.end()) return failure(IoErrorCode::kNotFound);
    at = found->second;
    if (!at->is_directory) return failure(IoErrorCode::kNotDirectory);
  }
  Place result{.directory = at, .name = std::string(parts.back()), .inode = nullptr};
  const auto found = at->entries.find(result.name);
  if (found != at->entries.end()) result.inode = found->second;
  return result;
}

void FileSystem::commit(std::vector<NameChange> changes) {
  for (const NameChange& change : changes) {
    if (change.after == nullptr) {
      change.directory->entries.erase(change.name);
    } else {
      change.directory->entries[change.name] = change.after;
    }
  }
  unsynced_.push_back({.version = ++version_, .changes = std::move(changes)});
}

rt::IoResult<InodeRef> FileSystem::open(std::string_view path, rt::OpenMode mode,
                                        base::Timestamp now) {
  const Place at = TRY(place(path));
  const bool create_missing = mode == rt::OpenMode::kCreate || mode == rt::OpenMode::kCreateNew ||
                              mode == rt::OpenMode::kCreateTruncate;
  if (at.inode == nullptr) {
    if (!create_missing) return failure(IoErrorCode::kNotFound);
    InodeRef made = create(false, now);
    commit({{.directory = at.directory, .name = at.name, .after = made}});
    return made;
  }
  if (mode == rt::OpenMode::kCreateNew) return failure(IoErrorCode::kExists);
  if (at.inode->is_directory) return failure(IoErrorCode::kInvalid);
  if (mode == rt::OpenMode::kCreateTruncate && at.inode->content.size() > 0) {
    at.inode->content.resize(0);
    at.inode->reserved = 0;
    at.inode->modified = now;
  }
  return at.inode;
}

rt::IoResult<void> FileSystem::rename(std::string_view from, std::string_view to) {
  const Place source = TRY(place(from));
  const Place target = TRY(place(to));
  if (source.inode == nullptr) return failure(IoErrorCode::kNotFound);
  if (source.inode == target.inode) return {};
  if (source.inode->is_directory) {
    const auto inside = reachable(source.inode, false);
    if (std::ranges::find(inside, target.directory) != inside.end()) {
      return failure(IoErrorCode::kInvalid);
    }
  }
  if (target.inode != nullptr) {
    if (source.inode->is_directory && !target.inode->is_directory) {
      return failure(IoErrorCode::kNotDirectory);
    }
    if (!source.inode->is_directory && target.inode->is_directory) {
      return failure(IoErrorCode::kInvalid);
    }
    if (!target.inode->entries.empty()) return failure(IoErrorCode::kExists);
  }
  commit({{.directory = source.directory, .name = source.name, .after = nullptr},
          {.directory = target.directory, .name = target.name, .after = source.inode}});
  return {};
}

rt::IoResult<void> FileSystem::remove(std::string_view path) {
  const Place at = TRY(place(path));
  if (at.inode == nullptr) return failure(IoErrorCode::kNotFound);
  if (!at.inode->entries.empty()) return failure(IoErrorCode::kExists);
  commit({{.directory = at.directory, .name = at.name, .after = nullptr}});
  return {};
}

rt::IoResult<void> FileSystem::make_directory(std::string_view path, base::Timestamp now) {
  if (split(path).empty()) return {};  // The root is there.
  const Place at = TRY(place(path));
  if (at.inode != nullptr) {
    if (!at.inode->is_directory) return failure(IoErrorCode::kExists);
    return {};
  }
  commit({{.directory = at.directory, .name = at.name, .after = create(true, now)}});
  return {};
}

void FileSystem::make_durable(const Transaction& transaction) {
  for (const NameChange& change : transaction.changes) {
    if (change.after == nullptr) {
      change.directory->durable.erase(change.name);
    } else {
      change.directory->durable[change.name] = change.after;
    }
  }
}

void FileSystem::sync_directory(const Inode& directory, std::uint64_t version) {
  // From the newest back: a change takes with it the earlier ones to the names that it touches.
  std::set<NameKey> names;
  std::vector<bool> chosen(unsynced_.size());
  for (std::size_t i = unsynced_.size(); i-- > 0;) {
    const Transaction& transaction = unsynced_[i];
    for (const NameChange& change : transaction.changes) {
      if ((change.directory->id == directory.id && transaction.version <= version) ||
          names.contains({change.directory->id, change.name})) {
        chosen[i] = true;
      }
    }
    if (!chosen[i]) continue;
    for (const NameChange& change : transaction.changes) {
      names.emplace(change.directory->id, change.name);
    }
  }
  std::vector<Transaction> left;
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    if (chosen[i]) {
      make_durable(unsynced_[i]);
    } else {
      left.push_back(std::move(unsynced_[i]));
    }
  }
  unsynced_ = std::move(left);
}

std::uint64_t FileSystem::used_bytes() const {
  constexpr std::uint64_t kBlockBytes = 4096;
  std::uint64_t used = 0;
  for (const InodeRef& inode : reachable(root_, false)) {
    const std::uint64_t bytes = std::max(inode->content.size(), inode->reserved);
    used += (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  }
  return used;
}

std::uint64_t FileSystem::lock(const InodeRef& file) {
  for (const auto& [lock, inode] : locks_) {
    if (inode == file->id) return 0;
  }
  locks_.emplace(++lock_ids_, file->id);
  return lock_ids_;
}

void FileSystem::unlock(std::uint64_t lock) { locks_.erase(lock); }

void FileSystem::lose_power(base::Rng& rng, std::size_t sector_bytes) {
  // Everything, nothing, or some of it.
  constexpr std::uint64_t kQuarters = 4;
  const std::uint64_t keep = rng.below(kQuarters + 1);
  std::set<NameKey> lost;
  for (const Transaction& transaction : unsynced_) {
    bool survives = rng.below(kQuarters) < keep;
    for (const NameChange& change : transaction.changes) {
      if (lost.contains({change.directory->id, change.name})) survives = false;
    }
    if (survives) {
      make_durable(transaction);
      continue;
    }
    for (const NameChange& change : transaction.changes) {
      lost.emplace(change.directory->id, change.name);
    }
  }
  const auto everything = reachable(root_, true);
  unsynced_.clear();
  for (const InodeRef& inode : everything) inode->entries = inode->durable;
  std::set<std::uint64_t> kept;
  for (const InodeRef& inode : reachable(root_, false)) {
    kept.insert(inode->id);
    inode->reserved = 0;
    inode->content.lose_power(rng, sector_bytes);
  }
  for (const InodeRef& inode : everything) {
    if (kept.contains(inode->id)) continue;
    inode->entries.clear();
    inode->durable.clear();
  }
}

}  // namespace moldau::sim
