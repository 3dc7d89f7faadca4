// What every generated message header needs: the names of the codec's parts and of the kinds of
// messages. Any loop.
#pragma once

#include <cstdint>
#include <limits>

#include "wire/wire_error.h"

namespace moldau::wire {

class Printer;
class Reader;
class Writer;

// kFirstFlexibleVersion of a message whose versions have neither compact lengths nor tagged fields.
inline constexpr std::int16_t kNeverFlexible = std::numeric_limits<std::int16_t>::max();

enum class MessageKind : std::uint8_t {
  kRequest,
  kResponse,
  kHeader,
  kData,      // files, control records, embedded client data
  kMetadata,  // records of __cluster_metadata
  kTiered,    // records of __remote_log_metadata
  kGroupKey,  // of __consumer_offsets
  kGroupValue,
  kTransactionKey,  // of __transaction_state
  kTransactionValue,
  kShareKey,  // of __share_group_state
  kShareValue,
};

}  // namespace moldau::wire
