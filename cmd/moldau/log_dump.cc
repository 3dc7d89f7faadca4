// moldau log dump: what is in the files of a data directory. Reads only; names of files say what
// they are, as Kafka names them.
#include <charconv>
#include <iostream>
#include <memory>

#include <fmt/core.h>

#include "base/endian.h"
#include "cmd/moldau/command.h"
#include "cmd/moldau/dump_batches.h"
#include "cmd/moldau/output.h"
#include "io/runtime.h"
#include "logstate/aborted_txn.h"
#include "logstate/producer_snapshot.h"
#include "rt/disk.h"

namespace moldau::cmd {
namespace {

namespace json = boost::json;

// Frozen: entries of the index files.
constexpr std::size_t kOffsetEntryBytes = 8;
constexpr std::size_t kTimeEntryBytes = 12;
constexpr std::size_t kReadBytes = std::size_t{4} << 20;

struct LogDumpOptions {
  std::vector<std::string> files;
  DumpOptions dump;
  bool as_metadata = false;
};

std::string_view name_of(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.find_last_of('/') + 1);
}
std::string_view directory_of(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string_view::npos ? "" : name_of(path.substr(0, slash));
}

std::int64_t base_offset_of(std::string_view path) {
  const std::string_view name = name_of(path);
  std::int64_t offset = 0;
  std::from_chars(name.data(), name.data() + name.size(), offset);
  return offset;
}

class LogDump {
 public:
  LogDump(rt::Disk& disk, const LogDumpOptions& options) : disk_(&disk), options_(&options) {}

  // False when the file cannot be read or is damaged.
  rt::Task<bool> dump(std::string path) {
    const auto info = co_await disk_->info(path);
    if (!info) {
      print_error("cannot read " + path + ": " + info.error().to_string());
      co_return false;
    }
    if (info->is_directory) co_return co_await dump_directory(std::move(path));
    if (!options_->dump.json) std::cout << path << ":\n";
    if (path.ends_with(".log") || path.ends_with(".checkpoint")) {
      co_return co_await dump_log(std::move(path), info->size);
    }
    const auto content = co_await rt::read_file(*disk_, path, std::size_t{2} << 30);
    if (!content) {
      print_error("cannot read " + path + ": " + content.error().to_string());
      co_return false;
    }
    co_return dump_small(path, *content);
  }

 private:
  rt::Task<bool> dump_directory(std::string path) {
    const auto entries = co_await disk_->list(path);
    if (!entries) {
      print_error("cannot list " + path + ": " + entries.error().to_string());
      co_return false;
    }
    bool well = true;
    for (const rt::DirectoryEntry& entry : *entries) {
      if (entry.is_directory || entry.name.starts_with('.') || entry.name == "moldau.journal") {
        continue;
      }
      const bool this_one = co_await dump(path + "/" + entry.name);
      well = well && this_one;
    }
    co_return well;
  }

  // A log that is being written, or was preallocated, ends before its file does.
  rt::Task<bool> only_zeros(rt::FileRef file, std::uint64_t from, std::uint64_t size) {
    const std::uint64_t first = from;
    while (from < size) {
      base::ByteBuffer buffer;
      const auto asked = static_cast<std::size_t>(std::min<std::uint64_t>(kReadBytes, size - from));
      const auto count = co_await disk_->read_at(file, from, buffer.extend(asked));
      if (!count || *count == 0) co_return false;
      buffer.shrink(*count);
      for (const std::byte byte : buffer.span()) {
        if (byte != std::byte{0}) co_return false;
      }
      from += *count;
    }
    if (!options_->dump.json) {
      std::cout << "  (zeros from position " << first << " to the end of the file)\n";
    }
    co_return true;
  }

  // Batch after batch through a window of the file.
  rt::Task<bool> dump_log(std::string path, std::uint64_t size) {
    const auto file = co_await disk_->open(path, rt::OpenMode::kRead);
    if (!file) {
      print_error("cannot read " + path + ": " + file.error().to_string());
      co_return false;
    }
    const bool metadata = options_->as_metadata || path.ends_with(".checkpoint");
    BatchDumper dumper(metadata ? LogContent::kMetadata : content_of(directory_of(path)),
                       options_->dump);
    bool well = true;
    std::uint64_t position = 0;
    std::size_t window = kReadBytes;
    while (position < size) {
      base::ByteBuffer buffer;
      const auto count = co_await disk_->read_at(
          *file, position,
          buffer.extend(
              static_cast<std::size_t>(std::min<std::uint64_t>(window, size - position))));
      if (!count) {
        print_error("cannot read " + path + ": " + count.error().to_string());
        co_return false;
      }
      buffer.shrink(*count);
      record::BatchIterator batches(buffer.freeze());
      std::uint64_t taken = 0;
      for (;;) {
        const auto batch = batches.next();
        if (!batch && co_await only_zeros(*file, position + taken, size)) co_return well;
        if (!batch) {
          print_error(
              fmt::format("{} at position {}: {}", path, position + taken, batch.error().message));
          co_return false;
        }
        if (!*batch) break;
        const bool good = dumper.dump(**batch, position + taken);
        well = well && good;
        taken = batches.position();
      }
      const bool whole_file = position + *count >= size;
      if (taken == 0 && whole_file) {
        if (co_await only_zeros(*file, position, size)) co_return well;
        print_error(fmt::format("{}: the last {} bytes, from position {}, are no whole batch", path,
                                size - position, position));
        co_return false;
      }
      // A batch larger than the window: look further.
      window = taken == 0 ? window * 2 : kReadBytes;
      position += taken;
    }
    co_return well;
  }

  bool dump_small(const std::string& path, const base::SharedBytes& content) {
    if (path.ends_with(".index")) return dump_offset_index(path, content.span());
    if (path.ends_with(".timeindex")) return dump_time_index(path, content.span());
    if (path.ends_with(".snapshot")) return dump_producers(path, content.span());
    if (path.ends_with(".txnindex")) return dump_aborted(path, content.span());
    if (options_->dump.json) {
      print_json(json::object{{"file", path}, {"text", content.text()}});
      return true;
    }
    std::cout << content.text();
    if (!content.text().ends_with('\n')) std::cout << "\n";
    return true;
  }

  void entry(const json::object& document) {
    if (options_->dump.json) {
      print_json(document);
      return;
    }
    const std::string_view separator = "  ";
    for (const auto& field : document) {
      std::cout << separator << std::string_view(field.key()) << " ";
      field.value().is_string() ? std::cout << std::string_view(field.value().get_string())
                                : std::cout << field.value();
    }
    std::cout << "\n";
  }

  // Entries end where a preallocated file is still zero.
  bool dump_offset_index(const std::string& path, base::Bytes bytes) {
    const std::int64_t base_offset = base_offset_of(path);
    std::int32_t last = -1;
    for (std::size_t at = 0; at + kOffsetEntryBytes <= bytes.size(); at += kOffsetEntryBytes) {
      const auto relative = base::load_be<std::int32_t>(bytes.data() + at);
      const auto position = base::load_be<std::int32_t>(bytes.data() + at + 4);
      if (at > 0 && relative == 0) break;
      if (relative == 0 && position == 0) break;
      if (relative <= last) {
        print_error(fmt::format("{}: entry {} goes back to offset {}", path, at / kOffsetEntryBytes,
                                base_offset + relative));
        return false;
      }
      last = relative;
      entry({{"offset", base_offset + relative}, {"position", position}});
    }
    return true;
  }

  bool dump_time_index(const std::string& path, base::Bytes bytes) {
    const std::int64_t base_offset = base_offset_of(path);
    std::int64_t last = -1;
    for (std::size_t at = 0; at + kTimeEntryBytes <= bytes.size(); at += kTimeEntryBytes) {
      const auto timestamp = base::load_be<std::int64_t>(bytes.data() + at);
      const auto relative = base::load_be<std::int32_t>(bytes.data() + at + 8);
      if (timestamp == 0 && relative == 0) break;
      if (timestamp < last) {
        print_error(fmt::format("{}: entry {} goes back in time", path, at / kTimeEntryBytes));
        return false;
      }
      last = timestamp;
      entry({{"timestamp", timestamp},
             {"time", iso_time(base::Timestamp(timestamp))},
             {"offset", base_offset + relative}});
    }
    return true;
  }

  bool dump_producers(const std::string& path, base::Bytes bytes) {
    const auto entries = logstate::decode_producer_snapshot(bytes);
    if (!entries) {
      print_error(path + ": " + entries.error());
      return false;
    }
    for (const logstate::ProducerEntry& producer : *entries) {
      json::object document{{"producer_id", producer.producer_id.value()},
                            {"epoch", producer.epoch.value()},
                            {"coordinator_epoch", producer.coordinator_epoch},
                            {"last_sequence", producer.last_sequence().value()},
                            {"last_timestamp", producer.last_timestamp.value()}};
      if (producer.last_batch() != nullptr) {
        document["last_offset"] = producer.last_batch()->last_offset.value();
      }
      if (producer.current_txn_first_offset) {
        document["transaction_from"] = producer.current_txn_first_offset->value();
      }
      entry(document);
    }
    return true;
  }

  bool dump_aborted(const std::string& path, base::Bytes bytes) {
    const auto entries = logstate::decode_aborted_txns(bytes);
    if (!entries) {
      print_error(path + ": " + entries.error());
      return false;
    }
    for (const logstate::AbortedTxn& aborted : *entries) {
      entry({{"producer_id", aborted.producer_id.value()},
             {"first_offset", aborted.first_offset.value()},
             {"last_offset", aborted.last_offset.value()}});
    }
    return true;
  }

  rt::Disk* disk_;
  const LogDumpOptions* options_;
};

rt::Task<int> dump_files(rt::Loop& loop, const LogDumpOptions& options) {
  LogDump dump(loop.disk(), options);
  bool well = true;
  for (std::string file : options.files) {
    while (file.size() > 1 && file.ends_with('/')) file.pop_back();
    const bool this_one = co_await dump.dump(std::move(file));
    well = well && this_one;
  }
  co_return well ? kExitDone : kExitFailed;
}

int run_dump(const LogDumpOptions& options) {
  auto runtime = io::Runtime::create(
      {.cores = 1, .disk = io::DiskBackend::kWorkers, .log_level = base::LogLevel::kWarn});
  if (!runtime) {
    print_error(runtime.error().to_string());
    return kExitFailed;
  }
  return (*runtime)->run(dump_files((*runtime)->loop(0), options));
}

}  // namespace

void add_log(CLI::App& app, Action& action) {
  CLI::App* log = app.add_subcommand("log", "Look into the files of a data directory");
  log->require_subcommand(1);
  log->footer("Example:\n  moldau log dump data/hello-0 --records");
  auto options = std::make_shared<LogDumpOptions>();
  CLI::App* command = log->add_subcommand(
      "dump", "Print segments, indexes, producer snapshots, metadata snapshots, checkpoints");
  command->add_option("file", options->files, "Files, or directories with such files")->required();
  command->add_flag("--records,-r", options->dump.records,
                    "Print the records of data segments too, not only the batches");
  command->add_flag("--metadata", options->as_metadata,
                    "Take segments for the metadata log, wherever they lie");
  command->add_flag("--json", options->dump.json, "A line of JSON for each batch, record or entry");
  command->footer(
      "Examples:\n"
      "  moldau log dump data/hello-0 --records\n"
      "  moldau log dump data/__cluster_metadata-0/00000000000000000000.log\n"
      "  moldau log dump data/hello-0/00000000000000000000.index --json\n"
      "Exit code 1 says that a file is damaged.");
  command->callback([options, &action] { action = [options] { return run_dump(*options); }; });
}

}  // namespace moldau::cmd
