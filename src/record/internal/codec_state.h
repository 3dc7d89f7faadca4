// The compression libraries' working memory, kept between batches, and where a running
// decompression stands. Created on first use. Not for use by two threads at once.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bytes.h"

namespace moldau::record::internal {

// A decoder that once needed a large window (zstd --ultra) does not keep it.
inline constexpr std::size_t kKeptDecoderBytesMax = std::size_t{16} << 20;

// magic, FLG, BD, content size, header checksum.
inline constexpr std::size_t kLz4HeaderBytesMax = 15;

struct ZstdCompressFree {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct ZstdDecompressFree {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
struct Lz4CompressFree {
  void operator()(LZ4F_cctx* context) const { LZ4F_freeCompressionContext(context); }
};
struct Lz4DecompressFree {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};
struct DeflateFree {
  void operator()(z_stream* stream) const {
    deflateEnd(stream);
    std::default_delete<z_stream>()(stream);
  }
};
struct InflateFree {
  void operator()(z_stream* stream) const {
    inflateEnd(stream);
    std::default_delete<z_stream>()(stream);
  }
};

struct CodecState {
  std::unique_ptr<ZSTD_CCtx, ZstdCompressFree> zstd_compress;
  std::unique_ptr<ZSTD_DCtx, ZstdDecompressFree> zstd_decompress;
  std::unique_ptr<LZ4F_cctx, Lz4CompressFree> lz4_compress;
  std::unique_ptr<LZ4F_dctx, Lz4DecompressFree> lz4_decompress;
  std::unique_ptr<z_stream, DeflateFree> deflate;
  int deflate_level = 0;
  std::unique_ptr<z_stream, InflateFree> inflate;

  // Decompression in pieces: how much of the input is used.
  std::size_t position = 0;
  // zstd: between two frames.
  bool at_frame_end = false;
  // lz4: a corrected copy of the frame header, and what of it has been fed.
  std::array<std::byte, kLz4HeaderBytesMax> lz4_header{};
  std::size_t lz4_header_size = 0;
  std::size_t lz4_header_fed = 0;
  // snappy: one unpacked block, and what of it has been handed out.
  std::vector<std::byte> block;
  std::size_t block_size = 0;
  std::size_t block_taken = 0;
  bool xerial = false;

  // The record window of a streaming validation; grows to kWindowBytes at most.
  std::vector<std::byte> window;

  // Null when the library has no memory to give.
  ZSTD_CCtx* zstd_compressor();
  ZSTD_DCtx* zstd_decompressor();
  LZ4F_cctx* lz4_compressor();
  LZ4F_dctx* lz4_decompressor();
  z_stream* deflater(int level);
  z_stream* inflater();
};

// Java's framing of snappy (xerial): magic, version, oldest compatible version, then blocks with
// their size before them. Frozen.
inline constexpr std::array<unsigned char, 16> kXerialHeader = {
    0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
inline constexpr std::size_t kXerialMagicBytes = 8;
inline constexpr std::size_t kXerialBlockBytes = 32 * 1024;

}  // namespace moldau::record::internal
