// The states of a replica, each with what only it needs. The epoch, the high watermark and the log
// are common to all and live in Raft. Source: raft/.../{Unattached,Prospective,Candidate,Leader,
// Follower,Resigned}State.java.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/time.h"
#include "raft/messages.h"
#include "raft/offset_and_epoch.h"
#include "raft/voter_set.h"

namespace moldau::raft::internal {

// The tally of one election over the voters at its start.
class Votes {
 public:
  enum class Vote : std::uint8_t { kUnknown, kGranted, kRejected };

  explicit Votes(const VoterSet& voters) {
    for (const auto& [id, node] : voters.by_id()) votes_.emplace(id, Vote::kUnknown);
  }
  // Ignores ids that are not voters: the sender may have left the set.
  void record(base::BrokerId id, bool granted) {
    const auto found = votes_.find(id);
    if (found != votes_.end()) found->second = granted ? Vote::kGranted : Vote::kRejected;
  }
  [[nodiscard]] bool won() const { return count(Vote::kGranted) >= majority(); }
  [[nodiscard]] bool lost() const {
    return count(Vote::kGranted) + count(Vote::kUnknown) < majority();
  }
  [[nodiscard]] std::vector<base::BrokerId> with(Vote vote) const {
    std::vector<base::BrokerId> ids;
    for (const auto& [id, cast] : votes_) {
      if (cast == vote) ids.push_back(id);
    }
    return ids;
  }

 private:
  [[nodiscard]] std::size_t count(Vote vote) const {
    std::size_t n = 0;
    for (const auto& [id, cast] : votes_) n += cast == vote ? 1U : 0U;
    return n;
  }
  [[nodiscard]] std::size_t majority() const { return votes_.size() / 2 + 1; }

  std::map<base::BrokerId, Vote> votes_;
};

struct Unattached {
  std::optional<base::BrokerId> leader;  // known, but not where it is
  std::optional<ReplicaKey> voted;
  base::Instant election_deadline;
};

// Asks for pre-votes (KIP-996): nothing durable changes until a majority would vote for it.
struct Prospective {
  std::optional<base::BrokerId> leader;
  Endpoints leader_endpoints;
  std::optional<ReplicaKey> voted;
  Votes votes;
  base::Instant election_deadline;
};

struct Candidate {
  Votes votes;
  base::Instant election_deadline;
};

struct Follower {
  base::BrokerId leader;
  Endpoints leader_endpoints;
  std::optional<ReplicaKey> voted;
  base::Instant fetch_deadline;
  bool has_fetched = false;  // once since it follows: then it grants no pre-votes

  struct Download {
    SnapshotId id;
    std::uint64_t position = 0;
    bool complete = false;  // waits for SnapshotFetched
  };
  std::optional<Download> download;
};

// What the leader knows of a replica that fetches.
struct Progress {
  std::optional<base::Offset> end_offset;
  base::Timestamp last_fetch_wall{-1};
  base::Timestamp last_caught_up_wall{-1};
  std::optional<base::Instant> last_fetch;
  base::Offset leader_end_at_last_fetch{-1};
};

struct ParkedFetch {
  RequestId id;
  FetchRequest request;
  base::Instant deadline;
};

struct Leader {
  base::Offset epoch_start;
  std::vector<base::BrokerId> granted_by;
  struct Voter {
    VoterNode node;
    Progress progress;
  };
  std::map<base::BrokerId, Voter> voters;  // ourselves included, without progress
  std::map<ReplicaKey, Progress> observers;
  std::set<base::BrokerId> fetched_since_check;
  base::Instant check_quorum_deadline;
  base::Instant begin_epoch_at;
  std::vector<ParkedFetch> parked;
};

// Led this epoch and will neither lead nor vote in it again.
struct Resigned {
  std::vector<ReplicaKey> successors;
  std::set<base::BrokerId> untold;
  base::Instant election_deadline;
};

using State = std::variant<Unattached, Prospective, Candidate, Leader, Follower, Resigned>;

}  // namespace moldau::raft::internal
