#include "logstate/producer_state.h"

#include <limits>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "logstate/producer_snapshot.h"

namespace moldau::logstate {
namespace {

using base::Offset;
using base::ProducerEpoch;
using base::ProducerId;
using base::Sequence;
using base::Timestamp;
using wire::ErrorCode;

constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kExpiration = 1000;

struct Batch {
  std::int64_t producer = 1;
  int epoch = 0;
  std::int32_t sequence = 0;
  std::int32_t count = 1;
  bool transactional = false;
  std::int64_t timestamp = 5000;
};

record::BatchHeader header_of(const Batch& batch, std::int64_t offset) {
  record::BatchHeader header{
      .base_offset = Offset(offset),
      .last_offset_delta = batch.count - 1,
      .max_timestamp = Timestamp(batch.timestamp),
      .producer_id = ProducerId(batch.producer),
      .producer_epoch = ProducerEpoch(static_cast<std::int16_t>(batch.epoch)),
      .base_sequence = Sequence(batch.sequence),
      .record_count = batch.count,
  };
  if (batch.transactional) {
    header.attributes.bits |= record::BatchAttributes::kTransactionalBit;
  }
  return header;
}

// A log of producer batches: appends what check() allows.
class Log {
 public:
  ProducerState state;

  // kNone: appended. kDuplicateSequenceNumber: recognised as sent before.
  ErrorCode append(const Batch& batch, AppendOrigin origin = AppendOrigin::kClient,
                   bool verified = false) {
    const record::BatchHeader header = header_of(batch, next_);
    const auto checked = state.check(header, origin, verified);
    if (!checked) return checked.error().code;
    if (*checked) {
      duplicate = **checked;
      return ErrorCode::kDuplicateSequenceNumber;
    }
    state.replay(header);
    next_ += batch.count;
    return ErrorCode::kNone;
  }

  std::optional<CompletedTxn> end_txn(const Batch& batch, bool committed,
                                      int coordinator_epoch = 0) {
    const record::BatchHeader header = header_of(batch, next_++);
    return state.replay_control(header, marker(batch, committed, coordinator_epoch));
  }

  static record::EndTxnMarker marker(const Batch& batch, bool committed,
                                     int coordinator_epoch = 0) {
    return {.committed = committed,
            .coordinator_epoch = coordinator_epoch,
            .producer_id = ProducerId(batch.producer),
            .producer_epoch = ProducerEpoch(static_cast<std::int16_t>(batch.epoch)),
            .timestamp = Timestamp(batch.timestamp)};
  }

  std::int64_t next_ = 0;
  BatchMetadata duplicate;
};

TEST(ProducerState, SequencesMustFollow) {
  Log log;
  EXPECT_EQ(log.append({.sequence = 0, .count = 3}), ErrorCode::kNone);
  EXPECT_EQ(log.append({.sequence = 3, .count = 2}), ErrorCode::kNone);
  EXPECT_EQ(log.append({.sequence = 6}), ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(log.append({.sequence = 4}), ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(log.append({.sequence = 5}), ErrorCode::kNone);
  EXPECT_EQ(log.state.end_offset(), Offset(6));
}

TEST(ProducerState, AnUnknownProducerMayStartAnywhere) {
  Log log;
  EXPECT_EQ(log.append({.sequence = 77}), ErrorCode::kNone);
  EXPECT_EQ(log.append({.sequence = 78}), ErrorCode::kNone);
}

TEST(ProducerState, BatchesWithoutProducerAreNotChecked) {
  Log log;
  EXPECT_EQ(log.append({.producer = -1, .epoch = -1, .sequence = -1, .count = 5}),
            ErrorCode::kNone);
  EXPECT_TRUE(log.state.producers().empty());
  EXPECT_EQ(log.state.end_offset(), Offset(5));
}

TEST(ProducerState, SequencesWrap) {
  Log log;
  EXPECT_EQ(log.append({.sequence = kMax - 1, .count = 2}), ErrorCode::kNone);
  EXPECT_EQ(log.append({.sequence = 1}), ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(log.append({.sequence = 0, .count = 3}), ErrorCode::kNone);
  EXPECT_EQ(log.append({.sequence = kMax - 1, .count = 2}), ErrorCode::kDuplicateSequenceNumber);
  // A batch across the edge.
  Log across;
  EXPECT_EQ(across.append({.sequence = kMax - 1, .count = 5}), ErrorCode::kNone);
  EXPECT_EQ(across.append({.sequence = kMax - 1, .count = 5}), ErrorCode::kDuplicateSequenceNumber);
  EXPECT_EQ(across.duplicate.first_offset(), Offset(0));
  EXPECT_EQ(across.duplicate.last_offset, Offset(4));
  EXPECT_EQ(across.duplicate.last_sequence, Sequence(2));
  EXPECT_EQ(across.append({.sequence = 3}), ErrorCode::kNone);
}

TEST(ProducerState, TheLastFiveBatchesAreRecognised) {
  Log log;
  for (int i = 0; i < 7; ++i) {
    ASSERT_EQ(log.append({.sequence = i * 10, .count = 10, .timestamp = 5000 + i}),
              ErrorCode::kNone);
  }
  for (int i = 2; i < 7; ++i) {
    ASSERT_EQ(log.append({.sequence = i * 10, .count = 10}), ErrorCode::kDuplicateSequenceNumber);
    EXPECT_EQ(log.duplicate.first_offset(), Offset(i * 10));
    EXPECT_EQ(log.duplicate.last_offset, Offset(i * 10 + 9));
    EXPECT_EQ(log.duplicate.timestamp, Timestamp(5000 + i));
  }
  // Older ones, and parts of one, are out of order.
  EXPECT_EQ(log.append({.sequence = 10, .count = 10}), ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(log.append({.sequence = 60, .count = 9}), ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(log.append({.sequence = 61, .count = 9}), ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(log.append({.sequence = 70}), ErrorCode::kNone);
}

TEST(ProducerState, EpochsFence) {
  Log log;
  ASSERT_EQ(log.append({.epoch = 3, .sequence = 0}), ErrorCode::kNone);
  EXPECT_EQ(log.append({.epoch = 2, .sequence = 1}), ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(log.append({.epoch = 4, .sequence = 1}), ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(log.append({.epoch = 4, .sequence = 0}), ErrorCode::kNone);
  // Batches of the old epoch are no duplicates any more.
  EXPECT_EQ(log.append({.epoch = 3, .sequence = 0}), ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(log.append({.epoch = 4, .sequence = 0}), ErrorCode::kDuplicateSequenceNumber);
  EXPECT_EQ(log.state.find(ProducerId(1))->batch_count(), 1u);
}

TEST(ProducerState, ProducersAreIndependent) {
  Log log;
  ASSERT_EQ(log.append({.producer = 1, .sequence = 0}), ErrorCode::kNone);
  ASSERT_EQ(log.append({.producer = 2, .sequence = 0}), ErrorCode::kNone);
  ASSERT_EQ(log.append({.producer = 1, .sequence = 1}), ErrorCode::kNone);
  EXPECT_EQ(log.append({.producer = 2, .sequence = 0}), ErrorCode::kDuplicateSequenceNumber);
  EXPECT_EQ(log.duplicate.last_offset, Offset(1));
}

TEST(ProducerState, TransactionsNeedVerification) {
  Log log;
  const Batch data{.sequence = 0, .transactional = true};
  EXPECT_EQ(log.append(data), ErrorCode::kInvalidTxnState);
  EXPECT_EQ(log.append(data, AppendOrigin::kCoordinator), ErrorCode::kInvalidTxnState);
  EXPECT_EQ(log.append(data, AppendOrigin::kClient, true), ErrorCode::kNone);
  EXPECT_TRUE(log.state.has_open_transactions());
  // Within the open transaction no more is asked.
  EXPECT_EQ(log.append({.sequence = 1, .transactional = true}), ErrorCode::kNone);
  // A stale epoch is told as such, since the producer can recover from it.
  EXPECT_EQ(
      log.append({.epoch = 1, .sequence = 0, .transactional = true}, AppendOrigin::kClient, true),
      ErrorCode::kNone);
  EXPECT_EQ(log.append({.epoch = 0, .sequence = 2, .transactional = true}),
            ErrorCode::kInvalidProducerEpoch);
}

TEST(ProducerState, NoPlainBatchInsideATransaction) {
  Log log;
  ASSERT_EQ(log.append({.sequence = 0, .transactional = true}, AppendOrigin::kClient, true),
            ErrorCode::kNone);
  EXPECT_EQ(log.append({.sequence = 1}), ErrorCode::kInvalidTxnState);
}

TEST(ProducerState, TransactionsHoldBackTheStableOffset) {
  Log log;
  ASSERT_EQ(log.append({.producer = 9, .sequence = 0, .count = 5}), ErrorCode::kNone);
  EXPECT_EQ(log.state.first_unstable_offset(), std::nullopt);
  const Batch one{.producer = 1, .sequence = 0, .count = 2, .transactional = true};
  const Batch two{.producer = 2, .sequence = 0, .count = 3, .transactional = true};
  ASSERT_EQ(log.append(one, AppendOrigin::kClient, true), ErrorCode::kNone);  // 5, 6
  ASSERT_EQ(log.append(two, AppendOrigin::kClient, true), ErrorCode::kNone);  // 7, 8, 9
  EXPECT_EQ(log.state.first_unstable_offset(), Offset(5));

  EXPECT_EQ(log.end_txn(two, false), (CompletedTxn{.producer_id = ProducerId(2),
                                                   .first_offset = Offset(7),
                                                   .last_offset = Offset(10),
                                                   .aborted = true,
                                                   .last_stable_offset = Offset(5)}));
  EXPECT_EQ(log.end_txn(one, true), (CompletedTxn{.producer_id = ProducerId(1),
                                                  .first_offset = Offset(5),
                                                  .last_offset = Offset(11),
                                                  .aborted = false,
                                                  .last_stable_offset = Offset(12)}));
  EXPECT_FALSE(log.state.has_open_transactions());
  // Decided, but not yet below the high watermark.
  EXPECT_EQ(log.state.first_unstable_offset(), Offset(5));
  log.state.advance_high_watermark(Offset(11));
  EXPECT_EQ(log.state.first_unstable_offset(), Offset(5));
  log.state.advance_high_watermark(Offset(12));
  EXPECT_EQ(log.state.first_unstable_offset(), std::nullopt);
}

TEST(ProducerState, AMarkerWithoutDataCompletesNothing) {
  Log log;
  EXPECT_EQ(log.end_txn({.epoch = 2}, true, 7), std::nullopt);
  EXPECT_EQ(log.state.find(ProducerId(1))->coordinator_epoch, 7);
  EXPECT_EQ(log.state.find(ProducerId(1))->epoch, ProducerEpoch(2));
  EXPECT_EQ(log.state.end_offset(), Offset(1));
  // An empty control batch (compacted away) moves only the end.
  const auto header = header_of({}, log.next_);
  EXPECT_EQ(log.state.replay_control(header, std::nullopt), std::nullopt);
  EXPECT_EQ(log.state.end_offset(), Offset(2));
}

TEST(ProducerState, MarkersAreChecked) {
  Log log;
  const Batch data{.epoch = 5, .sequence = 0, .transactional = true};
  ASSERT_EQ(log.append(data, AppendOrigin::kClient, true), ErrorCode::kNone);
  const auto check = [&](int epoch, int coordinator_epoch, std::int16_t version) {
    const auto checked =
        log.state.check_marker(Log::marker({.epoch = epoch}, true, coordinator_epoch), version);
    return checked ? ErrorCode::kNone : checked.error().code;
  };
  EXPECT_EQ(check(4, 0, 1), ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(check(5, 0, 1), ErrorCode::kNone);
  EXPECT_EQ(check(5, 0, 2), ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(check(6, 0, 2), ErrorCode::kNone);
  log.end_txn({.epoch = 6}, true, 9);
  EXPECT_EQ(check(6, 9, 2), ErrorCode::kNone);  // sent again
  EXPECT_EQ(check(6, 8, 1), ErrorCode::kTransactionCoordinatorFenced);
}

TEST(ProducerState, IdleProducersExpire) {
  Log log;
  ASSERT_EQ(log.append({.producer = 1, .sequence = 0, .timestamp = 100}), ErrorCode::kNone);
  ASSERT_EQ(log.append({.producer = 2, .sequence = 0, .timestamp = 600}), ErrorCode::kNone);
  ASSERT_EQ(log.append({.producer = 3, .sequence = 0, .transactional = true, .timestamp = 0},
                       AppendOrigin::kClient, true),
            ErrorCode::kNone);
  log.state.remove_expired(Timestamp(1099), kExpiration);
  EXPECT_EQ(log.state.producers().size(), 3u);
  log.state.remove_expired(Timestamp(1100), kExpiration);
  EXPECT_EQ(log.state.find(ProducerId(1)), nullptr);
  EXPECT_NE(log.state.find(ProducerId(2)), nullptr);
  EXPECT_NE(log.state.find(ProducerId(3)), nullptr);  // its transaction is open
  EXPECT_EQ(log.append({.producer = 1, .sequence = 55}), ErrorCode::kNone);
}

TEST(ProducerState, TimestampsMayBeAnything) {
  Log log;
  ASSERT_EQ(log.append({.sequence = 0, .timestamp = std::numeric_limits<std::int64_t>::min()}),
            ErrorCode::kNone);
  log.state.remove_expired(Timestamp(1'700'000'000'000), kExpiration);
}

TEST(ProducerState, ClearForgetsAll) {
  Log log;
  ASSERT_EQ(log.append({.sequence = 0, .transactional = true}, AppendOrigin::kClient, true),
            ErrorCode::kNone);
  log.state.clear(Offset(30));
  EXPECT_TRUE(log.state.producers().empty());
  EXPECT_EQ(log.state.first_unstable_offset(), std::nullopt);
  EXPECT_EQ(log.state.end_offset(), Offset(30));
}

// Made by ProducerStateManager.writeSnapshot of Apache Kafka 4.4.0.
constexpr std::string_view kGoldenSnapshot =
    "0001ee40ff210000000300000000000003e8000300000033000000000000041b000000090000018bcfe56864"
    "ffffffffffffffffffffffff00000000000003e90000ffffffffffffffffffffffff000000000000018bcfe5"
    "68c800000007ffffffffffffffff00000000000003ea000100000000000000000000041c000000000000018b"
    "cfe5692c00000002000000000000041c";

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return bytes;
}

TEST(ProducerSnapshot, IsKafkasByteForByte) {
  const auto golden = from_hex(kGoldenSnapshot);
  const auto entries = decode_producer_snapshot(golden);
  ASSERT_TRUE(entries) << entries.error();
  ASSERT_EQ(entries->size(), 3u);
  const ProducerEntry& first = entries->at(0);
  EXPECT_EQ(first.producer_id, ProducerId(1000));
  EXPECT_EQ(first.epoch, ProducerEpoch(3));
  EXPECT_EQ(first.last_sequence(), Sequence(51));
  EXPECT_EQ(first.last_batch()->first_offset(), Offset(1042));
  EXPECT_EQ(first.last_timestamp, Timestamp(1'700'000'000'100));
  EXPECT_EQ(entries->at(1).last_batch(), nullptr);
  EXPECT_EQ(entries->at(1).coordinator_epoch, 7);
  EXPECT_EQ(entries->at(2).current_txn_first_offset, Offset(1052));

  ProducerState state;
  state.load(*entries, Offset(1053), Timestamp(1'700'000'000'400), kProducerIdExpirationMsDefault);
  EXPECT_EQ(state.end_offset(), Offset(1053));
  EXPECT_EQ(state.first_unstable_offset(), Offset(1052));
  EXPECT_EQ(base::to_hex(encode_producer_snapshot(state).span()), kGoldenSnapshot);
}

TEST(ProducerSnapshot, AnEmptyOneIsTenBytes) {
  const auto bytes = encode_producer_snapshot(ProducerState());
  EXPECT_EQ(bytes.size(), 10u);
  EXPECT_EQ(decode_producer_snapshot(bytes.span()), std::vector<ProducerEntry>{});
}

TEST(ProducerSnapshot, EveryChangedByteAndEveryCutIsFound) {
  const auto golden = from_hex(kGoldenSnapshot);
  for (std::size_t i = 0; i < golden.size(); ++i) {
    auto bytes = golden;
    bytes[i] ^= std::byte{0x04};
    EXPECT_FALSE(decode_producer_snapshot(bytes)) << i;
    EXPECT_FALSE(decode_producer_snapshot(base::Bytes(golden).first(i))) << i;
  }
  auto longer = golden;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode_producer_snapshot(longer));
}

TEST(ProducerSnapshot, ExpiredProducersAreLeftOut) {
  const auto entries = decode_producer_snapshot(from_hex(kGoldenSnapshot));
  ASSERT_TRUE(entries);
  ProducerState state;
  state.load(*entries, Offset(1053), Timestamp(1'700'000'001'150), kExpiration);
  EXPECT_EQ(state.find(ProducerId(1000)), nullptr);
  EXPECT_NE(state.find(ProducerId(1001)), nullptr);
  EXPECT_NE(state.find(ProducerId(1002)), nullptr);
}

// After a crash the snapshot and a replay of what follows give the state that was lost.
TEST(ProducerSnapshot, SnapshotAndReplayRestoreTheState) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    base::Rng rng(seed);
    std::vector<record::BatchHeader> headers;
    std::map<std::int64_t, std::int32_t> next_sequence;
    ProducerState whole;
    const std::size_t cut = rng.below(50);
    base::SharedBytes snapshot = encode_producer_snapshot(whole);
    Offset snapshot_end{0};
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < 50; ++i) {
      const auto producer = static_cast<std::int64_t>(rng.below(4));
      const auto count = static_cast<std::int32_t>(rng.between(1, 5));
      const Batch batch{.producer = producer, .sequence = next_sequence[producer], .count = count};
      headers.push_back(header_of(batch, offset));
      whole.replay(headers.back());
      next_sequence[producer] += count;
      offset += count;
      if (i == cut) {
        snapshot = encode_producer_snapshot(whole);
        snapshot_end = whole.end_offset();
      }
    }
    const auto entries = decode_producer_snapshot(snapshot.span());
    ASSERT_TRUE(entries);
    ProducerState restored;
    restored.load(*entries, snapshot_end, Timestamp(5000), kExpiration);
    for (const auto& header : headers) {
      if (header.base_offset >= snapshot_end) restored.replay(header);
    }
    EXPECT_EQ(restored.end_offset(), whole.end_offset()) << "seed " << seed;
    for (const auto& header : headers) {
      const bool newest = header.last_sequence() == whole.find(header.producer_id)->last_sequence();
      if (!newest && header.base_offset < snapshot_end) continue;
      EXPECT_EQ(restored.check(header, AppendOrigin::kClient).value_or(std::nullopt),
                whole.check(header, AppendOrigin::kClient).value_or(std::nullopt))
          << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace moldau::logstate
