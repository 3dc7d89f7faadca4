// Works out how a partition changes: a new ISR, assignment or election in, at most one
// PartitionChangeRecord out, with leader, eligible leaders, completed reassignment and recovery
// state as Kafka's rules have them. Source: PartitionChangeBuilder.java,
// PartitionReassignmentReplicas.java (4.4); KIP-455, KIP-966.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "metadata/image.h"
#include "metadata/metadata_version.h"
#include "wire/partition_change_record.h"

namespace moldau::controller {

enum class Election : std::uint8_t {
  kPreferred,  // the first replica if it may lead, else as kOnline
  kOnline,     // someone from the ISR, or from the ELR when the ISR is empty
  kUnclean,    // as kOnline, but rather someone else than nobody
};

class PartitionChange {
 public:
  using Replicas = std::vector<base::BrokerId>;

  struct Rules {
    // Whether a broker may lead: active, and its replica's directory online.
    std::function<bool(base::BrokerId)> may_lead;
    std::function<base::DirectoryId(base::BrokerId)> default_directory;
    metadata::MetadataVersion version;
    std::int32_t min_isr = 1;
    bool elr_enabled = false;
  };

  PartitionChange(const metadata::Partition& partition, base::TopicIdPartition id, Rules rules);

  PartitionChange& election(Election election) {
    election_ = election;
    return *this;
  }
  PartitionChange& isr(Replicas isr) {
    isr_ = std::move(isr);
    return *this;
  }
  PartitionChange& replicas(Replicas replicas) {
    replicas_ = std::move(replicas);
    return *this;
  }
  PartitionChange& adding(Replicas adding) {
    adding_ = std::move(adding);
    return *this;
  }
  PartitionChange& removing(Replicas removing) {
    removing_ = std::move(removing);
    return *this;
  }
  PartitionChange& recovery_state(metadata::LeaderRecoveryState state) {
    recovery_state_ = state;
    return *this;
  }
  // Members that lost what they had: out of the ELR.
  PartitionChange& unclean_shutdown(Replicas replicas) {
    unclean_shutdown_ = std::move(replicas);
    return *this;
  }

  // Nothing when nothing changes.
  [[nodiscard]] std::optional<wire::PartitionChangeRecord> build();

 private:
  struct Elected {
    base::BrokerId leader;
    bool unclean = false;
  };
  [[nodiscard]] bool is_valid_leader(base::BrokerId replica) const;
  [[nodiscard]] bool may_elect_last_known_leader() const;
  [[nodiscard]] Elected elect() const;
  void complete_reassignment();
  void populate_elr();
  void try_election();
  void bump_epoch_for_reassignment();
  void bump_epoch_for_isr_shrink();
  void record_elr();
  void record_last_known_leader();
  void record_assignment();
  [[nodiscard]] bool changes_nothing() const;

  const metadata::Partition& partition_;
  Rules rules_;
  Election election_ = Election::kOnline;
  Replicas isr_;
  Replicas replicas_;
  Replicas adding_;
  Replicas removing_;
  Replicas elr_;
  Replicas unclean_shutdown_;
  metadata::LeaderRecoveryState recovery_state_;
  wire::PartitionChangeRecord record_;
};

}  // namespace moldau::controller
