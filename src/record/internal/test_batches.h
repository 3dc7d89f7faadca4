// Batches for this module's tests: seeded random records, and ways to spoil a batch on purpose.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "base/rng.h"
#include "record/batch.h"
#include "record/builder.h"

namespace moldau::record::internal {

struct OwnedHeader {
  std::string key;
  std::optional<std::string> value;
};

struct OwnedRecord {
  base::Timestamp timestamp{-1};
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<OwnedHeader> headers;
};

inline std::optional<base::Bytes> bytes_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return base::as_bytes(*text);
}

inline std::string random_text(base::Rng& rng, std::size_t size) {
  std::string text(size, ' ');
  for (char& c : text) c = static_cast<char>('a' + rng.below(8));
  return text;
}

inline std::optional<std::string> random_nullable(base::Rng& rng, std::size_t size_max) {
  if (rng.chance(1, 5)) return std::nullopt;
  return random_text(rng, static_cast<std::size_t>(rng.below(size_max + 1)));
}

inline std::vector<OwnedRecord> random_records(base::Rng& rng, std::size_t count,
                                               std::size_t size_max) {
  std::vector<OwnedRecord> records(count);
  for (auto& record : records) {
    record.timestamp = base::Timestamp(1'700'000'000'000 + rng.between(-100'000, 100'000));
    record.key = random_nullable(rng, size_max / 4);
    record.value = random_nullable(rng, size_max);
    for (std::uint64_t i = rng.chance(1, 3) ? rng.below(4) : 0; i > 0; --i) {
      record.headers.push_back({random_text(rng, 3), random_nullable(rng, 20)});
    }
  }
  return records;
}

inline StoredBatch build(const std::vector<OwnedRecord>& records, const BuilderOptions& options) {
  BatchBuilder builder(options);
  for (const auto& record : records) {
    std::vector<NewHeader> headers;
    for (const auto& header : record.headers) {
      headers.push_back({.key = header.key, .value = bytes_of(header.value)});
    }
    const auto added = builder.add({.timestamp = record.timestamp,
                                    .key = bytes_of(record.key),
                                    .value = bytes_of(record.value),
                                    .headers = headers});
    ASSERT(added.has_value());
  }
  CodecContexts contexts;
  auto batch = builder.finish(contexts);
  ASSERT(batch.has_value());
  return *std::move(batch);
}

// A copy of `bytes` that may be changed.
inline std::vector<std::byte> mutable_copy(const base::SharedBytes& bytes) {
  return {bytes.span().begin(), bytes.span().end()};
}

inline base::SharedBytes shared(const std::vector<std::byte>& bytes) {
  return base::SharedBytes::copy_of(base::Bytes(bytes));
}

// Makes the checksum of a changed batch right again.
inline void fix_crc(std::vector<std::byte>& batch) {
  const std::uint32_t crc = base::crc32c(base::Bytes(batch).subspan(kAttributesPosition));
  base::store_be(batch.data() + kCrcPosition, crc);
}

inline base::SharedBytes from_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return shared(bytes);
}

}  // namespace moldau::record::internal
