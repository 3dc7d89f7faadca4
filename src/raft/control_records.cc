#include "raft/control_records.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "raft/quorum_config.h"
#include "record/builder.h"
#include "record/compression.h"
#include "record/control.h"
#include "record/reader.h"
#include "wire/kraft_version_record.h"
#include "wire/leader_change_message.h"
#include "wire/reader.h"
#include "wire/snapshot_footer_record.h"
#include "wire/snapshot_header_record.h"
#include "wire/voters_record.h"
#include "wire/writer.h"

namespace moldau::raft {

namespace {

using record::ControlType;

// Control messages are written in version 0 (frozen), LeaderChange included.
constexpr std::int16_t kControlMessageVersion = 0;

template <class Message>
base::SharedBytes encode_message(const Message& message) {
  wire::Writer out;
  encode(message, kControlMessageVersion, out);
  const auto bytes = out.finish();
  ASSERT(bytes.has_value());  // our own messages are small and complete
  return bytes->flatten();
}

// A message begins with its own version, which also is that of its layout.
template <class Message>
std::expected<Message, std::string> decode_message(const base::SharedBytes& value) {
  wire::Reader version_in(value);
  const std::int16_t version = version_in.i16();
  if (!version_in.ok() || version < Message::kMinVersion || version > Message::kMaxVersion) {
    return std::unexpected(std::string(Message::kName) + " has an unknown version");
  }
  Message message;
  wire::Reader in(value);
  if (!decode(message, version, in) || !in.done()) {
    return std::unexpected(std::string(Message::kName) + " cannot be read");
  }
  return message;
}

record::NewRecord control_record(const std::array<std::byte, 4>& key,
                                 const base::SharedBytes& value, base::Timestamp time) {
  return {.timestamp = time, .key = base::Bytes(key), .value = value.span(), .headers = {}};
}

record::BatchBuilder builder_at(const BatchPlace& place, bool control, std::size_t size_hint) {
  return record::BatchBuilder({.compression = {},
                               .base_offset = place.base_offset,
                               .leader_epoch = place.epoch,
                               .control = control,
                               .size_max = kRaftBatchBytesMax,
                               .size_hint = size_hint});
}

ControlBatch sealed(record::BatchBuilder& builder, const BatchPlace& place, bool control) {
  record::CodecContexts contexts;
  const auto batch = builder.finish(contexts);
  ASSERT(batch.has_value());  // nothing to compress, and add() kept the size
  ControlBatch result;
  result.summary = {.base_offset = batch->header.base_offset,
                    .last_offset = batch->header.last_offset(),
                    .epoch = place.epoch,
                    .append_time = place.time,
                    .bytes = batch->size(),
                    .control = control,
                    .voters = {},
                    .kraft_versions = {}};
  batch->append_to(result.bytes);
  return result;
}

VoterSet voters_of(const wire::VotersRecord& message) {
  VoterSet voters;
  for (const auto& voter : message.voters) {
    VoterNode node{.key = {.id = voter.voter_id, .directory = voter.voter_directory_id},
                   .endpoints = {},
                   .supported = {voter.kraft_version_feature.min_supported_version,
                                 voter.kraft_version_feature.max_supported_version}};
    for (const auto& endpoint : voter.endpoints) {
      node.endpoints.insert_or_assign(endpoint.name, HostPort{endpoint.host, endpoint.port});
    }
    voters.put(std::move(node));
  }
  return voters;
}

std::expected<void, std::string> read_control_record(const record::RecordView& view,
                                                     const base::SharedBytes& value,
                                                     ControlContent& into) {
  const auto type = record::parse_control_key(*view.key);
  if (!type) return std::unexpected("a control record of unknown type");
  switch (*type) {
    case ControlType::kLeaderChange:
      TRY(decode_message<wire::LeaderChangeMessage>(value));
      return {};
    case ControlType::kSnapshotHeader:
      into.snapshot_header =
          TRY(decode_message<wire::SnapshotHeaderRecord>(value)).last_contained_log_timestamp;
      return {};
    case ControlType::kSnapshotFooter:
      TRY(decode_message<wire::SnapshotFooterRecord>(value));
      into.snapshot_footer = true;
      return {};
    case ControlType::kKraftVersion:
      into.kraft_versions.push_back(
          {view.offset,
           KRaftVersion(TRY(decode_message<wire::KRaftVersionRecord>(value)).kraft_version)});
      return {};
    case ControlType::kKraftVoters:
      into.voters.push_back(
          {view.offset, voters_of(TRY(decode_message<wire::VotersRecord>(value)))});
      return {};
    case ControlType::kAbort:
    case ControlType::kCommit:
      break;
  }
  return std::unexpected("a transaction marker, which the metadata log never has");
}

}  // namespace

base::SharedBytes encode_voters(const VoterSet& voters) {
  wire::VotersRecord message;
  for (const auto& [id, node] : voters.by_id()) {
    wire::VotersRecordVoter voter;
    voter.voter_id = node.key.id;
    voter.voter_directory_id = node.key.directory;
    voter.kraft_version_feature.min_supported_version = node.supported.min;
    voter.kraft_version_feature.max_supported_version = node.supported.max;
    for (const auto& [name, address] : node.endpoints) {
      wire::VotersRecordEndpoint endpoint;
      endpoint.name = name;
      endpoint.host = address.host;
      endpoint.port = address.port;
      voter.endpoints.push_back(std::move(endpoint));
    }
    message.voters.push_back(std::move(voter));
  }
  return encode_message(message);
}

base::SharedBytes encode_kraft_version(KRaftVersion version) {
  wire::KRaftVersionRecord message;
  message.kraft_version = version.value();
  return encode_message(message);
}

ControlBatch epoch_start_batch(const EpochStartRecords& records, const BatchPlace& place) {
  wire::LeaderChangeMessage change;
  change.leader_id = records.leader;
  const auto voters_of_ids = [](const std::vector<base::BrokerId>& ids) {
    std::vector<wire::LeaderChangeMessageVoter> voters(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) voters[i].voter_id = ids[i];
    return voters;
  };
  change.voters = voters_of_ids(records.voters);
  change.granting_voters = voters_of_ids(records.granted_by);

  auto builder = builder_at(place, true, 512);
  const auto add = [&](ControlType type, const base::SharedBytes& value) {
    const auto key = record::control_key(type);
    const auto added = builder.add(control_record(key, value, place.time));
    ASSERT(added.has_value());  // a voter set is far from the limit of a batch
  };
  add(ControlType::kLeaderChange, encode_message(change));
  if (records.voter_set) {
    ASSERT(records.kraft_version.has_value());
    add(ControlType::kKraftVersion, encode_kraft_version(*records.kraft_version));
    add(ControlType::kKraftVoters, encode_voters(*records.voter_set));
  }
  ControlBatch batch = sealed(builder, place, true);
  if (records.voter_set) {
    batch.summary.kraft_versions.push_back({place.base_offset + 1, *records.kraft_version});
    batch.summary.voters.push_back({place.base_offset + 2, *records.voter_set});
  }
  return batch;
}

std::optional<ControlBatch> data_batch(std::span<const base::SharedBytes> values,
                                       const BatchPlace& place) {
  std::size_t size = record::kBatchHeaderBytes;
  for (const auto& value : values) size += value.size() + 32;
  auto builder = builder_at(place, false, std::min(size, kRaftBatchBytesMax));
  for (const auto& value : values) {
    const record::NewRecord record{
        .timestamp = place.time, .key = std::nullopt, .value = value.span(), .headers = {}};
    if (!builder.add(record)) return std::nullopt;
  }
  if (builder.count() == 0) return std::nullopt;
  return sealed(builder, place, false);
}

std::expected<ControlContent, std::string> control_content(const record::BatchView& batch) {
  ControlContent content;
  record::CodecContexts contexts;
  auto reader = record::RecordReader::open(batch, contexts, kRaftBatchBytesMax);
  if (!reader) return std::unexpected(reader.error().message);
  record::RecordView view;
  while (true) {
    const auto more = reader->next(view);
    if (!more) return std::unexpected(more.error().message);
    if (!*more) return content;
    if (!view.key || !view.value) return std::unexpected("a control record without key or value");
    TRY(read_control_record(view, reader->share(*view.value), content));
  }
}

std::expected<std::vector<base::SharedBytes>, std::string> data_values(
    const record::BatchView& batch) {
  std::vector<base::SharedBytes> values;
  if (batch.header().attributes.control()) return values;
  record::CodecContexts contexts;
  auto reader = record::RecordReader::open(batch, contexts, kRaftBatchBytesMax);
  if (!reader) return std::unexpected(reader.error().message);
  record::RecordView view;
  while (true) {
    const auto more = reader->next(view);
    if (!more) return std::unexpected(more.error().message);
    if (!*more) return values;
    if (view.key || !view.value || view.value->empty() || view.header_count != 0) {
      return std::unexpected("the record at offset " + std::to_string(view.offset.value()) +
                             " has a key or headers, or no value");
    }
    values.push_back(reader->share(*view.value));
  }
}

namespace {

// Why this batch may not be the next one of the log; nothing when it may.
std::optional<std::string> batch_problem(const record::BatchView& view, const ScanLimits& limits,
                                         const BatchSummary* before) {
  const record::BatchHeader& header = view.header();
  if (header.magic != record::kMagic2) return "it is not of format 2";
  if (const auto crc = view.check_crc(); !crc) return crc.error().message;
  const base::Offset expected = before == nullptr ? limits.next_offset : before->next_offset();
  if (header.base_offset != expected) {
    return "it starts at offset " + std::to_string(header.base_offset.value()) + ", where " +
           std::to_string(expected.value()) + " comes next";
  }
  if (header.last_offset_delta < 0 || header.record_count != header.last_offset_delta + 1) {
    return "its record count does not fit its offsets";
  }
  const base::LeaderEpoch epoch_min = before == nullptr ? limits.epoch_min : before->epoch;
  if (header.partition_leader_epoch < epoch_min) return "its epoch is lower than the one before";
  return std::nullopt;
}

}  // namespace

Scan scan_batches(const base::SharedBytes& bytes, const ScanLimits& limits) {
  Scan scan;
  record::BatchIterator batches(bytes);
  std::size_t taken = 0;
  const auto stop = [&](const std::string& why) {
    const base::Offset at =
        scan.batches.empty() ? limits.next_offset : scan.batches.back().next_offset();
    scan.problem = "the batch at offset " + std::to_string(at.value()) + " is refused: " + why;
  };
  while (true) {
    const auto next = batches.next();
    if (!next) {
      stop(next.error().message);
      break;
    }
    if (!next->has_value()) break;
    const record::BatchView& view = **next;
    const BatchSummary* before = scan.batches.empty() ? nullptr : &scan.batches.back();
    if (const auto problem = batch_problem(view, limits, before)) {
      stop(*problem);
      break;
    }
    const record::BatchHeader& header = view.header();
    // A leader's answer can hold batches of an epoch that it has not told us of yet (KAFKA-18723).
    if (header.partition_leader_epoch > limits.epoch_max) break;
    BatchSummary summary{.base_offset = header.base_offset,
                         .last_offset = header.last_offset(),
                         .epoch = header.partition_leader_epoch,
                         .append_time = header.max_timestamp,
                         .bytes = view.size(),
                         .control = header.attributes.control(),
                         .voters = {},
                         .kraft_versions = {}};
    if (summary.control) {
      auto content = control_content(view);
      if (!content) {
        stop(content.error());
        break;
      }
      summary.voters = std::move(content->voters);
      summary.kraft_versions = std::move(content->kraft_versions);
    }
    scan.batches.push_back(std::move(summary));
    taken = batches.position();
  }
  if (taken > 0) scan.bytes.append(bytes.slice(0, taken));
  return scan;
}

}  // namespace moldau::raft
