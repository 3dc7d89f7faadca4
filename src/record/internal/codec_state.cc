#include "record/internal/codec_state.h"

namespace moldau::record::internal {
namespace {

constexpr int kGzipWindowBits = 15 + 16;  // the largest window; +16: with gzip's header and trailer
constexpr int kGzipMemoryLevel = 8;       // zlib's default

}  // namespace

ZSTD_CCtx* CodecState::zstd_compressor() {
  if (zstd_compress == nullptr) zstd_compress.reset(ZSTD_createCCtx());
  if (zstd_compress != nullptr) ZSTD_CCtx_reset(zstd_compress.get(), ZSTD_reset_session_only);
  return zstd_compress.get();
}

ZSTD_DCtx* CodecState::zstd_decompressor() {
  if (zstd_decompress != nullptr &&
      ZSTD_sizeof_DCtx(zstd_decompress.get()) > kKeptDecoderBytesMax) {
    zstd_decompress.reset();
  }
  if (zstd_decompress == nullptr) zstd_decompress.reset(ZSTD_createDCtx());
  if (zstd_decompress != nullptr) ZSTD_DCtx_reset(zstd_decompress.get(), ZSTD_reset_session_only);
  return zstd_decompress.get();
}

LZ4F_cctx* CodecState::lz4_compressor() {
  if (lz4_compress == nullptr) {
    LZ4F_cctx* context = nullptr;
    if (LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)) != 0) return nullptr;
    lz4_compress.reset(context);
  }
  return lz4_compress.get();
}

LZ4F_dctx* CodecState::lz4_decompressor() {
  if (lz4_decompress == nullptr) {
    LZ4F_dctx* context = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0) return nullptr;
    lz4_decompress.reset(context);
  }
  LZ4F_resetDecompressionContext(lz4_decompress.get());
  return lz4_decompress.get();
}

z_stream* CodecState::deflater(int level) {
  if (deflate != nullptr && deflate_level == level) {
    deflateReset(deflate.get());
    return deflate.get();
  }
  auto stream = std::make_unique<z_stream>();
  if (deflateInit2(stream.get(), level, Z_DEFLATED, kGzipWindowBits, kGzipMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return nullptr;
  }
  deflate.reset(stream.release());
  deflate_level = level;
  return deflate.get();
}

z_stream* CodecState::inflater() {
  if (inflate != nullptr) {
    inflateReset(inflate.get());
    return inflate.get();
  }
  auto stream = std::make_unique<z_stream>();
  if (inflateInit2(stream.get(), kGzipWindowBits) != Z_OK) return nullptr;
  inflate.reset(stream.release());
  return inflate.get();
}

}  // namespace moldau::record::internal
