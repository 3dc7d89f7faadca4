// Feeds arbitrary bytes to the three decoders of files that a log's directory holds. What they
// accept must encode to something that decodes to the same.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "logstate/aborted_txn.h"
#include "logstate/leader_epoch_cache.h"
#include "logstate/producer_snapshot.h"

using namespace moldau;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes bytes = std::as_bytes(std::span(data, size));
  if (const auto entries = logstate::decode_producer_snapshot(bytes)) {
    logstate::ProducerState state;
    state.load(*entries, base::Offset(0), base::Timestamp(0),
               logstate::kProducerIdExpirationMsDefault);
    ASSERT(logstate::decode_producer_snapshot(logstate::encode_producer_snapshot(state).span())
               .has_value());
  }
  if (const auto epochs = logstate::decode_leader_epochs(base::as_text(bytes))) {
    ASSERT(logstate::decode_leader_epochs(logstate::encode_leader_epochs(*epochs)) == epochs);
    logstate::LeaderEpochCache cache;
    for (const auto& entry : *epochs) cache.assign(entry.epoch, entry.start_offset);
  }
  if (const auto txns = logstate::decode_aborted_txns(bytes)) {
    for (std::size_t i = 0; i < txns->size(); ++i) {
      const auto encoded = logstate::encode_aborted_txn((*txns)[i]);
      ASSERT(logstate::decode_aborted_txns(encoded)->front() == (*txns)[i]);
    }
  }
  return 0;
}
