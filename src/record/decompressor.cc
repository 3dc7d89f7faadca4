#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "base/endian.h"
#include "base/result.h"
#include "record/compression.h"
#include "record/internal/codec_state.h"

namespace moldau::record {
namespace {

using internal::CodecState;

std::unexpected<Fault> bad_stream(Codec codec, std::string_view why) {
  return fault(Error::kInvalidRecord,
               "cannot unpack " + std::string(to_string(codec)) + ": " + std::string(why));
}

// --- gzip

Result<void> start_gzip(CodecState& state) {
  if (state.inflater() == nullptr) return bad_stream(Codec::kGzip, "no memory");
  return {};
}

bool starts_gzip_member(base::Bytes bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B};
}

Result<std::size_t> read_gzip(CodecState& state, base::Bytes input, base::MutableBytes out,
                              bool& ended) {
  z_stream* stream = state.inflate.get();
  stream->next_out = reinterpret_cast<Bytef*>(out.data());
  stream->avail_out = static_cast<uInt>(out.size());
  while (stream->avail_out == out.size()) {
    const base::Bytes rest = input.subspan(state.position);
    stream->next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(rest.data()));
    stream->avail_in = static_cast<uInt>(rest.size());
    const int status = ::inflate(stream, Z_NO_FLUSH);
    state.position = input.size() - stream->avail_in;
    if (status == Z_STREAM_END) {
      // More members may follow; bytes that are none are ignored, as Java's reader does.
      ended = !starts_gzip_member(input.subspan(state.position));
      if (ended) break;
      inflateReset(stream);
      continue;
    }
    if (status != Z_OK) {
      return bad_stream(Codec::kGzip, stream->msg != nullptr ? stream->msg : "it ends too early");
    }
  }
  return out.size() - stream->avail_out;
}

// --- snappy

// Unpacks one raw block. A claimed size that so few bytes cannot stand for is refused before
// any memory is taken: three bytes name at most 64.
Result<void> unpack_snappy_block(CodecState& state, base::Bytes block, std::size_t bytes_max) {
  constexpr std::size_t kRatioMax = 22;
  const char* from = reinterpret_cast<const char*>(block.data());
  std::size_t size = 0;
  if (snappy_uncompressed_length(from, block.size(), &size) != SNAPPY_OK ||
      size > kRatioMax * block.size()) {
    return bad_stream(Codec::kSnappy, "a block has an impossible size");
  }
  if (size > bytes_max) {
    return fault(Error::kMessageTooLarge, "a snappy block unpacks to " + std::to_string(size) +
                                              " bytes, more than the limit of " +
                                              std::to_string(bytes_max));
  }
  if (state.block.size() < size) state.block.resize(size);
  if (snappy_uncompress(from, block.size(), reinterpret_cast<char*>(state.block.data()), &size) !=
      SNAPPY_OK) {
    return bad_stream(Codec::kSnappy, "a block is corrupt");
  }
  state.block_size = size;
  state.block_taken = 0;
  return {};
}

bool has_xerial_magic(base::Bytes bytes) {
  return bytes.size() >= internal::kXerialHeader.size() &&
         std::memcmp(bytes.data(), internal::kXerialHeader.data(), internal::kXerialMagicBytes) ==
             0;
}

Result<void> start_snappy(CodecState& state, base::Bytes input) {
  state.block_size = 0;
  state.block_taken = 0;
  state.xerial = has_xerial_magic(input);
  if (input.empty()) return bad_stream(Codec::kSnappy, "it is empty");
  if (state.xerial) state.position = internal::kXerialHeader.size();
  return {};
}

// The next block of the input; false at its end.
Result<bool> next_snappy_block(CodecState& state, base::Bytes input, std::size_t bytes_max) {
  base::Bytes rest = input.subspan(state.position);
  if (!state.xerial) {
    if (rest.empty()) return false;
    state.position = input.size();
    TRY(unpack_snappy_block(state, rest, bytes_max));
    return true;
  }
  // Streams may be joined: then a header comes again.
  while (has_xerial_magic(rest)) rest = rest.subspan(internal::kXerialHeader.size());
  if (rest.empty()) return false;
  if (rest.size() < sizeof(std::int32_t)) return bad_stream(Codec::kSnappy, "it ends too early");
  const auto size = base::load_be<std::int32_t>(rest.data());
  rest = rest.subspan(sizeof(std::int32_t));
  if (size < 0 || static_cast<std::size_t>(size) > rest.size()) {
    return bad_stream(Codec::kSnappy, "a block is longer than what is left");
  }
  const base::Bytes block = rest.first(static_cast<std::size_t>(size));
  state.position = input.size() - (rest.size() - block.size());
  TRY(unpack_snappy_block(state, block, bytes_max));
  return true;
}

Result<std::size_t> read_snappy(CodecState& state, base::Bytes input, base::MutableBytes out,
                                std::size_t bytes_max, bool& ended) {
  while (state.block_taken == state.block_size) {
    if (!TRY(next_snappy_block(state, input, bytes_max))) {
      ended = true;
      return 0;
    }
  }
  const std::size_t size = std::min(out.size(), state.block_size - state.block_taken);
  std::memcpy(out.data(), state.block.data() + state.block_taken, size);
  state.block_taken += size;
  return size;
}

// --- lz4

constexpr std::uint32_t kLz4Magic = 0x184D2204;
constexpr std::size_t kLz4FlagsAt = 4;
constexpr std::size_t kLz4BlockSizeAt = 5;
constexpr std::size_t kLz4HeaderBytesMin = 7;
constexpr unsigned kLz4ContentSizeBit = 0x08;

// XXH32 with seed 0 of fewer than 16 bytes: the frame header's checksum is its second byte.
std::uint32_t xxh32_short(base::Bytes bytes) {
  constexpr std::uint32_t kPrime1 = 0x9E3779B1;
  constexpr std::uint32_t kPrime2 = 0x85EBCA77;
  constexpr std::uint32_t kPrime3 = 0xC2B2AE3D;
  constexpr std::uint32_t kPrime4 = 0x27D4EB2F;
  constexpr std::uint32_t kPrime5 = 0x165667B1;
  std::uint32_t hash = kPrime5 + static_cast<std::uint32_t>(bytes.size());
  for (; bytes.size() >= 4; bytes = bytes.subspan(4)) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    hash = std::rotl(hash + word * kPrime3, 17) * kPrime4;
  }
  for (const std::byte b : bytes) {
    hash = std::rotl(hash + std::to_integer<std::uint32_t>(b) * kPrime5, 11) * kPrime1;
  }
  hash = (hash ^ (hash >> 15)) * kPrime2;
  hash = (hash ^ (hash >> 13)) * kPrime3;
  return hash ^ (hash >> 16);
}

// Java's reader knows only independent blocks and no dictionary: a frame with either would be
// acknowledged here and unreadable there.
Result<void> start_lz4(CodecState& state, base::Bytes input, bool ignore_header_checksum) {
  if (input.size() < kLz4HeaderBytesMin) return bad_stream(Codec::kLz4, "it ends too early");
  std::uint32_t magic = 0;
  std::memcpy(&magic, input.data(), sizeof magic);
  if (magic != kLz4Magic) return bad_stream(Codec::kLz4, "it is not an LZ4 frame");
  const auto flags = std::to_integer<unsigned>(input[kLz4FlagsAt]);
  const auto block = std::to_integer<unsigned>(input[kLz4BlockSizeAt]);
  if ((flags >> 6) != 1 || (flags & 0x03) != 0 || (block & 0x8F) != 0 || (block >> 4) < 4) {
    return bad_stream(Codec::kLz4, "its frame has flags that Kafka does not know");
  }
  if ((flags & 0x20) == 0) return bad_stream(Codec::kLz4, "its blocks depend on each other");
  if (state.lz4_decompressor() == nullptr) return bad_stream(Codec::kLz4, "no memory");

  state.lz4_header_size = 0;
  state.lz4_header_fed = 0;
  if (!ignore_header_checksum) return {};
  const std::size_t size =
      (flags & kLz4ContentSizeBit) != 0 ? internal::kLz4HeaderBytesMax : kLz4HeaderBytesMin;
  if (input.size() < size) return bad_stream(Codec::kLz4, "it ends too early");
  std::memcpy(state.lz4_header.data(), input.data(), size);
  const base::Bytes descriptor =
      base::Bytes(state.lz4_header).subspan(kLz4FlagsAt, size - kLz4FlagsAt - 1);
  state.lz4_header[size - 1] = static_cast<std::byte>(xxh32_short(descriptor) >> 8);
  state.lz4_header_size = size;
  state.position = size;
  return {};
}

Result<std::size_t> read_lz4(CodecState& state, base::Bytes input, base::MutableBytes out,
                             bool& ended) {
  for (;;) {
    const bool in_header = state.lz4_header_fed < state.lz4_header_size;
    const base::Bytes rest = in_header ? base::Bytes(state.lz4_header)
                                             .first(state.lz4_header_size)
                                             .subspan(state.lz4_header_fed)
                                       : input.subspan(state.position);
    std::size_t used = rest.size();
    std::size_t made = out.size();
    const std::size_t hint =
        LZ4F_decompress(state.lz4_decompress.get(), out.data(), &made, rest.data(), &used, nullptr);
    if (LZ4F_isError(hint) != 0) return bad_stream(Codec::kLz4, LZ4F_getErrorName(hint));
    (in_header ? state.lz4_header_fed : state.position) += used;
    if (hint == 0) {
      ended = true;  // bytes after the frame are ignored, as Java's reader does
      return made;
    }
    if (made > 0) return made;
    if (used == 0) return bad_stream(Codec::kLz4, "it ends too early");
  }
}

// --- zstd

Result<void> start_zstd(CodecState& state) {
  if (state.zstd_decompressor() == nullptr) return bad_stream(Codec::kZstd, "no memory");
  state.at_frame_end = false;
  return {};
}

Result<std::size_t> read_zstd(CodecState& state, base::Bytes input, base::MutableBytes out,
                              bool& ended) {
  ZSTD_outBuffer to{.dst = out.data(), .size = out.size(), .pos = 0};
  ZSTD_inBuffer from{.src = input.data(), .size = input.size(), .pos = state.position};
  while (to.pos == 0) {
    if (from.pos == from.size && state.at_frame_end) {
      ended = true;
      break;
    }
    const std::size_t before = from.pos;
    const std::size_t hint = ZSTD_decompressStream(state.zstd_decompress.get(), &to, &from);
    if (ZSTD_isError(hint) != 0) return bad_stream(Codec::kZstd, ZSTD_getErrorName(hint));
    state.at_frame_end = hint == 0;
    if (to.pos == 0 && from.pos == before && hint != 0) {
      return bad_stream(Codec::kZstd, "it ends too early");
    }
  }
  state.position = from.pos;
  return to.pos;
}

}  // namespace

Decompressor::Decompressor(Codec codec, base::Bytes input, CodecContexts& contexts,
                           const DecompressOptions& options)
    : codec_(codec),
      state_(&contexts.state()),
      input_(input),
      bytes_left_(options.bytes_max),
      options_(options) {}

Result<void> Decompressor::start() {
  started_ = true;
  state_->position = 0;
  switch (codec_) {
    case Codec::kNone:
      return {};
    case Codec::kGzip:
      return start_gzip(*state_);
    case Codec::kSnappy:
      return start_snappy(*state_, input_);
    case Codec::kLz4:
      return start_lz4(*state_, input_, options_.ignore_lz4_header_checksum);
    case Codec::kZstd:
      return start_zstd(*state_);
  }
  UNREACHABLE();
}

Result<std::size_t> Decompressor::read_some(base::MutableBytes out) {
  switch (codec_) {
    case Codec::kNone: {
      const std::size_t size = std::min(out.size(), input_.size() - state_->position);
      if (size > 0) std::memcpy(out.data(), input_.data() + state_->position, size);
      state_->position += size;
      ended_ = state_->position == input_.size();
      return size;
    }
    case Codec::kGzip:
      return read_gzip(*state_, input_, out, ended_);
    case Codec::kSnappy:
      return read_snappy(*state_, input_, out, bytes_left_, ended_);
    case Codec::kLz4:
      return read_lz4(*state_, input_, out, ended_);
    case Codec::kZstd:
      return read_zstd(*state_, input_, out, ended_);
  }
  UNREACHABLE();
}

Result<std::size_t> Decompressor::read(base::MutableBytes out) {
  ASSERT(!out.empty());
  if (!started_) TRY(start());
  if (ended_) return 0;
  const std::size_t size = TRY(read_some(out));
  if (size > bytes_left_) {
    return fault(Error::kMessageTooLarge, "the batch unpacks to more than the limit of " +
                                              std::to_string(options_.bytes_max) + " bytes");
  }
  bytes_left_ -= size;
  return size;
}

}  // namespace moldau::record
