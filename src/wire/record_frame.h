// How records of the metadata log and of the coordinators' topics name their type. A metadata
// record's value is: varint frame version (1), varint record type, varint version, body; its key is
// null. A coordinator's key is int16 record type and a version 0 body, its value int16 version and
// body. Sources: server-common/.../MetadataRecordSerde (AbstractApiMessageSerde.java),
// coordinator-common/.../CoordinatorRecordSerde.java. Pure; any loop.
#pragma once

#include <cstdint>
#include <expected>

#include "base/bytes.h"
#include "wire/message.h"
#include "wire/metadata_record.h"

namespace moldau::wire {

inline constexpr std::uint32_t kMetadataFrameVersion = 1;  // frozen

struct VersionedMetadataRecord {
  MetadataRecord record;
  std::int16_t version;
};

[[nodiscard]] std::expected<base::ByteChain, WireError> metadata_value(const MetadataRecord& record,
                                                                       std::int16_t version);
// Bytes that are left after the body are an error.
[[nodiscard]] std::expected<VersionedMetadataRecord, WireError> decode_metadata_value(
    base::SharedBytes value);

// Prints a coordinator's record; `key` and `value` are kGroupKey and kGroupValue, or the two of
// another topic. An empty value prints as a tombstone. Records of unknown type are an error
// (kUnknownKey).
[[nodiscard]] std::expected<void, WireError> print_coordinator_record(MessageKind key,
                                                                      MessageKind value,
                                                                      base::SharedBytes key_bytes,
                                                                      base::SharedBytes value_bytes,
                                                                      Printer& out);

}  // namespace moldau::wire
