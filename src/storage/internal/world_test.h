// A simulated node with its storage and nothing else: what the tests of this module run on. Crashes
// and restarts keep the disk; registration and quorum epoch move as a broker would move them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "record/builder.h"
#include "record/reader.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"
#include "storage/format.h"
#include "storage/storage.h"

namespace moldau::storage::testing {

using base::LeaderEpoch;
using base::Offset;
using namespace std::chrono_literals;

inline constexpr std::string_view kClusterId = "4L6g3nShT-eMCtK--X86sw";
inline constexpr std::string_view kPath = "/data";

inline base::Uuid uuid(std::uint64_t number) { return {.msb = 0x4000, .lsb = 0x8000 + number}; }

struct BatchSpec {
  int records = 1;
  std::size_t value_bytes = 20;
  std::int64_t timestamp = 1'000;
  std::int64_t step = 1;  // of the timestamps
  base::ProducerId producer{-1};
  base::ProducerEpoch producer_epoch{0};
  base::Sequence sequence{-1};
  std::string text;  // the first record's value, when not empty
};

inline record::StoredBatch make_batch(const BatchSpec& spec) {
  record::CodecContexts contexts;
  record::BatchBuilder builder({.producer_id = spec.producer,
                                .producer_epoch = spec.producer == base::kNoProducerId
                                                      ? base::kNoProducerEpoch
                                                      : spec.producer_epoch,
                                .base_sequence = spec.sequence});
  for (int i = 0; i < spec.records; ++i) {
    std::string value =
        i == 0 && !spec.text.empty() ? spec.text : std::string(spec.value_bytes, 'v');
    const auto added = builder.add({.timestamp = base::Timestamp(spec.timestamp + spec.step * i),
                                    .key = std::nullopt,
                                    .value = base::as_bytes(value)});
    EXPECT_TRUE(added.has_value());
  }
  return *builder.finish(contexts);
}

inline std::vector<record::StoredBatch> one(record::StoredBatch batch) {
  std::vector<record::StoredBatch> batches;
  batches.push_back(std::move(batch));
  return batches;
}

// The values of all records in a read's answer, by offset.
inline std::map<Offset, std::string> values_of(const base::ByteChain& chain) {
  std::map<Offset, std::string> values;
  record::CodecContexts contexts;
  record::BatchIterator batches(chain.flatten());
  for (;;) {
    const auto batch = batches.next();
    EXPECT_TRUE(batch.has_value());
    if (!batch || !batch->has_value()) break;
    EXPECT_TRUE((*batch)->check_crc().has_value());
    auto reader = record::RecordReader::open(**batch, contexts);
    EXPECT_TRUE(reader.has_value());
    record::RecordView record;
    while (reader->next(record).value_or(false)) {
      values[record.offset] = std::string(base::as_text(record.value.value_or(base::Bytes{})));
    }
  }
  EXPECT_EQ(batches.remaining(), 0U);
  return values;
}

class World {
 public:
  explicit World(std::uint64_t seed, StorageOptions options = {}, std::size_t loops = 2)
      : simulation({.seed = seed}), node(&simulation.add_node({.name = "n", .loops = loops})) {
    options_ = std::move(options);
    options_.log_dirs = {std::string(kPath)};
    options_.node_id = base::BrokerId(1);
    if (options_.journal_bytes_max == StorageOptions().journal_bytes_max) {
      options_.journal_bytes_max = std::size_t{1} << 20;
    }
    run(0, format_directory(node->disk(), {.path = std::string(kPath),
                                           .cluster_id = std::string(kClusterId),
                                           .node_id = base::BrokerId(1),
                                           .directory_id = base::DirectoryId(uuid(7))}))
        .value();
  }

  template <class T>
  T run(std::size_t loop, rt::Task<T> task) {
    return sim::run_task(simulation, node->loop(loop), std::move(task));
  }
  void run(std::size_t loop, rt::Task<> task) {
    sim::run_task(simulation, node->loop(loop), std::move(task));
  }

  // Opens, recovers and starts; `registers`: the controller hears of this incarnation.
  std::vector<JournalOutcome> start(bool registers = true) {
    storage = run(0, Storage::open(node->loops(), options_)).value();
    const base::Uuid incarnation = uuid(++incarnations_);
    auto outcomes = run(0, storage->recover({.latest_registration = registration,
                                             .quorum_epoch = quorum_epoch,
                                             .incarnation = incarnation}))
                        .value();
    storage->start();
    quorum_epoch = quorum_epoch + 1;
    EXPECT_TRUE(run(0, storage->raise_quorum_epoch(quorum_epoch)).has_value());
    if (registers) registration = {.incarnation = incarnation, .epoch = next_broker_epoch()};
    return outcomes;
  }
  base::BrokerEpoch next_broker_epoch() {
    broker_epoch = broker_epoch + 10;
    return broker_epoch;
  }

  Result<void> stop() {
    auto closed = run(0, storage->close(broker_epoch));
    storage.reset();
    return closed;
  }
  sim::CrashKind crash(sim::CrashKind kind) {
    const auto chosen = node->crash(kind);
    storage.reset();
    node->restart();
    return chosen;
  }

  Log* open(const std::string& topic, int partition = 0, LogOptions options = {},
            std::uint64_t topic_number = 100) {
    const std::size_t loop = loop_of(partition);
    const LogSpec spec{.partition = {base::TopicName(topic), base::PartitionIndex(partition)},
                       .topic_id = base::TopicId(uuid(topic_number)),
                       .options = options};
    DataDirectory& directory = storage->directory_of(spec.partition);
    LogStore& store = storage->store(loop);
    auto log = run(loop, store.open(directory, spec, nullptr));
    if (!log && sets_aside && log.error().code == ErrorCode::kInconsistentTopicId) {
      EXPECT_TRUE(run(loop, store.set_aside(directory, spec.partition)).has_value());
      log = run(loop, store.open(directory, spec, nullptr));
    }
    EXPECT_TRUE(log.has_value()) << log.error().message;
    if (!log) return nullptr;
    EXPECT_TRUE(run(loop, (*log)->prepare()).has_value());
    return *log;
  }
  [[nodiscard]] std::size_t loop_of(int partition) const {
    return static_cast<std::size_t>(partition) % node->loops().size();
  }

  Result<AppendInfo> append(Log& log, const BatchSpec& spec, LeaderEpoch epoch = LeaderEpoch(0)) {
    return log.append_as_leader(one(make_batch(spec)), epoch, logstate::AppendOrigin::kClient);
  }
  Result<void> durable(Log& log, int partition = 0) {
    return run(loop_of(partition), log.wait_durable(log.end_offset()));
  }
  std::map<Offset, std::string> read_all(Log& log, int partition = 0) {
    std::map<Offset, std::string> values;
    Offset from = log.log_start_offset();
    while (from < log.end_offset()) {
      const auto part = run(loop_of(partition), log.read({.from = from,
                                                          .upto = log.end_offset(),
                                                          .bytes_max = 4096,
                                                          .at_least_one_batch = true}));
      EXPECT_TRUE(part.has_value()) << part.error().message;
      if (!part || part->next_offset == from) break;
      values.merge(values_of(part->batches));
      from = part->next_offset;
    }
    return values;
  }
  std::string file(const std::string& name) {
    const auto content = run(0, rt::read_file(node->disk(), std::string(kPath) + "/" + name));
    return content ? std::string(content->text()) : "<" + content.error().to_string() + ">";
  }
  std::vector<std::string> list(const std::string& name) {
    std::vector<std::string> names;
    const auto entries = run(0, node->disk().list(std::string(kPath) + "/" + name));
    if (!entries) return names;
    for (const auto& entry : *entries) names.push_back(entry.name);
    return names;
  }
  std::uint64_t marks(std::string_view name) const {
    const auto at = simulation.marks().find(name);
    return at == simulation.marks().end() ? 0 : at->second;
  }

  // open() does as the broker when a directory is not the topic's, or nobody can tell whose it is.
  bool sets_aside = false;
  sim::Simulation simulation;
  sim::Node* node;
  std::unique_ptr<Storage> storage;
  std::optional<Registration> registration;
  LeaderEpoch quorum_epoch{0};
  base::BrokerEpoch broker_epoch{-1};

  StorageOptions& options() { return options_; }

 private:
  StorageOptions options_;
  std::uint64_t incarnations_ = 1000;
};

inline std::int64_t now_of(World& world) { return world.node->loop(0).wall_now().value(); }

// Appends `count` records, one a batch, with values "<epoch>:<offset>", and waits for them.
inline void fill(World& world, Log& log, int count, LeaderEpoch epoch = LeaderEpoch(0)) {
  for (int i = 0; i < count; ++i) {
    const auto offset = log.end_offset().value();
    ASSERT_TRUE(world
                    .append(log,
                            {.timestamp = now_of(world),
                             .text = std::to_string(epoch.value()) + ":" + std::to_string(offset)},
                            epoch)
                    .has_value());
  }
  ASSERT_TRUE(world.durable(log).has_value());
}

// The log has every offset in [from, to), and no other.
inline void expect_dense(World& world, Log& log, Offset from, Offset to) {
  const auto values = world.read_all(log);
  EXPECT_EQ(static_cast<std::int64_t>(values.size()), to - from);
  if (values.empty()) return;
  EXPECT_EQ(values.begin()->first, from);
  EXPECT_EQ(values.rbegin()->first, to - 1);
}

}  // namespace moldau::storage::testing
