// A whole node on a simulated machine with two loops, and requests to it as its connections make
// them: what the tests of the handlers run on. Called from outside the loops.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "broker/broker.h"
#include "broker/format_node.h"
#include "broker/handlers/handlers.h"
#include "broker/route.h"
#include "broker/server_properties_test.h"
#include "record/builder.h"
#include "rt/call.h"
#include "rt/scope.h"
#include "rt/sleep.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"
#include "wire/produce_request.h"
#include "wire/produce_response.h"

namespace moldau::broker::testing {

using namespace std::chrono_literals;

inline constexpr std::int16_t kTestedFetchVersion = 12;    // topics by name, sessions
inline constexpr std::int16_t kTestedProduceVersion = 12;  // topics by name, record errors

struct BatchSpec {
  std::size_t records = 1;
  std::size_t value_bytes = 10;
  record::Compression compression = {};
  base::Timestamp timestamp{1'000};
  std::int64_t producer_id = -1;
  std::int32_t sequence = -1;
};

inline base::SharedBytes batch_of(const BatchSpec& spec) {
  record::BuilderOptions options{.compression = spec.compression,
                                 .size_max = std::size_t{300} << 20};
  if (spec.producer_id >= 0) {
    options.producer_id = base::ProducerId(spec.producer_id);
    options.producer_epoch = base::ProducerEpoch(0);
    options.base_sequence = base::Sequence(spec.sequence);
  }
  record::BatchBuilder builder(options);
  const std::string value(spec.value_bytes, 'v');
  for (std::size_t i = 0; i < spec.records; ++i) {
    EXPECT_TRUE(builder
                    .add({.timestamp = spec.timestamp,
                          .key = base::as_bytes("key"),
                          .value = base::as_bytes(value)})
                    .has_value());
  }
  record::CodecContexts contexts;
  return builder.finish(contexts)->flatten();
}

class TestNode {
 public:
  explicit TestNode(std::uint64_t seed = 1)
      : world({.seed = seed, .log_level = base::LogLevel::kWarn}),
        node(&world.add_node({.name = "server", .loops = 2})),
        broker(std::make_unique<Broker>(node->loops(), config())) {
    run(format(node->loop(0), broker->config()));
    const auto started = run(broker->start());
    EXPECT_TRUE(started.has_value()) << started.error();
  }
  ~TestNode() {
    run(broker->stop());
    broker.reset();
    node->crash(sim::CrashKind::kProcess);
  }
  TestNode(const TestNode&) = delete;
  TestNode& operator=(const TestNode&) = delete;

  template <class T>
  T run(rt::Task<T> task) {
    return sim::run_task(world, node->loop(0), std::move(task));
  }
  void run(rt::Task<> task) { sim::run_task(world, node->loop(0), std::move(task)); }

  // A topic whose partitions serve.
  void create(const std::string& name, std::int32_t partitions,
              const std::map<std::string, std::string>& configs = {}) {
    wire::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = base::TopicName(name);
    topic.num_partitions = partitions;
    topic.replication_factor = 1;
    for (const auto& [key, value] : configs) {
      auto& entry = topic.configs.emplace_back();
      entry.name = key;
      entry.value = value;
    }
    const auto created =
        run(broker->controller_channel().call<wire::CreateTopicsResponse>(std::move(request)));
    ASSERT_TRUE(created.has_value());
    ASSERT_EQ(created->topics.front().error_code, wire::ErrorCode::kNone);
    ASSERT_TRUE(world.run_until(
        [&] {
          for (std::int32_t i = 0; i < partitions; ++i) {
            const Partition* found = partition(name, i);
            if (found == nullptr || !found->is_leader()) return false;
          }
          return true;
        },
        1min));
  }

  [[nodiscard]] std::optional<base::TopicIdPartition> id(const std::string& topic,
                                                         std::int32_t index) const {
    const ImagePtr image = broker->image();
    const metadata::Topic* found = image->topic(topic);
    if (found == nullptr) return std::nullopt;
    return base::TopicIdPartition{.topic_id = found->id, .partition = base::PartitionIndex(index)};
  }
  [[nodiscard]] std::size_t loop_of_partition(const std::string& topic, std::int32_t index) const {
    return loop_of(*id(topic, index), 2);
  }
  [[nodiscard]] Partition* partition(const std::string& topic, std::int32_t index) const {
    const auto found = id(topic, index);
    if (!found) return nullptr;
    return broker->shard(loop_of(*found, 2)).partitions().find(*found);
  }

  [[nodiscard]] RequestContext context(wire::ApiKey key, std::int16_t version) const {
    return {.listener = broker->listener("PLAINTEXT"),
            .principal = {},
            .peer = {},
            .server_name = {},
            .client_id = "test",
            .api_key = key,
            .api_version = version,
            .correlation_id = base::CorrelationId(7),
            .peer_gone = {}};
  }

  // Serves a produce request on a loop, through its bytes.
  rt::Task<Answer> produce_task(wire::ProduceRequest request, std::size_t loop = 0) {
    Shard& shard = broker->shard(loop);
    wire::Writer out;
    encode(request, kTestedProduceVersion, out);
    co_return co_await serve_produce(
        shard, {.context = context(wire::ApiKey::kProduce, kTestedProduceVersion),
                .frame = out.finish()->flatten(),
                .body_from = 0});
  }
  Answer produce(wire::ProduceRequest request, std::size_t loop = 0) {
    return sim::run_task(world, node->loop(loop), produce_task(std::move(request), loop));
  }
  static wire::ProduceResponse response_of(const Answer& answer) {
    wire::ProduceResponse response;
    if (!answer.frame) {
      ADD_FAILURE() << "no answer";
      return response;
    }
    // Correlation id and no tags come before the body.
    wire::Reader in(answer.frame->flatten().slice(sizeof(std::int32_t) + 1));
    EXPECT_TRUE(decode(response, kTestedProduceVersion, in).has_value());
    return response;
  }
  // One batch to one partition.
  wire::ProduceResponse::PartitionProduceResponse produce(const std::string& topic,
                                                          std::int32_t index,
                                                          base::SharedBytes batch) {
    const auto response = response_of(produce(produce_request(topic, {{index, std::move(batch)}})));
    return response.responses.front().partition_responses.front();
  }

  static wire::ProduceRequest produce_request(
      const std::string& topic, const std::vector<std::pair<std::int32_t, base::SharedBytes>>& data,
      std::int16_t acks = -1) {
    wire::ProduceRequest request;
    request.acks = acks;
    request.timeout_ms = base::Milliseconds32(30'000);
    auto& to = request.topic_data.emplace_back();
    to.name = base::TopicName(topic);
    for (const auto& [index, batch] : data) {
      auto& partition = to.partition_data.emplace_back();
      partition.index = base::PartitionIndex(index);
      partition.records.emplace(batch);
    }
    return request;
  }

  // A full fetch without a session.
  static wire::FetchRequest fetch_request(
      const std::string& topic, const std::vector<std::pair<std::int32_t, std::int64_t>>& from) {
    wire::FetchRequest request;
    request.max_wait_ms = base::Milliseconds32(500);
    request.min_bytes = 1;
    request.max_bytes = 50 << 20;
    request.session_epoch = kFinalSessionEpoch;
    auto& of = request.topics.emplace_back();
    of.topic = base::TopicName(topic);
    for (const auto& [index, offset] : from) {
      auto& partition = of.partitions.emplace_back();
      partition.partition = base::PartitionIndex(index);
      partition.fetch_offset = base::Offset(offset);
      partition.partition_max_bytes = 1 << 20;
    }
    return request;
  }
  wire::FetchResponse fetch(wire::FetchRequest request, std::size_t loop = 0) {
    return sim::run_task(world, node->loop(loop), fetch_task(std::move(request), {}, loop));
  }
  rt::Task<wire::FetchResponse> fetch_task(wire::FetchRequest request, rt::StopToken peer_gone,
                                           std::size_t loop = 0) {
    RequestContext of = context(wire::ApiKey::kFetch, kTestedFetchVersion);
    of.peer_gone = peer_gone;
    co_return co_await handle_fetch(broker->shard(loop), std::move(of), std::move(request));
  }

  sim::Simulation world;
  sim::Node* node;
  std::unique_ptr<Broker> broker;

 private:
  static config::BrokerConfig config() {
    config::Properties properties = server_properties();
    properties.set("moldau.journal.bytes", "1048576");
    auto loaded = config::load(properties);
    EXPECT_TRUE(loaded.ok());
    return std::move(loaded.config);
  }
  static rt::Task<> format(rt::Loop& loop, config::BrokerConfig config) {
    FormatRequest request{.cluster_id = random_cluster_id(loop)};
    request.standalone = true;
    const auto formatted = co_await format_node(loop, config, std::move(request));
    EXPECT_TRUE(formatted.has_value()) << formatted.error();
  }
};

// The answer for one partition; a failure when there is none.
inline wire::FetchResponse::PartitionData part_of(const wire::FetchResponse& response,
                                                  std::int32_t index) {
  for (const auto& topic : response.responses) {
    for (const auto& data : topic.partitions) {
      if (data.partition_index == base::PartitionIndex(index)) return data;
    }
  }
  ADD_FAILURE() << "no answer for partition " << index;
  return {};
}
inline std::size_t bytes_of(const wire::FetchResponse& response, std::int32_t index) {
  const auto data = part_of(response, index);
  return data.records ? data.records->size() : 0;
}
// Offsets of the batches, in order.
inline std::vector<std::int64_t> offsets_of(const wire::FetchResponse& response,
                                            std::int32_t index) {
  std::vector<std::int64_t> offsets;
  const auto data = part_of(response, index);
  if (!data.records) return offsets;
  record::BatchIterator batches(data.records->flatten());
  for (auto next = batches.next(); next && *next; next = batches.next()) {
    offsets.push_back((*next)->header().base_offset.value());
  }
  return offsets;
}

}  // namespace moldau::broker::testing
