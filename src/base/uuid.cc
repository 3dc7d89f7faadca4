#include "base/uuid.h"

namespace moldau::base {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTextLength = 22;

std::optional<std::uint32_t> digit(char c) {
  const auto at = kAlphabet.find(c);
  if (at == std::string_view::npos) return std::nullopt;
  return static_cast<std::uint32_t>(at);
}

// 128 bits are read six at a time from the most significant end; the last digit carries two bits.
std::uint32_t six_bits_at(const Uuid& id, std::size_t bit) {
  std::uint32_t value = 0;
  for (std::size_t i = bit; i < bit + 6; ++i) {
    std::uint64_t one = 0;
    if (i < 64) {
      one = (id.msb >> (63 - i)) & 1;
    } else if (i < 128) {
      one = (id.lsb >> (127 - i)) & 1;
    }
    value = (value << 1) | static_cast<std::uint32_t>(one);
  }
  return value;
}

}  // namespace

std::string Uuid::to_string() const {
  std::string text;
  text.reserve(kTextLength);
  for (std::size_t i = 0; i < kTextLength; ++i)
    text.push_back(kAlphabet[six_bits_at(*this, i * 6)]);
  return text;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  Uuid id;
  for (std::size_t i = 0; i < kTextLength; ++i) {
    const auto value = digit(text[i]);
    if (!value) return std::nullopt;
    for (std::size_t bit = i * 6; bit < i * 6 + 6 && bit < 128; ++bit) {
      const std::uint64_t one = (*value >> (5 - (bit - i * 6))) & 1;
      if (bit < 64) {
        id.msb |= one << (63 - bit);
      } else {
        id.lsb |= one << (127 - bit);
      }
    }
  }
  return id;
}

Uuid Uuid::random(Rng& rng) {
  constexpr std::uint64_t kVersionMask = 0xFFFFFFFFFFFF0FFFULL;
  constexpr std::uint64_t kVersion4 = 0x4000;
  constexpr std::uint64_t kVariantMask = 0x3FFFFFFFFFFFFFFFULL;
  constexpr std::uint64_t kVariant = 0x8000000000000000ULL;
  for (;;) {
    const Uuid id{.msb = (rng.next() & kVersionMask) | kVersion4,
                  .lsb = (rng.next() & kVariantMask) | kVariant};
    if (id.to_string().front() != '-') return id;
  }
}

}  // namespace moldau::base
