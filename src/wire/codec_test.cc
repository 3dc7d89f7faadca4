// Every message in every version, by drawn instances: round trip, exact size, truncation at every
// byte, and corrupted bytes. The seed is in the failure's message.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "wire/alter_partition_response.h"
#include "wire/fetch_request.h"
#include "wire/fetch_response.h"
#include "wire/frame.h"
#include "wire/metadata_response.h"
#include "wire/partition_record.h"
#include "wire/printer.h"
#include "wire/produce_request.h"
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

// Instances with everything set are small and cut everywhere; large random ones at random places
// beyond these bytes.
constexpr std::size_t kEveryByteUpTo = 500;
constexpr int kCutsOfLargeOnes = 100;

TEST(CodecTest, TruncationAtEveryByteIsAnError) {
  for_each_version([](const SampleCodec& codec, std::int16_t version, base::Rng& rng) {
    const MessageInfo* info = find_message(codec.name);
    ASSERT_NE(info, nullptr);
    for (const Draw how : {Draw::kOne, Draw::kRandom}) {
      const auto drawn = codec.draw(version, rng, how);
      ASSERT_TRUE(drawn.has_value());
      const auto cut_at = [&](std::size_t size) {
        Reader in(drawn->bytes.slice(0, size));
        ASSERT_FALSE(info->recode(in, version).has_value()) << "cut at " << size;
      };
      const std::size_t size = drawn->bytes.size();
      const std::size_t every = how == Draw::kOne ? size : std::min(size, kEveryByteUpTo);
      for (std::size_t cut = 0; cut < every; ++cut) cut_at(cut);
      for (int i = 0; i < kCutsOfLargeOnes && every < size; ++i) cut_at(rng.below(size));
    }
  });
}

// A length in the bytes of an instance.
struct Length {
  std::size_t at = 0;
  std::size_t size = 0;
  bool compact = false;
};

Length length_that_grew(std::string_view before, const testing::Grown& grown, bool compact) {
  const std::string_view after = grown.bytes.text();
  const auto differ = std::ranges::mismatch(before, after);
  const auto at = static_cast<std::size_t>(differ.in1 - before.begin());
  // Short lengths: the varint's first byte differs, or the last one of a fixed length.
  if (!compact) return {.at = at + 1 - grown.prefix_bytes, .size = grown.prefix_bytes};
  std::size_t end = at;
  while (static_cast<unsigned char>(before[end]) >= 0x80) ++end;
  return {.at = at, .size = end + 1 - at, .compact = true};
}

// The instance with this length replaced by a claim, which in compact form is one more.
std::string with_claim(std::string_view bytes, const Length& length, std::int64_t claim) {
  Writer out;
  if (length.compact) {
    out.uvarint(static_cast<std::uint32_t>(claim + 1));
  } else if (length.size == sizeof(std::int16_t)) {
    out.i16(static_cast<std::int16_t>(claim));
  } else {
    out.i32(static_cast<std::int32_t>(claim));
  }
  std::string damaged(bytes);
  return damaged.replace(length.at, length.size, out.finish()->flatten().text());
}

TEST(CodecTest, LengthThatClaimsMoreThanIsLeftIsAnErrorBeforeAnythingIsAllocatedForIt) {
  std::size_t lengths = 0;
  for_each_version([&](const SampleCodec& codec, std::int16_t version, base::Rng& rng) {
    const MessageInfo* info = find_message(codec.name);
    const auto drawn = codec.draw(version, rng, Draw::kOne);
    ASSERT_TRUE(drawn.has_value());
    const std::string_view bytes = drawn->bytes.text();
    for (std::size_t which = 0;; ++which) {
      const auto grown = codec.grow(drawn->bytes, version, which);
      if (!grown) break;
      ASSERT_FALSE(grown->bytes.empty()) << which;
      lengths += 1;
      // The client id of a request header is never compact.
      const bool compact = version >= info->first_flexible &&
                           !(codec.name == "RequestHeader" && grown->prefix_bytes == 2);
      const Length length = length_that_grew(bytes, *grown, compact);
      const auto left = static_cast<std::int64_t>(bytes.size() - length.at - length.size);
      const bool small = !compact && length.size == sizeof(std::int16_t);
      for (const std::int64_t claim :
           {left + 1, std::int64_t{small ? 0x7fff : 0x7fffffff}, std::int64_t{0xfffffffe}}) {
        if (!compact && claim > 0x7fffffff) continue;
        const auto damaged = base::SharedBytes::copy_of(with_claim(bytes, length, claim));
        // Room for what the instance really holds, with its fixed cost a struct.
        Reader in(damaged, 64 * bytes.size() + 4096);
        const auto read = info->recode(in, version);
        ASSERT_FALSE(read.has_value()) << which << " claims " << claim << " at " << length.at;
        ASSERT_NE(read.error(), WireError::kOverBudget) << which << " claims " << claim;
      }
    }
  });
  EXPECT_GT(lengths, 3000U);
}

TEST(CodecTest, ClaimedElementsArePreallocatedUpToACapOnly) {
  FetchRequest request;
  request.topics.emplace_back();
  auto text = std::string(encoded(request, 12)->flatten().text());
  // One topic with an empty name: compact 2, then 1.
  const std::size_t at = text.find("\2\1");
  ASSERT_NE(at, std::string::npos);
  Writer claim;
  claim.uvarint(5001);
  text.replace(at, 1, claim.finish()->flatten().text());
  text[at + 2] = '\x7f';  // the name of the first topic is damaged
  text.append(5000, '\0');
  FetchRequest read;
  Reader in(base::SharedBytes::copy_of(text));
  EXPECT_FALSE(decode(read, 12, in).has_value());
  EXPECT_EQ(read.topics.capacity(), kElementsPreallocatedMax);
}

TEST(CodecTest, RecordsAreASliceOfTheFrame) {
  ProduceRequest request;
  request.topic_data.emplace_back().partition_data.emplace_back().records.emplace(
      base::SharedBytes::copy_of("records"));
  const auto frame = encoded(request, 12)->flatten();
  ProduceRequest read;
  Reader in(frame);
  ASSERT_TRUE(decode(read, 12, in).has_value());
  const auto records = read.topic_data[0].partition_data[0].records->flatten();
  EXPECT_EQ(records.text(), "records");
  EXPECT_EQ(records.block(), frame.block());
}

// A tagged array was appended to what the same tag had brought before, and a tagged struct kept
// what the second one did not say.
TEST(CodecTest, LastOfARepeatedTagCountsAlone) {
  FetchResponse response;
  response.node_endpoints.push_back({.node_id = base::BrokerId(7), .host = "h", .port = 1});
  auto text = std::string(encoded(response, 16)->flatten().text());
  FetchRequest request;
  request.replica_state.replica_id = base::BrokerId(1);
  request.replica_state.unknown_tags.push_back(
      {.tag = 3, .bytes = base::SharedBytes::copy_of("x")});
  const auto twice = [](std::string message, std::string_view tagged) {
    // The tags end the message: their count, then this one.
    const std::size_t at = message.size() - tagged.size();
    message[at - 1] = 2;
    return base::SharedBytes::copy_of(message + std::string(tagged));
  };
  const std::size_t tags_at = encoded(FetchResponse{}, 16)->flatten().size();
  const auto read = decoded<FetchResponse>(twice(text, std::string_view(text).substr(tags_at)), 16);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->node_endpoints.size(), 1U);

  const std::size_t state_at = encoded(FetchRequest{}, 15)->flatten().size();
  text = std::string(encoded(request, 15)->flatten().text());
  const auto again =
      decoded<FetchRequest>(twice(text, std::string_view(text).substr(state_at)), 15);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->replica_state.unknown_tags.size(), 1U);
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
