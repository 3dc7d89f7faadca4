// One replica of one partition, as a pure core: it decides, the driver does. It knows its role and
// epochs, the ISR, how far each replica's log reaches and how much of its own is durable, and from
// that the high watermark; it holds produce requests until they may be answered and asks the
// controller for ISR changes. The log itself (bytes, epoch cache, producer state) is storage's;
// what the core needs of it comes in as arguments.
//
// Invariants: log_start <= high_watermark <= log_end; durable_end <= log_end; the leader counts
// itself only up to durable_end. The high watermark never falls while leading, and stands still
// while the ISR is smaller than min.insync.replicas (KIP-966). At most one ISR change is in flight:
// an added member counts at once, a removed one until the controller has confirmed. Limits:
// kParkedProducesMax; ISR and replicas as large as the assignment. The driver must follow each
// step's Output: assign the epoch and save its checkpoint before it appends, send the
// AlterPartition, answer the released requests, call step(Tick) at wake_at. Errors are Kafka's
// (wire::ErrorCode). Owned by the loop of its partition. Source: core/.../cluster/Partition.scala,
// server/.../replica/Replica.java, KIP-101, KIP-320, KIP-392, KIP-497, KIP-841, KIP-966. Fetching
// from a leader is not here: it comes with the fetchers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "logstate/leader_epoch_cache.h"
#include "wire/error_code.h"

namespace moldau::replica {

inline constexpr std::size_t kParkedProducesMax = 65'536;
inline constexpr base::Duration kReplicaLagTimeMaxDefault = std::chrono::seconds(30);
// Before an AlterPartition that failed for a passing reason is sent again.
inline constexpr base::Duration kAlterPartitionBackoff = std::chrono::milliseconds(50);

enum class Role : std::uint8_t { kNone, kLeader, kFollower };

struct ReplicaOptions {
  base::BrokerId self;
  std::int32_t min_insync_replicas = 1;
  base::Duration replica_lag_time_max = kReplicaLagTimeMaxDefault;  // replica.lag.time.max.ms
};

// What the log says when it is opened. `high_watermark` as checkpointed; it is bounded to the log.
struct LogOffsets {
  base::Offset log_start{0};
  base::Offset log_end{0};
  base::Offset durable_end{0};
  base::Offset high_watermark{0};
};

// The partition's registration in the metadata.
struct Registration {
  base::BrokerId leader{-1};
  base::LeaderEpoch leader_epoch{-1};
  base::PartitionEpoch partition_epoch{-1};
  std::vector<base::BrokerId> replicas;
  std::vector<base::BrokerId> isr;
};

// What the metadata says of a broker that holds another replica of this partition.
struct BrokerStatus {
  base::BrokerId id;
  base::BrokerEpoch epoch{-1};
  bool alive = false;  // registered, not fenced, not in controlled shutdown
};

// The driver's name for a request that waits.
using ProduceToken = std::uint64_t;

// --- Inputs of step() --------------------------------------------------------------------------

// The other replicas' brokers as the metadata has them; replaces what was known. Also due after a
// Registration that names new replicas.
struct BrokersChanged {
  std::vector<BrokerStatus> brokers;
};
// Records were appended to the leader's log (not yet durable).
struct Appended {
  base::Offset log_end;
};
// The log is durable up to here.
struct Synced {
  base::Offset durable_end;
};
// A produce request to be answered when `required` (last offset + 1) is reached: with acks=-1 by
// the high watermark, with acks=1 by the durable end. acks=0 is not parked.
struct ParkProduce {
  ProduceToken token = 0;
  base::Offset required;
  std::int16_t acks = -1;
  base::Instant deadline = base::kNever;
};
// A follower fetched: it holds everything below `fetch_offset`, durably if it is one of ours.
struct FollowerFetched {
  base::BrokerId id;
  base::BrokerEpoch broker_epoch{-1};  // -1: the follower did not say
  base::Offset fetch_offset;
  base::Offset log_start;
  base::Offset leader_end;  // our log end when its answer was read
};
// The controller's answer to an AlterPartition.
struct AlterPartitionAnswer {
  std::uint64_t change_id = 0;
  wire::ErrorCode error = wire::ErrorCode::kNone;
  base::LeaderEpoch leader_epoch{-1};  // this and below: when there is no error
  base::PartitionEpoch partition_epoch{-1};
  std::vector<base::BrokerId> isr;
};
struct LogStartAdvanced {
  base::Offset log_start;
};
struct MinIsrChanged {
  std::int32_t min_insync_replicas = 1;
};
struct Tick {};

// --- Output ------------------------------------------------------------------------------------

struct Released {
  ProduceToken token = 0;
  wire::ErrorCode error = wire::ErrorCode::kNone;

  friend bool operator==(const Released&, const Released&) = default;
};

struct IsrMember {
  base::BrokerId id;
  base::BrokerEpoch epoch{-1};  // -1 for ourselves: the driver puts in its own; or not known

  friend bool operator==(const IsrMember&, const IsrMember&) = default;
};

struct AlterPartition {
  std::uint64_t change_id = 0;
  base::LeaderEpoch leader_epoch{-1};
  base::PartitionEpoch partition_epoch{-1};
  std::vector<IsrMember> new_isr;

  friend bool operator==(const AlterPartition&, const AlterPartition&) = default;
};

struct Output {
  // In order of offsets within a reason.
  std::vector<Released> released;
  std::optional<AlterPartition> alter_partition;
  // The epoch cache must learn of it before the next append; its checkpoint is to be durable before
  // the first data of that epoch is.
  std::optional<logstate::EpochEntry> epoch_started;
  // The high watermark has moved: readers may go on.
  bool high_watermark_moved = false;
  // The role or the leader epoch is new: what was read or parked under the old one is void.
  bool role_changed = false;
};

// --- Queries -----------------------------------------------------------------------------------

enum class Isolation : std::uint8_t { kLogEnd, kHighWatermark, kCommitted };

struct FetchPosition {
  base::Offset fetch_offset;
  base::LeaderEpoch current_leader_epoch{-1};  // -1: not checked
  base::LeaderEpoch last_fetched_epoch{-1};    // -1: not checked
  base::BrokerId replica{-1};                  // a follower's id, -1 for a consumer
  base::BrokerEpoch broker_epoch{-1};          // as the follower says it, -1 when it does not
  bool leader_only = true;
  Isolation isolation = Isolation::kHighWatermark;
};

struct FetchDecision {
  wire::ErrorCode error = wire::ErrorCode::kNone;
  // The follower's log has another history from here on: no data.
  std::optional<logstate::EpochEndOffset> diverging;
  base::Offset upto{
      -1};  // exclusive end of what may be read; at or below fetch_offset: nothing yet
  base::Offset high_watermark{-1};
  base::Offset last_stable_offset{-1};
  base::Offset log_start{-1};
  base::Offset log_end{-1};
};

class Replica {
 public:
  Replica(const ReplicaOptions& options, const LogOffsets& log);

  // --- Steps
  Output step(const Registration& registration, base::Instant now);
  Output step(const BrokersChanged& input, base::Instant now);
  Output step(const Appended& input, base::Instant now);
  Output step(const Synced& input, base::Instant now);
  Output step(const ParkProduce& input, base::Instant now);
  Output step(const FollowerFetched& input, base::Instant now);
  Output step(const AlterPartitionAnswer& input, base::Instant now);
  Output step(const LogStartAdvanced& input, base::Instant now);
  Output step(const MinIsrChanged& input, base::Instant now);
  Output step(Tick input, base::Instant now);
  // The replica ends (deleted, moved away, its disk failed): everything parked gets `error`.
  Output stop(wire::ErrorCode error);
  // When step(Tick) is due; kNever when nothing waits for time.
  [[nodiscard]] base::Instant wake_at() const;

  // --- May it be done?
  // kNone, or why a batch must not be appended now.
  [[nodiscard]] wire::ErrorCode check_append(std::int16_t acks) const;
  // The epoch and role a reader or an OffsetForLeaderEpoch or ListOffsets request asks for.
  [[nodiscard]] wire::ErrorCode check_read(base::LeaderEpoch current_leader_epoch,
                                           bool leader_only) const;
  // `first_unstable`: from the log's producer state.
  [[nodiscard]] FetchDecision check_fetch(const FetchPosition& position,
                                          const logstate::LeaderEpochCache& epochs,
                                          std::optional<base::Offset> first_unstable) const;
  // Whether a fetch comes from a follower of this partition, in its current incarnation.
  [[nodiscard]] wire::ErrorCode check_follower(base::BrokerId id, base::BrokerEpoch broker_epoch,
                                               base::LeaderEpoch current_leader_epoch) const;
  // The answer for one partition of OffsetForLeaderEpoch, after check_read().
  [[nodiscard]] logstate::EpochEndOffset end_offset_for(
      base::LeaderEpoch requested, const logstate::LeaderEpochCache& epochs) const;
  // ListOffsets for the latest offset must wait: this leader's high watermark still lags behind the
  // start of its epoch (answer kOffsetNotAvailable).
  [[nodiscard]] bool high_watermark_lags() const;
  // Where readers of this isolation end.
  [[nodiscard]] base::Offset fetchable_end(Isolation isolation,
                                           std::optional<base::Offset> first_unstable) const;

  // --- State
  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] bool is_leader() const { return role_ == Role::kLeader; }
  [[nodiscard]] base::BrokerId leader() const { return leader_; }
  [[nodiscard]] base::LeaderEpoch leader_epoch() const { return leader_epoch_; }
  [[nodiscard]] base::PartitionEpoch partition_epoch() const { return partition_epoch_; }
  [[nodiscard]] base::Offset log_start() const { return log_start_; }
  [[nodiscard]] base::Offset log_end() const { return log_end_; }
  [[nodiscard]] base::Offset durable_end() const { return durable_end_; }
  [[nodiscard]] base::Offset high_watermark() const { return high_watermark_; }
  [[nodiscard]] const std::vector<base::BrokerId>& isr() const [[clang::lifetimebound]] {
    return isr_;
  }
  [[nodiscard]] std::size_t parked() const { return parked_all_.size() + parked_leader_.size(); }
  [[nodiscard]] bool under_min_isr() const;

 private:
  struct Peer {
    base::BrokerId id;
    base::Offset log_end{-1};
    base::Offset log_start{-1};
    base::Offset last_fetch_leader_end{-1};
    std::optional<base::Instant> last_fetch;
    std::optional<base::Instant> last_caught_up;
    std::optional<base::BrokerEpoch> fetch_epoch;  // as its last fetch said
    std::optional<BrokerStatus> status;            // as the metadata says
  };
  struct Parked {
    base::Offset required;
    ProduceToken token;
    base::Instant deadline;
  };
  struct PendingIsr {
    std::uint64_t change_id = 0;
    std::vector<base::BrokerId> isr;      // as sent
    std::vector<base::BrokerId> maximal;  // counts for the high watermark
    std::optional<base::Instant> retry_at;
  };

  void become_leader(const Registration& registration, base::Instant now, Output& out);
  void become_follower(const Registration& registration, Output& out);
  void set_peers(const Registration& registration);
  [[nodiscard]] Peer* find_peer(base::BrokerId id);
  [[nodiscard]] const Peer* find_peer(base::BrokerId id) const;
  [[nodiscard]] std::int32_t effective_min_isr() const;
  [[nodiscard]] const std::vector<base::BrokerId>& maximal_isr() const;
  [[nodiscard]] bool caught_up(const Peer& peer, base::Instant now) const;
  [[nodiscard]] static bool eligible(const Peer& peer);
  void advance_high_watermark(base::Instant now, Output& out);
  void release_reached(Output& out);
  void release_all(wire::ErrorCode error, Output& out);
  void expire_parked(base::Instant now, Output& out);
  void expand_isr(const Peer& peer, Output& out);
  void shrink_isr(base::Instant now, Output& out);
  void propose_isr(std::vector<base::BrokerId> isr, std::vector<base::BrokerId> maximal,
                   Output& out);
  [[nodiscard]] AlterPartition alter_request() const;
  void schedule_isr_check(base::Instant now);

  ReplicaOptions options_;
  Role role_ = Role::kNone;
  base::BrokerId leader_{-1};
  base::LeaderEpoch leader_epoch_{-1};
  base::PartitionEpoch partition_epoch_{-1};
  base::Offset log_start_;
  base::Offset log_end_;
  base::Offset durable_end_;
  base::Offset high_watermark_;
  base::Offset epoch_start_{-1};  // of the leader's epoch, while leading
  std::vector<base::BrokerId> isr_;
  std::vector<Peer> peers_;  // of the other replicas, while leading; sorted by id
  std::optional<PendingIsr> pending_;
  std::uint64_t next_change_id_ = 1;
  // Sorted by `required`.
  std::vector<Parked> parked_all_;
  std::vector<Parked> parked_leader_;
  base::Instant parked_deadline_ = base::kNever;  // no later than the earliest of them
  base::Instant isr_check_at_ = base::kNever;
};

}  // namespace moldau::replica
