// Arbitrary bytes as the records of a produce request and as a piece of a log. Whatever is accepted
// must be readable: as many records as the header counts, offsets without gaps, a right checksum.
// The first byte picks the options, so that recompression and append time are reached too.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "record/control.h"
#include "record/reader.h"
#include "record/validate.h"

using namespace moldau;

namespace {

constexpr std::size_t kUnpackedBytesMax = std::size_t{4} << 20;

void read_log(const base::SharedBytes& bytes, record::CodecContexts& contexts) {
  record::BatchIterator batches(bytes);
  for (;;) {
    const auto next = batches.next();
    if (!next || !*next) return;
    const record::BatchView& batch = **next;
    static_cast<void>(batch.check_crc());
    if (batch.magic() == record::kMagic2) {
      static_cast<void>(record::read_end_txn(batch.header(), batch.body()));
    }
    auto reader = record::RecordReader::open(batch, contexts, kUnpackedBytesMax);
    if (!reader) continue;
    record::RecordView view;
    for (;;) {
      const auto got = reader->next(view);
      if (!got || !*got) break;
      static_cast<void>(view.headers());
    }
  }
}

void check_accepted(const record::Validated& validated, record::CodecContexts& contexts) {
  const record::StoredBatch& batch = validated.batch;
  ASSERT(record::checksum(batch.header, batch.body.span()) == batch.header.crc);
  ASSERT(batch.header.size() == batch.size());
  auto reader = record::RecordReader::open(batch, contexts, kUnpackedBytesMax);
  ASSERT(reader.has_value());
  record::RecordView view;
  std::int32_t count = 0;
  for (;;) {
    const auto got = reader->next(view);
    ASSERT(got.has_value());
    if (!*got) break;
    ASSERT(view.offset == base::Offset(count));
    static_cast<void>(view.headers());
    ++count;
  }
  ASSERT(count == validated.record_count);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned choice = data[0];
  base::ByteBuffer buffer;
  buffer.append(std::as_bytes(std::span(data + 1, size - 1)));
  // A fuzzer does not find checksums: with this bit set it is made right.
  if ((choice & 0x80) != 0 && buffer.size() > record::kBatchHeaderBytes) {
    const base::MutableBytes bytes = buffer.mutable_span();
    base::store_be(bytes.data(), std::int64_t{0});
    base::store_be(bytes.data() + 8,
                   static_cast<std::int32_t>(bytes.size() - record::kLogOverheadBytes));
    bytes[record::kMagicPosition] = std::byte{record::kMagic2};
    base::store_be(bytes.data() + record::kCrcPosition,
                   base::crc32c(bytes.subspan(record::kAttributesPosition)));
  }
  const base::SharedBytes bytes = buffer.freeze();
  record::CodecContexts contexts;
  read_log(bytes, contexts);

  record::ValidateOptions options{.now = base::Timestamp(1'700'000'000'000)};
  options.decompressed_bytes_max = kUnpackedBytesMax;
  options.compacted = (choice & 0x10) != 0;
  if ((choice & 0x20) != 0) options.timestamp_type = record::TimestampType::kLogAppendTime;
  if ((choice & 0x08) != 0) {
    const unsigned codec = choice & 0x07;
    options.compression = record::Compression{
        .codec = static_cast<record::Codec>(codec > record::kCodecMax ? 0 : codec)};
  }
  const auto validated = record::validate(bytes, options, contexts);
  if (validated) check_accepted(*validated, contexts);
  return 0;
}
