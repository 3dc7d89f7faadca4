#include "cmd/moldau/dump_batches.h"

#include <algorithm>
#include <iostream>

#include <fmt/core.h>

#include "base/endian.h"
#include "cmd/moldau/output.h"
#include "cmd/moldau/record_format.h"
#include "record/control.h"
#include "record/reader.h"
#include "wire/printer.h"
#include "wire/reader.h"
#include "wire/record_frame.h"
#include "wire/registry.h"

namespace moldau::cmd {
namespace {

namespace json = boost::json;

std::string_view control_message(record::ControlType type) {
  switch (type) {
    case record::ControlType::kAbort:
    case record::ControlType::kCommit:
      return "EndTxnMarker";
    case record::ControlType::kLeaderChange:
      return "LeaderChangeMessage";
    case record::ControlType::kSnapshotHeader:
      return "SnapshotHeaderRecord";
    case record::ControlType::kSnapshotFooter:
      return "SnapshotFooterRecord";
    case record::ControlType::kKraftVersion:
      return "KRaftVersionRecord";
    case record::ControlType::kKraftVoters:
      return "VotersRecord";
  }
  return "";
}

std::string undecodable(base::Bytes value, std::string_view why) {
  return fmt::format("cannot be decoded ({}): {}", why, base::to_hex(value));
}

// The value of a control record begins with its version.
std::string print_control(base::Bytes key, const base::SharedBytes& value) {
  const auto type = record::parse_control_key(key);
  if (!type) return undecodable(key, "unknown control type");
  const wire::MessageInfo* info = wire::find_message(control_message(*type));
  if (info == nullptr || value.size() < sizeof(std::int16_t)) {
    return undecodable(value.span(), "no value");
  }
  const auto version =
      std::clamp(base::load_be<std::int16_t>(value.data()), std::int16_t{0}, info->max_version);
  std::string text;
  wire::Printer printer(text);
  wire::Reader in(value);
  if (const auto read = info->print(in, version, printer); !read) {
    return undecodable(value.span(), to_string(read.error()));
  }
  if (*type == record::ControlType::kAbort) return "abort " + text;
  if (*type == record::ControlType::kCommit) return "commit " + text;
  return text;
}

std::string print_metadata(const base::SharedBytes& value) {
  const auto record = wire::decode_metadata_value(value);
  if (!record) return undecodable(value.span(), to_string(record.error()));
  std::string text;
  wire::Printer printer(text);
  wire::print(record->record, record->version, printer);
  return text;
}

std::string print_coordinator(wire::MessageKind key_kind, wire::MessageKind value_kind,
                              const base::SharedBytes& key, const base::SharedBytes& value) {
  std::string text;
  wire::Printer printer(text);
  const auto printed = wire::print_coordinator_record(key_kind, value_kind, key, value, printer);
  return printed ? text : undecodable(key.span(), to_string(printed.error()));
}

std::string_view timestamp_type_name(record::TimestampType type) {
  return type == record::TimestampType::kCreateTime ? "CreateTime" : "LogAppendTime";
}

std::string codec_name(const record::BatchAttributes& attributes) {
  return attributes.known_codec() ? std::string(to_string(attributes.codec())) : "unknown";
}

json::object header_document(const record::BatchHeader& header, std::uint64_t position,
                             bool valid) {
  return {{"position", position},
          {"base_offset", header.base_offset.value()},
          {"last_offset", header.last_offset().value()},
          {"count", header.record_count},
          {"bytes", header.size()},
          {"magic", header.magic},
          {"codec", codec_name(header.attributes)},
          {"leader_epoch", header.partition_leader_epoch.value()},
          {"max_timestamp", header.max_timestamp.value()},
          {"timestamp_type", timestamp_type_name(header.attributes.timestamp_type())},
          {"producer_id", header.producer_id.value()},
          {"producer_epoch", header.producer_epoch.value()},
          {"base_sequence", header.base_sequence.value()},
          {"transactional", header.attributes.transactional()},
          {"control", header.attributes.control()},
          {"crc", header.crc},
          {"valid", valid}};
}

}  // namespace

LogContent content_of(std::string_view directory_name) {
  if (directory_name.starts_with("__cluster_metadata-")) return LogContent::kMetadata;
  if (directory_name.starts_with("__consumer_offsets-")) return LogContent::kGroups;
  if (directory_name.starts_with("__transaction_state-")) return LogContent::kTransactions;
  if (directory_name.starts_with("__share_group_state-")) return LogContent::kShareGroups;
  return LogContent::kData;
}

void BatchDumper::print_header(const record::BatchHeader& header, std::uint64_t position,
                               bool valid) {
  std::string line = fmt::format(
      "offsets {}-{}  count {}  position {}  bytes {}  epoch {}  codec {}  {} {}",
      header.base_offset.value(), header.last_offset().value(), header.record_count, position,
      header.size(), header.partition_leader_epoch.value(), codec_name(header.attributes),
      timestamp_type_name(header.attributes.timestamp_type()), iso_time(header.max_timestamp));
  if (header.has_producer_id()) {
    line += fmt::format("  producer {} epoch {} sequence {}", header.producer_id.value(),
                        header.producer_epoch.value(), header.base_sequence.value());
  }
  if (header.magic != record::kMagic2) line += fmt::format("  magic {}", header.magic);
  if (header.attributes.transactional()) line += "  transactional";
  if (header.attributes.control()) line += "  control";
  line += valid ? fmt::format("  crc {}", header.crc) : "  BAD CRC";
  std::cout << line << "\n";
}

std::string BatchDumper::decoded(const base::SharedBytes& key, const base::SharedBytes& value,
                                 bool control) const {
  if (control) return print_control(key.span(), value);
  switch (content_) {
    case LogContent::kMetadata:
      return print_metadata(value);
    case LogContent::kGroups:
      return print_coordinator(wire::MessageKind::kGroupKey, wire::MessageKind::kGroupValue, key,
                               value);
    case LogContent::kTransactions:
      return print_coordinator(wire::MessageKind::kTransactionKey,
                               wire::MessageKind::kTransactionValue, key, value);
    case LogContent::kShareGroups:
      return print_coordinator(wire::MessageKind::kShareKey, wire::MessageKind::kShareValue, key,
                               value);
    case LogContent::kData:
      break;
  }
  return "";
}

bool BatchDumper::print_records(const record::BatchView& batch) {
  auto reader = record::RecordReader::open(batch, contexts_);
  if (!reader) {
    print_error("its records cannot be read: " + reader.error().message);
    return false;
  }
  const bool control = batch.header().attributes.control();
  const bool decode = control || content_ != LogContent::kData;
  const auto slice = [&](const std::optional<base::Bytes>& part) {
    return part ? reader->share(*part) : base::SharedBytes();
  };
  record::RecordView record;
  for (;;) {
    const auto more = reader->next(record);
    if (!more) {
      print_error("a record cannot be read: " + more.error().message);
      return false;
    }
    if (!*more) return true;
    const std::string text = decode ? decoded(slice(record.key), slice(record.value), control) : "";
    if (options_.json && decode) {
      print_json(json::object{{"offset", record.offset.value()},
                              {"timestamp", record.timestamp.value()},
                              {"decoded", text}});
    } else if (options_.json) {
      std::cout << record_as_json({}, record) << "\n";
    } else if (decode) {
      std::cout << "  " << record.offset.value() << "  " << text << "\n";
    } else {
      const auto shown = [](const std::optional<base::Bytes>& bytes) {
        if (!bytes) return std::string("null");
        return is_utf8(*bytes) ? std::string(base::as_text(*bytes)) : base::to_hex(*bytes);
      };
      std::cout << "  " << record.offset.value() << "  " << iso_time(record.timestamp) << "  "
                << shown(record.key) << ": " << shown(record.value) << "\n";
    }
  }
}

bool BatchDumper::dump(const record::BatchView& batch, std::uint64_t position) {
  const auto whole = batch.check_crc();
  if (options_.json) {
    print_json(header_document(batch.header(), position, whole.has_value()));
  } else {
    print_header(batch.header(), position, whole.has_value());
  }
  if (!whole) {
    print_error(whole.error().message);
    return false;
  }
  const bool decode = batch.header().attributes.control() || content_ != LogContent::kData;
  if (!options_.records && !decode) return true;
  return print_records(batch);
}

}  // namespace moldau::cmd
