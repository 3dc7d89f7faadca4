#include "wire/reader.h"

#include <initializer_list>

#include <gtest/gtest.h>

namespace moldau::wire {
namespace {

base::SharedBytes bytes_of(std::initializer_list<int> values) {
  base::ByteBuffer buffer;
  for (const int value : values) buffer.extend(1)[0] = static_cast<std::byte>(value);
  return buffer.freeze();
}

TEST(ReaderTest, ReadsNumbersBigEndian) {
  Reader in(bytes_of({1, 0xff, 0xfe, 0x12, 0x34, 0x56, 0x78, 0x80, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_TRUE(in.boolean());
  EXPECT_EQ(in.i16(), -2);
  EXPECT_EQ(in.i32(), 0x12345678);
  EXPECT_EQ(in.i64(), std::numeric_limits<std::int64_t>::min() + 1);
  EXPECT_TRUE(in.done().has_value());
}

TEST(ReaderTest, ErrorLatchesAndLaterReadsYieldZero) {
  Reader in(bytes_of({0x12, 0x34, 0x56}));
  EXPECT_EQ(in.i16(), 0x1234);
  EXPECT_EQ(in.i32(), 0);
  EXPECT_EQ(in.error_position(), 2U);
  EXPECT_EQ(in.i8(), 0);
  EXPECT_EQ(in.uvarint(), 0U);
  EXPECT_FALSE(in.string(true, false).has_value());
  in.fail(WireError::kBadTag);
  EXPECT_EQ(in.status().error(), WireError::kTruncated);
  EXPECT_EQ(in.done().error(), WireError::kTruncated);
}

TEST(ReaderTest, BytesThatAreLeftAreAnErrorOnlyForDone) {
  Reader in(bytes_of({0, 1, 2}));
  EXPECT_EQ(in.i16(), 1);
  EXPECT_TRUE(in.status().has_value());
  EXPECT_EQ(in.done().error(), WireError::kTrailingBytes);
}

TEST(ReaderTest, Varints) {
  Reader in(bytes_of({0x7f, 0x80, 0x01, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x01, 0x02}));
  EXPECT_EQ(in.uvarint(), 127U);
  EXPECT_EQ(in.uvarint(), 128U);
  EXPECT_EQ(in.uvarint(), 0xffffffffU);
  EXPECT_EQ(in.varint(), -1);
  EXPECT_EQ(in.varlong(), 1);
  EXPECT_TRUE(in.done().has_value());
}

TEST(ReaderTest, VarintThatEndsEarlyOrIsTooLong) {
  Reader cut(bytes_of({0x80, 0x80}));
  EXPECT_EQ(cut.uvarint(), 0U);
  EXPECT_EQ(cut.status().error(), WireError::kTruncated);
  Reader over(bytes_of({0xff, 0xff, 0xff, 0xff, 0xff, 0x01}));
  EXPECT_EQ(over.uvarint(), 0U);
  EXPECT_EQ(over.status().error(), WireError::kBadVarint);
}

TEST(ReaderTest, StringsInBothForms) {
  Reader in(bytes_of({0, 2, 'h', 'i', 3, 'y', 'o', 0xff, 0xff, 0}));
  EXPECT_EQ(in.string(false, false), "hi");
  EXPECT_EQ(in.string(true, false), "yo");
  EXPECT_EQ(in.string(false, true), std::nullopt);
  EXPECT_EQ(in.string(true, true), std::nullopt);
  EXPECT_TRUE(in.done().has_value());
}

TEST(ReaderTest, NullWhereItIsNotAllowed) {
  Reader in(bytes_of({0}));
  EXPECT_EQ(in.string(true, false), std::nullopt);
  EXPECT_EQ(in.status().error(), WireError::kUnexpectedNull);
}

TEST(ReaderTest, LengthBeyondTheFrameIsAnErrorBeforeAnyAllocation) {
  Reader string(bytes_of({0x7f, 0xff, 'x'}));
  EXPECT_FALSE(string.string(false, false).has_value());
  EXPECT_EQ(string.status().error(), WireError::kBadLength);
  Reader bytes(bytes_of({0x7f, 0xff, 0xff, 0xff, 'x'}));
  EXPECT_FALSE(bytes.sized_bytes(false, false).has_value());
  EXPECT_EQ(bytes.status().error(), WireError::kBadLength);
  Reader array(bytes_of({0, 0, 0, 2, 'x'}));
  EXPECT_FALSE(array.array(false, false).has_value());
  EXPECT_EQ(array.status().error(), WireError::kBadLength);
}

TEST(ReaderTest, CompactStringOverItsMaximum) {
  base::ByteBuffer buffer;
  // 32768 + 1 as a varint.
  for (const int value : {0x81, 0x80, 0x02}) buffer.extend(1)[0] = static_cast<std::byte>(value);
  static_cast<void>(buffer.extend(40000));
  Reader in(buffer.freeze());
  EXPECT_FALSE(in.string(true, false).has_value());
  EXPECT_EQ(in.status().error(), WireError::kBadLength);
}

TEST(ReaderTest, ArraysAreCappedAsInKafka) {
  base::ByteBuffer buffer;
  for (const int value : {0, 0x0f, 0x42, 0x41}) buffer.extend(1)[0] = static_cast<std::byte>(value);
  static_cast<void>(buffer.extend(kElementsMax + 1));
  Reader in(buffer.freeze());
  EXPECT_FALSE(in.array(false, false).has_value());
  EXPECT_EQ(in.status().error(), WireError::kTooManyElements);
}

TEST(ReaderTest, ArraysAndTagsAtTheCapAreTaken) {
  base::ByteBuffer buffer;
  for (const int value : {0, 0x0f, 0x42, 0x40}) buffer.extend(1)[0] = static_cast<std::byte>(value);
  static_cast<void>(buffer.extend(kElementsMax));
  Reader in(buffer.freeze());
  EXPECT_EQ(in.array(false, false), 1'000'000U);
  Reader tags(bytes_of({0x90, 0x4e}));
  EXPECT_EQ(tags.tag_count(), 10'000U);
}

TEST(ReaderTest, TagCountIsCappedAsInKafka) {
  Reader in(bytes_of({0x91, 0x4e}));  // 10001
  EXPECT_EQ(in.tag_count(), 0U);
  EXPECT_EQ(in.status().error(), WireError::kTooManyElements);
}

TEST(ReaderTest, TagThatClaimsMoreThanIsLeft) {
  Reader in(bytes_of({5, 100, 1}));
  UnknownTags tags;
  in.unknown_tag(in.begin_tag(), tags);
  EXPECT_EQ(in.status().error(), WireError::kBadLength);
}

TEST(ReaderTest, BudgetOfDecodedBytes) {
  Reader in(bytes_of({0, 3, 'a', 'b', 'c', 0, 3, 'd', 'e', 'f'}), 5);
  EXPECT_EQ(in.string(false, false), "abc");
  EXPECT_EQ(in.string(false, false), std::nullopt);
  EXPECT_EQ(in.status().error(), WireError::kOverBudget);
}

TEST(ReaderTest, BytesAreSlicesOfTheFrame) {
  const auto frame = bytes_of({0, 0, 0, 2, 7, 8});
  Reader in(frame);
  const auto bytes = in.sized_bytes(false, false);
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ(bytes->data(), frame.data() + 4);
  EXPECT_EQ(bytes->size(), 2U);
}

}  // namespace
}  // namespace moldau::wire
