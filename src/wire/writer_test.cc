#include "wire/writer.h"

#include <string>

#include <gtest/gtest.h>

#include "wire/reader.h"

namespace moldau::wire {
namespace {

TEST(WriterTest, WritesWhatTheReaderReads) {
  Writer out;
  out.i8(-1);
  out.i16(-2);
  out.i32(-3);
  out.i64(-4);
  out.u16(65535);
  out.u32(0xfffffffe);
  out.f64(2.5);
  out.uuid({.msb = 1, .lsb = 2});
  out.uvarint(300);
  out.varint(-300);
  out.varlong(-5'000'000'000);
  out.string("kafka", false);
  out.string("moldau", true);
  const auto chain = out.finish();
  ASSERT_TRUE(chain.has_value());
  Reader in(chain->flatten());
  EXPECT_EQ(in.i8(), -1);
  EXPECT_EQ(in.i16(), -2);
  EXPECT_EQ(in.i32(), -3);
  EXPECT_EQ(in.i64(), -4);
  EXPECT_EQ(in.u16(), 65535);
  EXPECT_EQ(in.u32(), 0xfffffffe);
  EXPECT_EQ(in.f64(), 2.5);
  EXPECT_EQ(in.uuid(), (base::Uuid{.msb = 1, .lsb = 2}));
  EXPECT_EQ(in.uvarint(), 300U);
  EXPECT_EQ(in.varint(), -300);
  EXPECT_EQ(in.varlong(), -5'000'000'000);
  EXPECT_EQ(in.string(false, false), "kafka");
  EXPECT_EQ(in.string(true, false), "moldau");
  EXPECT_TRUE(in.done().has_value());
}

TEST(WriterTest, LargeBytesAreSharedAndSmallOnesCopied) {
  const auto large = base::SharedBytes::copy_of(std::string(kSplicedBytesMin, 'L'));
  const auto small = base::SharedBytes::copy_of(std::string(kSplicedBytesMin - 1, 's'));
  Writer out;
  out.i8(1);
  out.bytes(large, true);
  out.bytes(small, true);
  out.i8(2);
  EXPECT_EQ(out.size(), 1 + 2 + large.size() + 2 + small.size() + 1);
  const auto chain = out.finish();
  ASSERT_TRUE(chain.has_value());
  ASSERT_EQ(chain->parts().size(), 3U);
  EXPECT_EQ(chain->parts()[1].data(), large.data());
  Reader in(chain->flatten());
  EXPECT_EQ(in.i8(), 1);
  EXPECT_EQ(in.sized_bytes(true, false), large);
  EXPECT_EQ(in.sized_bytes(true, false), small);
  EXPECT_EQ(in.i8(), 2);
  EXPECT_TRUE(in.done().has_value());
}

TEST(WriterTest, FirstErrorLatchesUntilFinish) {
  Writer out;
  out.string(std::string(kStringBytesMax + 1, 'x'), true);
  out.fail(WireError::kTagOrder);
  EXPECT_FALSE(out.ok());
  const auto chain = out.finish();
  ASSERT_FALSE(chain.has_value());
  EXPECT_EQ(chain.error(), WireError::kStringTooLong);
  out.i8(1);
  EXPECT_EQ(out.finish()->size(), 1U);
}

TEST(WriterTest, LongestStringIsAllowed) {
  Writer out;
  out.string(std::string(kStringBytesMax, 'x'), false);
  EXPECT_TRUE(out.finish().has_value());
}

TEST(WriterTest, UnknownTagsMustAscendAndNotBeDefined) {
  const auto value = base::SharedBytes::copy_of("v");
  const auto attempt = [&](const UnknownTags& tags, std::uint32_t defined) {
    Writer out;
    std::size_t next = 0;
    out.unknown_tags(tags, next, defined);
    out.unknown_tags(tags, next, 0xffffffff);
    return out.finish();
  };
  EXPECT_TRUE(attempt({{1, value}, {5, value}}, 3).has_value());
  EXPECT_EQ(attempt({{5, value}, {1, value}}, 3).error(), WireError::kTagOrder);
  EXPECT_EQ(attempt({{3, value}}, 3).error(), WireError::kTagOrder);
}

}  // namespace
}  // namespace moldau::wire
