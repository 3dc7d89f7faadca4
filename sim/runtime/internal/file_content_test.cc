// What a power loss may and may not do to one file.
#include "sim/runtime/internal/file_content.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace moldau::sim {
namespace {

constexpr std::size_t kSector = 512;
constexpr std::uint64_t kSeeds = 400;

std::vector<std::byte> filled(std::size_t size, char with) {
  return std::vector<std::byte>(size, static_cast<std::byte>(with));
}

std::string text_of(const FileContent& file) {
  std::string text(file.size(), '?');
  EXPECT_EQ(file.read(0, std::as_writable_bytes(std::span(text))), text.size());
  return text;
}

TEST(FileContent, ShowsWritesAndZerosBetweenThem) {
  FileContent file;
  file.write(5'000, filled(3, 'a'));
  EXPECT_EQ(text_of(file), std::string(5'000, '\0') + "aaa");
  file.resize(5'001);
  file.resize(5'003);
  EXPECT_EQ(text_of(file), std::string(5'000, '\0') + std::string("a\0\0", 3));
}

TEST(FileContent, SyncedBytesSurviveEveryPowerLoss) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    base::Rng rng(seed);
    FileContent file;
    file.write(0, filled(3'000, 'a'));
    file.make_durable(file.version());
    file.write(3'000, filled(2'000, 'b'));
    file.lose_power(rng, kSector);
    ASSERT_GE(file.size(), 3'000U);
    EXPECT_EQ(text_of(file).substr(0, 3'000), std::string(3'000, 'a'));
    EXPECT_FALSE(file.dirty());
  }
}

TEST(FileContent, ASyncOfARangeCoversNothingElse) {
  bool lost = false;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    base::Rng rng(seed);
    FileContent file;
    file.write(0, filled(3 * kSector, 'a'));
    file.make_durable(file.version());
    file.write(0, filled(3 * kSector, 'b'));
    file.write(kSector + 10, filled(20, 'c'));
    file.make_durable(file.version(), kSector, 2 * kSector);
    file.lose_power(rng, kSector);
    const std::string text = text_of(file);
    EXPECT_EQ(text.substr(kSector, kSector),
              std::string(10, 'b') + std::string(20, 'c') + std::string(kSector - 30, 'b'));
    lost |= text[0] == 'a' && text[2 * kSector] == 'a';
  }
  EXPECT_TRUE(lost);
}

TEST(FileContent, SyncCoversOnlyWhatWasWrittenBeforeItBegan) {
  bool lost = false;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    base::Rng rng(seed);
    FileContent file;
    file.write(0, filled(512, 'a'));
    const auto version = file.version();
    file.write(512, filled(512, 'b'));
    file.make_durable(version);
    file.lose_power(rng, kSector);
    lost |= file.size() == 512;
    ASSERT_EQ(text_of(file).substr(0, 512), std::string(512, 'a'));
  }
  EXPECT_TRUE(lost);
}

TEST(FileContent, UnsyncedBytesAreKeptLostOrTornAtSectorBorders) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    base::Rng rng(seed);
    FileContent file;
    file.write(0, filled(4 * kSector, 'a'));
    file.make_durable(file.version());
    file.write(100, filled(3 * kSector, 'b'));
    file.lose_power(rng, kSector);
    const std::string text = text_of(file);
    ASSERT_EQ(text.size(), 4 * kSector);
    std::string shape;
    for (std::size_t sector = 0; sector < 4; ++sector) {
      const std::size_t from = sector == 0 ? 100 : sector * kSector;
      const std::size_t to = sector == 3 ? 100 + 3 * kSector : (sector + 1) * kSector;
      const std::string part = text.substr(from, to - from);
      ASSERT_TRUE(part == std::string(part.size(), 'a') || part == std::string(part.size(), 'b'));
      shape += part.front();
    }
    EXPECT_EQ(text.substr(0, 100), std::string(100, 'a'));
    EXPECT_EQ(text.substr(100 + 3 * kSector), std::string(kSector - 100, 'a'));
    seen.insert(shape);
  }
  EXPECT_EQ(seen.size(), 16U);
}

TEST(FileContent, OneSectorShowsItsWritesInOrder) {
  std::set<char> seen;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    base::Rng rng(seed);
    FileContent file;
    file.write(0, filled(kSector, '0'));
    file.make_durable(file.version());
    file.write(0, filled(kSector, '1'));
    file.write(0, filled(100, '2'));
    file.write(0, filled(kSector, '3'));
    file.lose_power(rng, kSector);
    const std::string text = text_of(file);
    if (text[0] == '2') {
      EXPECT_EQ(text, std::string(100, '2') + std::string(412, '1'));
    } else {
      EXPECT_EQ(text, std::string(kSector, text[0]));
    }
    seen.insert(text[0]);
  }
  EXPECT_EQ(seen, (std::set<char>{'0', '1', '2', '3'}));
}

TEST(FileContent, AnExtensionMayArriveWithoutItsBytes) {
  bool zeros = false;
  bool short_file = false;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    base::Rng rng(seed);
    FileContent file;
    file.write(0, filled(10, 'a'));
    file.make_durable(file.version());
    file.write(10, filled(10, 'b'));
    file.lose_power(rng, kSector);
    const std::string text = text_of(file);
    ASSERT_TRUE(text.size() == 10 || text.size() == 20);
    short_file |= text.size() == 10;
    zeros |= text == std::string(10, 'a') + std::string(10, '\0');
  }
  EXPECT_TRUE(short_file);
  EXPECT_TRUE(zeros);
}

// Old bytes behind a truncation come back only when the truncation itself was lost.
TEST(FileContent, ASurvivingTruncationLeavesNothingBehindIt) {
  bool lost = false;
  bool rewritten = false;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    base::Rng rng(seed);
    FileContent file;
    file.write(0, filled(4 * kSector, 'a'));
    file.make_durable(file.version());
    file.resize(100);
    file.write(3 * kSector, filled(2 * kSector, 'b'));
    file.lose_power(rng, kSector);
    const std::string text = text_of(file);
    EXPECT_EQ(text.substr(0, 100), std::string(100, 'a'));
    if (text.size() == 5 * kSector) {
      EXPECT_EQ(text.substr(100, 3 * kSector - 100), std::string(3 * kSector - 100, '\0'));
      EXPECT_EQ(text.find('a', 3 * kSector), std::string::npos);
      rewritten |= text.find('b') != std::string::npos;
    } else if (text.size() == 4 * kSector) {
      // The blocks behind the old end still are the old file's.
      EXPECT_EQ(text.substr(kSector), std::string(3 * kSector, 'a'));
      lost = true;
    } else {
      EXPECT_EQ(text.size(), 100U);
    }
  }
  EXPECT_TRUE(lost);
  EXPECT_TRUE(rewritten);
}

TEST(FileContent, AFailedSyncForgetsSomeWritesForGood) {
  bool forgotten = false;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    base::Rng rng(seed);
    FileContent file;
    file.write(0, filled(kSector, 'a'));
    file.fail_sync(file.version(), rng);
    EXPECT_EQ(text_of(file), std::string(kSector, 'a'));
    file.make_durable(file.version());  // The next sync says that all is well.
    file.lose_power(rng, kSector);
    forgotten |= text_of(file).find('a') == std::string::npos;
  }
  EXPECT_TRUE(forgotten);
}

}  // namespace
}  // namespace moldau::sim
