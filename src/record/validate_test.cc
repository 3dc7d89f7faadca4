#include "record/validate.h"

#include <array>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "base/varint.h"
#include "record/internal/golden_batches.h"
#include "record/internal/test_batches.h"
#include "record/reader.h"

namespace moldau::record {
namespace {

using internal::fix_crc;
using internal::mutable_copy;
using internal::OwnedRecord;
using internal::shared;

constexpr base::Timestamp kNow{1'700'000'000'000};
constexpr std::array kCodecs = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4,
                                Codec::kZstd};

std::expected<Validated, Refusal> run(const base::SharedBytes& records,
                                      ValidateOptions options = {}) {
  options.now = kNow;
  CodecContexts contexts;
  return validate(records, options, contexts);
}

Error code_of(const base::SharedBytes& records, const ValidateOptions& options = {}) {
  const auto result = run(records, options);
  EXPECT_FALSE(result) << "accepted";
  return result ? Error{} : result.error().code;
}

std::vector<OwnedRecord> keyed(std::size_t count) {
  base::Rng rng(count);
  auto records = internal::random_records(rng, count, 60);
  for (std::size_t i = 0; i < count; ++i) {
    records[i].key = "k" + std::to_string(i);
    records[i].timestamp = kNow - static_cast<std::int64_t>(i);
  }
  return records;
}

base::SharedBytes batch_of(const std::vector<OwnedRecord>& records, BuilderOptions options = {}) {
  return internal::build(records, options).flatten();
}

// A plain batch of three records with one field of its header changed and the checksum right.
base::SharedBytes with_header(const std::function<void(BatchHeader&)>& change) {
  StoredBatch batch = internal::build(keyed(3), {});
  change(batch.header);
  batch.header.crc = checksum(batch.header, batch.body.span());
  return batch.flatten();
}

std::vector<std::pair<std::int64_t, std::optional<std::string>>> offsets_and_keys(
    const StoredBatch& batch) {
  CodecContexts contexts;
  auto reader = RecordReader::open(batch, contexts);
  EXPECT_TRUE(reader);
  std::vector<std::pair<std::int64_t, std::optional<std::string>>> result;
  RecordView view;
  while (reader->next(view).value()) {
    result.emplace_back(
        view.offset.value(),
        view.key ? std::optional(std::string(base::as_text(*view.key))) : std::nullopt);
  }
  return result;
}

TEST(Validate, AcceptsEachCodecAsItCame) {
  for (const Codec codec : kCodecs) {
    const base::SharedBytes bytes = batch_of(keyed(500), {.compression = {.codec = codec}});
    const auto result = run(bytes);
    ASSERT_TRUE(result) << to_string(codec) << ": " << result.error().message;
    EXPECT_EQ(result->batch.flatten(), bytes);
    EXPECT_EQ(result->batch.body.data(), bytes.data() + kBatchHeaderBytes);  // not copied
    EXPECT_EQ(result->record_count, 500);
    EXPECT_EQ(result->max_timestamp, kNow);
    EXPECT_EQ(result->log_append_time, base::kNoTimestamp);
    EXPECT_EQ(result->input_bytes, bytes.size());
    EXPECT_FALSE(result->rebuilt);
  }
}

TEST(Validate, AcceptsRecordsLargerThanTheWindow) {
  std::vector<OwnedRecord> records = keyed(4);
  base::Rng rng(1);
  records[1].value = internal::random_text(rng, 300'000);
  records[2].key = internal::random_text(rng, 70'000);
  records[3].headers.push_back({"h", internal::random_text(rng, 100'000)});
  for (const Codec codec : kCodecs) {
    const auto result = run(batch_of(records, {.compression = {.codec = codec}}));
    ASSERT_TRUE(result) << to_string(codec) << ": " << result.error().message;
    EXPECT_EQ(result->record_count, 4);
  }
}

TEST(Validate, AcceptsJavasBatches) {
  for (const auto& golden : internal::kGoldenBatches) {
    auto bytes = mutable_copy(internal::from_hex(golden.hex));
    base::store_be(bytes.data(), std::int64_t{0});
    const auto result = run(shared(bytes));
    if (golden.magic < 2) {
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().code, Error::kInvalidRecord);
    } else if (golden.timestamp_type == TimestampType::kLogAppendTime) {
      // Kafka lets this pass as long as the time is in range, and makes it CreateTime.
      ASSERT_TRUE(result) << result.error().message;
      EXPECT_EQ(result->batch.header.attributes.timestamp_type(), TimestampType::kCreateTime);
    } else {
      ASSERT_TRUE(result) << result.error().message;
      EXPECT_EQ(result->record_count, 5);
    }
  }
}

TEST(Validate, TakesExactlyOneWholeBatch) {
  const base::SharedBytes one = batch_of(keyed(3));
  EXPECT_EQ(code_of({}), Error::kInvalidRecord);
  for (std::size_t size = 0; size < one.size(); ++size) {
    EXPECT_EQ(code_of(one.slice(0, size)), Error::kInvalidRecord) << size;
  }
  base::ByteBuffer two;
  two.append(one.span());
  two.append(one.span());
  const base::SharedBytes both = two.freeze();
  EXPECT_EQ(code_of(both), Error::kInvalidRecord);
  // A part of a second batch is cut off, as Kafka does.
  const auto cut = run(both.slice(0, both.size() - 1));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->batch.size(), one.size());
  // Garbage where a second batch would start is not.
  base::ByteBuffer trailing;
  trailing.append(one.span());
  trailing.append(std::vector<std::byte>(20, std::byte{0xFF}));
  EXPECT_EQ(code_of(trailing.freeze()), Error::kCorruptMessage);
}

TEST(Validate, FindsEveryChangedByte) {
  for (const Codec codec : {Codec::kNone, Codec::kZstd}) {
    const base::SharedBytes good = batch_of(keyed(3), {.compression = {.codec = codec}});
    for (std::size_t i = 0; i < good.size(); ++i) {
      auto bytes = mutable_copy(good);
      bytes[i] ^= std::byte{0x01};
      const bool leader_epoch = i >= 12 && i < 16;  // the leader's own, not covered by the checksum
      EXPECT_EQ(run(shared(bytes)).has_value(), leader_epoch) << "byte " << i;
    }
  }
}

// With the checksum made right again, everything that is accepted must be readable as counted.
TEST(Validate, WhatItAcceptsCanBeRead) {
  for (const Codec codec : kCodecs) {
    base::Rng rng(7);
    const base::SharedBytes good =
        batch_of(internal::random_records(rng, 5, 40), {.compression = {.codec = codec}});
    for (std::size_t i = kAttributesPosition; i < good.size(); ++i) {
      for (const unsigned bits : {0x01u, 0x02u, 0x10u, 0x80u, 0xFFu}) {
        auto bytes = mutable_copy(good);
        bytes[i] ^= static_cast<std::byte>(bits);
        fix_crc(bytes);
        const auto result = run(shared(bytes), {.timestamp_after_max_ms = 1'000'000'000'000});
        if (!result) continue;
        const auto& header = result->batch.header;
        ASSERT_EQ(checksum(header, result->batch.body.span()), header.crc) << "byte " << i;
        const auto records = offsets_and_keys(result->batch);
        ASSERT_EQ(records.size(), static_cast<std::size_t>(header.record_count));
        for (std::size_t n = 0; n < records.size(); ++n) {
          ASSERT_EQ(records[n].first, static_cast<std::int64_t>(n)) << "byte " << i;
        }
      }
    }
  }
}

TEST(Validate, ChecksTheHeader) {
  struct Case {
    const char* name;
    std::function<void(BatchHeader&)> change;
    Error code;
  };
  const Case cases[] = {
      {"base offset", [](auto& h) { h.base_offset = base::Offset(5); }, Error::kInvalidRecord},
      {"negative range", [](auto& h) { h.last_offset_delta = -1; }, Error::kInvalidRecord},
      {"far negative range",
       [](auto& h) { h.last_offset_delta = std::numeric_limits<std::int32_t>::min(); },
       Error::kInvalidRecord},
      {"range too long", [](auto& h) { h.last_offset_delta = 3; }, Error::kInvalidRecord},
      {"no records", [](auto& h) { h.record_count = 0; }, Error::kInvalidRecord},
      {"negative count", [](auto& h) { h.record_count = -1; }, Error::kInvalidRecord},
      {"fewer records than there are",
       [](auto& h) {
         h.record_count = 2;
         h.last_offset_delta = 1;
       },
       Error::kInvalidRecord},
      {"more records than there are",
       [](auto& h) {
         h.record_count = 4;
         h.last_offset_delta = 3;
       },
       Error::kInvalidRecord},
      {"control batch", [](auto& h) { h.attributes.bits |= BatchAttributes::kControlBit; },
       Error::kInvalidRecord},
      {"producer without sequence", [](auto& h) { h.producer_id = base::ProducerId(1); },
       Error::kInvalidRecord},
      {"unknown codec", [](auto& h) { h.attributes.bits |= 7; },
       Error::kUnsupportedCompressionType},
      {"not compressed as it says", [](auto& h) { h.attributes.bits |= 1; }, Error::kInvalidRecord},
  };
  for (const Case& c : cases) {
    const auto bytes = with_header(c.change);
    EXPECT_EQ(code_of(bytes), c.code) << c.name;
  }
  EXPECT_TRUE(run(with_header([](auto& h) {
    h.producer_id = base::ProducerId(1);
    h.producer_epoch = base::ProducerEpoch(0);
    h.base_sequence = base::Sequence(0);
  })));
}

TEST(Validate, OurOwnCoordinatorsMayWriteControlBatches) {
  const auto bytes =
      with_header([](auto& h) { h.attributes.bits |= BatchAttributes::kControlBit; });
  // They are not compressed, whatever the topic says.
  const auto result = run(bytes, {.origin = AppendOrigin::kCoordinator,
                                  .compression = Compression{.codec = Codec::kZstd}});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_FALSE(result->rebuilt);
}

TEST(Validate, ChecksSizes) {
  const base::SharedBytes bytes = batch_of(keyed(10));
  const auto size = static_cast<std::int32_t>(bytes.size());
  EXPECT_TRUE(run(bytes, {.message_bytes_max = size}));
  EXPECT_EQ(code_of(bytes, {.message_bytes_max = size - 1}), Error::kMessageTooLarge);
  EXPECT_TRUE(run(bytes, {.segment_bytes_max = size}));
  EXPECT_EQ(code_of(bytes, {.segment_bytes_max = size - 1}), Error::kRecordListTooLarge);
  // Packed it was small enough, unpacked as the topic asks it is not.
  const base::SharedBytes packed = batch_of(keyed(200), {.compression = {.codec = Codec::kZstd}});
  EXPECT_EQ(code_of(packed, {.message_bytes_max = static_cast<std::int32_t>(packed.size()),
                             .compression = Compression{.codec = Codec::kNone}}),
            Error::kMessageTooLarge);
}

TEST(Validate, StopsABomb) {
  std::vector<OwnedRecord> records = keyed(1);
  records[0].value = std::string(8 << 20, '\0');
  for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    const base::SharedBytes bytes = batch_of(records, {.compression = {.codec = codec}});
    EXPECT_EQ(code_of(bytes, {.decompressed_bytes_max = 1 << 20}), Error::kMessageTooLarge);
    EXPECT_EQ(code_of(bytes, {.compression = Compression{.codec = Codec::kNone},
                              .decompressed_bytes_max = 1 << 20}),
              Error::kMessageTooLarge);
    EXPECT_TRUE(run(bytes));
  }
}

// Regression: a batch that was to be stored without compression was unpacked up to 256 MiB first.
TEST(Validate, WhatIsBuiltAnewIsUnpackedOnlyAsFarAsItMayFit) {
  std::vector<OwnedRecord> records = keyed(1);
  records[0].value = std::string(2 << 20, '\0');
  const base::SharedBytes bytes = batch_of(records, {.compression = {.codec = Codec::kZstd}});
  const Compression none{.codec = Codec::kNone};
  const auto refused = run(bytes, {.message_bytes_max = 1 << 20, .compression = none});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Error::kMessageTooLarge);
  EXPECT_NE(refused.error().message.find("unpack"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(run(bytes, {.message_bytes_max = 4 << 20, .compression = none}));

  records[0].value = std::string(kRepackedBytesMax, '\0');
  const base::SharedBytes large = batch_of(
      records, {.compression = {.codec = Codec::kZstd}, .size_max = 2 * kRepackedBytesMax});
  const Compression lz4{.codec = Codec::kLz4};
  EXPECT_EQ(code_of(large, {.compression = lz4}), Error::kMessageTooLarge);
  EXPECT_TRUE(run(large, {.message_bytes_max = 32 << 20, .compression = lz4}));
  EXPECT_TRUE(run(large)) << "as the producer sent it, it is not held in memory";
}

TEST(Validate, ABatchBuiltAnewKeepsOnlyWhatAProducerMaySay) {
  StoredBatch batch = internal::build(keyed(3), {});
  batch.header.attributes.bits |=
      0x8000 | BatchAttributes::kDeleteHorizonBit | BatchAttributes::kTransactionalBit;
  batch.header.crc = checksum(batch.header, batch.body.span());
  const auto result = run(batch.flatten(), {.compression = Compression{.codec = Codec::kZstd}});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->rebuilt);
  EXPECT_EQ(result->batch.header.attributes.bits,
            BatchAttributes::kTransactionalBit | static_cast<std::uint16_t>(Codec::kZstd));
}

TEST(Validate, ZstdNeedsProduce7) {
  const base::SharedBytes bytes = batch_of(keyed(3), {.compression = {.codec = Codec::kZstd}});
  EXPECT_EQ(code_of(bytes, {.zstd_allowed = false}), Error::kUnsupportedCompressionType);
  EXPECT_TRUE(
      run(batch_of(keyed(3), {.compression = {.codec = Codec::kLz4}}), {.zstd_allowed = false}));
}

TEST(Validate, CompactedTopicsNeedKeys) {
  auto records = keyed(4);
  EXPECT_TRUE(run(batch_of(records), {.compacted = true}));
  records[1].key.reset();
  records[3].key.reset();
  records[2].key = "";  // empty is a key
  for (const Codec codec : {Codec::kNone, Codec::kLz4}) {
    const auto result =
        run(batch_of(records, {.compression = {.codec = codec}}), {.compacted = true});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Error::kInvalidRecord);
    ASSERT_EQ(result.error().record_errors.size(), 2u);
    EXPECT_EQ(result.error().record_errors[0].batch_index, 1);
    EXPECT_EQ(result.error().record_errors[1].batch_index, 3);
  }
  EXPECT_TRUE(run(batch_of(records)));
}

TEST(Validate, RecordErrorsAreCountedButNotAllListed) {
  auto records = keyed(500);
  for (auto& record : records) record.key.reset();
  const auto result = run(batch_of(records), {.compacted = true});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().record_errors.size(), kRecordErrorsMax);
  EXPECT_NE(result.error().message.find("500"), std::string::npos);
}

TEST(Validate, TimestampsHaveBounds) {
  struct Case {
    std::int64_t offset;  // from now
    bool good;
  };
  const ValidateOptions options{.timestamp_before_max_ms = 1000, .timestamp_after_max_ms = 500};
  for (const Case& c :
       {Case{0, true}, Case{-1000, true}, Case{-1001, false}, Case{500, true}, Case{501, false}}) {
    auto records = keyed(3);
    records[1].timestamp = kNow + c.offset;
    for (const Codec codec : {Codec::kNone, Codec::kSnappy}) {
      const auto result = run(batch_of(records, {.compression = {.codec = codec}}), options);
      EXPECT_EQ(result.has_value(), c.good) << c.offset;
      if (result) continue;
      EXPECT_EQ(result.error().code, Error::kInvalidTimestamp);
      ASSERT_EQ(result.error().record_errors.size(), 1u);
      EXPECT_EQ(result.error().record_errors[0].batch_index, 1);
    }
  }
  // No timestamp is no timestamp.
  auto records = keyed(2);
  records[0].timestamp = base::kNoTimestamp;
  EXPECT_TRUE(run(batch_of(records), options));
  // With append time nobody looks.
  records[0].timestamp = base::Timestamp(1);
  EXPECT_TRUE(run(batch_of(records), {.timestamp_type = TimestampType::kLogAppendTime,
                                      .timestamp_before_max_ms = 1000}));
}

TEST(Validate, ExtremeTimestampsDoNotOverflow) {
  for (const std::int64_t timestamp :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    auto records = keyed(2);
    records[1].timestamp = base::Timestamp(timestamp);
    static_cast<void>(run(batch_of(records)));
    static_cast<void>(
        run(batch_of(records), {.timestamp_before_max_ms = 0, .timestamp_after_max_ms = 0}));
  }
}

TEST(Validate, AppendTimeIsWrittenAndTheChecksumFollows) {
  for (const Codec codec : kCodecs) {
    for (const std::size_t count : {3u, 2000u}) {  // small, and over the size for combining
      const base::SharedBytes bytes = batch_of(keyed(count), {.compression = {.codec = codec}});
      const auto result = run(bytes, {.timestamp_type = TimestampType::kLogAppendTime});
      ASSERT_TRUE(result);
      const BatchHeader& header = result->batch.header;
      EXPECT_EQ(header.attributes.timestamp_type(), TimestampType::kLogAppendTime);
      EXPECT_EQ(header.attributes.codec(), codec);
      EXPECT_EQ(header.max_timestamp, kNow);
      EXPECT_EQ(result->max_timestamp, kNow);
      EXPECT_EQ(result->log_append_time, kNow);
      EXPECT_EQ(checksum(header, result->batch.body.span()), header.crc);
      EXPECT_FALSE(result->rebuilt);
    }
  }
}

TEST(Validate, ProducersMustNotClaimAppendTime) {
  const auto bytes = with_header([](auto& h) {
    h.attributes.set_timestamp_type(TimestampType::kLogAppendTime);
    h.max_timestamp = base::kNoTimestamp;
  });
  EXPECT_EQ(code_of(bytes), Error::kInvalidTimestamp);
  EXPECT_EQ(code_of(bytes, {.timestamp_type = TimestampType::kLogAppendTime}),
            Error::kInvalidTimestamp);
}

TEST(Validate, AWrongMaximumTimestampIsCorrected) {
  const auto bytes = with_header([](auto& h) { h.max_timestamp = base::Timestamp(5); });
  const auto result = run(bytes);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->batch.header.max_timestamp, kNow);
  EXPECT_EQ(checksum(result->batch.header, result->batch.body.span()), result->batch.header.crc);
}

TEST(Validate, RecompressesWhenTheTopicAsks) {
  for (const Codec from : kCodecs) {
    for (const Codec to : kCodecs) {
      const auto records = keyed(100);
      const auto came = internal::build(records, {.compression = {.codec = from},
                                                  .producer_id = base::ProducerId(4),
                                                  .producer_epoch = base::ProducerEpoch(2),
                                                  .base_sequence = base::Sequence(9)});
      const auto result = run(came.flatten(), {.compression = Compression{.codec = to}});
      ASSERT_TRUE(result) << result.error().message;
      EXPECT_EQ(result->rebuilt, from != to);
      const BatchHeader& header = result->batch.header;
      EXPECT_EQ(header.attributes.codec(), to);
      EXPECT_EQ(header.producer_id, base::ProducerId(4));
      EXPECT_EQ(header.base_sequence, base::Sequence(9));
      EXPECT_EQ(header.record_count, 100);
      EXPECT_EQ(header.size(), result->batch.size());
      EXPECT_EQ(checksum(header, result->batch.body.span()), header.crc);
      EXPECT_EQ(offsets_and_keys(result->batch), offsets_and_keys(came));
    }
  }
}

// Records with the given offset deltas, all of one byte.
base::SharedBytes with_deltas(Codec codec, const std::vector<std::int32_t>& deltas) {
  const std::vector<OwnedRecord> records = keyed(deltas.size());
  StoredBatch batch = internal::build(records, {});
  auto body = mutable_copy(batch.body);
  std::size_t at = 0;
  for (const std::int32_t delta : deltas) {
    // Length, attributes, timestamp delta, then the offset delta: all small numbers here.
    const auto length = base::read_varint(base::Bytes(body).subspan(at));
    body[at + length->size + 2] = static_cast<std::byte>(base::zigzag(delta));
    at += length->size + static_cast<std::size_t>(length->value);
  }
  CodecContexts contexts;
  base::ByteBuffer packed;
  EXPECT_TRUE(compress({.codec = codec}, body, contexts, packed));
  batch.body = packed.freeze();
  batch.header.attributes.set_codec(codec);
  batch.header.set_body_size(batch.body.size());
  batch.header.crc = checksum(batch.header, batch.body.span());
  return batch.flatten();
}

TEST(Validate, OffsetsWithGapsAreRenumbered) {
  for (const Codec codec : kCodecs) {
    const auto result = run(with_deltas(codec, {0, 0, 5, 1}));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_TRUE(result->rebuilt);
    EXPECT_EQ(result->batch.header.attributes.codec(), codec);
    EXPECT_EQ(checksum(result->batch.header, result->batch.body.span()), result->batch.header.crc);
    const auto records = offsets_and_keys(result->batch);
    ASSERT_EQ(records.size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(records[i].first, static_cast<std::int64_t>(i));
      EXPECT_EQ(records[i].second, "k" + std::to_string(i));
    }
    EXPECT_FALSE(run(with_deltas(codec, {0, 1, 2}))->rebuilt);
  }
}

}  // namespace
}  // namespace moldau::record
