// Kafka's four codecs. Output is bounded: a caller says how many bytes it is ready to take, memory
// grows in steps as bytes appear, and a claimed size is never believed. Frames are Kafka's: gzip
// (RFC 1952, several members), snappy in Java's xerial framing (raw snappy is readable too), LZ4
// frames with independent blocks, Zstandard frames. CodecContexts keeps the libraries' working
// memory between batches: one per loop or worker, used by one thread at a time; idle it holds
// nothing until the first use. Levels are Kafka's (compression.gzip.level and so on).
// Source: clients/.../common/compress/, KIP-110, KIP-390. Any loop; large batches belong on
// rt::Work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "record/batch.h"
#include "record/error.h"

namespace moldau::record {

// A batch that unpacks to more is refused: it bounds time and memory that a small frame can cost.
inline constexpr std::size_t kDecompressedBytesMax = std::size_t{256} << 20;

inline constexpr int kGzipLevelDefault = -1;
inline constexpr int kLz4LevelDefault = 9;
inline constexpr int kZstdLevelDefault = 3;

struct Compression {
  Codec codec = Codec::kNone;
  std::optional<int> level;  // Kafka's default of the codec when not given

  friend bool operator==(const Compression&, const Compression&) = default;
};

namespace internal {
struct CodecState;
}

class CodecContexts {
 public:
  CodecContexts();
  ~CodecContexts();
  CodecContexts(CodecContexts&&) noexcept;
  CodecContexts& operator=(CodecContexts&&) noexcept;

  // For the module's own functions.
  [[nodiscard]] internal::CodecState& state() [[clang::lifetimebound]];

 private:
  std::unique_ptr<internal::CodecState> state_;
};

// Appends the compressed form of `input` to `out`. Fails only for inputs over kBatchBytesMax.
[[nodiscard]] Result<void> compress(const Compression& compression, base::Bytes input,
                                    CodecContexts& contexts, base::ByteBuffer& out);

struct DecompressOptions {
  std::size_t bytes_max = kDecompressedBytesMax;
  // Format 0 messages carry a wrong descriptor checksum in LZ4 frames (KAFKA-3160): ignore it.
  bool ignore_lz4_header_checksum = false;
};

// Everything at once.
[[nodiscard]] Result<base::SharedBytes> decompress(Codec codec, base::Bytes input,
                                                   CodecContexts& contexts,
                                                   const DecompressOptions& options = {});

// Piece by piece, with memory that does not grow with the output. One at a time per CodecContexts;
// `input` must outlive it.
class Decompressor {
 public:
  Decompressor(Codec codec, base::Bytes input [[clang::lifetimebound]],
               CodecContexts& contexts [[clang::lifetimebound]],
               const DecompressOptions& options = {});

  // Fills some of `out`; 0 says that the stream ended as it should.
  [[nodiscard]] Result<std::size_t> read(base::MutableBytes out);

 private:
  Result<void> start();
  Result<std::size_t> read_some(base::MutableBytes out);

  Codec codec_;
  internal::CodecState* state_;
  base::Bytes input_;
  std::size_t bytes_left_;
  DecompressOptions options_;
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace moldau::record
