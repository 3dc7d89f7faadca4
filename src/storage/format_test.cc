// Small files: what we write, byte for byte, and what we refuse to read.
#include "storage/format.h"

#include <gtest/gtest.h>

#include "storage/internal/checkpoint_file.h"
#include "storage/internal/log_files.h"
#include "storage/internal/world_test.h"
#include "storage/snapshot_files.h"

namespace moldau::storage {
namespace {

using namespace testing;

TEST(MetaProperties, VersionOneAsKafkaWritesIt) {
  const MetaProperties meta{.version = 1,
                            .cluster_id = "4L6g3nShT-eMCtK--X86sw",
                            .node_id = base::BrokerId(3),
                            .directory_id = base::DirectoryId(uuid(1))};
  EXPECT_EQ(meta.to_text(),
            "#\nversion=1\ncluster.id=4L6g3nShT-eMCtK--X86sw\nnode.id=3\n"
            "directory.id=AAAAAAAAQAAAAAAAAACAAQ\n");
  EXPECT_EQ(*MetaProperties::parse(meta.to_text()), meta);
}

TEST(MetaProperties, ReadsJavasFormAndKeepsVersionZero) {
  const auto meta = MetaProperties::parse(
      "#\n#Thu Jan 01 00:00:00 UTC 1970\nbroker.id=7\r\nversion = 0\n\ncluster.id:abc\nother=x\n");
  ASSERT_TRUE(meta.has_value());
  EXPECT_EQ(meta->version, 0);
  EXPECT_EQ(meta->node_id, base::BrokerId(7));
  EXPECT_EQ(meta->cluster_id, "abc");
  EXPECT_EQ(meta->to_text(), "#\nversion=0\ncluster.id=abc\nbroker.id=7\n");
}

TEST(MetaProperties, SaysWhatIsWrong) {
  const auto reason = [](std::string_view text) {
    const auto meta = MetaProperties::parse(text);
    return meta ? std::string("accepted") : meta.error();
  };
  EXPECT_EQ(reason("version=2\n"), "version is 2, wanted 0 or 1");
  EXPECT_EQ(reason("version=1\nnode.id=1\n"), "cluster.id is missing");
  EXPECT_EQ(reason("version=1\ncluster.id=a\n"), "node.id is missing");
  EXPECT_EQ(reason("version=1\ncluster.id=a\nnode.id=x\n"), "node.id is \"x\", wanted a number");
  EXPECT_EQ(reason("version=1\ncluster.id=a\nnode.id=1\ndirectory.id=short\n"),
            "directory.id is \"short\", wanted 22 characters of base64");
}

TEST(Checkpoint, IsKafkasText) {
  internal::OffsetCheckpoint entries;
  entries[{base::TopicName("b"), base::PartitionIndex(10)}] = Offset(5);
  entries[{base::TopicName("b"), base::PartitionIndex(2)}] = Offset(7);
  entries[{base::TopicName("a"), base::PartitionIndex(0)}] = Offset(1L << 40);
  const std::string text = internal::encode_checkpoint(entries);
  EXPECT_EQ(text, "0\n3\na 0 1099511627776\nb 2 7\nb 10 5\n");
  EXPECT_EQ(*internal::decode_checkpoint(text), entries);
  EXPECT_TRUE(internal::decode_checkpoint("")->empty());
}

TEST(Checkpoint, RefusesWhatDoesNotFit) {
  for (const char* text : {"1\n0\n", "0\n", "0\nx\n", "0\n2\na 0 1\n", "0\n1\na 0\n",
                           "0\n1\na b 1\n", "0\n1\na 0 1 2\n", "0\n0\na 0 1\n", "\n"}) {
    EXPECT_FALSE(internal::decode_checkpoint(text).has_value()) << text;
  }
}

TEST(PartitionMetadata, IsKafkasText) {
  const base::TopicId id(uuid(1));
  EXPECT_EQ(internal::partition_metadata_text(id), "version: 0\ntopic_id: AAAAAAAAQAAAAAAAAACAAQ");
  EXPECT_EQ(internal::parse_partition_metadata("version: 0\ntopic_id: AAAAAAAAQAAAAAAAAACAAQ\n"),
            id);
  for (const char* text : {"", "version: 0\n", "version: x\ntopic_id: AAAAAAAAQAAAAAAAAACAAQ",
                           "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "topic_id: x"}) {
    EXPECT_FALSE(internal::parse_partition_metadata(text).has_value()) << text;
  }
}

TEST(DirectoryName, OfEachKind) {
  const auto name = parse_directory_name("my-topic-12");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->partition.to_string(), "my-topic-12");
  const base::TopicPartition partition{base::TopicName(std::string(249, 't')),
                                       base::PartitionIndex(100'000)};
  const std::string deleted = suffixed_directory_name(partition, uuid(5), "-delete");
  EXPECT_EQ(deleted.size(), 255U);
  EXPECT_EQ(parse_directory_name(deleted)->kind, PartitionDirectoryKind::kDelete);
  EXPECT_EQ(parse_directory_name("t-1.0123-stray")->kind, PartitionDirectoryKind::kStray);
  EXPECT_EQ(parse_directory_name("t-1.0123-future")->partition.to_string(), "t-1");
  for (const char* bad : {"topic", "-1", "topic-", "topic-x", "t-1-delete", "lost+found", ".git"}) {
    EXPECT_FALSE(parse_directory_name(bad).has_value()) << bad;
  }
}

TEST(Directory, IsRefusedWithTheReason) {
  World world(1);
  auto open = [&] { return world.run(0, Storage::open(world.node->loops(), world.options())); };
  EXPECT_TRUE(world.run(0, world.node->disk().make_directories("/data/strange")).has_value());
  EXPECT_EQ(
      open().error().message,
      "data directory /data holds strange, which is not the directory of a partition; move it "
      "away");
  EXPECT_TRUE(world.run(0, world.node->disk().remove_tree("/data/strange")).has_value());
  world.options().node_id = base::BrokerId(2);
  EXPECT_EQ(open().error().message,
            "/data/meta.properties: node.id is 1, but the configuration says 2; correct node.id or "
            "log.dirs");
  world.options().node_id = base::BrokerId(1);
  world.options().log_dirs = {"/elsewhere"};
  EXPECT_EQ(open().error().message,
            "data directory /elsewhere does not exist; run moldau storage format");
}

TEST(Directory, IsLocked) {
  World world(2);
  world.start();
  const auto second = world.run(0, Storage::open(world.node->loops(), world.options()));
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find("is in use"), std::string::npos) << second.error().message;
}

TEST(SnapshotFiles, AppearWholeOrNotAtAll) {
  World world(3);
  rt::Disk& disk = world.node->disk();
  const std::string directory = "/data/__cluster_metadata-0";
  EXPECT_TRUE(world.run(0, disk.make_directories(directory)).has_value());
  const SnapshotName name{.end_offset = Offset(123), .epoch = LeaderEpoch(4)};
  EXPECT_EQ(to_file_name(name), "00000000000000000123-0000000004.checkpoint");
  auto writer = world.run(0, SnapshotWriter::create(disk, directory, name));
  ASSERT_TRUE(writer.has_value());
  base::ByteChain bytes(base::SharedBytes::copy_of("abc"));
  bytes.append(base::SharedBytes::copy_of("defgh"));
  EXPECT_TRUE(world.run(0, writer->append(bytes)).has_value());
  EXPECT_EQ(world.list("__cluster_metadata-0"),
            std::vector<std::string>{"00000000000000000123-0000000004.checkpoint.part"});
  EXPECT_TRUE(world.run(0, writer->finish()).has_value());
  world.node->crash(sim::CrashKind::kPower);
  world.node->restart();
  rt::Disk& after = world.node->disk();
  const auto snapshots = world.run(0, list_snapshots(after, directory));
  ASSERT_EQ(snapshots->size(), 1U);
  EXPECT_EQ(snapshots->front().name, name);
  EXPECT_EQ(snapshots->front().size, 8U);
  EXPECT_EQ(world.run(0, read_snapshot(after, directory, name))->text(), "abcdefgh");
  EXPECT_EQ(world.run(0, read_snapshot_part(after, directory, name, 6, 100))->text(), "gh");
  EXPECT_TRUE(world.run(0, remove_snapshot(after, directory, name)).has_value());
  EXPECT_TRUE(world.run(0, list_snapshots(after, directory))->empty());
}

}  // namespace
}  // namespace moldau::storage
