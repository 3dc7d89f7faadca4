// A record of the metadata log as a typed value with its version, and its bytes: varint frame
// version 1, varint record type, varint version, flexible body, nothing after it. An unknown type
// or version, a body that does not parse, or bytes left over are errors that name which. Encoding
// checks itself by decoding again: a record that a strict reader refuses stops each Apache Kafka
// node of the cluster. Pure; any loop. Source: MetadataRecordSerde.java,
// AbstractApiMessageSerde.java (4.4).
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "base/bytes.h"
#include "wire/metadata_record.h"
#include "wire/record_frame.h"

namespace moldau::metadata {

using Record = wire::VersionedMetadataRecord;

enum class RecordFault : std::uint8_t {
  kEmpty,               // no value
  kFrameVersion,        // not 1
  kUnknownType,         // no record type with this number
  kUnsupportedVersion,  // the type has no such version
  kMalformed,           // the body does not parse
  kTrailingBytes,       // bytes are left after the body
  kNotEncodable,        // a field is set that the version cannot carry
};

struct RecordError {
  RecordFault fault;
  std::string message;  // names the record type and version where they are known
};

[[nodiscard]] std::expected<base::SharedBytes, RecordError> encode_record(const Record& record);
[[nodiscard]] std::expected<Record, RecordError> decode_record(const base::SharedBytes& value);

// "PartitionRecord v2 (...)" for logs.
[[nodiscard]] std::string to_text(const Record& record);
[[nodiscard]] std::string_view record_name(const wire::MetadataRecord& record);

}  // namespace moldau::metadata
