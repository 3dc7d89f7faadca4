#include "record/batch.h"

#include <limits>

#include <gtest/gtest.h>

#include "record/internal/golden_batches.h"
#include "record/internal/test_batches.h"

namespace moldau::record {
namespace {

using internal::mutable_copy;
using internal::shared;

StoredBatch sample(Codec codec = Codec::kNone) {
  base::Rng rng(1);
  return internal::build(internal::random_records(rng, 3, 40),
                         {.compression = {.codec = codec}, .base_offset = base::Offset(50)});
}

TEST(BatchHeader, BytesGoThereAndBack) {
  const BatchHeader header{
      .base_offset = base::Offset(0x0102030405060708),
      .length = 0x11121314,
      .partition_leader_epoch = base::LeaderEpoch(0x21222324),
      .crc = 0xA1A2A3A4,
      .attributes = {0x003A},
      .last_offset_delta = 0x31323334,
      .base_timestamp = base::Timestamp(0x4142434445464748),
      .max_timestamp = base::Timestamp(0x5152535455565758),
      .producer_id = base::ProducerId(0x6162636465666768),
      .producer_epoch = base::ProducerEpoch(0x7172),
      .base_sequence = base::Sequence(0x01020304),
      .record_count = 0x11223344,
  };
  const HeaderBytes bytes = to_bytes(header);
  EXPECT_EQ(base::to_hex(bytes),
            "0102030405060708111213142122232402a1a2a3a4003a31323334"
            "4142434445464748515253545556575861626364656667687172"
            "0102030411223344");
  EXPECT_EQ(parse_header(bytes), header);
}

TEST(BatchHeader, RefusesWhatCannotBe) {
  const auto with = [](auto change) {
    BatchHeader header{.length = 49, .record_count = 1};
    change(header);
    HeaderBytes bytes = to_bytes({.length = header.length,
                                  .last_offset_delta = header.last_offset_delta,
                                  .record_count = header.record_count});
    base::store_be(bytes.data(), header.base_offset.value());
    base::store_be(bytes.data() + kMagicPosition, header.magic);
    return parse_header(bytes);
  };
  EXPECT_TRUE(with([](BatchHeader&) {}));
  EXPECT_EQ(with([](auto& h) { h.length = 48; }).error().code, Error::kCorruptMessage);
  EXPECT_EQ(with([](auto& h) { h.length = -1; }).error().code, Error::kCorruptMessage);
  EXPECT_EQ(with([](auto& h) { h.length = 0x7FFFFFFF; }).error().code, Error::kCorruptMessage);
  EXPECT_EQ(with([](auto& h) { h.magic = 3; }).error().code, Error::kCorruptMessage);
  EXPECT_EQ(with([](auto& h) { h.magic = -1; }).error().code, Error::kCorruptMessage);
  EXPECT_EQ(with([](auto& h) { h.magic = 1; }).error().code, Error::kUnsupportedForMessageFormat);
  EXPECT_EQ(with([](auto& h) { h.record_count = -1; }).error().code, Error::kInvalidRecord);
  EXPECT_EQ(with([](auto& h) { h.last_offset_delta = -1; }).error().code, Error::kInvalidRecord);
  EXPECT_EQ(with([](auto& h) { h.base_offset = base::Offset(-1); }).error().code,
            Error::kInvalidRecord);
  EXPECT_EQ(
      with([](auto& h) { h.base_offset = base::Offset(std::numeric_limits<std::int64_t>::max()); })
          .error()
          .code,
      Error::kInvalidRecord);
  const HeaderBytes bytes = to_bytes({.length = 49});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(parse_header(base::Bytes(bytes).first(size))) << size;
  }
}

TEST(BatchHeader, SequencesWrapAfterTheLargest) {
  constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
  EXPECT_EQ(next_sequence(base::Sequence(5), 3), base::Sequence(8));
  EXPECT_EQ(next_sequence(base::Sequence(kMax), 1), base::Sequence(0));
  EXPECT_EQ(next_sequence(base::Sequence(kMax - 1), 4), base::Sequence(2));
  EXPECT_EQ(next_sequence(base::Sequence(kMax), kMax), base::Sequence(kMax - 1));
}

TEST(StoredBatch, AssignKeepsTheChecksum) {
  StoredBatch batch = sample();
  batch.assign(base::Offset(1234), base::LeaderEpoch(9));
  const auto view = BatchView::parse(batch.flatten());
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->check_crc());
  EXPECT_EQ(view->header().base_offset, base::Offset(1234));
  EXPECT_EQ(view->header().last_offset(), base::Offset(1236));
  EXPECT_EQ(view->header().partition_leader_epoch, base::LeaderEpoch(9));
  base::ByteChain chain;
  batch.append_to(chain);
  EXPECT_EQ(chain.flatten(), batch.flatten());
  EXPECT_EQ(chain.parts().back().data(), batch.body.data());  // shared, not copied
}

TEST(BatchView, FindsEveryChangedByte) {
  const base::SharedBytes good = sample(Codec::kLz4).flatten();
  for (std::size_t i = kMagicPosition; i < good.size(); ++i) {
    for (const unsigned bit : {0x01u, 0x80u}) {
      auto bytes = mutable_copy(good);
      bytes[i] ^= static_cast<std::byte>(bit);
      const auto view = BatchView::parse(shared(bytes));
      EXPECT_FALSE(view && view->check_crc()) << "byte " << i;
    }
  }
}

TEST(BatchView, NeedsTheWholeBatch) {
  const base::SharedBytes good = sample().flatten();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(BatchView::parse(good.slice(0, size))) << size;
  }
}

TEST(BatchIterator, StopsBeforeAPartialBatch) {
  base::ByteBuffer buffer;
  const base::SharedBytes one = sample().flatten();
  buffer.append(one.span());
  buffer.append(one.span());
  const base::SharedBytes both = buffer.freeze();
  for (std::size_t size = 0; size <= both.size(); ++size) {
    BatchIterator batches(both.slice(0, size));
    std::size_t found = 0;
    for (;;) {
      const auto next = batches.next();
      ASSERT_TRUE(next);
      if (!*next) break;
      EXPECT_EQ((*next)->bytes(), one);
      ++found;
    }
    EXPECT_EQ(found, size / one.size());
    EXPECT_EQ(batches.position(), found * one.size());
    EXPECT_EQ(batches.remaining(), size - batches.position());
  }
}

TEST(BatchIterator, StaysAtABadBatch) {
  const base::SharedBytes one = sample().flatten();
  base::ByteBuffer buffer;
  buffer.append(one.span());
  const std::vector<std::byte> garbage(40, std::byte{0xEE});
  buffer.append(garbage);
  BatchIterator batches(buffer.freeze());
  ASSERT_TRUE(batches.next());
  for (int i = 0; i < 2; ++i) {
    const auto next = batches.next();
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, Error::kCorruptMessage);
    EXPECT_EQ(batches.position(), one.size());
  }
}

TEST(BatchView, ReadsHeadersOfAllFormats) {
  for (const auto& golden : internal::kGoldenBatches) {
    BatchIterator batches(internal::from_hex(golden.hex));
    base::Offset last{-1};
    for (;;) {
      const auto next = batches.next();
      ASSERT_TRUE(next);
      if (!*next) break;
      EXPECT_TRUE((*next)->check_crc());
      EXPECT_EQ((*next)->magic(), golden.magic);
      EXPECT_EQ((*next)->header().attributes.codec(), golden.codec);
      EXPECT_EQ((*next)->header().attributes.timestamp_type(), golden.timestamp_type);
      EXPECT_GT((*next)->header().last_offset(), last);
      last = (*next)->header().last_offset();
    }
    EXPECT_EQ(last, base::Offset(104));
    EXPECT_EQ(batches.remaining(), 0u);
  }
}

TEST(BatchView, FindsEveryChangedByteInOldFormats) {
  for (const auto& golden : internal::kGoldenBatches) {
    if (golden.magic == 2 || golden.codec == Codec::kNone) continue;
    const base::SharedBytes good = internal::from_hex(golden.hex);
    for (std::size_t i = kMagicPosition; i < good.size(); ++i) {
      auto bytes = mutable_copy(good);
      bytes[i] ^= std::byte{0x10};
      const auto view = BatchView::parse(shared(bytes));
      EXPECT_FALSE(view && view->check_crc()) << "byte " << i;
    }
  }
}

}  // namespace
}  // namespace moldau::record
