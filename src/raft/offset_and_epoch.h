// OffsetAndEpoch names a point in the metadata log: the offset after a record and that record's
// epoch. Points compare by epoch first, then by offset: that is raft's "at least as up to date"
// (KIP-595). A snapshot is named by the point it ends at, its offset exclusive (KIP-630).
// Value types; any loop.
#pragma once

#include <compare>

#include "base/ids.h"

namespace moldau::raft {

struct OffsetAndEpoch {
  base::Offset offset{0};
  base::LeaderEpoch epoch{0};

  friend constexpr bool operator==(const OffsetAndEpoch&, const OffsetAndEpoch&) = default;
  friend constexpr std::strong_ordering operator<=>(const OffsetAndEpoch& a,
                                                    const OffsetAndEpoch& b) {
    if (a.epoch != b.epoch) return a.epoch <=> b.epoch;
    return a.offset <=> b.offset;
  }
};

using SnapshotId = OffsetAndEpoch;

// What `storage format` writes: it is never sent to a peer, the first leader repeats its content in
// the log.
inline constexpr SnapshotId kBootstrapSnapshotId{};

}  // namespace moldau::raft
