// Any text as the file quorum-state: an error, or a state that survives being written and read.
#include "base/assert.h"
#include "base/bytes.h"
#include "raft/election_state.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace moldau;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto state = raft::decode_quorum_state(text);
  if (!state) return 0;
  const auto again = raft::decode_quorum_state(encode_quorum_state(*state, raft::kKRaftVersion1));
  ASSERT(again.has_value());
  ASSERT(again->epoch == state->epoch);
  ASSERT(again->leader == state->leader);
  ASSERT(again->voted == state->voted);
  return 0;
}
