#include "record/compression.h"

#include <algorithm>
#include <string>
#include <utility>

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "base/endian.h"
#include "base/result.h"
#include "record/internal/codec_state.h"

namespace moldau::record {

using internal::CodecState;

CodecContexts::CodecContexts() = default;
CodecContexts::~CodecContexts() = default;
CodecContexts::CodecContexts(CodecContexts&&) noexcept = default;
CodecContexts& CodecContexts::operator=(CodecContexts&&) noexcept = default;

internal::CodecState& CodecContexts::state() {
  if (state_ == nullptr) state_ = std::make_unique<CodecState>();
  return *state_;
}

namespace {

// LZ4's "fast" mode below 3, its high compression from there on; Kafka's default (9) means fast.
constexpr int kLz4FastLevel = 0;
constexpr int kLz4HighLevelMin = 3;
constexpr int kLz4HighLevelMax = 12;

std::unexpected<Fault> no_memory(Codec codec) {
  return fault(Error::kMessageTooLarge,
               std::string(to_string(codec)) + " has no memory to work with");
}

Result<void> compress_gzip(int level, base::Bytes input, CodecState& state, base::ByteBuffer& out) {
  z_stream* stream = state.deflater(level);
  if (stream == nullptr) return no_memory(Codec::kGzip);
  const std::size_t before = out.size();
  const std::size_t bound = deflateBound(stream, static_cast<uLong>(input.size()));
  const base::MutableBytes room = out.extend(bound);
  stream->next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data()));
  stream->avail_in = static_cast<uInt>(input.size());
  stream->next_out = reinterpret_cast<Bytef*>(room.data());
  stream->avail_out = static_cast<uInt>(bound);
  const int status = ::deflate(stream, Z_FINISH);
  ASSERT(status == Z_STREAM_END);  // deflateBound() promised the room
  out.shrink(before + stream->total_out);
  return {};
}

Result<void> compress_snappy(base::Bytes input, base::ByteBuffer& out) {
  out.append(std::as_bytes(std::span(internal::kXerialHeader)));
  for (std::size_t from = 0; from < input.size(); from += internal::kXerialBlockBytes) {
    const base::Bytes block =
        input.subspan(from, std::min(internal::kXerialBlockBytes, input.size() - from));
    const std::size_t before = out.size();
    std::size_t size = snappy_max_compressed_length(block.size());
    const base::MutableBytes room = out.extend(sizeof(std::int32_t) + size);
    const snappy_status status =
        snappy_compress(reinterpret_cast<const char*>(block.data()), block.size(),
                        reinterpret_cast<char*>(room.data() + sizeof(std::int32_t)), &size);
    ASSERT(status == SNAPPY_OK);
    base::store_be(room.data(), static_cast<std::int32_t>(size));
    out.shrink(before + sizeof(std::int32_t) + size);
  }
  return {};
}

int lz4_level(const std::optional<int>& level) {
  if (!level || *level == kLz4LevelDefault) return kLz4FastLevel;
  return std::clamp(*level, kLz4HighLevelMin, kLz4HighLevelMax);
}

// 64 KiB blocks that do not refer to each other, without checksums: what Java clients read.
Result<void> compress_lz4(const std::optional<int>& level, base::Bytes input, CodecState& state,
                          base::ByteBuffer& out) {
  LZ4F_cctx* context = state.lz4_compressor();
  if (context == nullptr) return no_memory(Codec::kLz4);
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.compressionLevel = lz4_level(level);
  preferences.autoFlush = 1;

  const std::size_t before = out.size();
  const std::size_t bound = LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(input.size(), &preferences);
  const base::MutableBytes room = out.extend(bound);
  std::size_t used = LZ4F_compressBegin(context, room.data(), room.size(), &preferences);
  ASSERT(LZ4F_isError(used) == 0);
  const std::size_t body = LZ4F_compressUpdate(context, room.data() + used, room.size() - used,
                                               input.data(), input.size(), nullptr);
  ASSERT(LZ4F_isError(body) == 0);
  used += body;
  const std::size_t end =
      LZ4F_compressEnd(context, room.data() + used, room.size() - used, nullptr);
  ASSERT(LZ4F_isError(end) == 0);
  out.shrink(before + used + end);
  return {};
}

Result<void> compress_zstd(int level, base::Bytes input, CodecState& state, base::ByteBuffer& out) {
  ZSTD_CCtx* context = state.zstd_compressor();
  if (context == nullptr) return no_memory(Codec::kZstd);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  const std::size_t before = out.size();
  const base::MutableBytes room = out.extend(ZSTD_compressBound(input.size()));
  const std::size_t size =
      ZSTD_compress2(context, room.data(), room.size(), input.data(), input.size());
  if (ZSTD_isError(size) != 0) {
    out.shrink(before);
    return no_memory(Codec::kZstd);
  }
  out.shrink(before + size);
  return {};
}

}  // namespace

Result<void> compress(const Compression& compression, base::Bytes input, CodecContexts& contexts,
                      base::ByteBuffer& out) {
  if (input.size() > kBatchBytesMax) {
    return fault(Error::kMessageTooLarge,
                 std::to_string(input.size()) + " bytes are more than a batch may hold");
  }
  switch (compression.codec) {
    case Codec::kNone:
      out.append(input);
      return {};
    case Codec::kGzip:
      return compress_gzip(compression.level.value_or(kGzipLevelDefault), input, contexts.state(),
                           out);
    case Codec::kSnappy:
      return compress_snappy(input, out);
    case Codec::kLz4:
      return compress_lz4(compression.level, input, contexts.state(), out);
    case Codec::kZstd:
      return compress_zstd(compression.level.value_or(kZstdLevelDefault), input, contexts.state(),
                           out);
  }
  UNREACHABLE();
}

Result<base::SharedBytes> decompress(Codec codec, base::Bytes input, CodecContexts& contexts,
                                     const DecompressOptions& options) {
  constexpr std::size_t kFirstBytes = 4096;
  constexpr std::size_t kStepBytesMax = std::size_t{1} << 20;
  Decompressor decompressor(codec, input, contexts, options);
  base::ByteBuffer out;
  // Each step is at most as large as what came before: a bomb costs no more than twice its bytes.
  std::size_t step = std::max(kFirstBytes, std::min(2 * input.size(), kStepBytesMax));
  for (;;) {
    const std::size_t before = out.size();
    const std::size_t got = TRY(decompressor.read(out.extend(step)));
    out.shrink(before + got);
    if (got == 0) return out.freeze();
    step = std::clamp(out.size(), kFirstBytes, kStepBytesMax);
  }
}

}  // namespace moldau::record
