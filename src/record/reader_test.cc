#include "record/reader.h"

#include <array>
#include <limits>

#include <gtest/gtest.h>
#include <zlib.h>

#include "base/result.h"
#include "record/builder.h"
#include "record/control.h"
#include "record/internal/golden_batches.h"
#include "record/internal/test_batches.h"

namespace moldau::record {
namespace {

using internal::OwnedRecord;

constexpr std::array kCodecs = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4,
                                Codec::kZstd};

std::optional<std::string> text_of(const std::optional<base::Bytes>& bytes) {
  if (!bytes) return std::nullopt;
  return std::string(base::as_text(*bytes));
}

struct ReadRecord {
  RecordView view;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<internal::OwnedHeader> headers;
};

template <class Batch>
Result<std::vector<ReadRecord>> read_all(const Batch& batch) {
  CodecContexts contexts;
  auto reader = TRY(RecordReader::open(batch, contexts));
  std::vector<ReadRecord> records;
  RecordView view;
  while (TRY(reader.next(view))) {
    ReadRecord record{view, text_of(view.key), text_of(view.value), {}};
    for (const HeaderView& header : view.headers()) {
      record.headers.push_back({std::string(header.key), text_of(header.value)});
    }
    records.push_back(std::move(record));
  }
  return records;
}

TEST(RecordReader, ReadsWhatTheBuilderBuilt) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    base::Rng rng(seed);
    const auto count = static_cast<std::size_t>(rng.between(1, 200));
    const auto records = internal::random_records(rng, count, 1 + rng.below(500));
    const Codec codec = kCodecs[seed % kCodecs.size()];
    const StoredBatch batch = internal::build(
        records, {.compression = {.codec = codec}, .base_offset = base::Offset(1000)});
    EXPECT_EQ(batch.header.record_count, static_cast<std::int32_t>(count));
    EXPECT_EQ(batch.header.last_offset(), base::Offset(999 + static_cast<std::int64_t>(count)));
    EXPECT_EQ(checksum(batch.header, batch.body.span()), batch.header.crc);

    const auto read = read_all(batch);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), count);
    base::Timestamp latest = records.front().timestamp;
    for (std::size_t i = 0; i < count; ++i) {
      const ReadRecord& got = (*read)[i];
      EXPECT_EQ(got.view.offset, base::Offset(1000 + static_cast<std::int64_t>(i)));
      EXPECT_EQ(got.view.timestamp, records[i].timestamp);
      EXPECT_EQ(got.view.sequence, base::kNoSequence);
      EXPECT_EQ(got.key, records[i].key);
      EXPECT_EQ(got.value, records[i].value);
      ASSERT_EQ(got.headers.size(), records[i].headers.size());
      for (std::size_t h = 0; h < got.headers.size(); ++h) {
        EXPECT_EQ(got.headers[h].key, records[i].headers[h].key);
        EXPECT_EQ(got.headers[h].value, records[i].headers[h].value);
      }
      latest = std::max(latest, records[i].timestamp);
    }
    EXPECT_EQ(batch.header.max_timestamp, latest);
  }
}

TEST(RecordReader, ReadsJavasBatchesOfAllFormats) {
  for (const auto& golden : internal::kGoldenBatches) {
    SCOPED_TRACE(testing::Message() << "format " << golden.magic << " " << to_string(golden.codec));
    BatchIterator batches(internal::from_hex(golden.hex));
    std::vector<ReadRecord> records;
    std::vector<BatchView> views;
    for (;;) {
      const auto next = batches.next();
      ASSERT_TRUE(next);
      if (!*next) break;
      views.push_back(**next);
      auto read = read_all(**next);
      ASSERT_TRUE(read) << read.error().message;
      for (auto& record : *read) records.push_back(std::move(record));
    }
    ASSERT_EQ(records.size(), 5u);
    for (int i = 0; i < 5; ++i) {
      const ReadRecord& record = records[static_cast<std::size_t>(i)];
      std::int64_t timestamp = 1'700'000'000'000 + i * 10 - (i == 4 ? 100 : 0);
      if (golden.timestamp_type == TimestampType::kLogAppendTime) timestamp = 1'700'000'000'500;
      if (golden.magic == 0) timestamp = -1;
      EXPECT_EQ(record.view.offset, base::Offset(100 + i));
      EXPECT_EQ(record.view.timestamp, base::Timestamp(timestamp)) << i;
      EXPECT_EQ(record.view.sequence, base::Sequence(golden.magic == 2 ? 11 + i : -1));
      EXPECT_EQ(record.key, i % 2 == 0 ? std::optional("key-" + std::to_string(i)) : std::nullopt);
      EXPECT_EQ(record.value.has_value(), i != 3);
      EXPECT_EQ(record.headers.size(), golden.magic == 2 && i == 4 ? 2u : 0u);
    }
  }
}

TEST(RecordReader, SlicesOutliveTheReader) {
  base::Rng rng(3);
  const auto records = internal::random_records(rng, 5, 50);
  const StoredBatch batch = internal::build(records, {.compression = {.codec = Codec::kZstd}});
  std::vector<base::SharedBytes> values;
  {
    CodecContexts contexts;
    auto reader = RecordReader::open(batch, contexts);
    ASSERT_TRUE(reader);
    RecordView view;
    while (reader->next(view).value())
      values.push_back(reader->share(view.value.value_or(base::Bytes{})));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i].text(), records[i].value.value_or(""));
  }
}

TEST(RecordReader, AppendTimeCountsForEachRecord) {
  base::Rng rng(4);
  const StoredBatch batch = internal::build(
      internal::random_records(rng, 4, 20),
      {.timestamp_type = TimestampType::kLogAppendTime, .log_append_time = base::Timestamp(77)});
  const auto records = read_all(batch);
  ASSERT_TRUE(records);
  for (const auto& record : *records) EXPECT_EQ(record.view.timestamp, base::Timestamp(77));
}

TEST(RecordReader, SequencesFollowTheBatch) {
  base::Rng rng(5);
  constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
  const StoredBatch batch = internal::build(internal::random_records(rng, 3, 20),
                                            {.producer_id = base::ProducerId(1),
                                             .producer_epoch = base::ProducerEpoch(0),
                                             .base_sequence = base::Sequence(kMax - 1)});
  const auto records = read_all(batch);
  ASSERT_TRUE(records);
  EXPECT_EQ((*records)[0].view.sequence, base::Sequence(kMax - 1));
  EXPECT_EQ((*records)[1].view.sequence, base::Sequence(kMax));
  EXPECT_EQ((*records)[2].view.sequence, base::Sequence(0));
}

TEST(RecordReader, AnEmptyBatchHasNoRecords) {
  StoredBatch batch = internal::build({}, {.base_offset = base::Offset(7)});
  EXPECT_TRUE(read_all(batch)->empty());
  // Compaction may leave the codec bits of what it emptied.
  batch.header.attributes.set_codec(Codec::kGzip);
  EXPECT_TRUE(read_all(batch)->empty());
}

// Reading must end in records or an error for every changed byte of the body.
TEST(RecordReader, SurvivesChangedBytes) {
  base::Rng rng(6);
  for (const Codec codec : kCodecs) {
    const StoredBatch good =
        internal::build(internal::random_records(rng, 6, 60), {.compression = {.codec = codec}});
    for (std::size_t i = 0; i < good.body.size(); ++i) {
      for (const unsigned bits : {0x01u, 0x40u, 0x80u, 0xFFu}) {
        auto bytes = internal::mutable_copy(good.body);
        bytes[i] ^= static_cast<std::byte>(bits);
        StoredBatch batch = good;
        batch.body = internal::shared(bytes);
        static_cast<void>(read_all(batch));
      }
    }
    for (std::size_t size = 0; size < good.body.size(); ++size) {
      StoredBatch batch = good;
      batch.body = good.body.slice(0, size);
      const auto records = read_all(batch);
      // Only snappy's framing could end early without notice; then records are missing.
      EXPECT_FALSE(records) << to_string(codec) << " cut at " << size;
    }
  }
}

TEST(RecordReader, OldFormatsSurviveChangedBytes) {
  for (const auto& golden : internal::kGoldenBatches) {
    const base::SharedBytes good = internal::from_hex(golden.hex);
    for (std::size_t i = 0; i < good.size(); ++i) {
      auto bytes = internal::mutable_copy(good);
      bytes[i] ^= std::byte{0x21};
      // The message's CRC made right, so that what is inside gets read.
      if (golden.magic < 2 && i > kMagicPosition) {
        const std::size_t size =
            kLogOverheadBytes +
            static_cast<std::size_t>(base::load_be<std::int32_t>(good.data() + 8));
        base::store_be(
            bytes.data() + 12,
            static_cast<std::uint32_t>(
                crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data() + 16), size - 16)));
      }
      BatchIterator batches(internal::shared(bytes));
      for (;;) {
        const auto next = batches.next();
        if (!next || !*next) break;
        static_cast<void>(read_all(**next));
      }
    }
  }
}

TEST(FindByTimestamp, GivesTheFirstRecordAtOrAfter) {
  std::vector<OwnedRecord> records(4);
  for (std::size_t i = 0; i < 4; ++i) {
    records[i].timestamp = base::Timestamp(std::array{10, 30, 20, 30}[i]);
  }
  const auto batch =
      BatchView::parse(internal::build(records, {.base_offset = base::Offset(100)}).flatten());
  ASSERT_TRUE(batch);
  CodecContexts contexts;
  const auto find = [&](std::int64_t timestamp, std::int64_t offset) {
    return find_by_timestamp(*batch, base::Timestamp(timestamp), base::Offset(offset), contexts)
        .value();
  };
  const auto found = [](std::int64_t offset, std::int64_t timestamp) {
    return OffsetAndTimestamp{base::Offset(offset), base::Timestamp(timestamp)};
  };
  EXPECT_EQ(find(5, 0), found(100, 10));
  EXPECT_EQ(find(11, 0), found(101, 30));
  EXPECT_EQ(find(11, 102), found(102, 20));
  EXPECT_EQ(find(30, 102), found(103, 30));
  EXPECT_EQ(find(31, 0), std::nullopt);
  EXPECT_EQ(find_max_timestamp(*batch, contexts).value(), found(101, 30));
}

TEST(BatchBuilder, RefusesWhatDoesNotFitAndStaysUsable) {
  const std::string value(100, 'x');
  BatchBuilder builder({.size_max = 300});
  const NewRecord record{.timestamp = base::Timestamp(1), .value = base::as_bytes(value)};
  EXPECT_TRUE(builder.has_room(100));
  ASSERT_TRUE(builder.add(record));
  ASSERT_TRUE(builder.add(record));
  EXPECT_FALSE(builder.has_room(100));
  const auto refused = builder.add(record);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Error::kMessageTooLarge);
  EXPECT_EQ(builder.count(), 2);
  CodecContexts contexts;
  const auto batch = builder.finish(contexts);
  ASSERT_TRUE(batch);
  EXPECT_EQ(read_all(*batch)->size(), 2u);
}

TEST(Control, EndOfTransactionGoesThereAndBack) {
  for (const bool committed : {false, true}) {
    const EndTxnMarker marker{.committed = committed,
                              .coordinator_epoch = 17,
                              .producer_id = base::ProducerId(5),
                              .producer_epoch = base::ProducerEpoch(3),
                              .timestamp = base::Timestamp(999)};
    const StoredBatch batch = end_txn_batch(marker);
    EXPECT_TRUE(batch.header.attributes.control());
    EXPECT_TRUE(batch.header.attributes.transactional());
    EXPECT_EQ(batch.header.base_sequence, base::kNoSequence);
    EXPECT_EQ(base::to_hex(batch.body.span()).substr(2),
              committed ? "00000008000000010c00000000001100" : "00000008000000000c00000000001100");
    EXPECT_EQ(read_end_txn(batch.header, batch.body).value(), marker);
    for (std::size_t size = 0; size < batch.body.size(); ++size) {
      EXPECT_FALSE(read_end_txn(batch.header, batch.body.slice(0, size))) << size;
    }
  }
}

TEST(Control, OtherRecordsAreNoMarkers) {
  const auto key = control_key(ControlType::kLeaderChange);
  EXPECT_EQ(parse_control_key(key), ControlType::kLeaderChange);
  BatchBuilder builder({.control = true});
  ASSERT_TRUE(builder.add({.key = base::Bytes(key), .value = base::Bytes(key)}));
  CodecContexts contexts;
  const auto batch = builder.finish(contexts);
  ASSERT_TRUE(batch);
  EXPECT_EQ(read_end_txn(batch->header, batch->body).value(), std::nullopt);
  EXPECT_EQ(parse_control_key(base::Bytes(key).first(3)), std::nullopt);
}

}  // namespace
}  // namespace moldau::record
