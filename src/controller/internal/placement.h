// Places the replicas of new partitions: striped over racks and, within a rack, over brokers,
// unfenced ones first, a leader only on an unfenced one. Where a stripe begins is a matter of
// chance, so that small topics do not pile up on one broker. Source: StripedReplicaPlacer.java
// (4.4), KIP-36.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"

namespace moldau::controller {

struct UsableBroker {
  base::BrokerId id;
  std::optional<std::string> rack;
  bool fenced = false;
};

// The replicas of each partition, leader first; the message when there are too few brokers.
[[nodiscard]] std::expected<std::vector<std::vector<base::BrokerId>>, std::string> place_replicas(
    const std::vector<UsableBroker>& brokers, std::int32_t partitions,
    std::int32_t replication_factor, base::Rng& chance);

}  // namespace moldau::controller
