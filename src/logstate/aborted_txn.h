// Aborted transactions of a segment, as its transaction index (.txnindex) keeps them: 34-byte
// entries whose last offsets grow. A reader that wants committed data only gets those that overlap
// what it reads, and drops their records. Source:
// storage/.../log/{AbortedTxn,TransactionIndex}.java. Pure functions over entries; any loop.
#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "wire/aborted_txn.h"

namespace moldau::logstate {

inline constexpr std::size_t kAbortedTxnBytes = 34;  // frozen, version field included

using wire::AbortedTxn;

[[nodiscard]] std::array<std::byte, kAbortedTxnBytes> encode_aborted_txn(const AbortedTxn& txn);
// All entries of an index file, or what is wrong with it. A partial last entry is left out, as
// Kafka does.
[[nodiscard]] std::expected<std::vector<AbortedTxn>, std::string> decode_aborted_txns(
    base::Bytes file);

struct AbortedTxns {
  std::vector<AbortedTxn> txns;
  bool complete = false;  // no later segment can add to them
};
// Those that overlap [from, upto).
[[nodiscard]] AbortedTxns collect_aborted(std::span<const AbortedTxn> entries, base::Offset from,
                                          base::Offset upto);

}  // namespace moldau::logstate
