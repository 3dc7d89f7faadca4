// transfer() carries out a read, write or sync with blocking system calls, to its end: the result
// is set when it returns. Off the loops only. try_read() is the part of a read that the page cache
// can answer at once; on the loop. A file whose file system never can is remembered as such.
#pragma once

#include <cstddef>

#include "rt/disk.h"

namespace moldau::io::internal {

void transfer(rt::DiskOperation& operation);

// True when the read is complete. Else `position`, `into` and `result` say what is left and what
// was read.
[[nodiscard]] bool try_read(rt::DiskOperation& operation);

// After `count` bytes of a read: true when it is complete (full, or the file ended).
[[nodiscard]] bool advance_read(rt::DiskOperation& operation, std::size_t count);

[[nodiscard]] std::size_t transfer_bytes(const rt::DiskOperation& operation);

}  // namespace moldau::io::internal
