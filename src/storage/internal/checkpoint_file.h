// Kafka's offset checkpoint files: a version line "0", a count, then "topic partition offset"
// lines. One per data directory and kind. An empty file has no entries; anything else that does not
// fit is an error with its reason. Source: server-common/.../CheckpointFile.java,
// storage/.../checkpoint/OffsetCheckpointFile.java. Pure; any loop.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace moldau::storage::internal {

inline constexpr std::string_view kRecoveryPointName = "recovery-point-offset-checkpoint";
inline constexpr std::string_view kHighWatermarkName = "replication-offset-checkpoint";
inline constexpr std::string_view kLogStartName = "log-start-offset-checkpoint";
inline constexpr std::string_view kCleanShutdownName = ".kafka_cleanshutdown";

using OffsetCheckpoint = std::map<base::TopicPartition, base::Offset>;

[[nodiscard]] std::string encode_checkpoint(const OffsetCheckpoint& entries);
[[nodiscard]] std::expected<OffsetCheckpoint, std::string> decode_checkpoint(std::string_view text);

}  // namespace moldau::storage::internal
