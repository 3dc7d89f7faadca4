// CRC-32C (Castagnoli), the checksum of record batches, producer snapshots and our journal.
// Hardware instructions where the processor has them, tables where not; the choice is made once.
// Source: RFC 3720 appendix B.4 for test vectors; Gopal et al., "Fast CRC Computation for iSCSI
// Polynomial Using CRC32 Instruction" for the interleaving. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace moldau::base {

// Continues a checksum: crc32c(b, crc32c(a)) equals the checksum of a followed by b.
[[nodiscard]] std::uint32_t crc32c(Bytes bytes, std::uint32_t previous = 0);
// The table form, which tests compare with.
[[nodiscard]] std::uint32_t crc32c_portable(Bytes bytes, std::uint32_t previous = 0);

// The checksum of a followed by b from those of a and b, without reading them. Its time grows with
// the logarithm of b's size: changing a few leading bytes of much data costs less than a new pass.
[[nodiscard]] std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b,
                                           std::uint64_t size_b);

// Which form crc32c() takes here: "sse4.2+pclmul", "armv8-crc" or "table".
[[nodiscard]] const char* crc32c_implementation();

}  // namespace moldau::base
