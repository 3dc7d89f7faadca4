// format_directory() prepares one entry of log.dirs as `kafka-storage format` of Kafka 4.3 does:
// meta.properties version 1 with a fresh directory id, bootstrap.checkpoint, and for the metadata
// directory of a dynamic quorum the 0-0 snapshot of __cluster_metadata-0. What is in the two
// checkpoints is the caller's. Every file is durable when it returns. Source:
// metadata/.../storage/Formatter.java. Any loop.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/uuid.h"
#include "rt/disk.h"
#include "storage/error.h"
#include "storage/meta_properties.h"

namespace moldau::storage {

struct FormatOptions {
  std::string path;
  std::string cluster_id;
  base::BrokerId node_id{-1};
  base::DirectoryId directory_id;
  base::SharedBytes bootstrap_checkpoint;                // written when not empty
  std::optional<base::SharedBytes> metadata_checkpoint;  // __cluster_metadata-0/0-0.checkpoint
};

// The meta.properties of a directory; nothing when the directory or the file does not exist.
[[nodiscard]] rt::Task<Result<std::optional<MetaProperties>>> read_meta_properties(
    rt::Disk& disk, std::string directory);

// Creates the directory when missing. Does not look at what is there: the caller decides whether a
// formatted directory is an error or to be left alone (--ignore-formatted).
[[nodiscard]] rt::Task<Result<void>> format_directory(rt::Disk& disk, FormatOptions options);

}  // namespace moldau::storage
