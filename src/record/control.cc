#include "record/control.h"

#include "base/endian.h"
#include "base/result.h"
#include "record/builder.h"
#include "record/internal/record_codec.h"

namespace moldau::record {
namespace {

// Frozen: versions of the key and of the marker's value, and their sizes.
constexpr std::int16_t kKeyVersion = 0;
constexpr std::int16_t kMarkerVersion = 0;
constexpr std::size_t kKeyBytes = 4;
constexpr std::size_t kMarkerBytes = 6;

}  // namespace

std::array<std::byte, kKeyBytes> control_key(ControlType type) {
  std::array<std::byte, kKeyBytes> key{};
  base::store_be(key.data(), kKeyVersion);
  base::store_be(key.data() + 2, static_cast<std::int16_t>(type));
  return key;
}

std::optional<ControlType> parse_control_key(base::Bytes key) {
  // Newer versions may append to the key; the first four bytes stay.
  if (key.size() < kKeyBytes || base::load_be<std::int16_t>(key.data()) < kKeyVersion) {
    return std::nullopt;
  }
  const auto type = base::load_be<std::int16_t>(key.data() + 2);
  if (type < 0 || type > static_cast<std::int16_t>(ControlType::kKraftVoters)) return std::nullopt;
  return static_cast<ControlType>(type);
}

StoredBatch end_txn_batch(const EndTxnMarker& marker) {
  const auto key = control_key(marker.committed ? ControlType::kCommit : ControlType::kAbort);
  std::array<std::byte, kMarkerBytes> value{};
  base::store_be(value.data(), kMarkerVersion);
  base::store_be(value.data() + 2, marker.coordinator_epoch);

  BatchBuilder builder({.producer_id = marker.producer_id,
                        .producer_epoch = marker.producer_epoch,
                        .transactional = true,
                        .control = true});
  const auto added = builder.add(
      {.timestamp = marker.timestamp, .key = base::Bytes(key), .value = base::Bytes(value)});
  ASSERT(added.has_value());
  CodecContexts unused;  // control batches are not compressed
  auto batch = builder.finish(unused);
  ASSERT(batch.has_value());
  return *std::move(batch);
}

Result<std::optional<EndTxnMarker>> read_end_txn(const BatchHeader& header,
                                                 const base::SharedBytes& body) {
  if (!header.attributes.control() || header.record_count == 0) return std::nullopt;
  if (header.attributes.compressed()) {
    return fault(Error::kInvalidRecord, "a control batch is compressed");
  }
  const std::byte* at = body.data();
  internal::RecordFields fields;
  const char* wrong = internal::parse_record(at, at + body.size(), fields);
  if (wrong != nullptr) return fault(Error::kInvalidRecord, wrong);
  const auto type = parse_control_key(fields.key_bytes().value_or(base::Bytes{}));
  if (type != ControlType::kAbort && type != ControlType::kCommit) return std::nullopt;

  const auto value = fields.value_bytes();
  if (!value || value->size() < kMarkerBytes ||
      base::load_be<std::int16_t>(value->data()) < kMarkerVersion) {
    return fault(Error::kInvalidRecord, "an end-of-transaction marker has no valid value");
  }
  return EndTxnMarker{
      .committed = type == ControlType::kCommit,
      .coordinator_epoch = base::load_be<std::int32_t>(value->data() + 2),
      .producer_id = header.producer_id,
      .producer_epoch = header.producer_epoch,
      .timestamp = header.attributes.timestamp_type() == TimestampType::kLogAppendTime
                       ? header.max_timestamp
                       : base::Timestamp(static_cast<std::int64_t>(
                             static_cast<std::uint64_t>(header.base_timestamp.value()) +
                             static_cast<std::uint64_t>(fields.timestamp_delta)))};
}

}  // namespace moldau::record
