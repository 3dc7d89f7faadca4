// The bytes of moldau.journal, one per data directory. Little is fixed for ever (frozen): how a
// header begins, up to `sealed`, so that a reader who does not know the version knows whether
// anything counts in the file. It must not take one that does. All numbers are big-endian.
//
//   0       header A (512 bytes used)        two copies; the valid one with the higher counter
//   holds 4096    header B 8192    slot 0, slot 1, ...              region_bytes each
//
// A slot holds one region: a region header and entries without gaps. Regions are numbered in the
// order of their use; a slot is used again when its region is free, the oldest first. Entries are
// numbered through all regions, so a reader knows where a run of valid entries ends, and what is
// left of an older use of the slot. An entry is an entry header, the topic's name and the batches,
// each padded to 8 bytes. Only header and name are covered by the entry's checksum: each batch has
// its own. Pure; any loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/uuid.h"

namespace moldau::storage::internal {

inline constexpr std::string_view kJournalName = "moldau.journal";
inline constexpr std::uint32_t kJournalVersion = 1;
inline constexpr std::size_t kJournalHeaderBytes = 512;
inline constexpr std::uint64_t kJournalHeaderSpacing = 4096;
inline constexpr std::uint64_t kJournalSlotsStart = 2 * kJournalHeaderSpacing;
inline constexpr std::size_t kRegionHeaderBytes = 64;
inline constexpr std::size_t kEntryHeaderBytes = 96;

struct JournalHeader {
  std::uint32_t version = kJournalVersion;
  std::uint64_t counter = 0;  // grows with each write of the header
  bool sealed = false;        // a clean stop: no entry counts
  base::Uuid journal_id;      // fresh when the old content is void; part of every region
  base::DirectoryId directory_id;
  std::uint32_t region_bytes = 0;
  // The writer: see storage/journal_evidence.h.
  base::Uuid incarnation;
  base::BrokerEpoch broker_epoch{-1};
  base::LeaderEpoch quorum_epoch{0};
  // Regions below are free: everything in them is durable in the segments.
  std::uint64_t first_live_region = 0;

  friend bool operator==(const JournalHeader&, const JournalHeader&) = default;
};

[[nodiscard]] base::SharedBytes encode_journal_header(const JournalHeader& header);
// What is wrong with it, else the header; of another version only what is frozen.
[[nodiscard]] std::expected<JournalHeader, std::string> decode_journal_header(base::Bytes bytes);

struct RegionHeader {
  base::Uuid journal_id;
  std::uint64_t region = 0;
  std::uint64_t first_entry = 0;
};

void encode_region_header(const RegionHeader& header, base::MutableBytes to);
// Nothing when there is no region of this journal.
[[nodiscard]] std::optional<RegionHeader> decode_region_header(base::Bytes bytes,
                                                               const base::Uuid& journal_id);

enum class EntryKind : std::uint8_t {
  kAppend = 1,    // batches for a segment file at a position
  kTruncate = 2,  // nothing at or above end_offset counts any more
  kRestart = 3,   // nothing counts any more; the log goes on at end_offset
  kLogStart = 4,  // the log starts at end_offset; segments below segment_base are deleted
  kRemove = 5,    // the log is deleted, or lives in another directory now
};

struct EntryHeader {
  std::uint64_t number = 0;
  EntryKind kind = EntryKind::kAppend;
  base::TopicIdPartition log;
  base::LeaderEpoch leader_epoch{-1};  // of the last batch
  base::Offset base_offset{0};         // of the first batch
  base::Offset end_offset{0};          // exclusive
  base::Offset segment_base{0};
  std::uint32_t position = 0;    // in the segment file
  std::uint32_t body_bytes = 0;  // batches, without padding
  std::uint16_t name_bytes = 0;  // topic name, without padding

  friend bool operator==(const EntryHeader&, const EntryHeader&) = default;
};

[[nodiscard]] constexpr std::size_t padded(std::size_t bytes) {
  return (bytes + 7) & ~std::size_t{7};
}
[[nodiscard]] constexpr std::size_t entry_bytes(std::size_t name_bytes, std::size_t body_bytes) {
  return kEntryHeaderBytes + padded(name_bytes) + padded(body_bytes);
}

// Writes the 96 bytes. The checksum covers them and the name.
void encode_entry_header(const EntryHeader& header, const base::Uuid& journal_id,
                         std::string_view name, base::MutableBytes to);

struct ParsedEntry {
  EntryHeader header;
  std::string_view name;    // in the given bytes
  std::size_t body_at = 0;  // relative to the given bytes
  std::size_t size = 0;     // whole entry
};
// The entry at the start of `bytes`, whose number must be `expected`; nothing where the run of
// entries ends, for whatever reason (older use of the slot, torn write, zeros).
[[nodiscard]] std::optional<ParsedEntry> parse_entry(base::Bytes bytes,
                                                     const base::Uuid& journal_id,
                                                     std::uint64_t expected);

// Whether the body of an append entry is whole: batches one after the other with right checksums,
// from base_offset up to end_offset.
[[nodiscard]] bool batches_are_whole(const EntryHeader& header, const base::SharedBytes& body);

}  // namespace moldau::storage::internal
