#include "metadata/record.h"

#include <optional>
#include <utility>
#include <variant>

#include "base/varint.h"
#include "wire/printer.h"
#include "wire/reader.h"
#include "wire/registry.h"
#include "wire/wire_error.h"
#include "wire/writer.h"

namespace moldau::metadata {
namespace {

std::unexpected<RecordError> fail(RecordFault fault, std::string message) {
  return std::unexpected(RecordError{.fault = fault, .message = std::move(message)});
}

struct Frame {
  std::uint32_t frame_version;
  std::uint32_t type;
  std::uint32_t version;
  std::size_t size;
};

std::optional<Frame> read_frame(base::Bytes bytes) {
  Frame frame{};
  for (std::uint32_t* field : {&frame.frame_version, &frame.type, &frame.version}) {
    const auto read = base::read_unsigned_varint(bytes.subspan(frame.size));
    if (!read) return std::nullopt;
    *field = read->value;
    frame.size += read->size;
  }
  return frame;
}

std::string named(std::string_view name, std::int64_t version) {
  return std::string(name) + " version " + std::to_string(version);
}

}  // namespace

std::string_view record_name(const wire::MetadataRecord& record) {
  return std::visit([](const auto& typed) { return std::decay_t<decltype(typed)>::kName; }, record);
}

std::expected<base::SharedBytes, RecordError> encode_record(const Record& record) {
  const std::string name = named(record_name(record.record), record.version);
  const auto chain = wire::metadata_value(record.record, record.version);
  if (!chain) {
    return fail(RecordFault::kNotEncodable,
                name + " cannot be written: " + std::string(wire::to_string(chain.error())));
  }
  base::SharedBytes value = chain->flatten();
  const auto again = decode_record(value);
  if (!again) return std::unexpected(again.error());
  if (again->version != record.version || again->record != record.record) {
    return fail(RecordFault::kNotEncodable, name + " reads back differently");
  }
  return value;
}

std::expected<Record, RecordError> decode_record(const base::SharedBytes& value) {
  if (value.empty()) return fail(RecordFault::kEmpty, "a metadata record has no value");
  const auto frame = read_frame(value.span());
  if (!frame) return fail(RecordFault::kMalformed, "a metadata record's frame is cut");
  if (frame->frame_version != wire::kMetadataFrameVersion) {
    return fail(RecordFault::kFrameVersion, "a metadata record has frame version " +
                                                std::to_string(frame->frame_version) + ", not 1");
  }
  const wire::MessageInfo* info = frame->type > 0x7fff
                                      ? nullptr
                                      : wire::find_message(wire::MessageKind::kMetadata,
                                                           static_cast<std::int16_t>(frame->type));
  if (info == nullptr) {
    return fail(RecordFault::kUnknownType,
                "there is no metadata record with type " + std::to_string(frame->type));
  }
  const std::string name = named(info->name, frame->version);
  if (frame->version > static_cast<std::uint32_t>(info->max_version) ||
      frame->version < static_cast<std::uint32_t>(info->min_version)) {
    return fail(RecordFault::kUnsupportedVersion, name + " is not known: versions " +
                                                      std::to_string(info->min_version) + " to " +
                                                      std::to_string(info->max_version) + " are");
  }
  wire::Reader in(value.slice(frame->size));
  Record decoded{.record = {}, .version = static_cast<std::int16_t>(frame->version)};
  const auto read =
      wire::decode(decoded.record, static_cast<std::int16_t>(frame->type), decoded.version, in);
  if (!read) {
    return fail(RecordFault::kMalformed, name + " is malformed at byte " +
                                             std::to_string(frame->size + in.error_position()) +
                                             ": " + std::string(wire::to_string(read.error())));
  }
  if (in.remaining() != 0) {
    return fail(RecordFault::kTrailingBytes,
                name + " has " + std::to_string(in.remaining()) + " bytes after its end");
  }
  return decoded;
}

std::string to_text(const Record& record) {
  std::string out;
  wire::Printer printer(out);
  wire::print(record.record, record.version, printer);
  return out + " v" + std::to_string(record.version);
}

}  // namespace moldau::metadata
