// Kafka's text form of ids, and ids that are drawn.
#include "base/uuid.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace moldau::base {
namespace {

TEST(Uuid, WritesTwentyTwoCharactersOfUrlSafeBase64) {
  EXPECT_EQ(kZeroUuid.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(kMetadataTopicUuid.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
  const Uuid id{.msb = 0x0123456789ABCDEFULL, .lsb = 0xFEDCBA9876543210ULL};
  EXPECT_EQ(id.to_string(), "ASNFZ4mrze_-3LqYdlQyEA");
  EXPECT_EQ((Uuid{.msb = ~0ULL, .lsb = ~0ULL}).to_string(), "_____________________w");
}

TEST(Uuid, ReadsWhatItWrote) {
  Rng rng(1);
  for (int i = 0; i < 1'000; ++i) {
    const Uuid id{.msb = rng.next(), .lsb = rng.next()};
    EXPECT_EQ(Uuid::parse(id.to_string()), id);
  }
}

TEST(Uuid, RefusesOtherText) {
  EXPECT_FALSE(Uuid::parse(""));
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAA"));
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAAAA"));
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAA="));
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAA+A"));
  EXPECT_FALSE(Uuid::parse(std::string(21, 'A') + '\0'));
}

TEST(Uuid, RandomOnesAreVersionFourAndNeverLookLikeAnOption) {
  Rng rng(2);
  std::set<Uuid> seen;
  for (int i = 0; i < 1'000; ++i) {
    const Uuid id = Uuid::random(rng);
    EXPECT_EQ((id.msb >> 12) & 15, 4U);
    EXPECT_EQ(id.lsb >> 62, 2U);
    EXPECT_NE(id.to_string().front(), '-');
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(StrongUuid, KnowsTheReservedDirectories) {
  EXPECT_TRUE(is_reserved(kDirectoryMigrating));
  EXPECT_TRUE(is_reserved(kDirectoryUnassigned));
  EXPECT_TRUE(is_reserved(kDirectoryLost));
  EXPECT_TRUE(is_reserved(DirectoryId(Uuid{.msb = 0, .lsb = 99})));
  EXPECT_FALSE(is_reserved(DirectoryId(Uuid{.msb = 0, .lsb = 100})));
  EXPECT_FALSE(is_reserved(DirectoryId(Uuid{.msb = 1, .lsb = 0})));
  EXPECT_EQ(kMetadataTopicId.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
  static_assert(!std::is_convertible_v<TopicId, DirectoryId>);
  static_assert(!std::is_constructible_v<TopicId, DirectoryId>);
}

}  // namespace
}  // namespace moldau::base
