// Names of the files in a partition's directory: a 20-digit offset and a suffix (frozen). Source:
// storage/.../log/LogFileUtils.java. Pure; any loop.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "storage/internal/text.h"

namespace moldau::storage::internal {

inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::string_view kOffsetIndexSuffix = ".index";
inline constexpr std::string_view kTimeIndexSuffix = ".timeindex";
inline constexpr std::string_view kTxnIndexSuffix = ".txnindex";
inline constexpr std::string_view kProducerSnapshotSuffix = ".snapshot";
inline constexpr std::string_view kDeletedSuffix = ".deleted";
inline constexpr std::string_view kCleanedSuffix = ".cleaned";
inline constexpr std::string_view kSwapSuffix = ".swap";
inline constexpr std::string_view kLeaderEpochName = "leader-epoch-checkpoint";
inline constexpr std::string_view kPartitionMetadataName = "partition.metadata";

inline constexpr std::size_t kOffsetDigits = 20;

[[nodiscard]] inline std::string file_name(base::Offset offset, std::string_view suffix) {
  return zero_padded(offset.value(), kOffsetDigits).append(suffix);
}

// The offset in a name that is digits followed by exactly this suffix.
[[nodiscard]] inline std::optional<base::Offset> offset_of_file(std::string_view name,
                                                                std::string_view suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  name.remove_suffix(suffix.size());
  const auto offset = parse_number<std::int64_t>(name);
  if (!offset.has_value() || *offset < 0) return std::nullopt;
  return base::Offset(*offset);
}

}  // namespace moldau::storage::internal
