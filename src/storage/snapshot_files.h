// The snapshot files of a metadata log directory, "<20-digit end offset>-<10-digit
// epoch>.checkpoint". A snapshot appears whole or not at all: it is written as ".part", synced and
// renamed. Removal goes through ".deleted". What the bytes mean is the raft driver's. Source:
// raft/.../snapshot/ {Snapshots,FileRawSnapshotWriter,FileRawSnapshotReader}.java. One loop per
// object.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "rt/disk.h"
#include "storage/error.h"

namespace moldau::storage {

struct SnapshotName {
  base::Offset end_offset{0};  // exclusive
  base::LeaderEpoch epoch{0};

  friend auto operator<=>(const SnapshotName&, const SnapshotName&) = default;
  friend bool operator==(const SnapshotName&, const SnapshotName&) = default;
};

[[nodiscard]] std::string to_file_name(const SnapshotName& name);
// Nothing when the file name is not one of a finished snapshot.
[[nodiscard]] std::optional<SnapshotName> parse_snapshot_name(std::string_view file_name);

struct SnapshotFile {
  SnapshotName name;
  std::uint64_t size = 0;
};

// Finished snapshots in ascending order. Removes what an interrupted write or removal left behind.
[[nodiscard]] rt::Task<Result<std::vector<SnapshotFile>>> list_snapshots(rt::Disk& disk,
                                                                         std::string directory);
[[nodiscard]] rt::Task<Result<base::SharedBytes>> read_snapshot(rt::Disk& disk,
                                                                std::string directory,
                                                                SnapshotName name);
// A part of a snapshot, for FetchSnapshot; shorter only at the end of the file.
[[nodiscard]] rt::Task<Result<base::SharedBytes>> read_snapshot_part(rt::Disk& disk,
                                                                     std::string directory,
                                                                     SnapshotName name,
                                                                     std::uint64_t position,
                                                                     std::size_t bytes_max);
[[nodiscard]] rt::Task<Result<void>> remove_snapshot(rt::Disk& disk, std::string directory,
                                                     SnapshotName name);

// Writes one snapshot from the front, in pieces; it does not exist before finish() succeeded.
class SnapshotWriter {
 public:
  [[nodiscard]] static rt::Task<Result<SnapshotWriter>> create(rt::Disk& disk,
                                                               std::string directory,
                                                               SnapshotName name);

  [[nodiscard]] const SnapshotName& name() const { return name_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] rt::Task<Result<void>> append(base::ByteChain bytes);
  [[nodiscard]] rt::Task<Result<void>> finish();
  // Removes the unfinished file.
  [[nodiscard]] rt::Task<void> abandon();

 private:
  SnapshotWriter(rt::Disk& disk, std::string directory, SnapshotName name, rt::FileRef file)
      : disk_(&disk), directory_(std::move(directory)), name_(name), file_(std::move(file)) {}

  rt::Disk* disk_;
  std::string directory_;
  SnapshotName name_;
  rt::FileRef file_;
  std::uint64_t size_ = 0;
};

}  // namespace moldau::storage
