// Control records: what a log says about itself instead of carrying data. A control batch has the
// control bit set; the key of its records names a type, the value is the type's own message. Here
// are the keys of all types, and the end-of-transaction markers of data partitions; KRaft's control
// records keep their values with raft. Numbers are frozen. Source: clients/.../common/record/
// internal/{ControlRecordType,EndTransactionMarker}.java. Any loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "record/batch.h"

namespace moldau::record {

enum class ControlType : std::int16_t {
  kAbort = 0,
  kCommit = 1,
  kLeaderChange = 2,
  kSnapshotHeader = 3,
  kSnapshotFooter = 4,
  kKraftVersion = 5,
  kKraftVoters = 6,
};

// The four bytes of a control record's key: version 0 and the type.
[[nodiscard]] std::array<std::byte, 4> control_key(ControlType type);
// The type that a control record's key names; nothing when the key is malformed or the type is new.
[[nodiscard]] std::optional<ControlType> parse_control_key(base::Bytes key);

// The end of a producer's transaction on this partition, as WriteTxnMarkers appends it.
struct EndTxnMarker {
  bool committed = false;
  std::int32_t coordinator_epoch = 0;
  base::ProducerId producer_id{-1};
  base::ProducerEpoch producer_epoch{-1};
  base::Timestamp timestamp{-1};

  friend bool operator==(const EndTxnMarker&, const EndTxnMarker&) = default;
};

[[nodiscard]] StoredBatch end_txn_batch(const EndTxnMarker& marker);

// The marker in a control batch of a data partition; nothing when the batch is empty (compaction
// took its record away) or holds another control record.
[[nodiscard]] Result<std::optional<EndTxnMarker>> read_end_txn(const BatchHeader& header,
                                                               const base::SharedBytes& body);

}  // namespace moldau::record
