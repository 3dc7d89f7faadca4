#include "sim/runtime/internal/disk.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "rt/sleep.h"
#include "sim/runtime/internal/loop.h"
#include "sim/runtime/node.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {
namespace {

using rt::IoErrorCode;
using Kind = rt::DiskOperation::Kind;

std::unexpected<rt::IoError> failure(IoErrorCode code) {
  return std::unexpected(rt::IoError{.code = code});
}

const SimFile& as_sim(const rt::FileRef& file) {
  ASSERT(file != nullptr);
  return static_cast<const SimFile&>(*file);
}

std::size_t bytes_of(const rt::DiskOperation& operation) {
  std::size_t size = 0;
  for (const base::Bytes slice : operation.slices) size += slice.size();
  return size;
}

// With the zeros that a direct write puts behind it.
std::size_t whole_bytes_of(const rt::DiskOperation& operation) {
  const std::size_t size = bytes_of(operation);
  if (operation.kind != rt::DiskOperation::Kind::kWriteAndSync || !as_sim(operation.file).direct())
    return size;
  constexpr std::size_t kBlock = rt::kDirectBlockBytes;
  return size + (kBlock - (operation.position + size) % kBlock) % kBlock;
}

std::vector<std::byte> gather(const rt::DiskOperation& operation) {
  const std::size_t size = whole_bytes_of(operation);
  std::vector<std::byte> bytes;
  bytes.reserve(size);
  for (const base::Bytes slice : operation.slices) {
    bytes.insert(bytes.end(), slice.begin(), slice.end());
  }
  bytes.resize(size);
  return bytes;
}

// Released with the process at the latest, so a lock of an earlier process does no harm.
class SimFileLock final : public rt::FileLock {
 public:
  SimFileLock(SimLoop& loop, std::uint64_t lock) : loop_(&loop), lock_(lock) {}
  ~SimFileLock() override {
    if (!loop_->dead()) loop_->node().file_system().unlock(lock_);
  }

 private:
  SimLoop* loop_;
  std::uint64_t lock_;
};

}  // namespace

FileSystem& SimDisk::files() const { return loop_->node().file_system(); }

base::Duration SimDisk::draw(const Delay& delay) {
  return loop_->simulation().draw(delay) * std::max(1U, loop_->node().disk_faults().slowness);
}

bool SimDisk::fails(std::uint32_t per_million) {
  constexpr std::uint64_t kMillion = 1'000'000;
  return per_million > 0 && rng_.below(kMillion) < per_million;
}

bool SimDisk::has_room(const Inode& inode, std::uint64_t end) const {
  const auto capacity = loop_->node().disk_options().capacity_bytes;
  const std::uint64_t held = std::max(inode.content.size(), inode.reserved);
  if (!capacity.has_value() || end <= held) return true;
  return files().used_bytes() + (end - held) <= *capacity;
}

bool SimDisk::is_odd(const SimFile& file) const {
  const std::string& part = loop_->node().disk_faults().odd_path;
  return !part.empty() && file.path().find(part) != std::string::npos;
}

base::Duration SimDisk::lag_of(Kind kind, const SimFile& file) const {
  const DiskFaults& faults = loop_->node().disk_faults();
  if (kind == Kind::kRead || !is_odd(file)) return {};
  return kind == Kind::kSync ? faults.odd_sync_lag : faults.odd_write_lag;
}

rt::Task<> SimDisk::pause(Delay delay) { co_await rt::sleep_for(*loop_, draw(delay)); }

// Reads, writes and syncs.

bool SimDisk::submit(rt::DiskOperation& operation) {
  ASSERT(loop_->is_current());
  if (loop_->dead()) return false;
  const DiskOptions& options = loop_->node().disk_options();
  const std::uint64_t version = as_sim(operation.file).inode().content.version();
  const base::Duration lag = lag_of(operation.kind, as_sim(operation.file));
  operation.sync_failed = false;
  const bool waits_for_disk =
      operation.kind == Kind::kSync || operation.kind == Kind::kWriteAndSync;
  if (!waits_for_disk && lag.count() == 0 && rng_.chance(options.immediate_percent, 100)) {
    perform(operation, version);
    return true;
  }
  const Delay& delay = operation.kind == Kind::kRead   ? options.read
                       : operation.kind == Kind::kSync ? options.sync
                                                       : options.write;
  auto& in_flight = *in_flight_.emplace_back(std::make_unique<InFlight>());
  in_flight.operation = &operation;
  in_flight.sync_version = version;
  in_flight.index = in_flight_.size() - 1;
  complete_after(draw(delay) + lag, in_flight);
  operation.runtime = &in_flight;
  return false;
}

void SimDisk::complete_after(base::Duration delay, InFlight& in_flight) {
  Simulation& world = loop_->simulation();
  in_flight.ticket =
      world.schedule(delay, world.new_lane(), [this, target = &in_flight] { complete(*target); });
}

void SimDisk::complete(InFlight& in_flight) {
  if (goes_on_with_sync(in_flight)) return;
  rt::DiskOperation& operation = *in_flight.operation;
  const std::uint64_t version = in_flight.sync_version;
  drop(in_flight);
  perform(operation, version);
  loop_->post(operation);
}

// The first half of a write that is synced; what others write before the second is not covered.
bool SimDisk::goes_on_with_sync(InFlight& in_flight) {
  rt::DiskOperation& operation = *in_flight.operation;
  if (operation.kind != Kind::kWriteAndSync || in_flight.written) return false;
  const SimFile& file = as_sim(operation.file);
  perform_write(operation, file);
  in_flight.written = true;
  if (!operation.result) return false;
  in_flight.sync_version = file.inode().content.version();
  complete_after(draw(loop_->node().disk_options().sync) + lag_of(Kind::kSync, file), in_flight);
  return true;
}

void SimDisk::drop(InFlight& in_flight) {
  in_flight.operation->runtime = nullptr;
  const std::size_t index = in_flight.index;
  std::swap(in_flight_[index], in_flight_.back());
  in_flight_[index]->index = index;
  in_flight_.pop_back();
}

void SimDisk::perform(rt::DiskOperation& operation, std::uint64_t sync_version) {
  const SimFile& file = as_sim(operation.file);
  switch (operation.kind) {
    case Kind::kRead:
      if (fails(loop_->node().disk_faults().read_errors)) {
        operation.result = failure(IoErrorCode::kFailed);
      } else {
        operation.result = file.inode().content.read(operation.position, operation.into);
      }
      break;
    case Kind::kWrite:
      perform_write(operation, file);
      break;
    case Kind::kSync:
      operation.result = 0;
      perform_sync(operation, file, sync_version);
      break;
    case Kind::kWriteAndSync:
      if (operation.result) perform_sync(operation, file, sync_version);
      break;
  }
  loop_->simulation().trace(TraceKind::kDisk, loop_->node().index(), loop_->index(),
                            static_cast<std::uint64_t>(operation.kind) + operation.position,
                            operation.result.value_or(0));
}

void SimDisk::perform_write(rt::DiskOperation& operation, const SimFile& file) {
  if (!file.writable()) {
    operation.result = failure(IoErrorCode::kPermission);
    return;
  }
  if (fails(loop_->node().disk_faults().write_errors)) {
    operation.result = failure(IoErrorCode::kFailed);
    return;
  }
  std::vector<std::byte> bytes = gather(operation);
  Inode& inode = file.inode();
  if (!has_room(inode, operation.position + bytes.size())) {
    operation.result = failure(IoErrorCode::kNoSpace);
    return;
  }
  operation.result = bytes_of(operation);
  inode.modified = loop_->wall_now();
  if (!bytes.empty()) inode.content.write(operation.position, std::move(bytes));
}

void SimDisk::perform_sync(rt::DiskOperation& operation, const SimFile& file,
                           std::uint64_t version) {
  const DiskFaults& faults = loop_->node().disk_faults();
  if (fails(faults.sync_errors) || (faults.odd_sync_fails && is_odd(file))) {
    file.inode().content.fail_sync(version, loop_->node().disk_rng());
    operation.result = failure(IoErrorCode::kFailed);
    operation.sync_failed = true;
    return;
  }
  if (operation.kind == Kind::kWriteAndSync && file.direct()) {
    const std::uint64_t end = operation.position + whole_bytes_of(operation);
    file.inode().content.make_durable(version, operation.position, end);
  } else {
    file.inode().content.make_durable(version);
  }
}

void SimDisk::abandon(rt::DiskOperation& operation) {
  if (operation.runtime != nullptr) {
    auto& in_flight = *static_cast<InFlight*>(operation.runtime);
    loop_->simulation().cancel(in_flight.ticket);
    drop(in_flight);
  }
  loop_->withdraw(operation);
}

void SimDisk::write_directly(const rt::FileRef& file) {
  static_cast<SimFile&>(*file).write_directly();
}

void SimDisk::die() {
  for (const auto& in_flight : in_flight_) {
    loop_->simulation().cancel(in_flight->ticket);
    in_flight->operation->runtime = nullptr;
    const Kind kind = in_flight->operation->kind;
    if (kind == Kind::kWrite || (kind == Kind::kWriteAndSync && !in_flight->written)) {
      leave_unfinished(*in_flight->operation);
    }
  }
  in_flight_.clear();
}

// A process died within a write: the page cache has all of it, nothing, or its first sectors.
void SimDisk::leave_unfinished(const rt::DiskOperation& operation) {
  const SimFile& file = as_sim(operation.file);
  std::vector<std::byte> bytes = gather(operation);
  const std::size_t sector = loop_->node().disk_options().sector_bytes;
  switch (rng_.below(3)) {
    case 0:
      return;
    case 1:
      break;
    default: {
      const std::uint64_t cut = operation.position + rng_.below(bytes.size() + 1);
      const std::uint64_t border = cut / sector * sector;
      if (border <= operation.position) return;
      bytes.resize(border - operation.position);
    }
  }
  if (bytes.empty() || !file.writable()) return;
  if (!has_room(file.inode(), operation.position + bytes.size())) return;
  file.inode().content.write(operation.position, std::move(bytes));
}

// Names and sizes.

rt::Task<rt::IoResult<rt::FileRef>> SimDisk::open(std::string path, rt::OpenMode mode) {
  co_await pause(loop_->node().disk_options().metadata);
  InodeRef inode = CO_TRY(files().open(path, mode, loop_->wall_now()));
  co_return std::make_shared<SimFile>(std::move(path), std::move(inode),
                                      mode != rt::OpenMode::kRead);
}

rt::Task<rt::IoResult<std::uint64_t>> SimDisk::size(rt::FileRef file) {
  co_return as_sim(file).inode().content.size();
}

rt::Task<rt::IoResult<void>> SimDisk::preallocate(rt::FileRef file, std::uint64_t position,
                                                  std::uint64_t length, bool keep_size) {
  co_await pause(loop_->node().disk_options().metadata);
  if (!as_sim(file).writable()) co_return failure(IoErrorCode::kPermission);
  Inode& inode = as_sim(file).inode();
  const std::uint64_t end = position + length;
  if (!has_room(inode, end)) co_return failure(IoErrorCode::kNoSpace);
  inode.reserved = std::max(inode.reserved, end);
  if (!keep_size && end > inode.content.size()) inode.content.resize(end);
  co_return rt::IoResult<void>();
}

rt::Task<rt::IoResult<void>> SimDisk::truncate(rt::FileRef file, std::uint64_t size) {
  co_await pause(loop_->node().disk_options().metadata);
  if (!as_sim(file).writable()) co_return failure(IoErrorCode::kPermission);
  Inode& inode = as_sim(file).inode();
  if (size <= inode.content.size()) inode.reserved = std::min(inode.reserved, size);
  if (size != inode.content.size()) inode.content.resize(size);
  inode.modified = loop_->wall_now();
  co_return rt::IoResult<void>();
}

rt::Task<rt::IoResult<rt::FileInfo>> SimDisk::info(std::string path) {
  co_await pause(loop_->node().disk_options().metadata);
  const InodeRef inode = CO_TRY(files().find(path));
  co_return rt::FileInfo{.size = inode->content.size(),
                         .is_directory = inode->is_directory,
                         .modified = inode->modified};
}

rt::Task<rt::IoResult<void>> SimDisk::rename(std::string from, std::string to) {
  co_await pause(loop_->node().disk_options().metadata);
  CO_TRY(files().rename(from, to));
  co_await pause(loop_->node().disk_options().metadata);
  co_return rt::IoResult<void>();
}

rt::Task<rt::IoResult<void>> SimDisk::remove(std::string path) {
  co_await pause(loop_->node().disk_options().metadata);
  CO_TRY(files().remove(path));
  co_await pause(loop_->node().disk_options().metadata);
  co_return rt::IoResult<void>();
}

rt::Task<rt::IoResult<void>> SimDisk::remove_tree(std::string path) {
  const InodeRef inode = CO_TRY(files().find(path));
  // Names are looked up anew after each step: others may use the directory meanwhile.
  while (inode->is_directory && !inode->entries.empty()) {
    CO_TRY(co_await remove_tree(path + "/" + inode->entries.begin()->first));
  }
  co_return co_await remove(path);
}

rt::Task<rt::IoResult<void>> SimDisk::make_directories(std::string path) {
  co_await pause(loop_->node().disk_options().metadata);
  std::string prefix;
  for (const auto part : FileSystem::split(path)) {
    prefix += "/";
    prefix += part;
    CO_TRY(files().make_directory(prefix, loop_->wall_now()));
  }
  co_return rt::IoResult<void>();
}

rt::Task<rt::IoResult<void>> SimDisk::sync_directory(std::string path) {
  const InodeRef inode = CO_TRY(files().find(path));
  if (!inode->is_directory) co_return failure(IoErrorCode::kNotDirectory);
  const std::uint64_t version = files().version();
  co_await pause(loop_->node().disk_options().sync);
  if (fails(loop_->node().disk_faults().sync_errors)) co_return failure(IoErrorCode::kFailed);
  files().sync_directory(*inode, version);
  co_return rt::IoResult<void>();
}

rt::Task<rt::IoResult<std::vector<rt::DirectoryEntry>>> SimDisk::list(std::string path) {
  co_await pause(loop_->node().disk_options().metadata);
  const InodeRef inode = CO_TRY(files().find(path));
  if (!inode->is_directory) co_return failure(IoErrorCode::kNotDirectory);
  std::vector<rt::DirectoryEntry> entries;
  for (const auto& [name, child] : inode->entries) {
    entries.push_back({.name = name, .is_directory = child->is_directory});
  }
  co_return entries;
}

rt::Task<rt::IoResult<rt::DiskSpace>> SimDisk::space(std::string path) {
  constexpr std::uint64_t kUnlimitedBytes = std::uint64_t{1} << 40;
  co_await pause(loop_->node().disk_options().metadata);
  CO_TRY(files().find(path));
  const std::uint64_t total = loop_->node().disk_options().capacity_bytes.value_or(kUnlimitedBytes);
  const std::uint64_t used = files().used_bytes();
  co_return rt::DiskSpace{.total_bytes = total, .free_bytes = total - std::min(used, total)};
}

rt::Task<rt::IoResult<std::unique_ptr<rt::FileLock>>> SimDisk::lock(std::string path) {
  co_await pause(loop_->node().disk_options().metadata);
  const InodeRef inode = CO_TRY(files().open(path, rt::OpenMode::kCreate, loop_->wall_now()));
  const std::uint64_t lock = files().lock(inode);
  if (lock == 0) co_return failure(IoErrorCode::kLocked);
  co_return std::make_unique<SimFileLock>(*loop_, lock);
}

}  // namespace moldau::sim
