// Producer state of one log: which idempotent producers wrote to it, their last five batches, and
// the transactions that are open. It follows from the log's records alone: check() decides about a
// batch without changing anything, replay() applies a batch that was appended, read at recovery, or
// copied from a leader; both take the same header with its final offsets. A batch that is sent
// again is recognised by producer, epoch and exact sequence range, and answered with its first
// offset. Invariants: an entry holds at most five batches, all of its epoch; sequences wrap after
// 2^31 - 1. Limits: kProducersMax entries; then the longest idle ones go first, as if they had
// expired. Errors are Kafka's (wire::ErrorCode). Owned by the loop of its partition. Source:
// storage/.../log/{ProducerStateManager,ProducerAppendInfo,ProducerStateEntry}.java, KIP-98,
// KIP-360, KIP-890.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "record/batch.h"
#include "record/control.h"
#include "wire/error_code.h"

namespace moldau::logstate {

inline constexpr std::size_t kBatchesRetained = 5;
inline constexpr std::size_t kProducersMax = 1'000'000;
// producer.id.expiration.ms
inline constexpr std::int64_t kProducerIdExpirationMsDefault = 86'400'000;

struct BatchMetadata {
  base::Sequence last_sequence{-1};
  base::Offset last_offset{-1};
  std::int32_t offset_delta = 0;
  base::Timestamp timestamp{-1};

  [[nodiscard]] base::Sequence first_sequence() const;
  [[nodiscard]] base::Offset first_offset() const { return last_offset - offset_delta; }
  friend bool operator==(const BatchMetadata&, const BatchMetadata&) = default;
};

class ProducerEntry {
 public:
  base::ProducerId producer_id{-1};
  base::ProducerEpoch epoch{-1};
  std::int32_t coordinator_epoch = -1;
  base::Timestamp last_timestamp{-1};
  std::optional<base::Offset> current_txn_first_offset;

  // Oldest first.
  [[nodiscard]] std::size_t batch_count() const { return count_; }
  [[nodiscard]] const BatchMetadata& batch(std::size_t index) const [[clang::lifetimebound]];
  [[nodiscard]] const BatchMetadata* last_batch() const [[clang::lifetimebound]] {
    return count_ == 0 ? nullptr : &batch(count_ - 1u);
  }
  [[nodiscard]] base::Sequence last_sequence() const {
    return count_ == 0 ? base::kNoSequence : last_batch()->last_sequence;
  }
  // Drops the oldest batch when five are there, and all of them when the epoch changes.
  void add_batch(base::ProducerEpoch new_epoch, const BatchMetadata& batch);
  void set_epoch(base::ProducerEpoch new_epoch);

  friend bool operator==(const ProducerEntry& a, const ProducerEntry& b);

 private:
  std::array<BatchMetadata, kBatchesRetained> batches_{};
  std::uint8_t first_ = 0;
  std::uint8_t count_ = 0;
};

// Where an append comes from; replicated and recovered batches are not checked, only replayed.
enum class AppendOrigin : std::uint8_t { kClient, kCoordinator };

struct ProducerRefusal {
  wire::ErrorCode code = wire::ErrorCode::kNone;
  std::string message;
};

// A transaction that ended; `last_offset` is its marker's.
struct CompletedTxn {
  base::ProducerId producer_id{-1};
  base::Offset first_offset{-1};
  base::Offset last_offset{-1};
  bool aborted = false;
  // All transactions below are decided: what the transaction index records with an aborted one.
  base::Offset last_stable_offset{-1};

  friend bool operator==(const CompletedTxn&, const CompletedTxn&) = default;
};

class ProducerState {
 public:
  // Decides about a batch whose offsets are assigned. Nothing: append it. A BatchMetadata: it is a
  // duplicate of that batch, answer with its offsets and timestamp (and wait for them as if it had
  // just been appended). `verified`: the transaction coordinator knows of this transaction.
  [[nodiscard]] std::expected<std::optional<BatchMetadata>, ProducerRefusal> check(
      const record::BatchHeader& header, AppendOrigin origin, bool verified = false) const;

  // Decides about an end-of-transaction marker. `transaction_version` as in WriteTxnMarkers: from 2
  // on the marker's epoch must be above the last one seen.
  [[nodiscard]] std::expected<void, ProducerRefusal> check_marker(
      const record::EndTxnMarker& marker, std::int16_t transaction_version) const;

  // Applies an appended data batch (also one without producer id: it moves end_offset).
  void replay(const record::BatchHeader& header);
  // Applies an appended control batch; `marker` as record::read_end_txn gave it. Says which
  // transaction ended, when it had data.
  std::optional<CompletedTxn> replay_control(const record::BatchHeader& header,
                                             const std::optional<record::EndTxnMarker>& marker);

  // The state is that of the log up to here, exclusive.
  [[nodiscard]] base::Offset end_offset() const { return end_offset_; }
  void set_end_offset(base::Offset offset) { end_offset_ = offset; }

  // Forgets what is below: transactions decided there, and moves end_offset up to it.
  void advance_log_start(base::Offset log_start);
  // Transactions that ended below the high watermark no longer hold back the last stable offset.
  void advance_high_watermark(base::Offset high_watermark);
  // Forgets producers that wrote nothing for `expiration_ms` and have no open transaction.
  void remove_expired(base::Timestamp now, std::int64_t expiration_ms);
  void clear(base::Offset end_offset);

  // First offset of the oldest transaction that is open, or decided above the high watermark: the
  // last stable offset is the smaller of this and the high watermark.
  [[nodiscard]] std::optional<base::Offset> first_unstable_offset() const;
  [[nodiscard]] bool has_open_transactions() const { return !ongoing_.empty(); }
  // Each open transaction's first offset and producer, in offset order.
  [[nodiscard]] const std::map<base::Offset, base::ProducerId>& open_transactions() const
      [[clang::lifetimebound]] {
    return ongoing_;
  }

  // In order of producer id.
  [[nodiscard]] const std::map<base::ProducerId, ProducerEntry>& producers() const
      [[clang::lifetimebound]] {
    return producers_;
  }
  [[nodiscard]] const ProducerEntry* find(base::ProducerId id) const [[clang::lifetimebound]];

  // Takes over the entries of a snapshot that was taken at `end_offset`; those expired at `now` are
  // left out. Replaces what was there.
  void load(const std::vector<ProducerEntry>& entries, base::Offset end_offset, base::Timestamp now,
            std::int64_t expiration_ms);

 private:
  [[nodiscard]] std::expected<void, ProducerRefusal> check_sequence(
      const ProducerEntry* entry, const record::BatchHeader& header) const;
  ProducerEntry& entry_for(base::ProducerId id);
  void evict_idle();

  std::map<base::ProducerId, ProducerEntry> producers_;
  std::map<base::Offset, base::ProducerId> ongoing_;
  // Decided, but their marker is not below the high watermark: first offset to last offset.
  std::map<base::Offset, base::Offset> unreplicated_;
  base::Offset end_offset_{0};
};

}  // namespace moldau::logstate
