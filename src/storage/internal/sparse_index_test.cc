// Index entries against what Kafka's rules give, computed by hand.
#include "storage/internal/sparse_index.h"

#include <gtest/gtest.h>

namespace moldau::storage::internal {
namespace {

using base::Offset;
using base::Timestamp;

// Batches of 100 bytes with 10 records each; interval 250: an entry is due before the batch that
// finds more than 250 bytes behind the last one.
SegmentIndex filled(int batches, const std::vector<std::int64_t>& timestamps = {}) {
  SegmentIndex index(Offset(1000));
  for (int i = 0; i < batches; ++i) {
    const auto at = static_cast<std::size_t>(i);
    index.add({.last_offset = Offset(1000 + 10 * i + 9),
               .max_timestamp = Timestamp(timestamps.empty() ? 500 + i : timestamps[at]),
               .position = 100 * at,
               .size = 100},
              250);
  }
  return index;
}

TEST(SparseIndex, EntriesAreDueAsInKafka) {
  const SegmentIndex index = filled(9);
  EXPECT_EQ(index.offsets(), (std::vector<OffsetEntry>{{39, 300}, {69, 600}}));
  EXPECT_EQ(index.times(), (std::vector<TimeEntry>{{503, 39}, {506, 69}}));
  EXPECT_EQ(index.max_timestamp(), Timestamp(508));
  EXPECT_EQ(index.max_timestamp_offset(), Offset(1089));
}

TEST(SparseIndex, BytesAreBigEndianPairs) {
  SegmentIndex index = filled(9);
  index.finish();
  EXPECT_EQ(base::to_hex(encode_offset_entries(index.offsets()).span()),
            "000000270000012c"
            "0000004500000258");
  EXPECT_EQ(base::to_hex(encode_time_entries(index.times()).span()),
            "00000000000001f700000027"
            "00000000000001fa00000045"
            "00000000000001fc00000059");
}

TEST(SparseIndex, TimesNeverGoBack) {
  // The largest so far is what an entry holds, with the offset of the batch that had it.
  SegmentIndex index = filled(9, {900, 100, 100, 100, 100, 950, 100, 100, 100});
  EXPECT_EQ(index.times(), (std::vector<TimeEntry>{{900, 9}, {950, 59}}));
  index.finish();
  EXPECT_EQ(index.times().size(), 2U) << "nothing newer to add";
}

TEST(SparseIndex, FindsWhereToLook) {
  const SegmentIndex index = filled(9);
  EXPECT_EQ(index.position_for(Offset(1000)), 0U);
  EXPECT_EQ(index.position_for(Offset(1038)), 0U);
  EXPECT_EQ(index.position_for(Offset(1039)), 300U);
  EXPECT_EQ(index.position_for(Offset(5000)), 600U);
}

TEST(SparseIndex, TruncationKeepsWhatIsBelow) {
  SegmentIndex index = filled(9);
  index.truncate_to(Offset(1069));
  EXPECT_EQ(index.offsets(), (std::vector<OffsetEntry>{{39, 300}}));
  EXPECT_EQ(index.times(), (std::vector<TimeEntry>{{503, 39}}));
  EXPECT_EQ(index.max_timestamp(), Timestamp(503));
}

TEST(SparseIndex, DropsOldEntriesAndSaysSo) {
  SegmentIndex index = filled(30);
  const std::size_t count = index.offset_count();
  index.drop_oldest(2);
  EXPECT_EQ(index.offsets().size(), 2U);
  EXPECT_EQ(index.offset_count(), count);
  EXPECT_FALSE(index.position_for(Offset(1039)).has_value());
  EXPECT_TRUE(index.position_for(Offset(1299)).has_value());
}

TEST(SparseIndex, IsFullOneTimeEntryEarly) {
  SegmentIndex index = filled(9);  // two entries of each
  EXPECT_FALSE(index.full(100));
  EXPECT_TRUE(index.full(36)) << "three time entries: the last slot is for the end";
  EXPECT_TRUE(index.full(16));
  EXPECT_TRUE(index.offset_fits(Offset(1000L + INT32_MAX)));
  EXPECT_FALSE(index.offset_fits(Offset(1001L + INT32_MAX)));
  EXPECT_FALSE(index.offset_fits(Offset(999)));
}

TEST(SparseIndex, FilesAreReadWithSuspicion) {
  const SegmentIndex index = filled(9);
  const auto offsets = encode_offset_entries(index.offsets());
  const auto times = encode_time_entries(index.times());
  EXPECT_EQ(*decode_offset_entries(offsets.span(), 900), index.offsets());
  EXPECT_EQ(*decode_time_entries(times.span()), index.times());
  EXPECT_EQ(decode_offset_entries(offsets.span().first(15), 900)->size(), 1U);
  EXPECT_FALSE(decode_offset_entries(offsets.span(), 600).has_value()) << "behind the log's end";
  const std::vector<std::byte> zeros(24);
  EXPECT_FALSE(decode_offset_entries(zeros, 900).has_value());
  EXPECT_FALSE(decode_time_entries(zeros).has_value());
}

}  // namespace
}  // namespace moldau::storage::internal
