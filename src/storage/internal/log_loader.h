// LogLoader brings a log from its files into memory. After a clean stop it reads the end of the
// active segment; after any other it walks the segments from the newest producer snapshot or the
// recovery point on (whichever is older), checks every checksum it passes, cuts a torn end off,
// restores leader epochs and producer state, and syncs what is left before anybody may rely on it.
// Damage below the recovery point was durable data: that is an error with file and position, and
// the files stay as they are. The metadata log has no recovery point, is checked whole, and is not
// cut where it is known to have been durable either: anywhere after a clean stop; below the end of
// its newest snapshot and below the start of its newest epoch after any other (its owner writes
// neither before that is so). One use. Source: storage/.../log/LogLoader.java,
// UnifiedLog.rebuildProducerState (behaviour).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/data_directory.h"
#include "storage/error.h"
#include "storage/internal/log_state.h"
#include "storage/internal/segment_scan.h"

namespace moldau::storage::internal {

class LogLoader final : private BatchVisitor {
 public:
  // `clean`: nothing need be checked. `all_durable`: whatever is damaged was on disk.
  LogLoader(LogState& log, const FoundPartition& found, bool clean, bool all_durable = false)
      : log_(&log), found_(found), clean_(clean), all_durable_(clean || all_durable) {}

  // The log's gate is closed or nobody else knows it yet.
  [[nodiscard]] rt::Task<Result<void>> load();
  // After a truncation to `upto`: the producers as the log now has them.
  [[nodiscard]] rt::Task<Result<void>> reload_producers(base::Offset upto);

 private:
  [[nodiscard]] rt::Task<Result<void>> list_files();
  [[nodiscard]] rt::Task<Result<void>> take_file(std::string name);
  [[nodiscard]] rt::Task<Result<void>> remove_file(std::string name);
  [[nodiscard]] rt::Task<Result<void>> remove_orphans();
  [[nodiscard]] rt::Task<Result<void>> load_epochs();
  [[nodiscard]] rt::Task<Result<void>> load_producers(base::Offset upto);
  [[nodiscard]] rt::Task<Result<bool>> load_snapshot(base::Offset offset);
  [[nodiscard]] bool covers_retries(base::Offset from) const;
  [[nodiscard]] bool worth_walking(base::Offset from) const;
  [[nodiscard]] rt::Task<Result<void>> load_first_timestamp();

  [[nodiscard]] rt::Task<Result<void>> load_clean();
  [[nodiscard]] rt::Task<Result<void>> recover();
  [[nodiscard]] rt::Task<Result<void>> walk_from(base::Offset start);
  [[nodiscard]] rt::Task<Result<std::uint64_t>> trusted_start(SegmentRef segment,
                                                              base::Offset start);
  [[nodiscard]] rt::Task<Result<bool>> walk_segment(std::size_t index, base::Offset start);
  [[nodiscard]] Result<void> check_not_durable(std::size_t index, const ScanEnd& end) const;
  [[nodiscard]] rt::Task<Result<bool>> is_fill(SegmentRef segment, std::uint64_t from);
  [[nodiscard]] rt::Task<Result<void>> cut(std::size_t index, ScanEnd end);
  [[nodiscard]] rt::Task<Result<void>> drop_segments_from(std::size_t index);
  [[nodiscard]] rt::Task<Result<void>> remove_segment(std::size_t index);
  [[nodiscard]] rt::Task<Result<void>> remove_file_if_there(std::string name);
  [[nodiscard]] rt::Task<Result<void>> finish();
  void note_interrupted_roll(std::size_t first_walked);

  bool visit(const ScannedBatch& batch) override;

  LogState* log_;
  FoundPartition found_;
  bool clean_;
  bool all_durable_;
  // Of the metadata log: what lies below was on disk.
  base::Offset durable_below_{0};
  bool has_epoch_file_ = false;
  bool epochs_lost_ = false;  // the file is damaged: the batches have them
  std::vector<base::Offset> offset_indexes_;
  std::vector<base::Offset> time_indexes_;
  std::vector<base::Offset> txn_indexes_;
  // The walk.
  SegmentRef walking_;
  std::uint64_t indexed_upto_ = 0;  // batches before this position are in the index already
  base::Offset next_offset_{0};
  std::uint64_t torn_bytes_ = 0;
};

}  // namespace moldau::storage::internal
