#include "logstate/aborted_txn.h"

#include <algorithm>

#include "base/endian.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::logstate {
namespace {

constexpr std::int16_t kVersion = AbortedTxn::kMaxVersion;
constexpr std::size_t kVersionBytes = 2;

}  // namespace

std::array<std::byte, kAbortedTxnBytes> encode_aborted_txn(const AbortedTxn& txn) {
  wire::Writer out;
  out.i16(kVersion);
  wire::encode(txn, kVersion, out);
  const auto chain = out.finish();
  ASSERT(chain.has_value());  // fixed-size fields
  ASSERT(chain->size() == kAbortedTxnBytes);
  std::array<std::byte, kAbortedTxnBytes> bytes;
  std::ranges::copy(chain->flatten().span(), bytes.begin());
  return bytes;
}

std::expected<std::vector<AbortedTxn>, std::string> decode_aborted_txns(base::Bytes file) {
  std::vector<AbortedTxn> txns;
  txns.reserve(file.size() / kAbortedTxnBytes);
  for (; file.size() >= kAbortedTxnBytes; file = file.subspan(kAbortedTxnBytes)) {
    const auto version = base::load_be<std::int16_t>(file.data());
    if (version != kVersion) {
      return std::unexpected("entry " + std::to_string(txns.size()) + " has the unknown version " +
                             std::to_string(version));
    }
    wire::Reader in(
        base::SharedBytes::copy_of(file.subspan(kVersionBytes, kAbortedTxnBytes - kVersionBytes)));
    AbortedTxn txn;
    const auto decoded = wire::decode(txn, version, in);
    if (!decoded) return std::unexpected(std::string(wire::to_string(decoded.error())));
    if (!txns.empty() && txn.last_offset <= txns.back().last_offset) {
      return std::unexpected("entry " + std::to_string(txns.size()) + " is out of order");
    }
    txns.push_back(txn);
  }
  return txns;
}

AbortedTxns collect_aborted(std::span<const AbortedTxn> entries, base::Offset from,
                            base::Offset upto) {
  AbortedTxns result;
  for (const AbortedTxn& txn : entries) {
    if (txn.last_offset >= from && txn.first_offset < upto) result.txns.push_back(txn);
    if (txn.last_stable_offset >= upto) {
      result.complete = true;
      break;
    }
  }
  return result;
}

}  // namespace moldau::logstate
