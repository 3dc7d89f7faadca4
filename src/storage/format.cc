#include "storage/format.h"

#include "base/result.h"
#include "storage/data_directory.h"
#include "storage/snapshot_files.h"

namespace moldau::storage {

rt::Task<Result<std::optional<MetaProperties>>> read_meta_properties(rt::Disk& disk,
                                                                     std::string directory) {
  const std::string path = directory + "/" + std::string(kMetaPropertiesName);
  const auto content = co_await rt::read_file(disk, path);
  if (!content && content.error().code == rt::IoErrorCode::kNotFound) {
    co_return std::optional<MetaProperties>();
  }
  if (!content) co_return io_error("read", path, content.error());
  auto meta = MetaProperties::parse(content->text());
  if (!meta) co_return error(ErrorCode::kKafkaStorageError, path + ": " + meta.error());
  co_return std::optional<MetaProperties>(std::move(*meta));
}

namespace {

rt::Task<Result<void>> write_whole(rt::Disk& disk, std::string path, base::SharedBytes content) {
  const auto written = co_await rt::write_file_atomically(disk, path, std::move(content));
  if (!written) co_return io_error("write", path, written.error());
  co_return Result<void>();
}

rt::Task<Result<void>> write_metadata_checkpoint(rt::Disk& disk, std::string directory,
                                                 base::SharedBytes content) {
  const auto made = co_await disk.make_directories(directory);
  if (!made) co_return io_error("create", directory, made.error());
  SnapshotWriter writer = CO_TRY(co_await SnapshotWriter::create(disk, directory, SnapshotName{}));
  CO_TRY(co_await writer.append(base::ByteChain(std::move(content))));
  co_return co_await writer.finish();
}

}  // namespace

rt::Task<Result<void>> format_directory(rt::Disk& disk, FormatOptions options) {
  const auto made = co_await disk.make_directories(options.path);
  if (!made) co_return io_error("create", options.path, made.error());
  if (!options.bootstrap_checkpoint.empty()) {
    CO_TRY(co_await write_whole(disk, options.path + "/" + std::string(kBootstrapCheckpointName),
                                options.bootstrap_checkpoint));
  }
  if (options.metadata_checkpoint.has_value()) {
    CO_TRY(co_await write_metadata_checkpoint(
        disk, options.path + "/" + std::string(kMetadataLogName), *options.metadata_checkpoint));
  }
  // Last: a directory with this file counts as formatted.
  const MetaProperties meta{.version = 1,
                            .cluster_id = options.cluster_id,
                            .node_id = options.node_id,
                            .directory_id = options.directory_id};
  CO_TRY(co_await write_whole(disk, options.path + "/" + std::string(kMetaPropertiesName),
                              base::SharedBytes::copy_of(meta.to_text())));
  const auto slash = options.path.rfind('/');
  const std::string parent =
      slash == std::string::npos ? "." : (slash == 0 ? "/" : options.path.substr(0, slash));
  const auto synced = co_await disk.sync_directory(parent);
  if (!synced) co_return io_error("sync", parent, synced.error());
  co_return Result<void>();
}

}  // namespace moldau::storage
