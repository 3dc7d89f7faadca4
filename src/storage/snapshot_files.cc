#include "storage/snapshot_files.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "storage/internal/file_names.h"

namespace moldau::storage {

namespace {

constexpr std::string_view kCheckpointSuffix = ".checkpoint";
constexpr std::string_view kPartSuffix = ".checkpoint.part";
constexpr std::string_view kDeletedCheckpointSuffix = ".checkpoint.deleted";
constexpr std::size_t kEpochDigits = 10;

std::string path_of(const std::string& directory, const SnapshotName& name) {
  return directory + "/" + to_file_name(name);
}

rt::Task<Result<rt::FileRef>> open_snapshot(rt::Disk& disk, std::string path) {
  auto file = co_await disk.open(path, rt::OpenMode::kRead);
  if (!file) co_return io_error("open", path, file.error());
  co_return std::move(*file);
}

}  // namespace

std::string to_file_name(const SnapshotName& name) {
  return internal::zero_padded(name.end_offset.value(), internal::kOffsetDigits) + "-" +
         internal::zero_padded(name.epoch.value(), kEpochDigits) + std::string(kCheckpointSuffix);
}

std::optional<SnapshotName> parse_snapshot_name(std::string_view file_name) {
  if (!file_name.ends_with(kCheckpointSuffix)) return std::nullopt;
  file_name.remove_suffix(kCheckpointSuffix.size());
  if (file_name.size() != internal::kOffsetDigits + 1 + kEpochDigits) return std::nullopt;
  if (file_name[internal::kOffsetDigits] != '-') return std::nullopt;
  const auto offset =
      internal::parse_number<std::int64_t>(file_name.substr(0, internal::kOffsetDigits));
  const auto epoch =
      internal::parse_number<std::int32_t>(file_name.substr(internal::kOffsetDigits + 1));
  if (!offset.has_value() || !epoch.has_value() || *offset < 0 || *epoch < 0) return std::nullopt;
  return SnapshotName{.end_offset = base::Offset(*offset), .epoch = base::LeaderEpoch(*epoch)};
}

rt::Task<Result<std::vector<SnapshotFile>>> list_snapshots(rt::Disk& disk, std::string directory) {
  const auto entries = co_await disk.list(directory);
  if (!entries && entries.error().code == rt::IoErrorCode::kNotFound) {
    co_return std::vector<SnapshotFile>();
  }
  if (!entries) co_return io_error("list", directory, entries.error());
  std::vector<SnapshotFile> snapshots;
  for (const auto& entry : *entries) {
    if (entry.is_directory) continue;
    const std::string path = directory + "/" + entry.name;
    if (entry.name.ends_with(kPartSuffix) || entry.name.ends_with(kDeletedCheckpointSuffix)) {
      const auto removed = co_await disk.remove(path);
      if (!removed) co_return io_error("remove", path, removed.error());
      continue;
    }
    const auto name = parse_snapshot_name(entry.name);
    if (!name.has_value()) continue;
    const auto info = co_await disk.info(path);
    if (!info) co_return io_error("look at", path, info.error());
    snapshots.push_back({.name = *name, .size = info->size});
  }
  std::ranges::sort(snapshots, {}, &SnapshotFile::name);
  co_return std::move(snapshots);
}

rt::Task<Result<base::SharedBytes>> read_snapshot(rt::Disk& disk, std::string directory,
                                                  SnapshotName name) {
  const std::string path = path_of(directory, name);
  auto content = co_await rt::read_file(disk, path, std::size_t{1} << 30);
  if (!content) co_return io_error("read", path, content.error());
  co_return std::move(*content);
}

rt::Task<Result<base::SharedBytes>> read_snapshot_part(rt::Disk& disk, std::string directory,
                                                       SnapshotName name, std::uint64_t position,
                                                       std::size_t bytes_max) {
  const std::string path = path_of(directory, name);
  const rt::FileRef file = CO_TRY(co_await open_snapshot(disk, path));
  const auto size = co_await disk.size(file);
  if (!size) co_return io_error("look at", path, size.error());
  if (position >= *size) co_return base::SharedBytes();
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes_max, *size - position));
  base::ByteBuffer buffer(wanted);
  const auto count = co_await disk.read_at(file, position, buffer.extend(wanted));
  if (!count) co_return io_error("read", path, count.error());
  buffer.shrink(*count);
  co_return buffer.freeze();
}

rt::Task<Result<void>> remove_snapshot(rt::Disk& disk, std::string directory, SnapshotName name) {
  const std::string path = path_of(directory, name);
  const std::string retired = path + std::string(internal::kDeletedSuffix);
  const auto renamed = co_await disk.rename(path, retired);
  if (!renamed) co_return io_error("rename", path, renamed.error());
  const auto removed = co_await disk.remove(retired);
  if (!removed) co_return io_error("remove", retired, removed.error());
  co_return Result<void>();
}

rt::Task<Result<SnapshotWriter>> SnapshotWriter::create(rt::Disk& disk, std::string directory,
                                                        SnapshotName name) {
  const std::string path = path_of(directory, name) + ".part";
  auto file = co_await disk.open(path, rt::OpenMode::kCreateTruncate);
  if (!file) co_return io_error("create", path, file.error());
  co_return SnapshotWriter(disk, std::move(directory), name, std::move(*file));
}

rt::Task<Result<void>> SnapshotWriter::append(base::ByteChain bytes) {
  std::vector<base::Bytes> slices;
  for (const auto& part : bytes.parts()) slices.push_back(part.span());
  const auto written = co_await disk_->write_at(file_, size_, std::span<const base::Bytes>(slices));
  if (!written) co_return io_error("write", file_->path(), written.error());
  size_ += bytes.size();
  co_return Result<void>();
}

rt::Task<Result<void>> SnapshotWriter::finish() {
  const std::string path = path_of(directory_, name_);
  const auto synced = co_await disk_->sync(file_);
  if (!synced) co_return io_error("sync", path, synced.error());
  const auto renamed = co_await disk_->rename(path + ".part", path);
  if (!renamed) co_return io_error("rename", path, renamed.error());
  const auto listed = co_await disk_->sync_directory(directory_);
  if (!listed) co_return io_error("sync", directory_, listed.error());
  file_.reset();
  co_return Result<void>();
}

rt::Task<void> SnapshotWriter::abandon() {
  file_.reset();
  // Nothing to do about a failure: list_snapshots() removes what is left at the next start.
  [[maybe_unused]] const auto removed =
      co_await disk_->remove(path_of(directory_, name_) + ".part");
}

}  // namespace moldau::storage
