#include "logstate/producer_state.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"

namespace moldau::logstate {
namespace {

using wire::ErrorCode;

constexpr std::int32_t kSequenceMax = std::numeric_limits<std::int32_t>::max();
// What is evicted at once when the table is full: so rarely that finding the oldest may take a
// scan.
constexpr std::size_t kEvictedShare = 16;

std::unexpected<ProducerRefusal> refuse(ErrorCode code, std::string message) {
  return std::unexpected(ProducerRefusal{.code = code, .message = std::move(message)});
}

template <class Id>
std::string text(Id id) {
  return std::to_string(id.value());
}

bool in_sequence(base::Sequence last, base::Sequence next) {
  if (last.value() == kSequenceMax) return next == base::Sequence(0);
  return next.value() == last.value() + 1;
}

bool is_expired(const ProducerEntry& entry, base::Timestamp now, std::int64_t expiration_ms) {
  // Timestamps are the producer's own and may be anything: the difference wraps.
  const auto idle =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(now.value()) -
                                static_cast<std::uint64_t>(entry.last_timestamp.value()));
  return !entry.current_txn_first_offset && idle >= expiration_ms;
}

}  // namespace

base::Sequence BatchMetadata::first_sequence() const {
  return base::Sequence(
      static_cast<std::int32_t>((static_cast<std::uint32_t>(last_sequence.value()) -
                                 static_cast<std::uint32_t>(offset_delta)) &
                                0x7FFFFFFFU));
}

const BatchMetadata& ProducerEntry::batch(std::size_t index) const {
  ASSERT(index < count_);
  return batches_[(first_ + index) % kBatchesRetained];
}

void ProducerEntry::set_epoch(base::ProducerEpoch new_epoch) {
  if (epoch == new_epoch) return;
  epoch = new_epoch;
  first_ = 0;
  count_ = 0;
}

void ProducerEntry::add_batch(base::ProducerEpoch new_epoch, const BatchMetadata& batch) {
  set_epoch(new_epoch);
  if (count_ == kBatchesRetained) {
    first_ = static_cast<std::uint8_t>((first_ + 1) % kBatchesRetained);
    --count_;
  }
  batches_[(first_ + count_) % kBatchesRetained] = batch;
  ++count_;
  last_timestamp = batch.timestamp;
}

bool operator==(const ProducerEntry& a, const ProducerEntry& b) {
  if (a.producer_id != b.producer_id || a.epoch != b.epoch ||
      a.coordinator_epoch != b.coordinator_epoch || a.last_timestamp != b.last_timestamp ||
      a.current_txn_first_offset != b.current_txn_first_offset || a.count_ != b.count_) {
    return false;
  }
  for (std::size_t i = 0; i < a.count_; ++i) {
    if (a.batch(i) != b.batch(i)) return false;
  }
  return true;
}

const ProducerEntry* ProducerState::find(base::ProducerId id) const {
  const auto found = producers_.find(id);
  return found == producers_.end() ? nullptr : &found->second;
}

namespace {

const BatchMetadata* find_duplicate(const ProducerEntry& entry, const record::BatchHeader& header) {
  if (entry.epoch != header.producer_epoch) return nullptr;
  for (std::size_t i = 0; i < entry.batch_count(); ++i) {
    const BatchMetadata& batch = entry.batch(i);
    if (batch.first_sequence() == header.base_sequence &&
        batch.last_sequence == header.last_sequence()) {
      return &batch;
    }
  }
  return nullptr;
}

std::expected<void, ProducerRefusal> check_epoch(const ProducerEntry* entry,
                                                 base::ProducerId producer,
                                                 base::ProducerEpoch epoch) {
  if (entry == nullptr || epoch >= entry->epoch) return {};
  return refuse(ErrorCode::kInvalidProducerEpoch,
                "epoch " + text(epoch) + " of producer " + text(producer) +
                    " is below the last one seen, " + text(entry->epoch));
}

}  // namespace

std::expected<void, ProducerRefusal> ProducerState::check_sequence(
    const ProducerEntry* entry, const record::BatchHeader& header) const {
  // Of a producer that is not known (any more) every sequence is taken: its records may have been
  // deleted, or it has been idle for long.
  if (entry == nullptr || entry->epoch == base::kNoProducerEpoch) return {};
  if (header.producer_epoch != entry->epoch) {
    if (header.base_sequence == base::Sequence(0)) return {};
    return refuse(ErrorCode::kOutOfOrderSequenceNumber,
                  "sequence " + text(header.base_sequence) + " of producer " +
                      text(header.producer_id) + " is not 0, although its epoch " +
                      text(header.producer_epoch) + " is new here (last seen " +
                      text(entry->epoch) + ")");
  }
  if (in_sequence(entry->last_sequence(), header.base_sequence)) return {};
  return refuse(ErrorCode::kOutOfOrderSequenceNumber,
                "sequence " + text(header.base_sequence) + " of producer " +
                    text(header.producer_id) + " does not follow the last one, " +
                    text(entry->last_sequence()));
}

std::expected<std::optional<BatchMetadata>, ProducerRefusal> ProducerState::check(
    const record::BatchHeader& header, AppendOrigin origin, bool verified) const {
  if (!header.has_producer_id()) return std::nullopt;
  const ProducerEntry* entry = find(header.producer_id);
  if (origin == AppendOrigin::kClient && entry != nullptr) {
    if (const BatchMetadata* duplicate = find_duplicate(*entry, header)) return *duplicate;
  }
  if (auto checked = check_epoch(entry, header.producer_id, header.producer_epoch); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  const bool transactional = header.attributes.transactional();
  const bool open = entry != nullptr && entry->current_txn_first_offset.has_value();
  const bool ongoing = open && entry->epoch == header.producer_epoch;
  if (transactional && !ongoing && !verified) {
    return refuse(ErrorCode::kInvalidTxnState, "producer " + text(header.producer_id) +
                                                   " has no open transaction on this partition");
  }
  if (origin == AppendOrigin::kClient) {
    if (auto checked = check_sequence(entry, header); !checked) {
      return std::unexpected(std::move(checked).error());
    }
  }
  if (open && !transactional) {
    return refuse(ErrorCode::kInvalidTxnState,
                  "producer " + text(header.producer_id) +
                      " writes outside of the transaction that it has open on this partition");
  }
  return std::nullopt;
}

std::expected<void, ProducerRefusal> ProducerState::check_marker(
    const record::EndTxnMarker& marker, std::int16_t transaction_version) const {
  constexpr std::int16_t kEpochBumpVersion = 2;
  const ProducerEntry* entry = find(marker.producer_id);
  if (entry == nullptr) return {};
  if (auto checked = check_epoch(entry, marker.producer_id, marker.producer_epoch); !checked) {
    return checked;
  }
  // From version 2 on each transaction ends with a new epoch. The same one again is a repeated
  // marker, which is harmless once the transaction is closed (KIP-1228, KAFKA-19999).
  const bool repeated = !entry->current_txn_first_offset ||
                        marker.producer_epoch.value() == std::numeric_limits<std::int16_t>::max();
  if (transaction_version >= kEpochBumpVersion && marker.producer_epoch == entry->epoch &&
      !repeated) {
    return refuse(ErrorCode::kInvalidProducerEpoch,
                  "the end of a transaction of producer " + text(marker.producer_id) +
                      " does not raise its epoch " + text(entry->epoch));
  }
  if (marker.coordinator_epoch < entry->coordinator_epoch) {
    return refuse(ErrorCode::kTransactionCoordinatorFenced,
                  "coordinator epoch " + std::to_string(marker.coordinator_epoch) +
                      " is below the last one seen for producer " + text(marker.producer_id) +
                      ", " + std::to_string(entry->coordinator_epoch));
  }
  return {};
}

void ProducerState::evict_idle() {
  std::vector<std::pair<base::Timestamp, base::ProducerId>> idle;
  idle.reserve(producers_.size());
  for (const auto& [id, entry] : producers_) {
    if (!entry.current_txn_first_offset) idle.emplace_back(entry.last_timestamp, id);
  }
  const std::size_t count = std::min(idle.size(), kProducersMax / kEvictedShare);
  const auto end = idle.begin() + static_cast<std::ptrdiff_t>(count);
  std::ranges::nth_element(idle, end);
  for (auto it = idle.begin(); it != end; ++it) producers_.erase(it->second);
}

ProducerEntry& ProducerState::entry_for(base::ProducerId id) {
  const auto found = producers_.find(id);
  if (found != producers_.end()) return found->second;
  if (producers_.size() >= kProducersMax) evict_idle();
  ProducerEntry& entry = producers_[id];
  entry.producer_id = id;
  return entry;
}

void ProducerState::replay(const record::BatchHeader& header) {
  end_offset_ = header.next_offset();
  if (!header.has_producer_id()) return;
  ProducerEntry& entry = entry_for(header.producer_id);
  entry.add_batch(header.producer_epoch, {.last_sequence = header.last_sequence(),
                                          .last_offset = header.last_offset(),
                                          .offset_delta = header.last_offset_delta,
                                          .timestamp = header.max_timestamp});
  if (header.attributes.transactional() && !entry.current_txn_first_offset) {
    entry.current_txn_first_offset = header.base_offset;
    ongoing_.emplace(header.base_offset, header.producer_id);
  }
}

std::optional<CompletedTxn> ProducerState::replay_control(
    const record::BatchHeader& header, const std::optional<record::EndTxnMarker>& marker) {
  end_offset_ = header.next_offset();
  if (!marker || !header.has_producer_id()) return std::nullopt;
  ProducerEntry& entry = entry_for(header.producer_id);
  const std::optional<base::Offset> first = entry.current_txn_first_offset;
  entry.set_epoch(marker->producer_epoch);
  entry.coordinator_epoch = marker->coordinator_epoch;
  entry.last_timestamp = marker->timestamp;
  entry.current_txn_first_offset.reset();
  if (!first) return std::nullopt;

  ongoing_.erase(*first);
  const base::Offset last = header.base_offset;
  unreplicated_.emplace(*first, last);
  return CompletedTxn{
      .producer_id = header.producer_id,
      .first_offset = *first,
      .last_offset = last,
      .aborted = !marker->committed,
      .last_stable_offset = ongoing_.empty() ? last + 1 : ongoing_.begin()->first,
  };
}

void ProducerState::advance_high_watermark(base::Offset high_watermark) {
  std::erase_if(unreplicated_, [&](const auto& txn) { return txn.second < high_watermark; });
}

void ProducerState::advance_log_start(base::Offset log_start) {
  advance_high_watermark(log_start);
  end_offset_ = std::max(end_offset_, log_start);
}

void ProducerState::remove_expired(base::Timestamp now, std::int64_t expiration_ms) {
  std::erase_if(producers_,
                [&](const auto& item) { return is_expired(item.second, now, expiration_ms); });
}

void ProducerState::clear(base::Offset end_offset) {
  producers_.clear();
  ongoing_.clear();
  unreplicated_.clear();
  end_offset_ = end_offset;
}

std::optional<base::Offset> ProducerState::first_unstable_offset() const {
  if (ongoing_.empty() && unreplicated_.empty()) return std::nullopt;
  if (ongoing_.empty()) return unreplicated_.begin()->first;
  if (unreplicated_.empty()) return ongoing_.begin()->first;
  return std::min(ongoing_.begin()->first, unreplicated_.begin()->first);
}

void ProducerState::load(const std::vector<ProducerEntry>& entries, base::Offset end_offset,
                         base::Timestamp now, std::int64_t expiration_ms) {
  clear(end_offset);
  for (const ProducerEntry& entry : entries) {
    if (is_expired(entry, now, expiration_ms)) continue;
    if (entry.current_txn_first_offset) {
      ongoing_.emplace(*entry.current_txn_first_offset, entry.producer_id);
    }
    entry_for(entry.producer_id) = entry;
  }
}

}  // namespace moldau::logstate
