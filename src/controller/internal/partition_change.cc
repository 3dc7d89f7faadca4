#include "controller/internal/partition_change.h"

#include <algorithm>
#include <utility>

namespace moldau::controller {
namespace {

using base::BrokerId;
using metadata::kNoLeader;
using metadata::kNoLeaderChange;
using Replicas = PartitionChange::Replicas;

bool contains(const Replicas& replicas, BrokerId broker) {
  return std::ranges::find(replicas, broker) != replicas.end();
}

bool contains_all(const Replicas& replicas, const Replicas& wanted) {
  return std::ranges::all_of(wanted, [&](BrokerId broker) { return contains(replicas, broker); });
}

Replicas without(const Replicas& replicas, const Replicas& removed) {
  Replicas left;
  for (const BrokerId broker : replicas) {
    if (!contains(removed, broker)) left.push_back(broker);
  }
  return left;
}

}  // namespace

PartitionChange::PartitionChange(const metadata::Partition& partition, base::TopicIdPartition id,
                                 Rules rules)
    : partition_(partition),
      rules_(std::move(rules)),
      isr_(partition.isr.to_vector()),
      replicas_(partition.replicas.to_vector()),
      adding_(partition.adding_replicas.to_vector()),
      removing_(partition.removing_replicas.to_vector()),
      elr_(partition.eligible_leader_replicas.to_vector()),
      recovery_state_(partition.leader_recovery_state) {
  record_.topic_id = id.topic_id;
  record_.partition_id = id.partition;
}

bool PartitionChange::is_valid_leader(BrokerId replica) const {
  const bool in_sync = contains(isr_, replica) || (isr_.empty() && contains(elr_, replica));
  return in_sync && rules_.may_lead(replica);
}

// With an empty ISR and ELR, whoever led last has most of the records.
bool PartitionChange::may_elect_last_known_leader() const {
  if (!rules_.elr_enabled || !elr_.empty() || !isr_.empty()) return false;
  return partition_.last_known_elr.size() == 1 && rules_.may_lead(partition_.last_known_elr[0]);
}

PartitionChange::Elected PartitionChange::elect() const {
  if (election_ == Election::kPreferred && !replicas_.empty() &&
      is_valid_leader(replicas_.front())) {
    return {.leader = replicas_.front()};
  }
  if (is_valid_leader(partition_.leader)) return {.leader = partition_.leader};
  for (const BrokerId replica : replicas_) {
    if (is_valid_leader(replica)) return {.leader = replica};
  }
  if (may_elect_last_known_leader()) {
    return {.leader = partition_.last_known_elr[0], .unclean = true};
  }
  if (election_ == Election::kUnclean) {
    for (const BrokerId replica : replicas_) {
      if (rules_.may_lead(replica)) return {.leader = replica, .unclean = true};
    }
  }
  return {.leader = kNoLeader};
}

// A reassignment is done when all new replicas are in sync and someone stays.
void PartitionChange::complete_reassignment() {
  if (adding_.empty() && removing_.empty()) return;
  const Replicas isr = without(isr_, removing_);
  const Replicas replicas = without(replicas_, removing_);
  if (isr.empty() || replicas.empty()) return;
  if (!contains_all(isr, adding_)) return;
  // When replicas become fewer, dropping those in sync too early would shrink the ISR.
  if (adding_.size() < removing_.size() && !contains_all(isr, replicas)) return;
  isr_ = isr;
  replicas_ = replicas;
  adding_.clear();
  removing_.clear();
}

void PartitionChange::populate_elr() {
  if (!rules_.elr_enabled) return;
  if (isr_.size() >= static_cast<std::size_t>(rules_.min_isr)) {
    elr_.clear();
    return;
  }
  // Everyone who was in sync when the ISR became too small still has all committed records.
  Replicas candidates = elr_;
  for (const BrokerId broker : partition_.isr) {
    if (!contains(candidates, broker)) candidates.push_back(broker);
  }
  std::ranges::sort(candidates);
  elr_ = without(without(candidates, isr_), unclean_shutdown_);
}

void PartitionChange::try_election() {
  const Elected elected = elect();
  if (elected.leader == partition_.leader) return;
  if (contains(elr_, elected.leader)) {
    isr_ = {elected.leader};
    elr_ = without(elr_, {elected.leader});
  }
  record_.leader = elected.leader;
  if (!elected.unclean) return;
  // An unclean leader is alone: what the others have beyond it is lost.
  record_.isr = Replicas{elected.leader};
  if (partition_.leader_recovery_state != metadata::LeaderRecoveryState::kRecovering) {
    record_.leader_recovery_state =
        static_cast<std::int8_t>(metadata::LeaderRecoveryState::kRecovering);
  }
}

// A replica that is removed must learn of it by a new leader epoch.
void PartitionChange::bump_epoch_for_reassignment() {
  if (record_.leader != kNoLeaderChange) return;
  if (!contains_all(replicas_, partition_.replicas.to_vector())) record_.leader = partition_.leader;
}

void PartitionChange::bump_epoch_for_isr_shrink() {
  if (rules_.version.no_leader_epoch_bump_on_isr_shrink()) return;
  if (record_.leader != kNoLeaderChange || !record_.isr) return;
  if (!contains_all(*record_.isr, partition_.isr.to_vector())) record_.leader = partition_.leader;
}

void PartitionChange::record_elr() {
  const bool clean = !record_.isr.has_value();
  if (!clean || !rules_.elr_enabled) elr_.clear();
  if (elr_ != partition_.eligible_leader_replicas.to_vector()) {
    record_.eligible_leader_replicas = elr_;
  }
}

void PartitionChange::record_last_known_leader() {
  if (!rules_.elr_enabled) return;
  if (record_.leader == kNoLeader && partition_.last_known_elr.empty()) {
    record_.last_known_elr = Replicas{partition_.leader};
  } else if (record_.leader.value() >= 0 && !partition_.last_known_elr.empty()) {
    record_.last_known_elr = Replicas();
  }
}

void PartitionChange::record_assignment() {
  if (!replicas_.empty()) {
    if (rules_.version.directory_assignment()) {
      std::vector<base::DirectoryId> directories;
      for (const BrokerId replica : replicas_) {
        const bool had = partition_.replicas.contains(replica);
        directories.push_back(had ? partition_.directory_of(replica)
                                  : rules_.default_directory(replica));
      }
      if (directories != partition_.directories.to_vector()) record_.directories = directories;
    }
    if (replicas_ != partition_.replicas.to_vector()) record_.replicas = replicas_;
  }
  if (removing_ != partition_.removing_replicas.to_vector()) record_.removing_replicas = removing_;
  if (adding_ != partition_.adding_replicas.to_vector()) record_.adding_replicas = adding_;
}

bool PartitionChange::changes_nothing() const {
  return !record_.isr && !record_.eligible_leader_replicas && !record_.last_known_elr &&
         record_.leader == kNoLeaderChange && !record_.replicas && !record_.removing_replicas &&
         !record_.adding_replicas && record_.leader_recovery_state == -1 && !record_.directories;
}

std::optional<wire::PartitionChangeRecord> PartitionChange::build() {
  complete_reassignment();
  populate_elr();
  try_election();
  bump_epoch_for_reassignment();
  record_elr();
  // Without ELR the last member of an ISR stays in it, so that it may lead again.
  if (!record_.isr && (!isr_.empty() || rules_.elr_enabled) && isr_ != partition_.isr.to_vector()) {
    record_.isr = isr_;
  }
  bump_epoch_for_isr_shrink();
  record_last_known_leader();
  record_assignment();
  if (recovery_state_ != partition_.leader_recovery_state) {
    record_.leader_recovery_state = static_cast<std::int8_t>(recovery_state_);
  }
  if (changes_nothing()) return std::nullopt;
  return std::move(record_);
}

}  // namespace moldau::controller
