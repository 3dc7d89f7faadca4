// Topics that come into being because a client asked for them (auto.create.topics.enable), and the
// questions about the controller that handlers share.
#pragma once

#include <map>
#include <set>

#include "base/ids.h"
#include "rt/task.h"
#include "wire/error_code.h"

namespace moldau::broker {

class Broker;
class Shard;

// Asks the controller for the topics, with the cluster's default partitions and replicas. Yields
// those that could not be created, with the reason; the others are in this broker's image when it
// returns.
[[nodiscard]] rt::Task<std::map<base::TopicName, wire::ErrorCode>> auto_create_topics(
    Shard& shard, std::set<base::TopicName> names);

// The node that leads the metadata quorum, -1 while there is none. Loop 0.
[[nodiscard]] rt::Task<base::BrokerId> active_controller(Broker& broker);

}  // namespace moldau::broker
