// A tagged field that our schemas do not know: kept as it came and written back, so that a message
// that passes through loses nothing (KIP-482). In a struct they ascend by tag. Value type; any
// loop.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace moldau::wire {

struct UnknownTag {
  std::uint32_t tag = 0;
  base::SharedBytes bytes;

  friend bool operator==(const UnknownTag&, const UnknownTag&) = default;
};

using UnknownTags = std::vector<UnknownTag>;

}  // namespace moldau::wire
