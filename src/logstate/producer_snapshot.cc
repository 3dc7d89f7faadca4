#include "logstate/producer_snapshot.h"

#include <utility>

#include "base/crc32c.h"
#include "base/endian.h"
#include "wire/producer_snapshot.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::logstate {
namespace {

// Frozen: version, then the checksum of everything behind it.
constexpr std::size_t kVersionBytes = 2;
constexpr std::size_t kCheckedFrom = kVersionBytes + sizeof(std::uint32_t);

wire::ProducerSnapshotProducerEntry to_wire(const ProducerEntry& entry) {
  const BatchMetadata* last = entry.last_batch();
  return {
      .producer_id = entry.producer_id,
      .epoch = entry.epoch,
      .last_sequence = entry.last_sequence(),
      .last_offset = last == nullptr ? base::kNoOffset : last->last_offset,
      .offset_delta = last == nullptr ? 0 : last->offset_delta,
      .timestamp = entry.last_timestamp,
      .coordinator_epoch = entry.coordinator_epoch,
      .current_txn_first_offset = entry.current_txn_first_offset.value_or(base::kNoOffset),
  };
}

ProducerEntry from_wire(const wire::ProducerSnapshotProducerEntry& from) {
  ProducerEntry entry;
  entry.producer_id = from.producer_id;
  entry.epoch = from.epoch;
  entry.coordinator_epoch = from.coordinator_epoch;
  if (from.last_offset >= base::Offset(0)) {
    entry.add_batch(from.epoch, {.last_sequence = from.last_sequence,
                                 .last_offset = from.last_offset,
                                 .offset_delta = from.offset_delta,
                                 .timestamp = from.timestamp});
  }
  entry.last_timestamp = from.timestamp;
  if (from.current_txn_first_offset >= base::Offset(0)) {
    entry.current_txn_first_offset = from.current_txn_first_offset;
  }
  return entry;
}

}  // namespace

base::SharedBytes encode_producer_snapshot(const ProducerState& state) {
  wire::ProducerSnapshot snapshot;
  snapshot.producer_entries.reserve(state.producers().size());
  for (const auto& [id, entry] : state.producers()) {
    snapshot.producer_entries.push_back(to_wire(entry));
  }
  const auto encode_with_version = [&] {
    wire::Writer out;
    out.i16(kProducerSnapshotVersion);
    wire::encode(snapshot, kProducerSnapshotVersion, out);
    const auto chain = out.finish();
    ASSERT(chain.has_value());  // fixed-size fields, at most kProducersMax entries
    return chain->flatten();
  };
  snapshot.crc = base::crc32c(encode_with_version().span().subspan(kCheckedFrom));
  return encode_with_version();
}

std::expected<std::vector<ProducerEntry>, std::string> decode_producer_snapshot(base::Bytes file) {
  if (file.size() < kCheckedFrom) return std::unexpected("it is cut off");
  const auto version = base::load_be<std::int16_t>(file.data());
  if (version != kProducerSnapshotVersion) {
    return std::unexpected("its version " + std::to_string(version) + " is not known");
  }
  const auto stored = base::load_be<std::uint32_t>(file.data() + kVersionBytes);
  const std::uint32_t computed = base::crc32c(file.subspan(kCheckedFrom));
  if (stored != computed) {
    return std::unexpected("its checksum is " + std::to_string(stored) + ", computed " +
                           std::to_string(computed));
  }
  wire::Reader in(base::SharedBytes::copy_of(file.subspan(kVersionBytes)));
  wire::ProducerSnapshot snapshot;
  const auto decoded = wire::decode(snapshot, version, in);
  if (!decoded) return std::unexpected(std::string(wire::to_string(decoded.error())));
  if (in.remaining() > 0) return std::unexpected("it is longer than its entries");

  std::vector<ProducerEntry> entries;
  entries.reserve(snapshot.producer_entries.size());
  for (const auto& entry : snapshot.producer_entries) entries.push_back(from_wire(entry));
  return entries;
}

}  // namespace moldau::logstate
