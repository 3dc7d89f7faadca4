// Which leader epoch began at which offset of a log: followers and consumers ask it where an epoch
// ended to find the point where two logs part ways. Invariant: epochs and start offsets both grow
// strictly. Every change says whether there was one; after assign() the checkpoint file must be
// written before data of the new epoch counts as safe, after a truncation it may be written later.
// Owned by the loop of its partition.
// Source: storage/.../epoch/LeaderEpochFileCache.java, KIP-101, KIP-279, KIP-320.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace moldau::logstate {

struct EpochEntry {
  base::LeaderEpoch epoch{-1};
  base::Offset start_offset{-1};

  friend bool operator==(const EpochEntry&, const EpochEntry&) = default;
};

struct EpochEndOffset {
  base::LeaderEpoch epoch{-1};
  base::Offset end_offset{-1};  // exclusive; -1: not known

  friend bool operator==(const EpochEndOffset&, const EpochEndOffset&) = default;
};

class LeaderEpochCache {
 public:
  // Says that `epoch` starts at `start_offset`. Entries that this contradicts go. True when the
  // cache changed.
  bool assign(base::LeaderEpoch epoch, base::Offset start_offset);
  // Drops the epochs that start at or after `end_offset`.
  bool truncate_from_end(base::Offset end_offset);
  // Drops what lies before `start_offset`; the epoch that covers it then starts there.
  bool truncate_from_start(base::Offset start_offset);
  void clear() { entries_.clear(); }

  [[nodiscard]] const std::vector<EpochEntry>& entries() const [[clang::lifetimebound]] {
    return entries_;
  }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::optional<EpochEntry> latest() const;
  [[nodiscard]] std::optional<EpochEntry> earliest() const;
  [[nodiscard]] std::optional<EpochEntry> entry_for(base::LeaderEpoch epoch) const;
  [[nodiscard]] std::optional<base::LeaderEpoch> epoch_for_offset(base::Offset offset) const;

  // The largest epoch that is not above `requested`, and where it ended. The latest epoch ends at
  // the log's end; an epoch before all known ones "ends" where the first known one starts; -1 and
  // -1 when nothing is known of it or of a later one.
  [[nodiscard]] EpochEndOffset end_offset_for(base::LeaderEpoch requested,
                                              base::Offset log_end_offset) const;

 private:
  std::vector<EpochEntry> entries_;
};

// The checkpoint file leader-epoch-checkpoint: version 0, count, then "epoch start_offset" lines.
[[nodiscard]] std::string encode_leader_epochs(const std::vector<EpochEntry>& entries);
// The entries in the order of the file, or what is wrong with it. An empty file has no entries.
[[nodiscard]] std::expected<std::vector<EpochEntry>, std::string> decode_leader_epochs(
    std::string_view text);

}  // namespace moldau::logstate
