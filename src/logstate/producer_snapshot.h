// The producer snapshot file (<20-digit offset>.snapshot): the producers of a log at that offset,
// so that recovery need not read the whole log. Version 1, byte for byte Kafka's: version, CRC-32C
// over what follows it, entries. Of the last five batches only the newest is kept, as in Kafka.
// Entries are written in order of producer id. A file is data from a disk: every length is checked,
// a wrong one is an error with its reason. Source: storage/.../log/ProducerStateManager.java,
// ProducerSnapshot.json. Pure functions; any loop.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "logstate/producer_state.h"

namespace moldau::logstate {

// Frozen.
inline constexpr std::int16_t kProducerSnapshotVersion = 1;
inline constexpr std::size_t kProducerSnapshotEntryBytes = 46;

[[nodiscard]] base::SharedBytes encode_producer_snapshot(const ProducerState& state);

// The entries of a snapshot file, or what is wrong with it.
[[nodiscard]] std::expected<std::vector<ProducerEntry>, std::string> decode_producer_snapshot(
    base::Bytes file);

}  // namespace moldau::logstate
