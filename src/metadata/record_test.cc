#include "metadata/record.h"

#include <vector>

#include <gtest/gtest.h>

#include "metadata/metadata_version.h"

namespace moldau::metadata {
namespace {

using base::SharedBytes;

SharedBytes bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return SharedBytes::copy_of(out);
}

Record feature(std::string name, std::int16_t level) {
  wire::FeatureLevelRecord record;
  record.name = std::move(name);
  record.feature_level = level;
  return {.record = record, .version = 0};
}

TEST(Record, HasKafkasBytes) {
  // frame 1, type 12, version 0, compact string "a", level 30, no tags.
  const auto value = encode_record(feature("a", 30));
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, bytes({1, 12, 0, 2, 'a', 0, 30, 0}));
  const auto back = decode_record(*value);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->record, feature("a", 30).record);
}

TEST(Record, EachFaultIsNamed) {
  const auto fault = [](const SharedBytes& value) {
    const auto record = decode_record(value);
    return record ? std::string("ok") : record.error().message;
  };
  EXPECT_EQ(fault(SharedBytes()), "a metadata record has no value");
  EXPECT_EQ(fault(bytes({0x80})), "a metadata record's frame is cut");
  EXPECT_EQ(fault(bytes({2, 12, 0})), "a metadata record has frame version 2, not 1");
  EXPECT_EQ(fault(bytes({1, 99, 0})), "there is no metadata record with type 99");
  EXPECT_EQ(fault(bytes({1, 0xff, 0xff, 0x0f, 0})), "there is no metadata record with type 262143");
  EXPECT_EQ(fault(bytes({1, 12, 1, 0})),
            "FeatureLevelRecord version 1 is not known: versions 0 to 0 are");
  EXPECT_EQ(fault(bytes({1, 12, 0, 2, 'a', 0, 30, 0, 0})),
            "FeatureLevelRecord version 0 has 1 bytes after its end");
  const auto cut = decode_record(bytes({1, 12, 0, 9, 'a'}));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().fault, RecordFault::kMalformed);
}

TEST(Record, EveryTruncationIsAnError) {
  wire::PartitionRecord partition;
  partition.partition_id = base::PartitionIndex(3);
  partition.replicas = {base::BrokerId(1), base::BrokerId(2)};
  partition.isr = partition.replicas;
  partition.directories = {base::kDirectoryUnassigned, base::kDirectoryLost};
  partition.eligible_leader_replicas = std::vector{base::BrokerId(2)};
  const auto value = encode_record({.record = partition, .version = 2});
  ASSERT_TRUE(value);
  for (std::size_t size = 0; size < value->size(); ++size) {
    EXPECT_FALSE(decode_record(value->slice(0, size)).has_value()) << size;
  }
  EXPECT_TRUE(decode_record(*value).has_value());
}

TEST(Record, AFieldThatTheVersionCannotCarryIsNotWritten) {
  wire::PartitionRecord partition;
  partition.directories = {base::kDirectoryLost};
  partition.replicas = {base::BrokerId(1)};
  const auto value = encode_record({.record = partition, .version = 0});
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().fault, RecordFault::kNotEncodable);
}

TEST(MetadataVersion, KnowsNamesAndLevels) {
  EXPECT_EQ(MetadataVersion::from_name("4.3-IV0")->level(), 30);
  EXPECT_EQ(MetadataVersion::from_name("4.3")->level(), 30);
  EXPECT_EQ(MetadataVersion::from_name("4.3.1")->level(), 30);
  EXPECT_EQ(MetadataVersion::from_name("4.0")->level(), 25);
  EXPECT_EQ(MetadataVersion::from_name("3.3-IV3")->level(), 7);
  EXPECT_FALSE(MetadataVersion::from_name("3.2"));
  EXPECT_FALSE(MetadataVersion::from_name("four"));
  EXPECT_FALSE(MetadataVersion::from_name(""));
  EXPECT_FALSE(MetadataVersion::from_level(6));
  EXPECT_FALSE(MetadataVersion::from_level(34));
  for (std::int16_t level = 7; level <= 33; ++level) {
    EXPECT_EQ(MetadataVersion::from_name(MetadataVersion::from_level(level)->name())->level(),
              level);
  }
}

TEST(MetadataVersion, KnowsWhereRecordsChanged) {
  const auto changed = [](std::int16_t a, std::int16_t b) {
    return MetadataVersion::metadata_changed(*MetadataVersion::from_level(a),
                                             *MetadataVersion::from_level(b));
  };
  EXPECT_FALSE(changed(30, 30));
  EXPECT_TRUE(changed(30, 29));
  EXPECT_TRUE(changed(29, 30));
  EXPECT_FALSE(changed(29, 23));
  EXPECT_TRUE(changed(29, 22));
  EXPECT_FALSE(changed(31, 30));
}

TEST(MetadataVersion, PicksRecordVersions) {
  const auto version = [](const wire::MetadataRecord& record, std::int16_t level) {
    return record_version(record, *MetadataVersion::from_level(level));
  };
  EXPECT_EQ(version(wire::RegisterBrokerRecord(), 7), 1);
  EXPECT_EQ(version(wire::RegisterBrokerRecord(), 16), 2);
  EXPECT_EQ(version(wire::RegisterBrokerRecord(), 17), 3);
  EXPECT_EQ(version(wire::RegisterBrokerRecord(), 30), 4);
  EXPECT_EQ(version(wire::PartitionRecord(), 16), 0);
  EXPECT_EQ(version(wire::PartitionRecord(), 22), 1);
  EXPECT_EQ(version(wire::PartitionChangeRecord(), 23), 2);
  wire::BrokerRegistrationChangeRecord change;
  EXPECT_EQ(version(change, 30), 0);
  change.in_controlled_shutdown = 1;
  EXPECT_EQ(version(change, 30), 1);
  change.log_dirs = {base::kDirectoryLost};
  EXPECT_EQ(version(change, 30), 2);
  change.cordoned_log_dirs.emplace();
  EXPECT_EQ(version(change, 30), 3);
}

TEST(MetadataVersion, EachRecordThatIsChosenIsWritable) {
  const auto expect_writable = [](const wire::MetadataRecord& record) {
    for (std::int16_t level = 7; level <= 33; ++level) {
      const auto at = *MetadataVersion::from_level(level);
      EXPECT_TRUE(is_writable(record, record_version(record, at), at)) << level;
    }
  };
  expect_writable(wire::RegisterBrokerRecord());
  expect_writable(wire::PartitionRecord());
  expect_writable(wire::PartitionChangeRecord());
  expect_writable(wire::TopicRecord());
  const auto at22 = *MetadataVersion::from_level(22);
  EXPECT_FALSE(is_writable(wire::PartitionRecord(), 2, at22));
  EXPECT_FALSE(is_writable(wire::UnregisterControllerRecord(), 0, at22));
  EXPECT_FALSE(is_writable(wire::BeginTransactionRecord(), 0, *MetadataVersion::from_level(12)));
}

TEST(MetadataVersion, ServesTwoFeatures) {
  EXPECT_EQ(supported_range("metadata.version"), (FeatureRange{.min = 7, .max = 30}));
  EXPECT_EQ(supported_range("kraft.version"), (FeatureRange{.min = 0, .max = 1}));
  EXPECT_EQ(supported_range("share.version"), FeatureRange{});
}

}  // namespace
}  // namespace moldau::metadata
