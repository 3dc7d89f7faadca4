#include "raft/snapshot.h"

#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "raft/control_records.h"
#include "raft/quorum_config.h"
#include "record/batch.h"
#include "record/builder.h"
#include "record/compression.h"
#include "record/control.h"
#include "wire/snapshot_footer_record.h"
#include "wire/snapshot_header_record.h"
#include "wire/writer.h"

namespace moldau::raft {

namespace {

template <class Message>
base::SharedBytes encode_v0(const Message& message) {
  wire::Writer out;
  encode(message, 0, out);
  const auto bytes = out.finish();
  ASSERT(bytes.has_value());
  return bytes->flatten();
}

class ControlBatchWriter {
 public:
  explicit ControlBatchWriter(const BatchPlace& place)
      : time_(place.time),
        builder_({.compression = {},
                  .base_offset = place.base_offset,
                  .leader_epoch = place.epoch,
                  .control = true,
                  .size_max = kRaftBatchBytesMax}) {}

  void add(record::ControlType type, const base::SharedBytes& value) {
    const auto key = record::control_key(type);
    const auto added = builder_.add(
        {.timestamp = time_, .key = base::Bytes(key), .value = value.span(), .headers = {}});
    ASSERT(added.has_value());
  }
  base::ByteChain finish(base::Offset& next_offset) {
    record::CodecContexts contexts;
    const auto batch = builder_.finish(contexts);
    ASSERT(batch.has_value());
    next_offset = batch->header.next_offset();
    base::ByteChain bytes;
    batch->append_to(bytes);
    return bytes;
  }

 private:
  base::Timestamp time_;
  record::BatchBuilder builder_;
};

}  // namespace

SnapshotBuilder::SnapshotBuilder(SnapshotDescription description)
    : description_(std::move(description)) {
  ASSERT(!description_.voters || description_.kraft_version >= kKRaftVersion1);
}

base::ByteChain SnapshotBuilder::begin() {
  ControlBatchWriter batch({.base_offset = next_offset_,
                            .epoch = description_.id.epoch,
                            .time = description_.written_at});
  wire::SnapshotHeaderRecord header;
  header.last_contained_log_timestamp = description_.last_contained_log_time;
  batch.add(record::ControlType::kSnapshotHeader, encode_v0(header));
  if (description_.kraft_version >= kKRaftVersion1) {
    batch.add(record::ControlType::kKraftVersion, encode_kraft_version(description_.kraft_version));
    if (description_.voters) {
      batch.add(record::ControlType::kKraftVoters, encode_voters(*description_.voters));
    }
  }
  return batch.finish(next_offset_);
}

std::expected<base::ByteChain, std::string> SnapshotBuilder::add(
    const std::vector<base::SharedBytes>& values) {
  base::ByteChain bytes;
  std::size_t first = 0;
  while (first < values.size()) {
    std::size_t last = first;
    std::size_t size = 0;
    while (last < values.size() &&
           (last == first || size + values[last].size() <= kSnapshotBatchBytes)) {
      size += values[last].size();
      ++last;
    }
    auto batch = data_batch(std::span(values).subspan(first, last - first),
                            {.base_offset = next_offset_,
                             .epoch = description_.id.epoch,
                             .time = description_.written_at});
    if (!batch) {
      return std::unexpected("a record of " + std::to_string(size) +
                             " bytes does not fit into a batch");
    }
    next_offset_ = batch->summary.next_offset();
    bytes.append(batch->bytes);
    first = last;
  }
  return bytes;
}

base::ByteChain SnapshotBuilder::finish() {
  ControlBatchWriter batch({.base_offset = next_offset_,
                            .epoch = description_.id.epoch,
                            .time = description_.written_at});
  batch.add(record::ControlType::kSnapshotFooter, encode_v0(wire::SnapshotFooterRecord{}));
  return batch.finish(next_offset_);
}

base::SharedBytes snapshot_bytes(const SnapshotDescription& description,
                                 const std::vector<base::SharedBytes>& values) {
  SnapshotBuilder builder(description);
  base::ByteChain bytes = builder.begin();
  const auto records = builder.add(values);
  ASSERT(records.has_value());
  bytes.append(*records);
  bytes.append(builder.finish());
  return bytes.flatten();
}

base::SharedBytes standalone_snapshot(const VoterNode& self, base::Timestamp now) {
  VoterSet voters;
  voters.put(self);
  return snapshot_bytes({.id = kBootstrapSnapshotId,
                         .last_contained_log_time = now,
                         .written_at = now,
                         .kraft_version = kKRaftVersion1,
                         .voters = std::move(voters)},
                        {});
}

base::SharedBytes bootstrap_checkpoint(const std::vector<base::SharedBytes>& records,
                                       base::Timestamp now) {
  return snapshot_bytes({.id = kBootstrapSnapshotId,
                         .last_contained_log_time = base::Timestamp(0),
                         .written_at = now,
                         .kraft_version = kKRaftVersion0,
                         .voters = std::nullopt},
                        records);
}

std::expected<std::optional<SnapshotBatch>, std::string> SnapshotReader::next() {
  while (!ended_) {
    record::BatchIterator batches(bytes_.slice(position_));
    const auto next = batches.next();
    if (!next) return std::unexpected(next.error().message);
    if (!next->has_value()) return std::unexpected(std::string("it ends without a footer"));
    const record::BatchView& view = **next;
    if (const auto crc = view.check_crc(); !crc) return std::unexpected(crc.error().message);
    position_ += batches.position();
    if (!view.header().attributes.control()) {
      if (!begun_) return std::unexpected(std::string("it does not begin with a header"));
      return SnapshotBatch{.values = TRY(data_values(view))};
    }
    auto content = TRY(control_content(view));
    if (begun_ == content.snapshot_header.has_value()) {
      return std::unexpected(
          std::string(begun_ ? "it has two headers" : "it does not begin with a header"));
    }
    if (content.snapshot_header) {
      begun_ = true;
      last_contained_log_time_ = *content.snapshot_header;
    }
    if (!content.voters.empty()) control_.voters = std::move(content.voters.back().voters);
    if (!content.kraft_versions.empty()) {
      control_.kraft_version = content.kraft_versions.back().version;
    }
    ended_ = content.snapshot_footer;
  }
  if (position_ != bytes_.size()) return std::unexpected(std::string("bytes follow its footer"));
  return std::nullopt;
}

std::expected<SnapshotHead, std::string> read_snapshot_head(const base::SharedBytes& bytes) {
  record::BatchIterator batches(bytes);
  const auto first = batches.next();
  if (!first) return std::unexpected(first.error().message);
  if (!first->has_value()) return std::unexpected(std::string("its first batch is cut off"));
  if (const auto crc = (*first)->check_crc(); !crc) return std::unexpected(crc.error().message);
  if (!(*first)->header().attributes.control()) {
    return std::unexpected(std::string("it does not begin with a header"));
  }
  auto content = TRY(control_content(**first));
  if (!content.snapshot_header) {
    return std::unexpected(std::string("it does not begin with a header"));
  }
  SnapshotHead head{.last_contained_log_time = *content.snapshot_header, .control = {}};
  if (!content.voters.empty()) head.control.voters = std::move(content.voters.back().voters);
  if (!content.kraft_versions.empty()) {
    head.control.kraft_version = content.kraft_versions.back().version;
  }
  return head;
}

}  // namespace moldau::raft
