#include "storage/internal/journal_replay.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "storage/internal/file_names.h"
#include "storage/internal/log_files.h"

namespace moldau::storage::internal {

namespace {

// Segment files kept open during the replay.
constexpr std::size_t kOpenFilesMax = 256;

// The part of an entry's body below `upto`.
base::SharedBytes cut_body(const base::SharedBytes& body, base::Offset upto) {
  record::BatchIterator batches(body);
  std::size_t end = 0;
  for (;;) {
    const auto batch = batches.next();
    if (!batch || !batch->has_value()) break;
    if ((*batch)->header().last_offset() >= upto) break;
    end = batches.position();
  }
  return body.slice(0, end);
}

// Whether `there` begins with a whole batch that somebody else appended where `ours` belongs. A
// crash may have torn ours in the 21 bytes that its checksum does not cover: then the checksums are
// equal.
bool is_foreign(const base::SharedBytes& there, const base::SharedBytes& ours) {
  const auto batch = record::BatchView::parse(there);
  const auto mine = record::BatchView::parse(ours);
  if (!batch || !mine || !batch->check_crc()) return false;
  return batch->header().crc != mine->header().crc &&
         batch->header().base_offset >= mine->header().base_offset;
}

// Where `there` stops being what `ours` says, on a batch border.
std::size_t same_batches(const base::SharedBytes& there, const base::SharedBytes& ours) {
  record::BatchIterator batches(ours);
  std::size_t same = 0;
  for (;;) {
    const auto batch = batches.next();
    if (!batch || !batch->has_value()) return same;
    const std::size_t end = batches.position();
    if (end > there.size() || there.slice(same, end - same) != ours.slice(same, end - same)) {
      return same;
    }
    same = end;
  }
}

// A crash during a round leaves entries of which only a part arrived: nobody was told of them.
bool is_whole(const ParsedEntry& entry, const base::SharedBytes& bytes, std::size_t at) {
  if (entry.header.kind != EntryKind::kAppend) return true;
  return batches_are_whole(entry.header, bytes.slice(at + entry.body_at, entry.header.body_bytes));
}

}  // namespace

rt::Task<Result<ReplayOutcome>> JournalReplay::run() {
  co_await find_regions();
  co_await plan_all();
  CO_TRY(co_await apply_all());
  CO_TRY(co_await publish());
  outcome_.adopted.touched.files.assign(touched_files_.begin(), touched_files_.end());
  outcome_.adopted.touched.directories.assign(touched_directories_.begin(),
                                              touched_directories_.end());
  co_return std::move(outcome_);
}

// What the journal says of a log's offsets counts for the topic whose directory is there; an
// earlier topic of the name may have entries, too.
rt::Task<Result<void>> JournalReplay::publish() {
  for (const auto& [key, plan] : plans_) {
    if (plan.removed) continue;
    const base::TopicPartition name{base::TopicName(plan.topic), key.partition};
    const auto found = CO_TRY(co_await id_in_directory(name));
    if (found != key.topic_id) continue;
    ReplayedLog& log = outcome_.logs[name];
    log.key = key;
    log.log_start = plan.log_start;
    log.truncated_to = plan.truncated_to;
  }
  co_return Result<void>();
}

rt::Task<> JournalReplay::find_regions() {
  const JournalHeader& header = *journal_->found();
  for (std::size_t slot = 0; slot < journal_->slot_count(); ++slot) {
    base::ByteBuffer buffer(kRegionHeaderBytes);
    const auto count = co_await loop_->disk().read_at(
        journal_->file(), journal_->slot_position(slot), buffer.extend(kRegionHeaderBytes));
    if (!count) {
      report_unreadable(slot, count.error());
      continue;
    }
    buffer.shrink(*count);
    const auto region = decode_region_header(buffer.span(), header.journal_id);
    if (!region.has_value() || region->region < header.first_live_region) continue;
    regions_.push_back({.header = *region, .slot = slot});
  }
  std::ranges::sort(regions_, {}, [](const Region& region) { return region.header.region; });
  for (const Region& region : regions_) {
    outcome_.adopted.regions.emplace_back(region.header.region, region.slot);
  }
  outcome_.adopted.next_region =
      regions_.empty() ? header.first_live_region : regions_.back().header.region + 1;
  outcome_.adopted.next_entry = regions_.empty() ? 0 : regions_.front().header.first_entry;
}

// What cannot be read is missing, as if it were damaged: the rest of the node's data is served.
void JournalReplay::report_unreadable(std::size_t slot, const rt::IoError& cause) {
  LOG_ERROR(loop_->log(), "storage", "cannot read {} at byte {}: {}; entries of it are missing",
            journal_->file()->path(), journal_->slot_position(slot), cause.to_string());
  loop_->mark("journal damaged");
}

// Empty when it cannot be read.
rt::Task<base::SharedBytes> JournalReplay::read_region(std::size_t slot) {
  const std::size_t size = journal_->found()->region_bytes;
  base::ByteBuffer buffer(size);
  const auto count = co_await loop_->disk().read_at(journal_->file(), journal_->slot_position(slot),
                                                    buffer.extend(size));
  if (!count) {
    report_unreadable(slot, count.error());
    co_return base::SharedBytes();
  }
  buffer.shrink(*count);
  co_return buffer.freeze();
}

// --- What counts --------------------------------------------------------------------------------

rt::Task<> JournalReplay::plan_all() {
  const base::Uuid& id = journal_->found()->journal_id;
  for (Region& region : regions_) {
    if (region.header.first_entry > outcome_.adopted.next_entry) {
      // The region before ended early although it was synced: the journal itself is damaged.
      LOG_ERROR(loop_->log(), "storage", "{} lacks entries {} to {}: it is damaged",
                journal_->file()->path(), outcome_.adopted.next_entry,
                region.header.first_entry - 1);
      loop_->mark("journal damaged");
    }
    outcome_.adopted.next_entry = region.header.first_entry;
    const base::SharedBytes bytes = co_await read_region(region.slot);
    std::size_t at = kRegionHeaderBytes;
    while (at < bytes.size()) {
      const auto entry = parse_entry(bytes.span().subspan(at), id, outcome_.adopted.next_entry);
      if (!entry.has_value() || !is_whole(*entry, bytes, at)) break;
      plan_entry(*entry);
      ++outcome_.adopted.next_entry;
      at += entry->size;
    }
    region.end_entry = outcome_.adopted.next_entry;
  }
}

void JournalReplay::plan_entry(const ParsedEntry& entry) {
  const EntryHeader& header = entry.header;
  Plan& plan = plans_[header.log];
  plan.topic = std::string(entry.name);
  plan.removed = header.kind == EntryKind::kRemove;
  const auto drop_from = [&](base::Offset offset) {
    std::erase_if(plan.entries, [&](const LiveEntry& live) { return live.base_offset >= offset; });
    for (LiveEntry& live : plan.entries) live.keep_upto = std::min(live.keep_upto, offset);
    plan.truncated_to = std::min(plan.truncated_to.value_or(offset), offset);
  };
  switch (header.kind) {
    case EntryKind::kAppend:
      plan.entries.push_back({.number = header.number,
                              .segment_base = header.segment_base,
                              .base_offset = header.base_offset,
                              .keep_upto = header.end_offset});
      break;
    case EntryKind::kTruncate:
      drop_from(header.end_offset);
      break;
    case EntryKind::kRestart:
      plan.entries.clear();
      plan.truncated_to = base::Offset(0);
      plan.log_start.reset();
      break;
    case EntryKind::kLogStart:
      plan.log_start = std::max(plan.log_start.value_or(header.end_offset), header.end_offset);
      // Older segments are deleted; what is left of the first kept one is needed as a whole.
      std::erase_if(plan.entries,
                    [&](const LiveEntry& live) { return live.segment_base < header.segment_base; });
      break;
    case EntryKind::kRemove:
      plan.entries.clear();
      plan.log_start.reset();
      plan.truncated_to.reset();
      break;
  }
}

// --- Putting it in place ------------------------------------------------------------------------

rt::Task<Result<void>> JournalReplay::apply_all() {
  const base::Uuid& id = journal_->found()->journal_id;
  for (const Region& region : regions_) {
    const base::SharedBytes bytes = co_await read_region(region.slot);
    std::uint64_t number = region.header.first_entry;
    std::size_t at = kRegionHeaderBytes;
    while (at < bytes.size()) {
      const auto entry = parse_entry(bytes.span().subspan(at), id, number);
      if (!entry.has_value() || number == region.end_entry) break;
      if (entry->header.kind == EntryKind::kAppend) {
        CO_TRY(co_await apply_entry(*entry,
                                    bytes.slice(at + entry->body_at, entry->header.body_bytes)));
      }
      ++number;
      at += entry->size;
    }
  }
  co_return Result<void>();
}

rt::Task<Result<void>> JournalReplay::apply_entry(const ParsedEntry& entry,
                                                  base::SharedBytes body) {
  const EntryHeader& header = entry.header;
  Plan& plan = plans_.at(header.log);
  const auto live = std::ranges::lower_bound(plan.entries, header.number, {}, &LiveEntry::number);
  if (live == plan.entries.end() || live->number != header.number) co_return Result<void>();
  if (plan.stopped) co_return Result<void>();
  if (!plan.prepared) CO_TRY(co_await prepare_log(header.log, plan));
  if (plan.stopped) co_return Result<void>();
  ++outcome_.entries;
  outcome_.bytes += body.size();
  if (live->keep_upto < header.end_offset) body = cut_body(body, live->keep_upto);
  co_return co_await write_missing(header, plan, std::move(body));
}

base::TopicPartition JournalReplay::name_of(const EntryHeader& header, const Plan& plan) const {
  return {base::TopicName(plan.topic), header.log.partition};
}

void JournalReplay::refuse(Plan& plan, const EntryHeader& header, std::string_view reason) {
  plan.stopped = true;
  ++outcome_.refused;
  LOG_ERROR(loop_->log(), "storage", "entry {} of {} for {} at offset {} is not replayed: {}",
            header.number, journal_->file()->path(), name_of(header, plan).to_string(),
            header.base_offset, reason);
  loop_->mark("journal entry refused");
}

rt::Task<Result<std::optional<base::TopicId>>> JournalReplay::id_in_directory(
    base::TopicPartition name) {
  const std::string path =
      directory_->partition_path(name) + "/" + std::string(kPartitionMetadataName);
  const auto content = co_await rt::read_file(loop_->disk(), path);
  if (content) co_return parse_partition_metadata(content->text());
  if (content.error().code == rt::IoErrorCode::kNotFound) co_return std::nullopt;
  co_return io_error("read", path, content.error());
}

// Sees to it that the log's directory is there and is this topic's.
rt::Task<Result<void>> JournalReplay::prepare_log(base::TopicIdPartition key, Plan& plan) {
  plan.prepared = true;
  const base::TopicPartition name{base::TopicName(plan.topic), key.partition};
  const std::string directory = directory_->partition_path(name);
  const std::string path = directory + "/" + std::string(kPartitionMetadataName);
  const auto found = CO_TRY(co_await id_in_directory(name));
  touched_directories_.insert(directory);
  touched_directories_.insert(directory_->path());
  touched_files_.insert(path);
  if (found.has_value()) {
    if (*found != key.topic_id) {
      plan.stopped = true;  // Another topic of this name lives here now: the entries are its ghost.
      loop_->mark("journal entry of an earlier topic");
    }
    co_return Result<void>();
  }
  const auto made = co_await loop_->disk().make_directories(directory);
  if (!made) co_return io_error("create", directory, made.error());
  const auto written = co_await rt::write_file_atomically(
      loop_->disk(), path, base::SharedBytes::copy_of(partition_metadata_text(key.topic_id)));
  if (!written) co_return io_error("write", path, written.error());
  outcome_.logs[name].created = true;
  co_return Result<void>();
}

// Null when the file is not there and shall not be made.
rt::Task<Result<rt::FileRef>> JournalReplay::open_file(std::string path, bool create) {
  const auto at = open_files_.find(path);
  if (at != open_files_.end()) co_return at->second;
  auto file =
      co_await loop_->disk().open(path, create ? rt::OpenMode::kCreate : rt::OpenMode::kReadWrite);
  if (!file && file.error().code == rt::IoErrorCode::kNotFound) co_return rt::FileRef();
  if (!file) co_return io_error("open", path, file.error());
  if (open_files_.size() >= kOpenFilesMax) open_files_.clear();
  open_files_[path] = *file;
  touched_files_.insert(path);
  co_return std::move(*file);
}

// The whole batch of which `begin` was read at `position` of a file: another's may be larger than
// ours. What it begins with, when the file does not have all of it.
rt::Task<Result<base::SharedBytes>> JournalReplay::read_batch(rt::FileRef file,
                                                              std::uint64_t position,
                                                              std::uint64_t file_bytes,
                                                              base::SharedBytes begin) {
  if (begin.size() < record::kBatchHeaderBytes) co_return std::move(begin);
  const auto header = record::parse_header(begin.span());
  if (!header || header->size() <= begin.size() || header->size() > file_bytes - position) {
    co_return std::move(begin);
  }
  base::ByteBuffer whole(header->size());
  const auto count = co_await loop_->disk().read_at(file, position, whole.extend(header->size()));
  if (!count) co_return io_error("read", file->path(), count.error());
  whole.shrink(*count);
  co_return whole.freeze();
}

rt::Task<Result<void>> JournalReplay::write_missing(const EntryHeader& header, Plan& plan,
                                                    base::SharedBytes body) {
  const std::string path = directory_->partition_path(name_of(header, plan)) + "/" +
                           file_name(header.segment_base, kLogSuffix);
  const rt::FileRef file = CO_TRY(co_await open_file(path, header.position == 0));
  rt::IoResult<std::uint64_t> size = 0;
  if (file != nullptr) size = co_await loop_->disk().size(file);
  if (!size) co_return io_error("look at", path, size.error());
  if (file == nullptr || header.position > *size) {
    refuse(plan, header, "bytes are missing in the file before it");
    co_return Result<void>();
  }
  base::ByteBuffer buffer(body.size());
  const auto count =
      co_await loop_->disk().read_at(file, header.position, buffer.extend(body.size()));
  if (!count) co_return io_error("read", path, count.error());
  buffer.shrink(*count);
  const base::SharedBytes there = buffer.freeze();
  const std::size_t same = same_batches(there, body);
  if (same == body.size()) co_return Result<void>();
  const base::SharedBytes batch =
      CO_TRY(co_await read_batch(file, header.position + same, *size, there.slice(same)));
  if (is_foreign(batch, body.slice(same))) {
    refuse(plan, header, "the file has another batch there, which is whole");
    co_return Result<void>();
  }
  const auto written =
      co_await loop_->disk().write_at(file, header.position + same, body.span().subspan(same));
  if (!written) co_return io_error("write", path, written.error());
  outcome_.bytes_written += body.size() - same;
  co_return Result<void>();
}

}  // namespace moldau::storage::internal
