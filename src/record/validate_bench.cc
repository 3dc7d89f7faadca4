// What a leader spends on validating a produced batch: per record and in MB/s, for plain and
// compressed batches. The checksum is measured apart, since it is bound by memory.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/rng.h"
#include "record/builder.h"
#include "record/validate.h"

namespace {

using namespace moldau;

constexpr base::Timestamp kNow{1'700'000'000'000};

base::SharedBytes make_batch(record::Codec codec, int records, std::size_t value_size) {
  base::Rng rng(1);
  record::CodecContexts contexts;
  record::BatchBuilder builder({.compression = {.codec = codec}});
  std::vector<std::byte> value(value_size);
  for (int i = 0; i < records; ++i) {
    for (auto& b : value) b = static_cast<std::byte>('a' + rng.below(16));
    if (!builder.add({.timestamp = kNow + i / 16, .value = base::Bytes(value)})) return {};
  }
  auto batch = builder.finish(contexts);
  return batch ? batch->flatten() : base::SharedBytes{};
}

template <class Work>
double nanoseconds_of(Work work, int rounds) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) work();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start)
             .count() /
         rounds;
}

void run(record::Codec codec, int records, std::size_t value_size, record::TimestampType type) {
  const base::SharedBytes batch = make_batch(codec, records, value_size);
  record::CodecContexts contexts;
  const record::ValidateOptions options{
      .now = kNow, .timestamp_type = type, .message_bytes_max = 2'000'000};
  const int rounds = static_cast<int>(200'000'000 / (batch.size() + 4000) /
                                      (codec == record::Codec::kNone ? 1 : 8)) +
                     1;
  bool good = true;
  std::uint32_t crc = 0;
  const double whole = nanoseconds_of(
      [&] { good = good && record::validate(batch, options, contexts).has_value(); }, rounds);
  const double checksum =
      nanoseconds_of([&] { crc += base::crc32c(batch.span().subspan(21)); }, rounds);
  std::printf(
      "%-7s %5d x %5zu B %-14s %9.0f ns/batch %7.2f ns/record %7.2f besides crc %8.0f MB/s%s\n",
      std::string(record::to_string(codec)).c_str(), records, value_size,
      type == record::TimestampType::kCreateTime ? "CreateTime" : "LogAppendTime", whole,
      whole / records, (whole - checksum) / records,
      static_cast<double>(batch.size()) * 1e3 / whole, good && crc != 1 ? "" : "  REFUSED");
}

}  // namespace

int main() {
  using record::Codec;
  using record::TimestampType;
  for (const std::size_t size : {100u, 1024u}) {
    run(Codec::kNone, 1, size, TimestampType::kCreateTime);
    run(Codec::kNone, static_cast<int>(16'384 / size), size, TimestampType::kCreateTime);
    run(Codec::kNone, static_cast<int>(1'000'000 / size), size, TimestampType::kCreateTime);
    run(Codec::kNone, static_cast<int>(1'000'000 / size), size, TimestampType::kLogAppendTime);
    for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
      run(codec, static_cast<int>(100'000 / size), size, TimestampType::kCreateTime);
    }
  }
}
