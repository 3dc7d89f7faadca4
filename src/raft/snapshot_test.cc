#include "raft/snapshot.h"

#include <gtest/gtest.h>

#include "raft/control_records.h"
#include "raft/quorum_config.h"
#include "record/batch.h"

namespace moldau::raft {
namespace {

VoterNode self() {
  return {.key = {.id = base::BrokerId(1),
                  .directory = base::DirectoryId(base::Uuid{.msb = 7, .lsb = 8})},
          .endpoints = {{"CONTROLLER", {"localhost", 9093}}},
          .supported = kSupportedKRaftVersions};
}

std::vector<base::SharedBytes> values(const std::vector<std::string>& texts) {
  std::vector<base::SharedBytes> list;
  for (const auto& text : texts) list.push_back(base::SharedBytes::copy_of(text));
  return list;
}

// All record values, or the error in brackets.
std::vector<std::string> read_all(const base::SharedBytes& bytes, SnapshotReader& reader) {
  std::vector<std::string> texts;
  static_cast<void>(bytes);
  while (true) {
    const auto batch = reader.next();
    if (!batch) return {"[" + batch.error() + "]"};
    if (!batch->has_value()) return texts;
    for (const auto& each : (*batch)->values) texts.emplace_back(each.text());
  }
}

SnapshotDescription description() {
  VoterSet voters;
  voters.put(self());
  return {.id = {.offset = base::Offset(90), .epoch = base::LeaderEpoch(4)},
          .last_contained_log_time = base::Timestamp(1234),
          .written_at = base::Timestamp(5678),
          .kraft_version = kKRaftVersion1,
          .voters = voters};
}

TEST(Snapshot, ComesBackAsItWasWritten) {
  const auto bytes = snapshot_bytes(description(), values({"a", "b", "c"}));
  SnapshotReader reader(bytes);
  EXPECT_EQ(read_all(bytes, reader), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(reader.last_contained_log_time(), base::Timestamp(1234));
  EXPECT_EQ(reader.control().kraft_version, kKRaftVersion1);
  ASSERT_TRUE(reader.control().voters.has_value());
  EXPECT_EQ(*reader.control().voters->find(base::BrokerId(1)), self());
}

TEST(Snapshot, IsBatchesFromOffsetZeroInItsEpoch) {
  const auto bytes = snapshot_bytes(description(), values({"a", "b"}));
  record::BatchIterator batches(bytes);
  std::vector<std::pair<std::int64_t, bool>> seen;
  while (true) {
    const auto next = batches.next();
    ASSERT_TRUE(next.has_value());
    if (!next->has_value()) break;
    const auto& header = (*next)->header();
    seen.emplace_back(header.base_offset.value(), header.attributes.control());
    EXPECT_EQ(header.partition_leader_epoch, base::LeaderEpoch(4));
    EXPECT_EQ(header.base_timestamp, base::Timestamp(5678));
  }
  const std::vector<std::pair<std::int64_t, bool>> expected{{0, true}, {3, false}, {5, true}};
  EXPECT_EQ(seen, expected);
}

TEST(Snapshot, LargeContentTakesSeveralBatches) {
  std::vector<std::string> texts;
  for (int i = 0; i < 5; ++i)
    texts.emplace_back(kSnapshotBatchBytes / 2, static_cast<char>('a' + i));
  const auto bytes = snapshot_bytes(description(), values(texts));
  SnapshotReader reader(bytes);
  std::size_t batches = 0;
  std::vector<std::string> read;
  while (true) {
    const auto batch = reader.next();
    ASSERT_TRUE(batch.has_value()) << batch.error();
    if (!batch->has_value()) break;
    ++batches;
    for (const auto& each : (*batch)->values) read.emplace_back(each.text());
  }
  EXPECT_EQ(batches, 3U);
  EXPECT_EQ(read, texts);
}

TEST(Snapshot, AValueThatNoBatchCanHoldIsAnError) {
  SnapshotBuilder builder(description());
  static_cast<void>(builder.begin());
  EXPECT_FALSE(builder.add(values({std::string(kRaftBatchBytesMax, 'x')})).has_value());
}

TEST(Snapshot, CutAnywhereItIsNotWhole) {
  const auto bytes = snapshot_bytes(description(), values({"a", "b"}));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    SnapshotReader reader(bytes.slice(0, size));
    const auto read = read_all(bytes, reader);
    ASSERT_EQ(read.size(), 1U) << size;
    EXPECT_EQ(read[0][0], '[') << size;
  }
}

TEST(Snapshot, NoFlippedBitGoesUnnoticed) {
  const auto bytes = snapshot_bytes(description(), values({"a", "b"}));
  const std::string good(bytes.text());
  std::size_t unnoticed = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    SnapshotReader reader(base::SharedBytes::copy_of(bad));
    const auto read = read_all(bytes, reader);
    if (read.size() == 1 && read[0][0] == '[') continue;
    // Base offset and leader epoch are outside of the checksum, and say nothing in a snapshot.
    EXPECT_EQ(read, (std::vector<std::string>{"a", "b"})) << at;
    ++unnoticed;
  }
  EXPECT_EQ(unnoticed, 3U * (8 + 4));
}

TEST(Snapshot, BytesAfterTheFooterAreAnError) {
  const auto whole = snapshot_bytes(description(), {});
  base::ByteChain twice(whole);
  twice.append(whole);
  SnapshotReader reader(twice.flatten());
  EXPECT_EQ(read_all(whole, reader).at(0)[0], '[');
}

TEST(StandaloneSnapshot, NamesItsOneVoter) {
  const auto bytes = standalone_snapshot(self(), base::Timestamp(1));
  const auto head = read_snapshot_head(bytes);
  ASSERT_TRUE(head.has_value()) << head.error();
  EXPECT_EQ(head->control.kraft_version, kKRaftVersion1);
  EXPECT_TRUE(head->control.voters->is_only_voter(self().key));
  // Regression: was 0, which is Kafka's value for bootstrap.checkpoint only.
  EXPECT_EQ(head->last_contained_log_time, base::Timestamp(1));
}

TEST(BootstrapCheckpoint, HoldsRecordsAndNoVoters) {
  const auto bytes = bootstrap_checkpoint(values({"record"}), base::Timestamp(1));
  SnapshotReader reader(bytes);
  EXPECT_EQ(read_all(bytes, reader), std::vector<std::string>{"record"});
  EXPECT_EQ(reader.control().kraft_version, kKRaftVersion0);
  EXPECT_FALSE(reader.control().voters.has_value());
}

TEST(SnapshotHead, NeedsAHeader) {
  const auto value = base::SharedBytes::copy_of("x");
  const auto batch = data_batch(
      std::span(&value, 1),
      {.base_offset = base::Offset(0), .epoch = base::LeaderEpoch(1), .time = base::Timestamp(1)});
  EXPECT_FALSE(read_snapshot_head(batch->bytes.flatten()).has_value());
  EXPECT_FALSE(read_snapshot_head({}).has_value());
}

}  // namespace
}  // namespace moldau::raft
