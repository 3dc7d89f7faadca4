// Slices, buffers and chains: sharing, bounds, emptiness, what a move leaves behind.
#include "base/bytes.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/endian.h"
#include "base/hash.h"

namespace moldau::base {
namespace {

SharedBytes of(std::string_view text) { return SharedBytes::copy_of(text); }

TEST(SharedBytes, SlicesShareTheBlock) {
  const SharedBytes whole = of("hello world");
  const SharedBytes world = whole.slice(6);
  const SharedBytes middle = whole.slice(3, 5);
  EXPECT_EQ(world.text(), "world");
  EXPECT_EQ(middle.text(), "lo wo");
  EXPECT_EQ(world.data(), whole.data() + 6);
  EXPECT_EQ(world.pinned(), whole.pinned());
  EXPECT_TRUE(whole.slice(11).empty());
}

TEST(SharedBytes, ASliceOutlivesTheOthers) {
  SharedBytes part;
  {
    const SharedBytes whole = of("0123456789");
    part = whole.slice(4, 2);
  }
  EXPECT_EQ(part.text(), "45");
  SharedBytes copy = part;
  SharedBytes moved = std::move(part);
  EXPECT_EQ(part.size(), 0U);  // NOLINT: what a move leaves behind is what is tested
  copy = std::move(copy);
  EXPECT_EQ(copy.text(), moved.text());
}

TEST(SharedBytes, EmptyOnesAreEqualAndPinNothing) {
  EXPECT_EQ(SharedBytes(), of(""));
  EXPECT_EQ(SharedBytes().slice(0, 0), SharedBytes());
  EXPECT_EQ(SharedBytes().pinned(), 0U);
  EXPECT_EQ(SharedBytes().compacted(), SharedBytes());
}

TEST(SharedBytes, CompactedCopiesWhatPinsOverFourTimesItsSize) {
  const SharedBytes whole = of(std::string(1'000, 'x'));
  const SharedBytes quarter = whole.slice(0, 250);
  const SharedBytes less = whole.slice(0, 249);
  EXPECT_EQ(quarter.compacted().data(), whole.data());
  EXPECT_NE(less.compacted().data(), whole.data());
  EXPECT_EQ(less.compacted(), less);
  EXPECT_LT(less.compacted().pinned(), 1'000U);
}

TEST(SharedBytesDeathTest, ASliceBeyondTheEndAborts) {
  EXPECT_DEATH((void)of("abc").slice(4), "assertion");
  EXPECT_DEATH((void)of("abc").slice(1, 3), "assertion");
}

TEST(ByteBuffer, GrowsAndFreezesWithoutACopy) {
  ByteBuffer buffer;
  for (int i = 0; i < 1'000; ++i) buffer.append(as_bytes("abc"));
  EXPECT_EQ(buffer.size(), 3'000U);
  buffer.shrink(2'999);
  const std::byte* data = buffer.span().data();
  const SharedBytes frozen = buffer.freeze();
  EXPECT_EQ(frozen.data(), data);
  EXPECT_EQ(frozen.size(), 2'999U);
  EXPECT_EQ(frozen.text().substr(2'995), "bcab");
  EXPECT_EQ(buffer.size(), 0U);
  EXPECT_EQ(buffer.capacity(), 0U);
  buffer.append(as_bytes("again"));
  EXPECT_EQ(buffer.freeze().text(), "again");
}

TEST(ByteBuffer, ExtendingAnEmptyBufferByNothingIsAllowed) {
  ByteBuffer buffer;
  EXPECT_TRUE(buffer.extend(0).empty());
  EXPECT_TRUE(buffer.mutable_span().empty());
  EXPECT_TRUE(buffer.freeze().empty());
}

TEST(ByteBuffer, AMoveTakesTheBlock) {
  ByteBuffer first(10);
  first.append(as_bytes("one"));
  ByteBuffer second(std::move(first));
  EXPECT_EQ(first.size(), 0U);  // NOLINT
  EXPECT_EQ(as_text(second.span()), "one");
  first = std::move(second);
  EXPECT_EQ(as_text(first.span()), "one");
}

TEST(ByteChain, KeepsOrderAndSize) {
  ByteChain chain(of("ab"));
  chain.append(of(""));
  chain.append(of("cde"));
  ByteChain other;
  other.append(of("f"));
  chain.append(other);
  EXPECT_EQ(chain.size(), 6U);
  EXPECT_EQ(chain.parts().size(), 3U);
  EXPECT_EQ(chain.flatten().text(), "abcdef");
  EXPECT_EQ(chain, ByteChain(of("abcdef")));
  EXPECT_FALSE(chain == ByteChain(of("abcdeg")));
}

TEST(ByteChain, OnePartIsFlattenedWithoutACopy) {
  const SharedBytes part = of("only");
  EXPECT_EQ(ByteChain(part).flatten().data(), part.data());
  EXPECT_TRUE(ByteChain().flatten().empty());
}

TEST(ByteChain, WhatWasMovedFromIsEmpty) {
  ByteChain chain(of("abc"));
  ByteChain taken(std::move(chain));
  EXPECT_TRUE(chain.empty());  // NOLINT
  EXPECT_TRUE(chain.flatten().empty());
  chain.append(of("x"));
  EXPECT_EQ(chain.size(), 1U);
  chain = std::move(taken);
  EXPECT_EQ(chain.size(), 3U);
  EXPECT_TRUE(taken.empty());  // NOLINT
}

TEST(Bytes, HexIsLowerCaseInOrder) {
  EXPECT_EQ(to_hex(as_bytes(std::string_view("\x00\x0f\xa9\xff", 4))), "000fa9ff");
  EXPECT_EQ(to_hex({}), "");
}

TEST(Endian, StoresTheMostSignificantByteFirst) {
  std::byte bytes[8];
  store_be(bytes, std::int32_t{0x01020304});
  EXPECT_EQ(to_hex(Bytes(bytes, 4)), "01020304");
  EXPECT_EQ(load_be<std::int32_t>(bytes), 0x01020304);
  EXPECT_EQ(load_be<std::uint16_t>(bytes + 1), 0x0203);
  store_be(bytes, std::int64_t{-2});
  EXPECT_EQ(to_hex(bytes), "fffffffffffffffe");
  EXPECT_EQ(load_be<std::int64_t>(bytes), -2);
  store_be(bytes, std::int8_t{-1});
  EXPECT_EQ(load_be<std::uint8_t>(bytes), 255);
}

// Reference values of FNV-1a (Fowler, Noll, Vo).
TEST(Fnv64, IsFnv1a) {
  const auto hash = [](std::string_view text) {
    Fnv64 fold;
    fold.add(text);
    return fold.value();
  };
  EXPECT_EQ(hash(""), 0xCBF29CE484222325ULL);
  EXPECT_EQ(hash("a"), 0xAF63DC4C8601EC8CULL);
  EXPECT_EQ(hash("foobar"), 0x85944171F73967E8ULL);
  Fnv64 number;
  number.add(std::uint32_t{0x61});
  EXPECT_EQ(number.value(), hash(std::string_view("a\0\0\0\0\0\0\0", 8)));
}

}  // namespace
}  // namespace moldau::base
