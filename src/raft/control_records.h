// KRaft's control batches: building those that the core writes, and reading what matters to it out
// of batches that come from a disk or a peer. scan_batches() is the one gate through which foreign
// bytes become log content: it checks checksums, continuity of offsets, epochs, and that control
// records are known and readable, since other replicas stop at the first that is not.
// LeaderChange is written in its version 0, as Kafka does. Source: raft/.../internals/
// RecordsIterator.java, ControlRecordUtils.java, LeaderState.java. Pure; any loop.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "raft/log_summary.h"
#include "raft/voter_set.h"
#include "record/batch.h"

namespace moldau::raft {

struct ControlBatch {
  BatchSummary summary;
  base::ByteChain bytes;
};

struct BatchPlace {
  base::Offset base_offset;
  base::LeaderEpoch epoch;
  base::Timestamp time;
};

struct EpochStartRecords {
  base::BrokerId leader;
  std::vector<base::BrokerId> voters;
  std::vector<base::BrokerId> granted_by;
  // Both or none, in the same batch.
  std::optional<KRaftVersion> kraft_version;
  std::optional<VoterSet> voter_set;
};
[[nodiscard]] ControlBatch epoch_start_batch(const EpochStartRecords& records,
                                             const BatchPlace& place);

// One batch of a controller's records: an atomic append. Fails when it would pass
// kRaftBatchBytesMax.
[[nodiscard]] std::optional<ControlBatch> data_batch(std::span<const base::SharedBytes> values,
                                                     const BatchPlace& place);

struct ScanLimits {
  base::Offset next_offset;     // where the first batch must start
  base::LeaderEpoch epoch_min;  // epochs do not fall
  base::LeaderEpoch epoch_max;  // a batch of a later epoch ends the scan without a problem
};
struct Scan {
  std::vector<BatchSummary> batches;
  base::ByteChain bytes;  // of exactly these batches
  // Why the batch after them was not taken; empty at the end or at a batch that is cut off.
  std::string problem;
};
[[nodiscard]] Scan scan_batches(const base::SharedBytes& bytes, const ScanLimits& limits);

// The records of one batch that was already found whole: what the state machine above is told.
// Empty for a control batch. The error says which record no replica could read.
[[nodiscard]] std::expected<std::vector<base::SharedBytes>, std::string> data_values(
    const record::BatchView& batch);

// Control records of one batch; the error names what is unknown or malformed.
struct ControlContent {
  std::optional<base::Timestamp> snapshot_header;  // the last contained log time
  bool snapshot_footer = false;
  std::vector<VotersAt> voters;
  std::vector<KRaftVersionAt> kraft_versions;
};
[[nodiscard]] std::expected<ControlContent, std::string> control_content(
    const record::BatchView& batch);

// For the builders of log and snapshot batches.
[[nodiscard]] base::SharedBytes encode_voters(const VoterSet& voters);
[[nodiscard]] base::SharedBytes encode_kraft_version(KRaftVersion version);

}  // namespace moldau::raft
