// Produce: split by partition, one call to each loop concerned, answer when each partition's batch
// is as safe as acks asks for. What is refused is refused per partition, in Kafka's order of
// checks.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "broker/broker.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_hint.h"
#include "broker/route.h"
#include "broker/shard.h"
#include "broker/topic_lookup.h"
#include "rt/call_all.h"
#include "rt/scope.h"
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

rt::Task<> validate_ahead(Partition& partition, base::SharedBytes records, ProduceTerms terms,
                          ValidationAhead& ahead) {
  ahead.result.emplace(co_await partition.validate(std::move(records), terms));
  ahead.done.set();
}

// The partitions of one request on one loop, from the tickets to the answers.
class LoopProduce {
 public:
  LoopProduce(Shard& shard, std::vector<Item>& items, const ProduceTerms& terms)
      : shard_(shard),
        items_(items),
        terms_(terms),
        wait_(shard.loop()),
        parked_(items.size()),
        places_(items.size()),
        validating_(shard.loop()) {
    terms_.arrived = shard.loop().wall_now();
  }

  rt::Task<> run() {
    for (std::size_t i = 0; i < items_.size(); ++i) take_place(i);
    bool waits = false;
    for (std::size_t i = 0; i < items_.size(); ++i) waits = !produce_now(i) || waits;
    if (waits) co_await produce_the_others();
    while (wait_.parked > 0) {
      wait_.done.reset();
      co_await wait_.done.wait();
    }
  }

 private:
  // Keeps the partition from being removed while its ticket is not used.
  struct Place {
    std::optional<Partition::Use> use;
    Partition* partition = nullptr;
    std::uint64_t ticket = 0;
    std::unique_ptr<ValidationAhead> ahead;
  };

  void take_place(std::size_t i) {
    Partition* partition = shard_.partitions().find(items_[i].id);
    if (partition == nullptr) {
      items_[i].outcome.error = wire::ErrorCode::kNotLeaderOrFollower;
      return;
    }
    parked_[i] = {.wait = &wait_, .outcome = &items_[i].outcome};
    places_[i].use.emplace(*partition);
    places_[i].partition = partition;
    places_[i].ticket = partition->take_append_ticket();
  }

  void leave(Place& place) {
    place.use.reset();
    place.partition = nullptr;
  }

  // What needs not wait is done before anything waits, and what is packed begins to be unpacked,
  // all of it at the same time: it is appended in the order of the tickets whenever it is done.
  bool produce_now(std::size_t i) {
    Place& place = places_[i];
    if (place.partition == nullptr) return true;
    base::SharedBytes& records = items_[i].records;
    if (place.partition->try_produce(place.ticket, records, terms_, parked_[i])) {
      records = {};
      leave(place);
      return true;
    }
    if (place.partition->validates_off_loop(records)) {
      place.ahead = std::make_unique<ValidationAhead>(shard_.loop());
      validating_.spawn(validate_ahead(*place.partition, std::move(records), terms_, *place.ahead));
    }
    return false;
  }

  rt::Task<> produce_the_others() {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      Place& place = places_[i];
      if (place.partition == nullptr) continue;
      co_await place.partition->produce(
          place.ticket, {.records = std::move(items_[i].records), .ahead = place.ahead.get()},
          terms_, parked_[i]);
      leave(place);
    }
    co_await validating_.join();
  }

  Shard& shard_;
  std::vector<Item>& items_;
  ProduceTerms terms_;
  ProduceWait wait_;
  std::vector<ParkedProduce> parked_;
  std::vector<Place> places_;
  rt::Scope validating_;  // last: its frames use the members above
};

rt::Task<std::vector<Item>> produce_here(Shard& shard, std::vector<Item> items,
                                         ProduceTerms terms) {
  LoopProduce produce(shard, items, terms);
  co_await produce.run();
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
    std::size_t partitions = 0;
    for (const auto& topic : request.topic_data) partitions += topic.partition_data.size();
    outcomes_.reserve(partitions);
    for (auto& items : by_loop_) items.reserve(partitions / by_loop_.size() + 1);
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
  response.responses.reserve(request.topic_data.size());
  for (const auto& topic : request.topic_data) {
    auto& answered = response.responses.emplace_back();
    answered.name = topic.name;
    answered.topic_id = topic.topic_id;
    answered.partition_responses.reserve(topic.partition_data.size());
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
  if (auto refused = read_body(shard, request, message)) co_return std::move(*refused);
  const std::size_t request_bytes = request.frame.size();
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
    co_return Answer{.frame = std::nullopt,
                     .close = failed,
                     .throttle = throttle_of(shard, request.context, request_bytes)};
  }
  wire::ProduceResponse response = response_of(shard, request.context, message, plan.outcomes());
  co_return throttled_answer(shard, request.context, request_bytes, response);
}

}  // namespace moldau::broker
