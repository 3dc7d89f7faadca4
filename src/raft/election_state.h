// ElectionState is what a replica must remember about elections so that it never votes twice and
// never leads twice in one epoch: the epoch, its leader if known, and the vote given in it. It is
// the content of the file quorum-state, one line of JSON. data_version follows kraft.version: 0
// lists the voters and knows ids only, 1 adds the directory of the voted replica and drops the
// list. Must be durable before a vote is answered or asked for. Source:
// raft/.../ElectionState.java, QuorumStateData.json, FileQuorumStateStore.java (format frozen).
// Value types; any loop.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "raft/voter_set.h"

namespace moldau::raft {

struct ElectionState {
  base::LeaderEpoch epoch{0};
  std::optional<base::BrokerId> leader;
  std::optional<ReplicaKey> voted;
  // Only written with data_version 0; what is read back is not used (the configuration decides).
  std::vector<base::BrokerId> voters;

  friend bool operator==(const ElectionState&, const ElectionState&) = default;
};

inline constexpr std::string_view kQuorumStateFile = "quorum-state";
inline constexpr std::size_t kQuorumStateBytesMax = 1 << 20;

[[nodiscard]] std::string encode_quorum_state(const ElectionState& state,
                                              KRaftVersion kraft_version);

// The error is a sentence: what is wrong in the file.
[[nodiscard]] std::expected<ElectionState, std::string> decode_quorum_state(std::string_view json);

}  // namespace moldau::raft
