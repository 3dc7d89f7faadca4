// Every message in every version, by drawn instances: round trip, exact size, truncation at every
// byte, and corrupted bytes. The seed is in the failure's message.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "wire/alter_partition_response.h"
#include "wire/fetch_request.h"
#include "wire/frame.h"
#include "wire/metadata_response.h"
#include "wire/partition_record.h"
#include "wire/printer.h"
#include "wire/registry.h"
#include "wire/testing/sample.h"

namespace moldau::wire {
namespace {

using testing::Draw;
using testing::Sample;
using testing::SampleCodec;

constexpr std::uint64_t kSeed = 20240101;

template <class Check>
void for_each_version(const Check& check) {
  std::uint64_t pair = 0;
  for (const SampleCodec& codec : testing::sample_codecs()) {
    for (std::int16_t version = codec.min_version; version <= codec.max_version; ++version) {
      const std::uint64_t seed = kSeed + pair++;
      SCOPED_TRACE(::testing::Message() << codec.name << " v" << version << " seed=" << seed);
      base::Rng rng(seed);
      check(codec, version, rng);
      if (::testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(pair, 700U);
}

TEST(CodecTest, RoundTripKeepsFieldsAndBytesAndTheSizeIsExact) {
  for_each_version([](const SampleCodec& codec, std::int16_t version, base::Rng& rng) {
    for (const Draw how :
         {Draw::kDefault, Draw::kEmpty, Draw::kMax, Draw::kRandom, Draw::kRandom}) {
      const auto drawn = codec.draw(version, rng, how);
      ASSERT_TRUE(drawn.has_value()) << to_string(drawn.error());
      ASSERT_EQ(drawn->encoded_size, drawn->bytes.size());
      const auto read = codec.read(drawn->bytes, version);
      ASSERT_TRUE(read.has_value()) << to_string(read.error());
      ASSERT_EQ(read->fields, drawn->fields);
      ASSERT_EQ(read->bytes, drawn->bytes);
    }
  });
}

// Large instances are cut at random places beyond these bytes.
constexpr std::size_t kEveryByteUpTo = 500;
constexpr int kCutsOfLargeOnes = 100;

TEST(CodecTest, TruncationAtEveryByteIsAnError) {
  for_each_version([](const SampleCodec& codec, std::int16_t version, base::Rng& rng) {
    const MessageInfo* info = find_message(codec.name);
    ASSERT_NE(info, nullptr);
    const auto drawn = codec.draw(version, rng, Draw::kRandom);
    ASSERT_TRUE(drawn.has_value());
    const auto cut_at = [&](std::size_t size) {
      Reader in(drawn->bytes.slice(0, size));
      ASSERT_FALSE(info->recode(in, version).has_value()) << "cut at " << size;
    };
    const std::size_t size = drawn->bytes.size();
    for (std::size_t cut = 0; cut < std::min(size, kEveryByteUpTo); ++cut) cut_at(cut);
    if (size <= kEveryByteUpTo) return;
    for (int i = 0; i < kCutsOfLargeOnes; ++i) cut_at(rng.below(size));
  });
}

TEST(CodecTest, CorruptedBytesNeverDecodeToSomethingElseThanTheyEncode) {
  constexpr int kTries = 20;
  for_each_version([](const SampleCodec& codec, std::int16_t version, base::Rng& rng) {
    const MessageInfo* info = find_message(codec.name);
    const auto drawn = codec.draw(version, rng, Draw::kRandom);
    ASSERT_TRUE(drawn.has_value());
    if (drawn->bytes.empty()) return;
    for (int i = 0; i < kTries; ++i) {
      std::string damaged(drawn->bytes.text());
      const std::size_t at = rng.below(damaged.size());
      damaged[at] = static_cast<char>(rng.next());
      if (rng.chance(1, 2)) damaged.replace(at, 4, "\x7f\xff\xff\xff", 4);
      Reader in(base::SharedBytes::copy_of(damaged));
      // Tags may come in any order and be repeated; encoded again they are canonical, or refused.
      const auto once = info->recode(in, version);
      if (!once) continue;
      Reader again(once->flatten());
      const auto twice = info->recode(again, version);
      ASSERT_TRUE(twice.has_value());
      ASSERT_EQ(once->flatten(), twice->flatten());
    }
  });
}

TEST(CodecTest, EveryMessagePrints) {
  for_each_version([](const SampleCodec& codec, std::int16_t version, base::Rng& rng) {
    const MessageInfo* info = find_message(codec.name);
    const auto drawn = codec.draw(version, rng, Draw::kRandom);
    ASSERT_TRUE(drawn.has_value());
    for (const PrintStyle style : {PrintStyle::kText, PrintStyle::kJson}) {
      std::string text;
      Printer printer(text, style);
      Reader in(drawn->bytes);
      ASSERT_TRUE(info->print(in, version, printer).has_value());
      ASSERT_FALSE(text.empty());
      ASSERT_EQ(text.find('\n'), std::string::npos);
    }
  });
}

TEST(CodecTest, FieldThatTheVersionLacksIsRefusedUnlessIgnorable) {
  FetchRequest request;
  request.topics.push_back({.topic_id = base::TopicId(base::Uuid{.msb = 1, .lsb = 1})});
  EXPECT_TRUE(encoded(request, 12).has_value());  // topic_id is ignorable
  request.replica_state.replica_id = base::BrokerId(1);
  EXPECT_TRUE(encoded(request, 15).has_value());
  EXPECT_EQ(encoded(request, 14).error(), WireError::kFieldNotInVersion);

  PartitionRecord record;
  EXPECT_TRUE(encoded(record, 0).has_value());
  record.directories.emplace_back();
  EXPECT_EQ(encoded(record, 0).error(), WireError::kFieldNotInVersion);
}

TEST(CodecTest, NullThatTheVersionDoesNotAllowIsRefused) {
  MetadataResponse response;
  response.topics.emplace_back();
  response.topics.back().name.reset();
  EXPECT_TRUE(encoded(response, 12).has_value());
  EXPECT_EQ(encoded(response, 11).error(), WireError::kUnexpectedNull);
}

TEST(CodecTest, UnknownTagsInAnInflexibleVersionAreRefused) {
  FetchRequest request;
  request.unknown_tags.push_back({.tag = 77, .bytes = base::SharedBytes::copy_of("x")});
  EXPECT_TRUE(encoded(request, 12).has_value());
  EXPECT_EQ(encoded(request, 11).error(), WireError::kFieldNotInVersion);
}

TEST(CodecTest, TagThatEndsElsewhereThanItsFieldIsRefused) {
  AlterPartitionResponse response;
  const auto bytes = encoded(response, 2);
  ASSERT_TRUE(bytes.has_value());
  PartitionRecord record;
  record.leader_recovery_state = 1;
  auto text = std::string(encoded(record, 0)->flatten().text());
  // The tagged field is the last: count 1, tag 0, size 1, value 1.
  ASSERT_EQ(text.substr(text.size() - 4), std::string("\1\0\1\1", 4));
  text[text.size() - 2] = 2;
  text += '\0';
  EXPECT_EQ(decoded<PartitionRecord>(base::SharedBytes::copy_of(text), 0).error(),
            WireError::kBadTag);
}

TEST(CodecTest, ElementsCountAgainstTheBudget) {
  FetchRequest request;
  for (int i = 0; i < 1000; ++i) request.topics.emplace_back();
  const auto bytes = encoded(request, 12);
  ASSERT_TRUE(bytes.has_value());
  FetchRequest read;
  Reader enough(bytes->flatten());
  EXPECT_TRUE(decode(read, 12, enough).has_value());
  Reader small(bytes->flatten(), 1000);
  EXPECT_EQ(decode(read, 12, small).error(), WireError::kOverBudget);
  EXPECT_LT(read.topics.size(), 20U);
}

}  // namespace
}  // namespace moldau::wire
