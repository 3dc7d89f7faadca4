#include "wire/record_frame.h"

#include <limits>
#include <utility>

#include "wire/printer.h"
#include "wire/reader.h"
#include "wire/registry.h"
#include "wire/writer.h"

namespace moldau::wire {
namespace {

// Frame fields are varints on disk and int16 in the schemas.
std::int16_t small_varint(Reader& in) {
  const std::uint32_t value = in.uvarint();
  if (value > static_cast<std::uint32_t>(std::numeric_limits<std::int16_t>::max())) {
    in.fail(WireError::kBadLength);
    return 0;
  }
  return static_cast<std::int16_t>(value);
}

}  // namespace

std::expected<base::ByteChain, WireError> metadata_value(const MetadataRecord& record,
                                                         std::int16_t version) {
  Writer out;
  out.uvarint(kMetadataFrameVersion);
  out.uvarint(static_cast<std::uint64_t>(record_type(record)));
  out.uvarint(static_cast<std::uint64_t>(version));
  encode(record, version, out);
  return out.finish();
}

std::expected<VersionedMetadataRecord, WireError> decode_metadata_value(base::SharedBytes value) {
  Reader in(std::move(value));
  if (in.uvarint() != kMetadataFrameVersion) in.fail(WireError::kUnsupportedVersion);
  const std::int16_t type = small_varint(in);
  VersionedMetadataRecord decoded{.record = {}, .version = small_varint(in)};
  if (in.ok()) {
    if (auto read = decode(decoded.record, type, decoded.version, in); !read) {
      return std::unexpected(read.error());
    }
  }
  if (auto end = in.done(); !end) return std::unexpected(end.error());
  return decoded;
}

std::expected<void, WireError> print_coordinator_record(MessageKind key, MessageKind value,
                                                        base::SharedBytes key_bytes,
                                                        base::SharedBytes value_bytes,
                                                        Printer& out) {
  Reader key_in(std::move(key_bytes));
  const std::int16_t type = key_in.i16();
  const MessageInfo* key_info = find_message(key, type);
  const MessageInfo* value_info = find_message(value, type);
  if (key_info == nullptr || value_info == nullptr) key_in.fail(WireError::kUnknownKey);
  if (!key_in.ok()) return key_in.status();
  if (auto printed = key_info->print(key_in, 0, out); !printed) return printed;
  out.text(" ");
  if (value_bytes.empty()) {
    out.text("tombstone");
    return {};
  }
  Reader value_in(std::move(value_bytes));
  const std::int16_t version = value_in.i16();
  if (!value_in.ok()) return value_in.status();
  return value_info->print(value_in, version, out);
}

}  // namespace moldau::wire
