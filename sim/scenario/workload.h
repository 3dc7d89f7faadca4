// Workload is the clients' side of a produce-consume world: producers of several promises and
// codecs that send numbered records to several partitions, a reader that follows them from the
// start again and again, one that asks for starts and ends, and one that creates, fills, reads and
// deletes a topic of always the same name. All are our client module on the loops of one simulated
// machine, which never crashes. What they see goes into ledgers; what cannot be goes into Problems.
// All public functions are called from outside the loops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "client/admin.h"
#include "client/cluster.h"
#include "client/consumer.h"
#include "client/producer.h"
#include "record/compression.h"
#include "rt/scope.h"
#include "sim/runtime/node.h"
#include "sim/runtime/simulation.h"
#include "sim/scenario/ledger.h"

namespace moldau::sim {

struct WorkloadTopic {
  base::TopicName name;
  std::int32_t partitions = 1;
  std::vector<std::pair<std::string, std::string>> configs;
  std::optional<std::uint64_t> retention_bytes;  // old segments go; also in `configs`
};

struct WorkloadProducer {
  Promise promise = Promise::kExactlyOnce;
  std::int16_t acks = -1;
  record::Codec codec = record::Codec::kNone;
};

struct WorkloadOptions {
  rt::Endpoint bootstrap;
  std::vector<WorkloadTopic> topics;
  WorkloadTopic deleted_topic;  // the one that comes and goes
  WorkloadTopic shared_topic;   // the one that somebody else may write to as well
  std::vector<WorkloadProducer> producers;
  std::uint64_t batches_min = 1'000;  // acknowledged, before the producers end
  std::size_t batch_bytes = 1'000;
  std::size_t buffer_bytes = 16'000;
  std::size_t in_flight_max = client::kIdempotentInFlightMax;  // requests of a producer
  std::size_t value_bytes_max = 200;
  base::Duration linger{0};
  base::Duration pause_max = std::chrono::milliseconds(1);  // of a producer between two records
};

class Workload {
 public:
  Workload(Simulation& world, Node& node, WorkloadOptions options, base::Rng rng,
           Problems& problems);
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;
  ~Workload();

  // Asks for the topics until they are there.
  void create_topics();
  [[nodiscard]] bool created() const { return created_; }
  // The clients begin.
  void start();
  [[nodiscard]] bool finished() const { return running_ == 0; }
  [[nodiscard]] std::uint64_t batches() const { return batches_; }
  // A DeleteTopics request is under way.
  [[nodiscard]] bool deleting() const { return deleting_; }

  // A few batches to the shared topic, all acknowledged.
  void write_shared();
  // Somebody else cut the shared partition back to `end` and may have appended others_record().
  void others_wrote(base::Offset end, bool appended);
  struct OthersRecord {
    RecordName name;
    std::string key;
    std::string value;
  };
  [[nodiscard]] OthersRecord others_record() const;

  // Reads everything from the start and holds it against the ledgers.
  void verify(bool all_settled);

 private:
  struct Sending {
    std::int32_t number;  // of the producer
    Promise promise = Promise::kExactlyOnce;
    int generation = 0;
  };
  PartitionLedger& ledger(const base::TopicName& topic, base::PartitionIndex partition,
                          int generation = 0);
  [[nodiscard]] bool enough() const { return batches_ >= options_.batches_min; }
  void take(const client::Delivery& delivery, Sending sending);
  // The records of one batch, compared with what was sent; appended to `reads` unless it is null.
  void take(client::ConsumedBatch& batch, int generation,
            std::vector<PartitionLedger::Read>* reads);

  // Offsets that one reader is given follow each other.
  void check_follows(const base::TopicPartition& partition,
                     const std::vector<PartitionLedger::Read>& reads,
                     std::map<base::TopicPartition, base::Offset>& next);
  void check_identity(std::int32_t number, std::optional<base::ProducerId> id,
                      const client::Producer& producer);
  // Null for a topic that keeps everything.
  [[nodiscard]] const WorkloadTopic* retained(const base::TopicName& name) const;
  void check_retained(const WorkloadTopic& topic, const PartitionLedger& log,
                      const std::vector<PartitionLedger::Read>& reads);
  [[nodiscard]] client::ProducerOptions producer_options(const WorkloadProducer& producer) const;
  [[nodiscard]] static client::ConsumerOptions consumer_options();

  rt::Task<> create_all();
  rt::Task<bool> create(client::Cluster& cluster, WorkloadTopic topic);
  rt::Task<> produce(std::int32_t number, base::Rng rng);
  rt::Task<bool> send(client::Producer& producer, const WorkloadTopic& topic, Sending sending,
                      base::Rng& rng);
  rt::Task<> follow(base::Rng rng);
  rt::Task<> follow_once(client::Cluster& cluster, base::Rng& rng);
  rt::Task<> watch_ends(base::Rng rng);
  rt::Task<> watch_ends_of(client::Cluster& cluster, const WorkloadTopic& topic);
  rt::Task<> come_and_go(base::Rng rng);
  rt::Task<bool> fill(client::Cluster& cluster, int generation, base::Rng& rng);
  rt::Task<bool> remove(client::Cluster& cluster);
  rt::Task<> fill_shared();
  rt::Task<> read_all(client::Cluster& cluster, std::vector<WorkloadTopic> topics, int generation,
                      bool all_settled);
  rt::Task<> verify_all(bool all_settled);

  Simulation* world_;
  Node* node_;
  WorkloadOptions options_;
  base::Rng rng_;
  Problems* problems_;
  std::map<std::string, PartitionLedger> ledgers_;
  std::set<std::int32_t> lost_identity_;  // producers that were reported already
  std::unique_ptr<rt::Scope> front_;      // loop 0: producers
  std::unique_ptr<rt::Scope> back_;       // loop 1: everybody else
  std::size_t running_ = 0;
  std::size_t producing_ = 0;
  std::uint64_t batches_ = 0;
  bool created_ = false;
  bool deleting_ = false;
};

}  // namespace moldau::sim
