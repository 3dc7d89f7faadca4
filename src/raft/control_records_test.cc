#include "raft/control_records.h"

#include <gtest/gtest.h>

#include "raft/quorum_config.h"
#include "record/builder.h"
#include "record/compression.h"
#include "record/control.h"

namespace moldau::raft {
namespace {

BatchPlace place(std::int64_t offset, std::int32_t epoch) {
  return {.base_offset = base::Offset(offset),
          .epoch = base::LeaderEpoch(epoch),
          .time = base::Timestamp(1'700'000'000'000)};
}
ScanLimits limits(std::int64_t offset, std::int32_t epoch_min, std::int32_t epoch_max) {
  return {.next_offset = base::Offset(offset),
          .epoch_min = base::LeaderEpoch(epoch_min),
          .epoch_max = base::LeaderEpoch(epoch_max)};
}

base::ByteChain data(std::int64_t offset, std::int32_t epoch, const std::string& text) {
  const auto bytes = base::SharedBytes::copy_of(text);
  return data_batch(std::span(&bytes, 1), place(offset, epoch))->bytes;
}

VoterSet one_voter() {
  VoterSet voters;
  voters.put({.key = {.id = base::BrokerId(1),
                      .directory = base::DirectoryId(base::Uuid{.msb = 7, .lsb = 8})},
              .endpoints = {{"CONTROLLER", {"localhost", 9093}}, {"SSL", {"::1", 9094}}},
              .supported = kSupportedKRaftVersions});
  return voters;
}

TEST(EpochStartBatch, HoldsTheLeaderChangeAlone) {
  const auto batch = epoch_start_batch({.leader = base::BrokerId(1),
                                        .voters = {base::BrokerId(1), base::BrokerId(2)},
                                        .granted_by = {base::BrokerId(1)},
                                        .kraft_version = std::nullopt,
                                        .voter_set = std::nullopt},
                                       place(5, 3));
  const auto scan = scan_batches(batch.bytes.flatten(), limits(5, 0, 3));
  ASSERT_EQ(scan.problem, "");
  ASSERT_EQ(scan.batches.size(), 1U);
  EXPECT_TRUE(scan.batches[0].control);
  EXPECT_EQ(scan.batches[0].base_offset, base::Offset(5));
  EXPECT_EQ(scan.batches[0].last_offset, base::Offset(5));
  EXPECT_EQ(scan.batches[0].epoch, base::LeaderEpoch(3));
  EXPECT_TRUE(scan.batches[0].voters.empty());
  // Key 0, 2; 24 bytes of value: version 0, leader 1, voters [1, 2], granted by [1], all tags
  // empty; no headers.
  const std::string hex = base::to_hex(batch.bytes.flatten().span());
  EXPECT_NE(hex.find("000000023000000000000103000000010000000002000200000001000000"),
            std::string::npos)
      << hex;
}

TEST(EpochStartBatch, CarriesVersionAndVotersInTheSameBatch) {
  const auto batch = epoch_start_batch({.leader = base::BrokerId(1),
                                        .voters = {base::BrokerId(1)},
                                        .granted_by = {base::BrokerId(1)},
                                        .kraft_version = kKRaftVersion1,
                                        .voter_set = one_voter()},
                                       place(0, 1));
  const auto scan = scan_batches(batch.bytes.flatten(), limits(0, 0, 1));
  ASSERT_EQ(scan.problem, "");
  ASSERT_EQ(scan.batches.size(), 1U);
  const BatchSummary& summary = scan.batches[0];
  EXPECT_EQ(summary.last_offset, base::Offset(2));
  ASSERT_EQ(summary.kraft_versions.size(), 1U);
  EXPECT_EQ(summary.kraft_versions[0].offset, base::Offset(1));
  EXPECT_EQ(summary.kraft_versions[0].version, kKRaftVersion1);
  ASSERT_EQ(summary.voters.size(), 1U);
  EXPECT_EQ(summary.voters[0].offset, base::Offset(2));
  EXPECT_EQ(summary.voters[0].voters, one_voter());
  // What the core takes for its own append is what a reader finds.
  EXPECT_EQ(batch.summary.voters[0].offset, summary.voters[0].offset);
  EXPECT_EQ(batch.summary.kraft_versions[0].offset, summary.kraft_versions[0].offset);
  EXPECT_EQ(batch.summary.last_offset, summary.last_offset);
}

TEST(DataBatch, RefusesWhatNoBatchCanHold) {
  const auto large = base::SharedBytes::copy_of(std::string(kRaftBatchBytesMax, 'x'));
  EXPECT_EQ(data_batch(std::span(&large, 1), place(0, 1)), std::nullopt);
  EXPECT_EQ(data_batch({}, place(0, 1)), std::nullopt);
}

TEST(ScanBatches, TakesBatchesThatContinueTheLog) {
  base::ByteChain bytes = data(7, 1, "a");
  bytes.append(data(8, 1, "b"));
  bytes.append(data(9, 2, "c"));
  const auto scan = scan_batches(bytes.flatten(), limits(7, 1, 2));
  EXPECT_EQ(scan.problem, "");
  EXPECT_EQ(scan.batches.size(), 3U);
  EXPECT_EQ(scan.bytes.size(), bytes.size());
}

TEST(ScanBatches, ABatchThatIsCutOffIsNoProblem) {
  base::ByteChain bytes = data(0, 1, "a");
  const std::size_t whole = bytes.size();
  bytes.append(data(1, 1, "b"));
  const auto flat = bytes.flatten();
  for (std::size_t size = whole; size < flat.size(); ++size) {
    const auto scan = scan_batches(flat.slice(0, size), limits(0, 0, 1));
    EXPECT_EQ(scan.problem, "") << size;
    EXPECT_EQ(scan.batches.size(), 1U);
    EXPECT_EQ(scan.bytes.size(), whole);
  }
}

TEST(ScanBatches, ALaterEpochEndsTheScan) {
  base::ByteChain bytes = data(0, 1, "a");
  bytes.append(data(1, 5, "b"));
  const auto scan = scan_batches(bytes.flatten(), limits(0, 0, 4));
  EXPECT_EQ(scan.problem, "");
  EXPECT_EQ(scan.batches.size(), 1U);
}

TEST(ScanBatches, RefusesGapsRepeatsAndFallingEpochs) {
  EXPECT_NE(scan_batches(data(3, 1, "a").flatten(), limits(2, 0, 1)).problem, "");
  EXPECT_NE(scan_batches(data(1, 1, "a").flatten(), limits(2, 0, 1)).problem, "");
  EXPECT_NE(scan_batches(data(2, 1, "a").flatten(), limits(2, 2, 3)).problem, "");
  base::ByteChain bytes = data(2, 3, "a");
  bytes.append(data(3, 2, "b"));
  const auto scan = scan_batches(bytes.flatten(), limits(2, 0, 3));
  EXPECT_NE(scan.problem, "");
  EXPECT_EQ(scan.batches.size(), 1U);  // what is before may be taken
}

TEST(ScanBatches, NoFlippedBitGetsThrough) {
  base::ByteChain bytes = data(0, 1, "some value");
  const std::string good(bytes.flatten().text());
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      const auto scan = scan_batches(base::SharedBytes::copy_of(bad), limits(0, 1, 1));
      // The epoch is not under the checksum: it is refused as an epoch, or ends the scan.
      EXPECT_TRUE(scan.batches.empty()) << "byte " << at << " bit " << bit;
    }
  }
}

base::SharedBytes control_batch_of(record::ControlType type, const std::string& value) {
  record::BatchBuilder builder(
      {.base_offset = base::Offset(0), .leader_epoch = base::LeaderEpoch(1), .control = true});
  const auto key = record::control_key(type);
  EXPECT_TRUE(builder.add({.timestamp = base::Timestamp(1),
                           .key = base::Bytes(key),
                           .value = base::as_bytes(value),
                           .headers = {}}));
  record::CodecContexts contexts;
  return builder.finish(contexts)->flatten();
}

TEST(ScanBatches, RefusesControlRecordsThatNoReplicaCouldRead) {
  using enum record::ControlType;
  EXPECT_NE(scan_batches(control_batch_of(kCommit, std::string(6, '\0')), limits(0, 0, 1)).problem,
            "");
  EXPECT_NE(scan_batches(control_batch_of(kKraftVersion, ""), limits(0, 0, 1)).problem, "");
  EXPECT_NE(
      scan_batches(control_batch_of(kKraftVersion, std::string("\0\7\0\1\0", 5)), limits(0, 0, 1))
          .problem,
      "");
  EXPECT_EQ(
      scan_batches(control_batch_of(kKraftVersion, std::string("\0\0\0\1\0", 5)), limits(0, 0, 1))
          .problem,
      "");
  // Bytes after the message.
  EXPECT_NE(
      scan_batches(control_batch_of(kKraftVersion, std::string("\0\0\0\1\0\0", 6)), limits(0, 0, 1))
          .problem,
      "");
  EXPECT_NE(
      scan_batches(control_batch_of(static_cast<record::ControlType>(9), "x"), limits(0, 0, 1))
          .problem,
      "");
}

TEST(DataValues, RefusesKeysHeadersAndEmptyValues) {
  const auto values_of = [](const record::NewRecord& record) {
    record::BatchBuilder builder({.leader_epoch = base::LeaderEpoch(1)});
    EXPECT_TRUE(builder.add(record).has_value());
    record::CodecContexts contexts;
    return data_values(*record::BatchView::parse(builder.finish(contexts)->flatten()));
  };
  const auto value = base::as_bytes("v");
  const record::NewHeader header{.key = "k", .value = value};
  EXPECT_TRUE(values_of({.timestamp = base::Timestamp(1), .key = {}, .value = value}).has_value());
  EXPECT_FALSE(values_of({.timestamp = base::Timestamp(1), .key = value, .value = value}));
  EXPECT_FALSE(values_of({.timestamp = base::Timestamp(1), .key = {}, .value = {}}));
  EXPECT_FALSE(values_of({.timestamp = base::Timestamp(1), .key = {}, .value = base::Bytes{}}));
  EXPECT_FALSE(values_of({.timestamp = base::Timestamp(1),
                          .key = {},
                          .value = value,
                          .headers = std::span(&header, 1)}));
}

}  // namespace
}  // namespace moldau::raft
