// DataDirectory is one entry of log.dirs as it was found at start: its lock, identity, checkpoints,
// clean-shutdown marker and the partitions that lie in it. open() reads a handful of files and one
// directory listing; it opens no partition, so that a node with 10,000 of them starts at once. It
// is read-only knowledge of the past: logs move on by themselves, and Storage writes checkpoints
// back. A directory that cannot be used is an Error that names it, the cause and the remedy. Lives
// on the node's first loop; other loops may read what is const. Source:
// core/.../log/LogManager.scala, storage/.../internals/log/UnifiedLog.java (directory names),
// server-common/.../CheckpointFile.java, storage/.../checkpoint/CleanShutdownFileHandler.java.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/uuid.h"
#include "rt/disk.h"
#include "rt/loop.h"
#include "storage/error.h"
#include "storage/meta_properties.h"

namespace moldau::storage {

namespace internal {
struct StorageState;
}

// The metadata log's directory name (frozen).
inline constexpr std::string_view kMetadataLogName = "__cluster_metadata-0";
inline constexpr std::string_view kBootstrapCheckpointName = "bootstrap.checkpoint";

// What a partition directory's name says.
enum class PartitionDirectoryKind : std::uint8_t { kNormal, kFuture, kDelete, kStray };
struct PartitionDirectoryName {
  base::TopicPartition partition;
  PartitionDirectoryKind kind = PartitionDirectoryKind::kNormal;
};
// Nothing when the name is not one of a partition (Kafka refuses to start on such a directory).
[[nodiscard]] std::optional<PartitionDirectoryName> parse_directory_name(std::string_view name);
// "<topic>-<partition>.<32 hex digits>-<suffix>", cut to Kafka's 255 characters.
[[nodiscard]] std::string suffixed_directory_name(const base::TopicPartition& partition,
                                                  const base::Uuid& unique,
                                                  std::string_view suffix);

// A partition found on disk. The offsets are the checkpoints' (absent: not listed in them).
struct FoundPartition {
  std::optional<base::Offset> recovery_point;
  std::optional<base::Offset> log_start_offset;
  std::optional<base::Offset> high_watermark;
};

// .kafka_cleanshutdown as it was found at start.
struct CleanShutdown {
  base::BrokerEpoch broker_epoch{-1};  // -1: the file did not tell
};

struct DataDirectoryOptions {
  std::string path;
  // What meta.properties must agree with. A directory without the file is refused.
  std::string cluster_id;  // empty: take the file's
  base::BrokerId node_id{-1};
  bool is_metadata_directory = false;
};

class DataDirectory {
 public:
  // Takes the lock, reads everything and gives the directory an id when it has none. Leftover
  // "-delete" directories are listed in to_delete(). Refuses sub-directories that are no
  // partitions, as Kafka does. The clean-shutdown marker stays until Storage::recover() has used
  // it.
  [[nodiscard]] static rt::Task<Result<std::unique_ptr<DataDirectory>>> open(
      rt::Loop& loop, DataDirectoryOptions options);
  ~DataDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const base::DirectoryId& id() const { return id_; }
  [[nodiscard]] const MetaProperties& meta() const { return meta_; }
  // Set when the process before us, ours or Apache Kafka, stopped cleanly.
  [[nodiscard]] const std::optional<CleanShutdown>& clean_shutdown() const {
    return clean_shutdown_;
  }
  // We stopped cleanly and nothing else ran since: the checkpoints are exact. Known after recovery.
  [[nodiscard]] bool stopped_by_us() const { return stopped_by_us_; }
  [[nodiscard]] const std::map<base::TopicPartition, FoundPartition>& partitions() const {
    return partitions_;
  }
  [[nodiscard]] const std::vector<std::string>& to_delete() const { return to_delete_; }
  [[nodiscard]] std::string partition_path(const base::TopicPartition& partition) const {
    return path_ + "/" + partition.to_string();
  }

 private:
  friend struct internal::StorageState;
  DataDirectory(rt::Loop& loop, DataDirectoryOptions options);
  rt::Task<Result<void>> load();
  rt::Task<Result<void>> load_meta();
  rt::Task<Result<void>> load_checkpoints();
  rt::Task<Result<void>> load_clean_shutdown();
  rt::Task<Result<void>> list_partitions();

  rt::Loop* loop_;
  DataDirectoryOptions options_;
  std::string path_;
  std::unique_ptr<rt::FileLock> lock_;
  base::DirectoryId id_;
  MetaProperties meta_;
  std::optional<CleanShutdown> clean_shutdown_;
  bool stopped_by_us_ = false;
  std::map<base::TopicPartition, FoundPartition> partitions_;
  std::vector<std::string> to_delete_;
  bool checkpoints_name_others_ = false;  // partitions that are not there
};

}  // namespace moldau::storage
