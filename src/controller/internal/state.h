// What the controller knows from the log: the image and indexes over it that decisions need, all in
// persistent maps, so that a state is a cheap value and undoing a batch means going back to the one
// before. apply() is the only thing that makes a new state.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "base/ids.h"
#include "controller/controller.h"
#include "metadata/delta.h"
#include "metadata/image.h"
#include "metadata/persistent_map.h"

namespace moldau::controller {

// The value of a set's entry.
struct Present {
  friend bool operator==(Present, Present) = default;
};
using PartitionSet = metadata::PersistentMap<base::TopicIdPartition, Present>;

struct State {
  metadata::Image image;
  base::Offset last_offset{-1};
  // How many partitions a broker leads.
  metadata::PersistentMap<base::BrokerId, std::int32_t> leaderships;
  // Where a broker's RegisterBrokerRecord stands: it has caught up when it has read that.
  metadata::PersistentMap<base::BrokerId, base::Offset> registration_offsets;
  // What all others must have read before a broker in controlled shutdown may stop.
  metadata::PersistentMap<base::BrokerId, base::Offset> shutdown_offsets;
  PartitionSet without_leader;
  PartitionSet without_preferred_leader;
  // Names with '.' or '_' by their form with '_' only: two such names would share metric names.
  metadata::PersistentMap<std::string, std::set<std::string>> colliding_names;
  // The state when the open metadata transaction began; null when none is open.
  std::shared_ptr<const State> before_transaction;
};

[[nodiscard]] std::expected<State, ReplayError> apply(const State& state,
                                                      std::span<const metadata::Record> records,
                                                      base::Offset base_offset);
// The state that a snapshot gives.
[[nodiscard]] State state_of(const metadata::Image& image, base::Offset last_offset);

}  // namespace moldau::controller
