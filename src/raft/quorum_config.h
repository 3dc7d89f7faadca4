// The controller.quorum.* settings and the limits of the raft core. Times are durations; the
// defaults are Kafka's (raft/.../QuorumConfig.java). Value type; any loop.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "raft/voter_set.h"

namespace moldau::raft {

struct QuorumTimeouts {
  base::Duration election = std::chrono::seconds(1);  // election.timeout.ms
  base::Duration fetch = std::chrono::seconds(2);     // fetch.timeout.ms
  base::Duration election_backoff_max = std::chrono::seconds(1);
  base::Duration request = std::chrono::seconds(2);  // request.timeout.ms
  base::Duration retry_backoff = std::chrono::milliseconds(20);
  base::Duration fetch_wait_max = std::chrono::milliseconds(500);  // of our own long poll
  base::Duration observer_session = std::chrono::minutes(5);       // silent observers are forgotten
};

struct RaftOptions {
  ReplicaKey self;
  // With the controller role: such a replica makes its log durable before each fetch even while it
  // is an observer, since the leader may already count it (KIP-853).
  bool can_become_voter = true;
  Endpoints listeners;           // own controller listeners
  std::string default_listener;  // the first of controller.listener.names: peers are dialled there
  VoterSet static_voters;        // controller.quorum.voters; empty when the log holds the voters
  std::vector<HostPort> bootstrap_servers;  // controller.quorum.bootstrap.servers
  QuorumTimeouts timeouts;
  std::uint32_t fetch_bytes_max = 1 << 20;
  std::uint32_t fetch_snapshot_bytes_max = 1 << 20;
};

// A batch of metadata records, and what a controller may append atomically.
inline constexpr std::size_t kRaftBatchBytesMax = 8 << 20;
inline constexpr std::size_t kAtomicRecordsMax = 10'000;
// Long polls held at once; past it a fetch is answered at once.
inline constexpr std::size_t kParkedFetchesMax = 1'000;
// A longer wait than this is cut short, so that no request outlives a stopping node by much.
inline constexpr base::Duration kFetchWaitMax = std::chrono::seconds(5);
// Observers whose progress the leader remembers; a further one is served but not listed.
inline constexpr std::size_t kObserversMax = 10'000;

}  // namespace moldau::raft
