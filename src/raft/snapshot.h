// The content of a snapshot of the metadata log (KIP-630): batches with offsets from 0 and the
// snapshot's epoch. The first is a control batch [SnapshotHeader, with kraft.version 1 also
// KRaftVersion and KRaftVoters], then batches of metadata records, the last a control batch
// [SnapshotFooter]. SnapshotBuilder makes the bytes piece by piece, SnapshotReader takes them apart
// and checks all of that; both hold at most one batch. Names of the files and their writing are
// storage/snapshot_files.h. Pure; one owner, any loop (large ones belong on rt::Work).
// Source: raft/.../snapshot/RecordsSnapshotWriter.java, RecordsSnapshotReader.java.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "raft/log_summary.h"
#include "raft/offset_and_epoch.h"
#include "raft/voter_set.h"

namespace moldau::raft {

// Records of one batch: bounds the memory that writing a snapshot takes.
inline constexpr std::size_t kSnapshotBatchBytes = 1 << 20;

struct SnapshotDescription {
  SnapshotId id;
  base::Timestamp last_contained_log_time{0};  // append time of the last batch it covers
  base::Timestamp written_at{0};
  KRaftVersion kraft_version{0};
  std::optional<VoterSet> voters;  // only with kraft.version 1
};

class SnapshotBuilder {
 public:
  explicit SnapshotBuilder(SnapshotDescription description);

  // The header's batch.
  [[nodiscard]] base::ByteChain begin();
  // Whole batches with these record values, as many as it takes. Fails for a value that no batch
  // can hold.
  [[nodiscard]] std::expected<base::ByteChain, std::string> add(
      const std::vector<base::SharedBytes>& values);
  // The footer's batch.
  [[nodiscard]] base::ByteChain finish();

 private:
  SnapshotDescription description_;
  base::Offset next_offset_{0};
};

// A whole small snapshot as one slice: for `storage format` and tests.
[[nodiscard]] base::SharedBytes snapshot_bytes(const SnapshotDescription& description,
                                               const std::vector<base::SharedBytes>& values);

// The 0-0 snapshot that `storage format --standalone` writes: kraft.version 1 and its one voter.
[[nodiscard]] base::SharedBytes standalone_snapshot(const VoterNode& self, base::Timestamp now);

// bootstrap.checkpoint: a snapshot named 0-0 with the framed bootstrap records, and neither
// kraft.version nor voters.
[[nodiscard]] base::SharedBytes bootstrap_checkpoint(const std::vector<base::SharedBytes>& records,
                                                     base::Timestamp now);

struct SnapshotBatch {
  std::vector<base::SharedBytes> values;
};

class SnapshotReader {
 public:
  // The bytes are those of a whole snapshot.
  explicit SnapshotReader(base::SharedBytes bytes) : bytes_(std::move(bytes)) {}

  // The next batch of records; nothing after the footer. The error names what is wrong; reading
  // cannot go on.
  [[nodiscard]] std::expected<std::optional<SnapshotBatch>, std::string> next();

  // From the header: known after the first next().
  [[nodiscard]] base::Timestamp last_contained_log_time() const { return last_contained_log_time_; }
  [[nodiscard]] const SnapshotControl& control() const [[clang::lifetimebound]] { return control_; }

 private:
  base::SharedBytes bytes_;
  std::size_t position_ = 0;
  bool begun_ = false;
  bool ended_ = false;
  base::Timestamp last_contained_log_time_{-1};
  SnapshotControl control_;
};

// Control state and header of a snapshot, from at least its first batch.
struct SnapshotHead {
  base::Timestamp last_contained_log_time{-1};
  SnapshotControl control;
};
[[nodiscard]] std::expected<SnapshotHead, std::string> read_snapshot_head(
    const base::SharedBytes& bytes);

}  // namespace moldau::raft
