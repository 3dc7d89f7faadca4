// A fresh version 4 id from the loop's unpredictable bytes, of the form that Uuid::random() makes.
#pragma once

#include <array>
#include <cstddef>

#include "base/endian.h"
#include "base/uuid.h"
#include "rt/loop.h"

namespace moldau::storage::internal {

[[nodiscard]] inline base::Uuid random_id(rt::Loop& loop) {
  for (;;) {
    std::array<std::byte, 16> bytes{};
    loop.fill_random(bytes);
    base::Uuid id{.msb = base::load_be<std::uint64_t>(bytes.data()),
                  .lsb = base::load_be<std::uint64_t>(bytes.data() + 8)};
    id.msb = (id.msb & ~0xF000ULL) | 0x4000ULL;
    id.lsb = (id.lsb & 0x3FFFFFFFFFFFFFFFULL) | 0x8000000000000000ULL;
    if (id.to_string().front() != '-') return id;
  }
}

}  // namespace moldau::storage::internal
