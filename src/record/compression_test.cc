#include "record/compression.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "record/internal/test_batches.h"

namespace moldau::record {
namespace {

constexpr std::array kCodecs = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4,
                                Codec::kZstd};
constexpr std::array kPackers = {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

std::string sample(std::size_t size, std::uint64_t seed = 1) {
  base::Rng rng(seed);
  return internal::random_text(rng, size);
}

base::SharedBytes pack(Codec codec, std::string_view text, std::optional<int> level = {}) {
  CodecContexts contexts;
  base::ByteBuffer out;
  const auto done = compress({.codec = codec, .level = level}, base::as_bytes(text), contexts, out);
  EXPECT_TRUE(done);
  return out.freeze();
}

TEST(Compression, EachSizeGoesThereAndBack) {
  CodecContexts contexts;
  for (const Codec codec : kCodecs) {
    for (const std::size_t size : {0u, 1u, 100u, 4096u, 65535u, 65536u, 65537u, 300'000u}) {
      const std::string text = sample(size);
      base::ByteBuffer out;
      ASSERT_TRUE(compress({.codec = codec}, base::as_bytes(text), contexts, out));
      const base::SharedBytes packed = out.freeze();
      const auto back = decompress(codec, packed.span(), contexts);
      if (codec == Codec::kSnappy || size > 0) {
        ASSERT_TRUE(back) << to_string(codec) << " " << size << ": " << back.error().message;
      }
      ASSERT_TRUE(back);
      EXPECT_EQ(back->text(), text) << to_string(codec) << " " << size;
      if (codec != Codec::kNone && size > 4000) EXPECT_LT(packed.size(), size);
    }
  }
}

TEST(Compression, LevelsAreKafkas) {
  const std::string text = sample(50'000);
  CodecContexts contexts;
  for (const auto& [codec, levels] :
       std::initializer_list<std::pair<Codec, std::vector<int>>>{{Codec::kGzip, {-1, 1, 9}},
                                                                 {Codec::kLz4, {1, 9, 12, 17}},
                                                                 {Codec::kZstd, {-5, 1, 19}}}) {
    for (const int level : levels) {
      const auto back = decompress(codec, pack(codec, text, level).span(), contexts);
      ASSERT_TRUE(back);
      EXPECT_EQ(back->text(), text);
    }
  }
  EXPECT_LT(pack(Codec::kGzip, text, 9).size(), pack(Codec::kGzip, text, 1).size());
}

TEST(Decompressor, SmallStepsGiveTheSame) {
  for (const Codec codec : kCodecs) {
    const std::string text = sample(100'000);
    const base::SharedBytes packed = pack(codec, text);
    for (const std::size_t step : {1u, 7u, 1000u}) {
      CodecContexts contexts;
      Decompressor decompressor(codec, packed.span(), contexts);
      std::string back;
      std::vector<std::byte> room(step);
      for (;;) {
        const auto got = decompressor.read(room);
        ASSERT_TRUE(got);
        if (*got == 0) break;
        back += base::as_text(base::Bytes(room).first(*got));
      }
      EXPECT_EQ(back, text) << to_string(codec) << " step " << step;
    }
  }
}

TEST(Decompressor, RefusesEveryTruncation) {
  for (const Codec codec : kPackers) {
    const base::SharedBytes packed = pack(codec, sample(3000));
    CodecContexts contexts;
    for (std::size_t size = 0; size < packed.size(); ++size) {
      const auto back = decompress(codec, packed.span().first(size), contexts);
      // Snappy's framing has no end mark: a cut between blocks is a shorter stream.
      if (codec == Codec::kSnappy && size == 16) continue;
      EXPECT_FALSE(back) << to_string(codec) << " cut at " << size;
    }
  }
}

TEST(Decompressor, SurvivesRandomBytes) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    base::Rng rng(seed);
    std::vector<std::byte> bytes(static_cast<std::size_t>(rng.below(200)));
    for (auto& b : bytes) b = static_cast<std::byte>(rng.next());
    CodecContexts contexts;
    for (const Codec codec : kPackers) {
      const auto back = decompress(codec, bytes, contexts, {.bytes_max = 1 << 20});
      if (back) EXPECT_LE(back->size(), std::size_t{1} << 20) << "seed " << seed;
    }
  }
}

TEST(Decompressor, SurvivesChangedBytes) {
  for (const Codec codec : kPackers) {
    const base::SharedBytes packed = pack(codec, sample(2000));
    CodecContexts contexts;
    for (std::size_t i = 0; i < packed.size(); ++i) {
      for (const unsigned bits : {0x01u, 0xFFu}) {
        auto bytes = internal::mutable_copy(packed);
        bytes[i] ^= static_cast<std::byte>(bits);
        const auto back = decompress(codec, bytes, contexts, {.bytes_max = 1 << 20});
        if (back) EXPECT_LE(back->size(), std::size_t{1} << 20);
      }
    }
  }
}

TEST(Decompressor, StopsABomb) {
  const std::string zeros(8 << 20, '\0');
  for (const Codec codec : kPackers) {
    const base::SharedBytes packed = pack(codec, zeros);
    CodecContexts contexts;
    const auto refused =
        decompress(codec, packed.span(), contexts, {.bytes_max = zeros.size() - 1});
    ASSERT_FALSE(refused) << to_string(codec);
    EXPECT_EQ(refused.error().code, Error::kMessageTooLarge);
    EXPECT_TRUE(decompress(codec, packed.span(), contexts, {.bytes_max = zeros.size()}));
  }
}

TEST(Decompressor, DoesNotBelieveASnappyBlocksSize) {
  // A raw block whose length field says 2 GiB.
  const std::vector<std::byte> block = {std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF},
                                        std::byte{0xFF}, std::byte{0x07}, std::byte{0x00}};
  CodecContexts contexts;
  const auto refused = decompress(Codec::kSnappy, block, contexts);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Error::kInvalidRecord);
}

TEST(Decompressor, ReadsRawSnappy) {
  const std::string text = sample(5000);
  std::string packed(snappy_max_compressed_length(text.size()), '\0');
  std::size_t size = packed.size();
  ASSERT_EQ(snappy_compress(text.data(), text.size(), packed.data(), &size), SNAPPY_OK);
  CodecContexts contexts;
  const auto back = decompress(Codec::kSnappy, base::as_bytes(packed).first(size), contexts);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->text(), text);
}

TEST(Decompressor, ReadsJoinedStreams) {
  const std::string text = sample(5000);
  for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kZstd}) {
    base::ByteBuffer both;
    both.append(pack(codec, text).span());
    both.append(pack(codec, text).span());
    const base::SharedBytes packed = both.freeze();
    CodecContexts contexts;
    const auto back = decompress(codec, packed.span(), contexts);
    ASSERT_TRUE(back) << to_string(codec);
    EXPECT_EQ(back->text(), text + text);
  }
}

std::vector<std::byte> lz4_frame(std::string_view text, const LZ4F_preferences_t& preferences) {
  std::vector<std::byte> out(LZ4F_compressFrameBound(text.size(), &preferences));
  out.resize(LZ4F_compressFrame(out.data(), out.size(), text.data(), text.size(), &preferences));
  return out;
}

TEST(Decompressor, RefusesLz4FramesThatJavaCannotRead) {
  const std::string text = sample(200'000);
  LZ4F_preferences_t linked{};
  linked.frameInfo.blockMode = LZ4F_blockLinked;
  linked.frameInfo.blockSizeID = LZ4F_max64KB;
  CodecContexts contexts;
  EXPECT_FALSE(decompress(Codec::kLz4, lz4_frame(text, linked), contexts));

  LZ4F_preferences_t checked{};
  checked.frameInfo.blockMode = LZ4F_blockIndependent;
  checked.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
  checked.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  checked.frameInfo.contentSize = text.size();
  const auto back = decompress(Codec::kLz4, lz4_frame(text, checked), contexts);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->text(), text);
}

TEST(Decompressor, IgnoresAnLz4HeaderChecksumWhenAsked) {
  const std::string text = sample(1000);
  for (const unsigned long long content_size : {0ULL, 1000ULL}) {
    LZ4F_preferences_t preferences{};
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    preferences.frameInfo.contentSize = content_size;
    auto frame = lz4_frame(text, preferences);
    frame[content_size == 0 ? 6 : 14] ^= std::byte{0x55};
    CodecContexts contexts;
    EXPECT_FALSE(decompress(Codec::kLz4, frame, contexts));
    const auto back =
        decompress(Codec::kLz4, frame, contexts, {.ignore_lz4_header_checksum = true});
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->text(), text);
  }
}

}  // namespace
}  // namespace moldau::record
