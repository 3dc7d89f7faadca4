#include "wire/record_frame.h"

#include <string>

#include <gtest/gtest.h>

#include "wire/frame.h"
#include "wire/offset_commit_key.h"
#include "wire/offset_commit_value.h"
#include "wire/printer.h"

namespace moldau::wire {
namespace {

TEST(RecordFrameTest, MetadataRecordByteForByte) {
  const FeatureLevelRecord level{.name = "metadata.version", .feature_level = 30};
  const auto value = metadata_value(level, 0);
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(base::to_hex(value->flatten().span()),
            "010c00"  // frame version, type 12, version 0
            "116d657461646174612e76657273696f6e"
            "001e"
            "00");
  const auto back = decode_metadata_value(value->flatten());
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->version, 0);
  ASSERT_TRUE(std::holds_alternative<FeatureLevelRecord>(back->record));
  EXPECT_EQ(std::get<FeatureLevelRecord>(back->record), level);
  EXPECT_EQ(record_type(back->record), 12);
}

TEST(RecordFrameTest, BadMetadataFrames) {
  const auto decode_text = [](std::string_view text) {
    return decode_metadata_value(base::SharedBytes::copy_of(text));
  };
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(decode_text("").error(), WireError::kTruncated);
  EXPECT_EQ(decode_text("\2\2\0\0"sv).error(), WireError::kUnsupportedVersion);
  EXPECT_EQ(decode_text("\1\x7f\0\0"sv).error(), WireError::kUnknownKey);
  EXPECT_EQ(decode_text("\1\2\x09\0"sv).error(), WireError::kUnsupportedVersion);
  EXPECT_EQ(decode_text("\1\xff\xff\xff\x7f\0"sv).error(), WireError::kBadLength);
  EXPECT_EQ(decode_text("\1\x14\0\0x"sv).error(), WireError::kTrailingBytes);
}

TEST(RecordFrameTest, CoordinatorRecordPrints) {
  const OffsetCommitKey key{.group = base::GroupId("g"), .topic = base::TopicName("t")};
  Writer key_out;
  key_out.i16(OffsetCommitKey::kRecordType);
  encode(key, 0, key_out);
  Writer value_out;
  value_out.i16(3);
  encode(OffsetCommitValue{.offset = base::Offset(42)}, 3, value_out);
  const auto key_bytes = key_out.finish()->flatten();

  std::string text;
  Printer printer(text);
  ASSERT_TRUE(print_coordinator_record(MessageKind::kGroupKey, MessageKind::kGroupValue, key_bytes,
                                       value_out.finish()->flatten(), printer)
                  .has_value());
  EXPECT_TRUE(text.starts_with(
      "OffsetCommitKey(group=\"g\", topic=\"t\", partition=0) OffsetCommitValue(offset=42, "))
      << text;

  std::string tombstone;
  Printer second(tombstone);
  ASSERT_TRUE(print_coordinator_record(MessageKind::kGroupKey, MessageKind::kGroupValue, key_bytes,
                                       {}, second)
                  .has_value());
  EXPECT_TRUE(tombstone.ends_with(" tombstone"));
}

TEST(RecordFrameTest, UnknownCoordinatorRecord) {
  std::string text;
  Printer printer(text);
  const auto printed =
      print_coordinator_record(MessageKind::kGroupKey, MessageKind::kGroupValue,
                               base::SharedBytes::copy_of(std::string("\x7f\x01")), {}, printer);
  EXPECT_EQ(printed.error(), WireError::kUnknownKey);
}

}  // namespace
}  // namespace moldau::wire
