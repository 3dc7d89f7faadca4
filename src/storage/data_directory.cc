#include "storage/data_directory.h"

#include <charconv>
#include <utility>

#include "base/result.h"
#include "storage/format.h"
#include "storage/internal/checkpoint_file.h"
#include "storage/internal/random_id.h"
#include "storage/internal/text.h"

namespace moldau::storage {

namespace {

constexpr std::string_view kLockName = ".lock";
constexpr std::string_view kMetadataTopic = "__cluster_metadata";
constexpr std::string_view kRemoteIndexCacheName = "remote-log-index-cache";
constexpr std::size_t kFileNameMax = 255;

struct Suffix {
  std::string_view text;
  PartitionDirectoryKind kind;
};
constexpr Suffix kSuffixes[] = {{"-delete", PartitionDirectoryKind::kDelete},
                                {"-future", PartitionDirectoryKind::kFuture},
                                {"-stray", PartitionDirectoryKind::kStray}};

// The number after "brokerEpoch" in the marker's JSON; -1 when there is none.
base::BrokerEpoch parse_broker_epoch(std::string_view text) {
  const auto none = base::kNoBrokerEpoch;
  const std::size_t key = text.find("\"brokerEpoch\"");
  if (key == std::string_view::npos) return none;
  const std::size_t colon = text.find(':', key);
  if (colon == std::string_view::npos) return none;
  std::string_view rest = internal::trimmed(text.substr(colon + 1));
  rest = internal::trimmed(rest.substr(0, rest.find_first_of(",}")));
  return base::BrokerEpoch(internal::parse_number<std::int64_t>(rest).value_or(-1));
}

rt::Task<Result<std::string>> read_optional_file(rt::Disk& disk, std::string path) {
  const auto content = co_await rt::read_file(disk, path);
  if (content) co_return std::string(content->text());
  if (content.error().code == rt::IoErrorCode::kNotFound) co_return std::string();
  co_return io_error("read", path, content.error());
}

rt::Task<Result<internal::OffsetCheckpoint>> read_checkpoint(rt::Disk& disk, std::string path) {
  const std::string text = CO_TRY(co_await read_optional_file(disk, path));
  auto entries = internal::decode_checkpoint(text);
  if (entries) co_return std::move(*entries);
  co_return error(ErrorCode::kKafkaStorageError, "checkpoint " + path +
                                                     " is damaged: " + entries.error() +
                                                     "; remove it to recover from the log files");
}

}  // namespace

std::optional<PartitionDirectoryName> parse_directory_name(std::string_view name) {
  PartitionDirectoryName parsed;
  for (const Suffix& suffix : kSuffixes) {
    if (!name.ends_with(suffix.text)) continue;
    // "<topic>-<partition>.<unique><suffix>"; the last dot ends the partition.
    const std::string_view stem = name.substr(0, name.size() - suffix.text.size());
    const std::size_t dot = stem.rfind('.');
    if (dot == std::string_view::npos || dot + 1 == stem.size()) return std::nullopt;
    name = stem.substr(0, dot);
    parsed.kind = suffix.kind;
    break;
  }
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  const auto partition = internal::parse_number<std::int32_t>(name.substr(dash + 1));
  if (!partition.has_value() || *partition < 0) return std::nullopt;
  parsed.partition = {base::TopicName(name.substr(0, dash)), base::PartitionIndex(*partition)};
  return parsed;
}

std::string suffixed_directory_name(const base::TopicPartition& partition, const base::Uuid& unique,
                                    std::string_view suffix) {
  const auto append_hex = [](std::string& text, std::uint64_t value) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
    text.append(16 - static_cast<std::size_t>(end - digits), '0').append(digits, end);
  };
  std::string tail = "-" + std::to_string(partition.partition.value()) + ".";
  append_hex(tail, unique.msb);
  append_hex(tail, unique.lsb);
  tail.append(suffix);
  return std::string(partition.topic.view().substr(0, kFileNameMax - tail.size())) + tail;
}

DataDirectory::DataDirectory(rt::Loop& loop, DataDirectoryOptions options)
    : loop_(&loop), options_(std::move(options)), path_(options_.path) {}

DataDirectory::~DataDirectory() = default;

rt::Task<Result<std::unique_ptr<DataDirectory>>> DataDirectory::open(rt::Loop& loop,
                                                                     DataDirectoryOptions options) {
  std::unique_ptr<DataDirectory> directory(new DataDirectory(loop, std::move(options)));
  CO_TRY(co_await directory->load());
  co_return std::move(directory);
}

rt::Task<Result<void>> DataDirectory::load() {
  const std::string lock_path = path_ + "/" + std::string(kLockName);
  auto lock = co_await loop_->disk().lock(lock_path);
  if (!lock && lock.error().code == rt::IoErrorCode::kLocked) {
    co_return error(ErrorCode::kKafkaStorageError,
                    "data directory " + path_ + " is in use: another process holds " + lock_path +
                        "; stop it or give this node another log.dirs");
  }
  if (!lock && lock.error().code == rt::IoErrorCode::kNotFound) {
    co_return error(ErrorCode::kKafkaStorageError,
                    "data directory " + path_ + " does not exist; run moldau storage format");
  }
  if (!lock) co_return io_error("lock", lock_path, lock.error());
  lock_ = std::move(*lock);
  CO_TRY(co_await load_meta());
  CO_TRY(co_await load_clean_shutdown());
  CO_TRY(co_await list_partitions());
  co_return co_await load_checkpoints();
}

rt::Task<Result<void>> DataDirectory::load_meta() {
  const std::string path = path_ + "/" + std::string(kMetaPropertiesName);
  auto found = CO_TRY(co_await read_meta_properties(loop_->disk(), path_));
  const auto refuse = [&](std::string reason) {
    return error(ErrorCode::kKafkaStorageError, path + ": " + std::move(reason));
  };
  if (!found.has_value()) {
    co_return refuse(
        "the file is missing: the directory is not formatted; run moldau storage format");
  }
  meta_ = std::move(*found);
  if (!options_.cluster_id.empty() && meta_.cluster_id.has_value() &&
      *meta_.cluster_id != options_.cluster_id) {
    co_return refuse("cluster.id is " + *meta_.cluster_id + ", but the other directories say " +
                     options_.cluster_id + "; a node belongs to one cluster");
  }
  if (meta_.node_id.has_value() && options_.node_id >= base::BrokerId(0) &&
      *meta_.node_id != options_.node_id) {
    co_return refuse("node.id is " + std::to_string(meta_.node_id->value()) +
                     ", but the configuration says " + std::to_string(options_.node_id.value()) +
                     "; correct node.id or log.dirs");
  }
  if (meta_.directory_id.has_value() && base::is_reserved(*meta_.directory_id)) {
    co_return refuse("directory.id " + meta_.directory_id->to_string() + " is reserved");
  }
  if (!meta_.directory_id.has_value()) {
    meta_.directory_id = base::DirectoryId(internal::random_id(*loop_));
    const auto written = co_await rt::write_file_atomically(
        loop_->disk(), path, base::SharedBytes::copy_of(meta_.to_text()));
    if (!written) co_return io_error("write", path, written.error());
  }
  id_ = *meta_.directory_id;
  co_return Result<void>();
}

rt::Task<Result<void>> DataDirectory::load_clean_shutdown() {
  const std::string path = path_ + "/" + std::string(internal::kCleanShutdownName);
  const auto content = co_await rt::read_file(loop_->disk(), path);
  if (!content && content.error().code == rt::IoErrorCode::kNotFound) co_return Result<void>();
  if (!content) co_return io_error("read", path, content.error());
  clean_shutdown_ = CleanShutdown{.broker_epoch = parse_broker_epoch(content->text())};
  co_return Result<void>();
}

rt::Task<Result<void>> DataDirectory::list_partitions() {
  const auto entries = co_await loop_->disk().list(path_);
  if (!entries) co_return io_error("list", path_, entries.error());
  for (const auto& entry : *entries) {
    if (!entry.is_directory || entry.name == kRemoteIndexCacheName) continue;
    if (entry.name == kMetadataLogName && options_.is_metadata_directory) continue;
    const auto name = parse_directory_name(entry.name);
    if (!name.has_value() || name->partition.topic.view() == kMetadataTopic) {
      co_return error(ErrorCode::kKafkaStorageError,
                      "data directory " + path_ + " holds " + entry.name +
                          ", which is not the directory of a partition; move it away");
    }
    if (name->kind == PartitionDirectoryKind::kNormal) partitions_[name->partition];
    if (name->kind == PartitionDirectoryKind::kDelete)
      to_delete_.push_back(path_ + "/" + entry.name);
  }
  co_return Result<void>();
}

rt::Task<Result<void>> DataDirectory::load_checkpoints() {
  using Member = std::optional<base::Offset> FoundPartition::*;
  const std::pair<std::string_view, Member> files[] = {
      {internal::kRecoveryPointName, &FoundPartition::recovery_point},
      {internal::kLogStartName, &FoundPartition::log_start_offset},
      {internal::kHighWatermarkName, &FoundPartition::high_watermark}};
  for (const auto& [name, member] : files) {
    const std::string path = path_ + "/" + std::string(name);
    auto entries = co_await read_checkpoint(loop_->disk(), path);
    if (!entries && entries.error().io.has_value()) co_return std::unexpected(entries.error());
    if (!entries) {
      // As Kafka does: recover from the log files, which is slower and always possible.
      LOG_ERROR(loop_->log(), "storage", "{}", entries.error().message);
      continue;
    }
    for (const auto& [partition, offset] : *entries) {
      const auto at = partitions_.find(partition);
      if (at == partitions_.end()) {
        checkpoints_name_others_ = true;
      } else {
        at->second.*member = offset;
      }
    }
  }
  co_return Result<void>();
}

}  // namespace moldau::storage
