// Admin is what a node shows of itself to its HTTP console: a snapshot of its state and totals,
// taken loop by loop. It changes nothing. Called on loop 0, from before the node starts until
// before it stops: what is not there yet is left empty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "broker/request_stats.h"
#include "rt/loop_stats.h"
#include "rt/task.h"
#include "storage/log_store.h"

namespace moldau::broker {

struct ShardSnapshot {
  RequestStats requests;
  storage::LogStoreStats storage;
  rt::LoopStats loop;
  std::size_t partitions = 0;
  std::size_t partitions_opening = 0;
  std::size_t connections = 0;
  std::size_t frame_bytes = 0;
  std::size_t fetch_sessions = 0;
};

struct NodeSnapshot {
  base::BrokerId node_id{-1};
  std::string cluster_id;
  std::string_view lifecycle;
  base::BrokerEpoch broker_epoch{-1};
  base::BrokerId quorum_leader{-1};
  base::LeaderEpoch quorum_epoch{-1};
  base::Offset metadata_offset{-1};
  base::Offset metadata_high_watermark{-1};
  std::size_t topics = 0;
  std::size_t partitions = 0;  // of the cluster
  std::vector<ShardSnapshot> shards;
};

class Admin {
 public:
  virtual ~Admin() = default;
  [[nodiscard]] virtual rt::Task<NodeSnapshot> snapshot() = 0;
  // Clients are served; a node without a broker takes part in its quorum.
  [[nodiscard]] virtual bool ready() const = 0;
  // What the node is at until then: "opening the data directories".
  [[nodiscard]] virtual std::string_view stage() const = 0;
  // Name of an API for a label; empty when there is none with that key.
  [[nodiscard]] virtual std::string_view api_name(std::int16_t key) const = 0;
};

}  // namespace moldau::broker
