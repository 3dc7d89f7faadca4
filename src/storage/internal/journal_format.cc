#include "storage/internal/journal_format.h"

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "base/endian.h"
#include "record/batch.h"

namespace moldau::storage::internal {

namespace {

constexpr std::uint64_t kJournalMagic = 0x4D4F4C444A524E4CULL;  // "MOLDJRNL"
constexpr std::uint64_t kRegionMagic = 0x4D4F4C4452454749ULL;   // "MOLDREGI"
constexpr std::uint32_t kEntryMagic = 0x4D4A4531;               // "MJE1"

// Writes and reads fields one after the other.
class FieldWriter {
 public:
  explicit FieldWriter(base::MutableBytes to) : to_(to) {}
  template <class T>
  void put(T value) {
    base::store_be(to_.data() + at_, value);
    at_ += sizeof value;
  }
  void put(const base::Uuid& id) {
    put(id.msb);
    put(id.lsb);
  }

 private:
  base::MutableBytes to_;
  std::size_t at_ = 0;
};

class FieldReader {
 public:
  explicit FieldReader(base::Bytes from) : from_(from) {}
  template <class T>
  [[nodiscard]] T get() {
    const T value = base::load_be<T>(from_.data() + at_);
    at_ += sizeof value;
    return value;
  }
  [[nodiscard]] base::Uuid get_uuid() {
    const auto msb = get<std::uint64_t>();
    return {.msb = msb, .lsb = get<std::uint64_t>()};
  }

 private:
  base::Bytes from_;
  std::size_t at_ = 0;
};

constexpr std::size_t kHeaderCrcAt = 8;
constexpr std::size_t kRegionCrcAt = 8;
constexpr std::size_t kEntryCrcAt = 4;

std::uint32_t crc_after(base::Bytes bytes, std::size_t crc_at) {
  return base::crc32c(bytes.subspan(crc_at + 4));
}

}  // namespace

base::SharedBytes encode_journal_header(const JournalHeader& header) {
  base::ByteBuffer buffer(kJournalHeaderBytes);
  const auto to = buffer.extend(kJournalHeaderBytes);
  std::memset(to.data(), 0, to.size());
  FieldWriter out(to);
  out.put(kJournalMagic);
  out.put(std::uint32_t{0});  // checksum, below
  out.put(header.version);
  out.put(header.counter);
  out.put(header.journal_id);
  out.put(header.directory_id.value());
  out.put(header.region_bytes);
  out.put(static_cast<std::uint32_t>(header.sealed ? 1 : 0));
  out.put(header.incarnation);
  out.put(header.broker_epoch.value());
  out.put(header.quorum_epoch.value());
  out.put(header.first_live_region);
  base::store_be(to.data() + kHeaderCrcAt, crc_after(to, kHeaderCrcAt));
  return buffer.freeze();
}

std::expected<JournalHeader, std::string> decode_journal_header(base::Bytes bytes) {
  if (bytes.size() < kJournalHeaderBytes) return std::unexpected(std::string("it is cut short"));
  bytes = bytes.first(kJournalHeaderBytes);
  FieldReader in(bytes);
  if (in.get<std::uint64_t>() != kJournalMagic) {
    return std::unexpected(std::string("it does not begin as a journal"));
  }
  if (in.get<std::uint32_t>() != crc_after(bytes, kHeaderCrcAt)) {
    return std::unexpected(std::string("its header's checksum is wrong"));
  }
  JournalHeader header;
  header.version = in.get<std::uint32_t>();
  header.counter = in.get<std::uint64_t>();
  header.journal_id = in.get_uuid();
  header.directory_id = base::DirectoryId(in.get_uuid());
  header.region_bytes = in.get<std::uint32_t>();
  header.sealed = in.get<std::uint32_t>() != 0;
  if (header.version != kJournalVersion) return header;
  header.incarnation = in.get_uuid();
  header.broker_epoch = base::BrokerEpoch(in.get<std::int64_t>());
  header.quorum_epoch = base::LeaderEpoch(in.get<std::int32_t>());
  header.first_live_region = in.get<std::uint64_t>();
  return header;
}

void encode_region_header(const RegionHeader& header, base::MutableBytes to) {
  std::memset(to.data(), 0, kRegionHeaderBytes);
  FieldWriter out(to);
  out.put(kRegionMagic);
  out.put(std::uint32_t{0});
  out.put(std::uint32_t{0});
  out.put(header.journal_id);
  out.put(header.region);
  out.put(header.first_entry);
  base::store_be(to.data() + kRegionCrcAt, crc_after(to.first(kRegionHeaderBytes), kRegionCrcAt));
}

std::optional<RegionHeader> decode_region_header(base::Bytes bytes, const base::Uuid& journal_id) {
  if (bytes.size() < kRegionHeaderBytes) return std::nullopt;
  bytes = bytes.first(kRegionHeaderBytes);
  FieldReader in(bytes);
  if (in.get<std::uint64_t>() != kRegionMagic) return std::nullopt;
  if (in.get<std::uint32_t>() != crc_after(bytes, kRegionCrcAt)) return std::nullopt;
  static_cast<void>(in.get<std::uint32_t>());
  RegionHeader header;
  header.journal_id = in.get_uuid();
  header.region = in.get<std::uint64_t>();
  header.first_entry = in.get<std::uint64_t>();
  if (header.journal_id != journal_id) return std::nullopt;
  return header;
}

void encode_entry_header(const EntryHeader& header, const base::Uuid& journal_id,
                         std::string_view name, base::MutableBytes to) {
  std::memset(to.data(), 0, kEntryHeaderBytes);
  FieldWriter out(to);
  out.put(kEntryMagic);
  out.put(std::uint32_t{0});
  out.put(journal_id.lsb);
  out.put(header.number);
  out.put(static_cast<std::uint8_t>(header.kind));
  out.put(std::uint8_t{0});
  out.put(header.name_bytes);
  out.put(header.body_bytes);
  out.put(header.log.topic_id.value());
  out.put(header.log.partition.value());
  out.put(header.leader_epoch.value());
  out.put(header.base_offset.value());
  out.put(header.end_offset.value());
  out.put(header.segment_base.value());
  out.put(header.position);
  const std::uint32_t crc =
      base::crc32c(base::as_bytes(name), crc_after(to.first(kEntryHeaderBytes), kEntryCrcAt));
  base::store_be(to.data() + kEntryCrcAt, crc);
}

std::optional<ParsedEntry> parse_entry(base::Bytes bytes, const base::Uuid& journal_id,
                                       std::uint64_t expected) {
  if (bytes.size() < kEntryHeaderBytes) return std::nullopt;
  FieldReader in(bytes);
  if (in.get<std::uint32_t>() != kEntryMagic) return std::nullopt;
  const auto crc = in.get<std::uint32_t>();
  if (in.get<std::uint64_t>() != journal_id.lsb) return std::nullopt;
  ParsedEntry entry;
  EntryHeader& header = entry.header;
  header.number = in.get<std::uint64_t>();
  header.kind = static_cast<EntryKind>(in.get<std::uint8_t>());
  static_cast<void>(in.get<std::uint8_t>());
  header.name_bytes = in.get<std::uint16_t>();
  header.body_bytes = in.get<std::uint32_t>();
  header.log.topic_id = base::TopicId(in.get_uuid());
  header.log.partition = base::PartitionIndex(in.get<std::int32_t>());
  header.leader_epoch = base::LeaderEpoch(in.get<std::int32_t>());
  header.base_offset = base::Offset(in.get<std::int64_t>());
  header.end_offset = base::Offset(in.get<std::int64_t>());
  header.segment_base = base::Offset(in.get<std::int64_t>());
  header.position = in.get<std::uint32_t>();
  entry.size = entry_bytes(header.name_bytes, header.body_bytes);
  if (header.number != expected || entry.size > bytes.size()) return std::nullopt;
  entry.name = base::as_text(bytes.subspan(kEntryHeaderBytes, header.name_bytes));
  entry.body_at = kEntryHeaderBytes + padded(header.name_bytes);
  const std::uint32_t computed = base::crc32c(
      base::as_bytes(entry.name), crc_after(bytes.first(kEntryHeaderBytes), kEntryCrcAt));
  if (computed != crc) return std::nullopt;
  return entry;
}

bool batches_are_whole(const EntryHeader& header, const base::SharedBytes& body) {
  record::BatchIterator batches(body);
  base::Offset next = header.base_offset;
  for (bool first = true;; first = false) {
    const auto batch = batches.next();
    if (!batch) return false;
    if (!batch->has_value()) break;
    const record::BatchHeader& found = (*batch)->header();
    if (first ? found.base_offset != next : found.base_offset < next) return false;
    if (!(*batch)->check_crc()) return false;
    next = found.next_offset();
  }
  return batches.remaining() == 0 && next == header.end_offset;
}

}  // namespace moldau::storage::internal
