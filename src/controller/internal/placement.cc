#include "controller/internal/placement.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/assert.h"

namespace moldau::controller {
namespace {

template <class T>
void shuffle(std::vector<T>& values, base::Rng& chance) {
  for (std::size_t left = values.size(); left > 1; --left) {
    std::swap(values[left - 1], values[chance.below(left)]);
  }
}

// Brokers that are handed out once a round, each round beginning one further on.
class Ring {
 public:
  void add(base::BrokerId broker) { brokers_.push_back(broker); }
  void start(base::Rng& chance) {
    if (brokers_.empty()) return;
    std::ranges::sort(brokers_);
    offset_ = chance.below(brokers_.size());
  }
  void mix(base::Rng& chance) { shuffle(brokers_, chance); }

  std::optional<base::BrokerId> next(std::int64_t round) {
    if (brokers_.empty()) return std::nullopt;
    if (round_ != round) {
      round_ = round;
      taken_ = 0;
      offset_ = (offset_ + 1) % brokers_.size();
    }
    if (taken_ == brokers_.size()) return std::nullopt;
    return brokers_[(offset_ + taken_++) % brokers_.size()];
  }

 private:
  std::vector<base::BrokerId> brokers_;
  std::size_t offset_ = 0;
  std::size_t taken_ = 0;
  std::int64_t round_ = 0;
};

struct Rack {
  Ring unfenced;
  Ring fenced;

  std::optional<base::BrokerId> next(std::int64_t round) {
    if (const auto broker = unfenced.next(round)) return broker;
    return fenced.next(round);
  }
};

class Racks {
 public:
  Racks(const std::vector<UsableBroker>& brokers, base::Rng& chance) : chance_(chance) {
    std::map<std::optional<std::string>, Rack> by_name;
    for (const auto& broker : brokers) {
      Rack& rack = by_name[broker.rack];
      (broker.fenced ? rack.fenced : rack.unfenced).add(broker.id);
      unfenced_ += broker.fenced ? 0 : 1;
    }
    for (auto& [name, rack] : by_name) racks_.push_back(std::move(rack));
    for (Rack& rack : racks_) {
      rack.fenced.start(chance_);
      rack.unfenced.start(chance_);
    }
    if (!racks_.empty()) offset_ = chance_.below(racks_.size());
  }

  [[nodiscard]] std::int64_t unfenced() const { return unfenced_; }

  // The caller has checked that there are enough brokers, one of them unfenced.
  std::vector<base::BrokerId> place(std::int32_t replication_factor) {
    // After a round of leaders the same assignments would come again: mix. With one unfenced broker
    // there is nothing to mix.
    if (round_ == unfenced_ && unfenced_ > 1) {
      mix();
      round_ = 0;
    }
    if (offset_ == racks_.size()) offset_ = 0;
    std::vector<base::BrokerId> replicas;
    std::optional<std::size_t> leader_rack = place_leader(replicas);
    std::size_t rack = offset_;
    while (replicas.size() < static_cast<std::size_t>(replication_factor)) {
      if (leader_rack == rack) {
        leader_rack.reset();  // It has had its turn.
      } else if (const auto broker = racks_[rack].next(round_)) {
        replicas.push_back(*broker);
      }
      rack = (rack + 1) % racks_.size();
    }
    ++round_;
    ++offset_;
    return replicas;
  }

 private:
  std::size_t place_leader(std::vector<base::BrokerId>& replicas) {
    for (std::size_t i = 0; i < racks_.size(); ++i) {
      const std::size_t rack = (offset_ + i) % racks_.size();
      if (const auto broker = racks_[rack].unfenced.next(round_)) {
        replicas.push_back(*broker);
        return rack;
      }
    }
    UNREACHABLE();
  }
  void mix() {
    shuffle(racks_, chance_);
    for (Rack& rack : racks_) {
      rack.fenced.mix(chance_);
      rack.unfenced.mix(chance_);
    }
  }

  base::Rng& chance_;
  std::vector<Rack> racks_;
  std::size_t offset_ = 0;
  std::int64_t round_ = 0;
  std::int64_t unfenced_ = 0;
};

}  // namespace

std::expected<std::vector<std::vector<base::BrokerId>>, std::string> place_replicas(
    const std::vector<UsableBroker>& brokers, std::int32_t partitions,
    std::int32_t replication_factor, base::Rng& chance) {
  if (replication_factor <= 0) {
    return std::unexpected("Invalid replication factor " + std::to_string(replication_factor) +
                           ": the replication factor must be positive.");
  }
  Racks racks(brokers, chance);
  if (racks.unfenced() == 0) {
    return std::unexpected(
        "All brokers are currently fenced, or have all their log directories cordoned.");
  }
  if (static_cast<std::size_t>(replication_factor) > brokers.size()) {
    return std::unexpected("The target replication factor of " +
                           std::to_string(replication_factor) + " cannot be reached because only " +
                           std::to_string(brokers.size()) +
                           " broker(s) are registered or some brokers have all their log "
                           "directories cordoned.");
  }
  std::vector<std::vector<base::BrokerId>> placed;
  placed.reserve(static_cast<std::size_t>(partitions));
  for (std::int32_t i = 0; i < partitions; ++i) placed.push_back(racks.place(replication_factor));
  return placed;
}

}  // namespace moldau::controller
