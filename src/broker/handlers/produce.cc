// Produce: split by partition, one call to each loop concerned, answer when each partition's batch
// is as safe as acks asks for. What is refused is refused per partition, in Kafka's order of
// checks.
#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "broker/broker.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_hint.h"
#include "broker/route.h"
#include "broker/shard.h"
#include "broker/topic_lookup.h"
#include "rt/call_all.h"
#include "wire/produce_request.h"
#include "wire/produce_response.h"

namespace moldau::broker {
namespace {

constexpr std::int16_t kTopicIdVersion = 13;
constexpr std::int16_t kZstdVersion = 7;
constexpr std::int16_t kLeaderHintVersion = 10;
constexpr std::int16_t kRecordErrorsVersion = 8;
// The one client that may write to internal topics.
constexpr std::string_view kAdminClientId = "__admin_client";

struct Item {
  std::size_t position = 0;  // of the partition in the request, counted over all topics
  base::TopicIdPartition id;
  base::SharedBytes records;
  ProduceOutcome outcome;
};

// Keeps the partition from being removed while its ticket is not used.
struct Place {
  std::optional<Partition::Use> use;
  Partition* partition = nullptr;
  std::uint64_t ticket = 0;
};

rt::Task<std::vector<Item>> produce_here(Shard& shard, std::vector<Item> items,
                                         ProduceTerms terms) {
  ProduceWait wait(shard.loop());
  std::vector<ParkedProduce> parked(items.size());
  std::deque<Place> places(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    Partition* partition = shard.partitions().find(items[i].id);
    if (partition == nullptr) {
      items[i].outcome.error = wire::ErrorCode::kNotLeaderOrFollower;
      continue;
    }
    parked[i] = {.wait = &wait, .outcome = &items[i].outcome};
    places[i].use.emplace(*partition);
    places[i].partition = partition;
    places[i].ticket = partition->take_append_ticket();
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (places[i].partition == nullptr) continue;
    co_await places[i].partition->produce(places[i].ticket, std::move(items[i].records), terms,
                                          parked[i]);
    places[i].use.reset();
  }
  while (wait.parked > 0) {
    wait.done.reset();
    co_await wait.done.wait();
  }
  co_return items;
}

// The checks that need no log; kNone sends the partition on its way.
ProduceOutcome check_topic(const Shard& shard, const RequestContext& context,
                           const wire::ProduceRequest& request, const FoundTopic& found) {
  ProduceOutcome outcome;
  outcome.error = found.error;
  if (found.topic == nullptr) return outcome;
  const std::string_view name = found.topic->name.view();
  if (!shard.authorizer().authorize(context, Operation::kWrite, ResourceType::kTopic, name)) {
    outcome.error = wire::ErrorCode::kTopicAuthorizationFailed;
  } else if (is_internal_topic(name) && context.client_id != kAdminClientId) {
    outcome.error = wire::ErrorCode::kInvalidTopicException;
    outcome.message = "The topic " + std::string(name) + " is internal: clients may not write it.";
  } else if (request.acks < -1 || request.acks > 1) {
    outcome.error = wire::ErrorCode::kInvalidRequiredAcks;
  } else if (request.transactional_id) {
    outcome.error = wire::ErrorCode::kInvalidRequest;
    outcome.message = "This broker does not serve transactions.";
  }
  return outcome;
}

class Plan {
 public:
  Plan(Shard& shard, const RequestContext& context, const wire::ProduceRequest& request)
      : shard_(shard), by_loop_(shard.broker().shard_count()) {
    const ImagePtr image = shard.image();
    for (const auto& topic : request.topic_data) {
      const FoundTopic found =
          find_topic(*image, topic.name, topic.topic_id, context.api_version >= kTopicIdVersion);
      const ProduceOutcome checked = check_topic(shard, context, request, found);
      for (const auto& data : topic.partition_data) add(found.topic, checked, data);
    }
  }

  [[nodiscard]] std::vector<ProduceOutcome>& outcomes() { return outcomes_; }

  rt::Task<> run(ProduceTerms terms) {
    rt::CallAll<std::vector<Item>> calls(shard_.loop());
    for (std::size_t i = 0; i < by_loop_.size(); ++i) {
      if (by_loop_[i].empty()) continue;
      Shard& target = shard_.broker().shard(i);
      calls.add(target.loop(), produce_here(target, std::move(by_loop_[i]), terms));
    }
    for (auto& items : co_await calls) {
      for (Item& item : items) outcomes_[item.position] = std::move(item.outcome);
    }
  }

 private:
  void add(const metadata::Topic* topic, const ProduceOutcome& checked,
           const wire::ProduceRequest::PartitionProduceData& data) {
    ProduceOutcome& outcome = outcomes_.emplace_back(checked);
    if (outcome.error != wire::ErrorCode::kNone) return;
    const metadata::Partition* partition = topic->partitions.find(data.index);
    if (partition == nullptr) {
      outcome.error = wire::ErrorCode::kUnknownTopicOrPartition;
      return;
    }
    const base::TopicIdPartition id{.topic_id = topic->id, .partition = data.index};
    const Route route = route_of(*partition, id, shard_.node_id(), by_loop_.size());
    const auto* here = std::get_if<LoopRoute>(&route);
    if (here == nullptr) {
      outcome.error = wire::ErrorCode::kNotLeaderOrFollower;
      outcome.leader = partition->leader;
      outcome.leader_epoch = partition->leader_epoch;
      return;
    }
    by_loop_[here->loop].push_back(
        {.position = outcomes_.size() - 1,
         .id = id,
         .records = data.records ? data.records->flatten() : base::SharedBytes{},
         .outcome = {}});
  }

  Shard& shard_;
  std::vector<ProduceOutcome> outcomes_;
  std::vector<std::vector<Item>> by_loop_;
};

void fill(wire::ProduceResponse::PartitionProduceResponse& data, ProduceOutcome& outcome,
          std::int16_t version) {
  data.error_code = outcome.error;
  const bool failed = outcome.error != wire::ErrorCode::kNone;
  data.base_offset = failed ? base::kNoOffset : outcome.base_offset;
  data.log_append_time_ms = failed ? base::kNoTimestamp : outcome.log_append_time;
  data.log_start_offset = outcome.log_start_offset;
  if (version >= kRecordErrorsVersion) {
    if (!outcome.message.empty()) data.error_message = std::move(outcome.message);
    for (record::RecordError& error : outcome.record_errors) {
      auto& entry = data.record_errors.emplace_back();
      entry.batch_index = error.batch_index;
      entry.batch_index_error_message = std::move(error.message);
    }
  }
  const bool moved = outcome.error == wire::ErrorCode::kNotLeaderOrFollower ||
                     outcome.error == wire::ErrorCode::kFencedLeaderEpoch;
  if (version >= kLeaderHintVersion && moved) {
    data.current_leader.leader_id = outcome.leader;
    data.current_leader.leader_epoch = outcome.leader_epoch;
  }
}

wire::ProduceResponse response_of(const Shard& shard, const RequestContext& context,
                                  const wire::ProduceRequest& request,
                                  std::vector<ProduceOutcome>& outcomes) {
  wire::ProduceResponse response;
  const ImagePtr image = shard.image();
  LeaderHints hints(*image, context.listener->name);
  std::size_t position = 0;
  for (const auto& topic : request.topic_data) {
    auto& answered = response.responses.emplace_back();
    answered.name = topic.name;
    answered.topic_id = topic.topic_id;
    for (const auto& data : topic.partition_data) {
      auto& entry = answered.partition_responses.emplace_back();
      entry.index = data.index;
      fill(entry, outcomes[position], context.api_version);
      hints.add(entry.current_leader.leader_id);
      ++position;
    }
  }
  if (context.api_version >= kLeaderHintVersion) hints.fill(response.node_endpoints);
  return response;
}

}  // namespace

rt::Task<Answer> serve_produce(Shard& shard, Request request) {
  wire::ProduceRequest message;
  {
    wire::Reader in(request.frame.slice(request.body_from));
    if (!decode(message, request.context.api_version, in) || !in.done()) {
      co_return refuse_malformed(shard, request.context, in);
    }
  }
  request.frame = {};  // From here on only the records hold on to it.
  Plan plan(shard, request.context, message);
  for (auto& topic : message.topic_data) {
    for (auto& data : topic.partition_data) data.records.reset();
  }
  co_await plan.run({.acks = message.acks,
                     .deadline = shard.loop().now() + message.timeout_ms,
                     .zstd_allowed = request.context.api_version >= kZstdVersion});
  if (message.acks == 0) {
    // Without an answer the only way to report an error is to hang up, as Kafka does.
    const bool failed = std::ranges::any_of(plan.outcomes(), [](const ProduceOutcome& outcome) {
      return outcome.error != wire::ErrorCode::kNone;
    });
    co_return Answer{.frame = std::nullopt, .close = failed};
  }
  co_return answer(shard, request.context,
                   response_of(shard, request.context, message, plan.outcomes()));
}

}  // namespace moldau::broker
