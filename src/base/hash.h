// Fnv64 folds bytes and numbers into one 64-bit number that is the same on each build and machine.
// The simulator's trace hash is one; nothing here resists an attacker. One owner.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace moldau::base {

class Fnv64 {
 public:
  void add(Bytes bytes) {
    for (const std::byte b : bytes) {
      value_ = (value_ ^ std::to_integer<std::uint64_t>(b)) * 0x100000001B3ULL;
    }
  }
  void add(std::string_view text) { add(as_bytes(text)); }
  template <std::integral T>
  void add(T number) {
    auto bits = static_cast<std::uint64_t>(number);
    for (int i = 0; i < 8; ++i) {
      value_ = (value_ ^ (bits & 0xFF)) * 0x100000001B3ULL;
      bits >>= 8;
    }
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325ULL;
};

}  // namespace moldau::base
