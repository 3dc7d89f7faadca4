// A fresh id (version 4) of 128 unpredictable bits of the loop, in the form of Uuid::random(). Any
// loop.
#pragma once

#include <array>
#include <cstddef>

#include "base/endian.h"
#include "base/uuid.h"
#include "rt/loop.h"

namespace moldau::broker {

[[nodiscard]] inline base::Uuid random_uuid(rt::Loop& loop) {
  for (;;) {
    std::array<std::byte, 16> bytes{};
    loop.fill_random(bytes);
    base::Uuid id{.msb = base::load_be<std::uint64_t>(bytes.data()),
                  .lsb = base::load_be<std::uint64_t>(bytes.data() + sizeof(std::uint64_t))};
    id.msb = (id.msb & ~0xF000ULL) | 0x4000ULL;
    id.lsb = (id.lsb & 0x3FFFFFFFFFFFFFFFULL) | 0x8000000000000000ULL;
    if (id.to_string().front() != '-') return id;  // As Kafka's, for command lines.
  }
}

}  // namespace moldau::broker
