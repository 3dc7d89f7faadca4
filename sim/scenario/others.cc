#include "sim/scenario/others.h"

#include <optional>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "record/batch.h"
#include "record/builder.h"

namespace moldau::sim {
namespace {

rt::Task<> raise_quorum_epoch(rt::Disk& disk, std::string data_directory) {
  constexpr std::string_view kEpoch = "\"leaderEpoch\":";
  const std::string path = data_directory + "/__cluster_metadata-0/quorum-state";
  const auto content = co_await rt::read_file(disk, path);
  ASSERT(content.has_value());
  std::string text(content->text());
  const std::size_t at = text.find(kEpoch);
  ASSERT(at != std::string::npos);
  text.insert(at + kEpoch.size(), "1");
  const auto written =
      co_await rt::write_file_atomically(disk, path, base::SharedBytes::copy_of(text));
  ASSERT(written.has_value());
}

// The newest segment that is not empty.
rt::Task<std::string> last_segment(rt::Disk& disk, std::string directory) {
  const auto entries = co_await disk.list(directory);
  ASSERT(entries.has_value());
  std::string last;
  for (const rt::DirectoryEntry& entry : *entries) {
    const std::string path = directory + "/" + entry.name;
    if (!entry.name.ends_with(".log")) continue;
    const auto info = co_await disk.info(path);
    ASSERT(info.has_value());
    if (info->size > 0) last = path;
  }
  ASSERT(!last.empty());
  co_return last;
}

base::SharedBytes batch_of(const OthersRun& run, const record::BatchHeader& replaced) {
  record::BatchBuilder builder(
      {.base_offset = replaced.base_offset, .leader_epoch = replaced.partition_leader_epoch});
  const auto added = builder.add(
      {.timestamp = run.now, .key = base::as_bytes(run.key), .value = base::as_bytes(run.value)});
  ASSERT(added.has_value());
  record::CodecContexts contexts;
  const auto batch = builder.finish(contexts);
  ASSERT(batch.has_value());
  return batch->flatten();
}

}  // namespace

rt::Task<base::Offset> others_run(rt::Disk& disk, OthersRun run) {
  co_await raise_quorum_epoch(disk, run.data_directory);
  const std::string path = co_await last_segment(disk, run.data_directory + "/" + run.partition);
  const auto content = co_await rt::read_file(disk, path);
  ASSERT(content.has_value());
  record::BatchIterator batches(*content);
  std::optional<record::BatchHeader> last;
  std::size_t position = 0;
  for (;;) {
    const std::size_t here = batches.position();
    const auto batch = batches.next();
    ASSERT(batch.has_value());
    if (!batch->has_value()) break;
    last = (*batch)->header();
    position = here;
  }
  ASSERT(last.has_value());
  const auto file = co_await disk.open(path, rt::OpenMode::kReadWrite);
  ASSERT(file.has_value());
  const auto cut = co_await disk.truncate(*file, position);
  ASSERT(cut.has_value());
  if (run.appends) {
    const base::SharedBytes batch = batch_of(run, *last);
    const auto written = co_await disk.write_at(*file, position, batch.span());
    ASSERT(written.has_value());
  }
  const auto synced = co_await disk.sync(*file);
  ASSERT(synced.has_value());
  co_return last->base_offset;
}

}  // namespace moldau::sim
