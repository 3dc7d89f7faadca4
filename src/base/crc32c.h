// CRC-32C (Castagnoli), the checksum of record batches, producer snapshots and our journal.
// Hardware instructions where the processor has them, a table where not; the choice is made once.
// Source: RFC 3720 appendix B.4 for test vectors. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace moldau::base {

// Continues a checksum: crc32c(b, crc32c(a)) equals the checksum of a followed by b.
[[nodiscard]] std::uint32_t crc32c(Bytes bytes, std::uint32_t previous = 0);
// The table form, which tests compare with.
[[nodiscard]] std::uint32_t crc32c_portable(Bytes bytes, std::uint32_t previous = 0);

}  // namespace moldau::base
