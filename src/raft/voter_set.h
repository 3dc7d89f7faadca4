// Who may vote: ids, directories, endpoints and the kraft.version range of each voter (KIP-853).
// With kraft.version 0 the set comes from controller.quorum.voters and directories are unknown, so
// an id alone identifies a voter; with kraft.version 1 it comes from the log and id and directory
// must both match. Sets are ordered by id, so that everything derived from them has one order.
// Source: raft/.../VoterSet.java, Endpoints.java. Value types; any loop.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/uuid.h"

namespace moldau::raft {

using KRaftVersion = base::Strong<struct KRaftVersionTag, std::int16_t>;
inline constexpr KRaftVersion kKRaftVersion0{0};
inline constexpr KRaftVersion kKRaftVersion1{1};  // the voters are in the log

// A replica: a node and the directory that holds its log. A zero directory stands for unknown.
struct ReplicaKey {
  base::BrokerId id = base::kNoBroker;
  base::DirectoryId directory;

  [[nodiscard]] std::string to_string() const;
  friend constexpr auto operator<=>(const ReplicaKey&, const ReplicaKey&) = default;
  friend constexpr bool operator==(const ReplicaKey&, const ReplicaKey&) = default;
};

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  friend auto operator<=>(const HostPort&, const HostPort&) = default;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// Addresses by listener name (as written in controller.listener.names).
using Endpoints = std::map<std::string, HostPort, std::less<>>;
[[nodiscard]] std::optional<HostPort> address_of(const Endpoints& endpoints,
                                                 std::string_view listener);

struct KRaftVersionRange {
  std::int16_t min = 0;
  std::int16_t max = 0;
  friend constexpr bool operator==(const KRaftVersionRange&, const KRaftVersionRange&) = default;
};
// What this implementation can run.
inline constexpr KRaftVersionRange kSupportedKRaftVersions{0, 1};

struct VoterNode {
  ReplicaKey key;
  Endpoints endpoints;
  KRaftVersionRange supported;

  // True when the replica is this voter: ids are equal and so are the directories, if ours is
  // known.
  [[nodiscard]] bool is(const ReplicaKey& replica) const {
    if (key.id != replica.id) return false;
    return key.directory.is_zero() || key.directory == replica.directory;
  }
  friend bool operator==(const VoterNode&, const VoterNode&) = default;
};

class VoterSet {
 public:
  VoterSet() = default;

  [[nodiscard]] bool empty() const { return voters_.empty(); }
  [[nodiscard]] std::size_t size() const { return voters_.size(); }
  [[nodiscard]] std::size_t majority() const { return voters_.size() / 2 + 1; }
  [[nodiscard]] const std::map<base::BrokerId, VoterNode>& by_id() const [[clang::lifetimebound]] {
    return voters_;
  }
  [[nodiscard]] const VoterNode* find(base::BrokerId id) const [[clang::lifetimebound]];
  [[nodiscard]] bool is_voter(const ReplicaKey& replica) const;
  [[nodiscard]] bool is_only_voter(const ReplicaKey& replica) const {
    return voters_.size() == 1 && is_voter(replica);
  }
  // Empty when the id is not in the set.
  [[nodiscard]] Endpoints endpoints_of(base::BrokerId id) const;

  // Adds, or replaces the voter with the same id.
  void put(VoterNode voter);

  friend bool operator==(const VoterSet&, const VoterSet&) = default;

 private:
  std::map<base::BrokerId, VoterNode> voters_;
};

// controller.quorum.voters: "1@host:9093,2@[::1]:9094". Every address is that of `listener`. The
// error is a sentence that names the part at fault.
[[nodiscard]] std::optional<std::string> parse_static_voters(std::string_view text,
                                                             std::string_view listener,
                                                             VoterSet& voters);

}  // namespace moldau::raft
