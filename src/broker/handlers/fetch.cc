// Fetch by consumers: read what is there; when it is less than min_bytes, wait until one of the
// partitions has more or the time is up, and read again. Partitions are read in the order of the
// request or session, loop by loop, so that the byte limits hold over the whole answer.
#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "broker/broker.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_hint.h"
#include "broker/route.h"
#include "broker/shard.h"
#include "broker/topic_lookup.h"
#include "rt/call.h"
#include "rt/call_all.h"

namespace moldau::broker {
namespace {

constexpr std::int16_t kLeaderHintVersion = 16;
constexpr std::int16_t kCurrentLeaderVersion = 12;
constexpr std::int8_t kReadCommitted = 1;

using PartitionData = wire::FetchResponse::PartitionData;

// One partition of the fetch, with where it is served and what came of it.
struct Item {
  FetchTarget target;
  base::TopicName topic;  // as the answer names it
  base::TopicIdPartition id;
  std::optional<std::size_t> loop;  // nothing: `data` is final
  PartitionData data;
};

struct Terms {
  std::size_t bytes_max = 0;
  std::size_t bytes_min = 0;
  bool committed = false;
  bool nothing_read = true;  // so far, on any loop
  base::BrokerId replica{-1};
};

struct ReadItem {
  std::size_t position = 0;
  FetchTarget target;
  base::TopicIdPartition id;
  PartitionData data;
};

void fail(PartitionData& data, wire::ErrorCode error) {
  data.error_code = error;
  data.high_watermark = base::kNoOffset;
  data.last_stable_offset = base::kNoOffset;
  data.log_start_offset = base::kNoOffset;
  data.aborted_transactions = std::nullopt;
  data.records.emplace();
}

void fill(PartitionData& data, ReadOutcome& outcome) {
  if (outcome.error != wire::ErrorCode::kNone) {
    fail(data, outcome.error);
    data.current_leader.leader_id = outcome.leader;
    data.current_leader.leader_epoch = outcome.leader_epoch;
    return;
  }
  data.error_code = wire::ErrorCode::kNone;
  data.high_watermark = outcome.decision.high_watermark;
  data.last_stable_offset = outcome.decision.last_stable_offset;
  data.log_start_offset = outcome.decision.log_start;
  if (outcome.decision.diverging) {
    data.diverging_epoch.epoch = outcome.decision.diverging->epoch;
    data.diverging_epoch.end_offset = outcome.decision.diverging->end_offset;
  }
  data.aborted_transactions.reset();
  if (outcome.aborted) {
    auto& aborted = data.aborted_transactions.emplace();
    for (const auto& txn : *outcome.aborted) {
      auto& entry = aborted.emplace_back();
      entry.producer_id = txn.producer_id;
      entry.first_offset = txn.first_offset;
    }
  }
  data.records = std::move(outcome.records);
}

// Reads the partitions of one loop; stops reading, not answering, when the limit is reached.
rt::Task<std::vector<ReadItem>> read_here(Shard& shard, std::vector<ReadItem> items, Terms terms) {
  std::size_t left = terms.bytes_max;
  for (ReadItem& item : items) {
    item.data.partition_index = item.id.partition;
    Partition* partition = shard.partitions().find(item.id);
    if (partition == nullptr) {
      fail(item.data, wire::ErrorCode::kNotLeaderOrFollower);
      continue;
    }
    const std::size_t asked =
        item.target.bytes_max > 0 ? static_cast<std::size_t>(item.target.bytes_max) : 0;
    ReadOutcome outcome = co_await partition->read(
        {.position = {.fetch_offset = item.target.fetch_offset,
                      .current_leader_epoch = item.target.current_leader_epoch,
                      .last_fetched_epoch = item.target.last_fetched_epoch,
                      .replica = terms.replica,
                      .leader_only = true,
                      .isolation = terms.committed ? replica::Isolation::kCommitted
                                                   : replica::Isolation::kHighWatermark},
         .bytes_max = std::min(asked, left),
         // A batch larger than the limits is still served when nothing else is (KIP-74).
         .at_least_one_batch = terms.nothing_read});
    const std::size_t size = outcome.records.size();
    terms.nothing_read = terms.nothing_read && size == 0;
    left -= std::min(left, size);
    shard.count_fetched(size);
    fill(item.data, outcome);
  }
  co_return items;
}

struct WatchItem {
  base::TopicIdPartition id;
  base::Offset fetch_offset;
};

// One long poll over several loops: whoever sees something first ends it for all.
struct Poll {
  explicit Poll(std::size_t loops) : events(loops) {}
  std::vector<rt::TimedEvent*> events;  // slot i belongs to loop i
};

rt::Task<bool> watch_here(Shard& shard, std::vector<WatchItem> items, base::Instant deadline,
                          std::shared_ptr<Poll> poll, bool committed) {
  rt::TimedEvent event(shard.loop(), deadline);
  std::deque<FetchWatch> watches;
  for (const WatchItem& item : items) {
    Partition* partition = shard.partitions().find(item.id);
    // What moved between the read and the watch would be missed otherwise.
    const bool gone = partition == nullptr || partition->replica() == nullptr;
    if (gone || partition->readable_end(committed) > item.fetch_offset) co_return true;
    partition->watch(watches.emplace_back(event));
  }
  const std::size_t index = shard.loop().index();
  poll->events[index] = &event;
  co_await event.wait();
  poll->events[index] = nullptr;
  co_return event.happened();
}

rt::Task<> end_poll_here(Shard& shard, std::shared_ptr<Poll> poll) {
  rt::TimedEvent* event = poll->events[shard.loop().index()];
  if (event != nullptr) event->set();
  co_return;
}

class FetchOperation {
 public:
  FetchOperation(Shard& shard, const RequestContext& context, const wire::FetchRequest& request,
                 FetchPlan plan)
      : shard_(shard),
        by_id_(context.api_version >= kFetchTopicIdVersion),
        plan_(std::move(plan)),
        deadline_(shard.loop().now() + std::max(request.max_wait_ms, base::Milliseconds32(0))) {
    const auto max_of_config = static_cast<std::size_t>(shard.broker().config().fetch.bytes_max);
    terms_.bytes_max =
        std::min(static_cast<std::size_t>(std::max(request.max_bytes, 0)), max_of_config);
    terms_.bytes_min = static_cast<std::size_t>(std::max(request.min_bytes, 0));
    terms_.committed = request.isolation_level == kReadCommitted;
    const ImagePtr image = shard.image();
    for (FetchTarget& target : plan_.targets) resolve(*image, context, target);
  }

  rt::Task<> run() {
    co_await read_all();
    while (!enough() && shard_.loop().now() < deadline_) {
      if (!co_await wait_for_news()) break;
      co_await read_all();
    }
  }

  [[nodiscard]] const FetchPlan& plan() const { return plan_; }
  [[nodiscard]] std::vector<Item>& items() { return items_; }

 private:
  void resolve(const metadata::Image& image, const RequestContext& context, FetchTarget& target) {
    Item& item = items_.emplace_back();
    item.target = target;
    item.topic = target.topic;
    item.data.partition_index = target.partition;
    const FoundTopic found = find_topic(image, target.topic, target.topic_id, by_id_);
    if (found.topic == nullptr) return fail(item.data, found.error);
    if (!shard_.authorizer().authorize(context, Operation::kRead, ResourceType::kTopic,
                                       found.topic->name.view())) {
      return fail(item.data, wire::ErrorCode::kTopicAuthorizationFailed);
    }
    const metadata::Partition* partition = found.topic->partitions.find(target.partition);
    if (partition == nullptr) return fail(item.data, wire::ErrorCode::kUnknownTopicOrPartition);
    item.id = {.topic_id = found.topic->id, .partition = target.partition};
    const Route route =
        route_of(*partition, item.id, shard_.node_id(), shard_.broker().shard_count());
    if (const auto* here = std::get_if<LoopRoute>(&route)) {
      item.loop = here->loop;
      return;
    }
    fail(item.data, wire::ErrorCode::kNotLeaderOrFollower);
    item.data.current_leader.leader_id = partition->leader;
    item.data.current_leader.leader_epoch = partition->leader_epoch;
  }

  // Enough bytes, or something the client must hear of now.
  [[nodiscard]] bool enough() const {
    std::size_t bytes = 0;
    for (const Item& item : items_) {
      if (item.data.error_code != wire::ErrorCode::kNone) return true;
      if (item.data.diverging_epoch.epoch != base::kNoLeaderEpoch) return true;
      if (item.data.records) bytes += item.data.records->size();
    }
    return items_.empty() || bytes >= terms_.bytes_min || bytes >= terms_.bytes_max;
  }

  // Loops in the order in which the request first names one of their partitions.
  [[nodiscard]] std::vector<std::size_t> loops_in_order() const {
    std::vector<std::size_t> order;
    for (const Item& item : items_) {
      if (item.loop && std::ranges::find(order, *item.loop) == order.end()) {
        order.push_back(*item.loop);
      }
    }
    return order;
  }

  rt::Task<> read_all() {
    Terms terms = terms_;
    for (const std::size_t loop : loops_in_order()) {
      std::vector<ReadItem> asked;
      for (std::size_t i = 0; i < items_.size(); ++i) {
        if (items_[i].loop != loop) continue;
        asked.push_back(
            {.position = i, .target = items_[i].target, .id = items_[i].id, .data = {}});
      }
      Shard& target = shard_.broker().shard(loop);
      auto read = co_await rt::call(shard_.loop(), target.loop(),
                                    read_here(target, std::move(asked), terms));
      for (ReadItem& item : read) {
        const std::size_t size = item.data.records ? item.data.records->size() : 0;
        terms.bytes_max -= std::min(terms.bytes_max, size);
        terms.nothing_read = terms.nothing_read && size == 0;
        items_[item.position].data = std::move(item.data);
      }
    }
  }

  // False when the time is up.
  rt::Task<bool> wait_for_news() {
    auto poll = std::make_shared<Poll>(shard_.broker().shard_count());
    const std::vector<std::size_t> loops = loops_in_order();
    if (loops.size() == 1) {
      Shard& target = shard_.broker().shard(loops.front());
      co_return co_await rt::call(
          shard_.loop(), target.loop(),
          watch_here(target, watched_on(loops.front()), deadline_, poll, terms_.committed));
    }
    rt::Scope scope(shard_.loop());
    rt::Event first(shard_.loop());
    bool news = false;
    for (const std::size_t loop : loops) scope.spawn(watch_one(loop, poll, first, news));
    co_await first.wait();
    for (const std::size_t loop : loops) {
      Shard& target = shard_.broker().shard(loop);
      co_await rt::call(shard_.loop(), target.loop(), end_poll_here(target, poll));
    }
    co_await scope.join();
    co_return news;
  }

  rt::Task<> watch_one(std::size_t loop, std::shared_ptr<Poll> poll, rt::Event& first, bool& news) {
    Shard& target = shard_.broker().shard(loop);
    const bool happened =
        co_await rt::call(shard_.loop(), target.loop(),
                          watch_here(target, watched_on(loop), deadline_, poll, terms_.committed));
    // What a loop says after the first one was only told so.
    if (!first.is_set()) news = happened;
    first.set();
  }

  [[nodiscard]] std::vector<WatchItem> watched_on(std::size_t loop) const {
    std::vector<WatchItem> watched;
    for (const Item& item : items_) {
      if (item.loop != loop) continue;
      // Where the data already read ends: only what lies beyond is news.
      watched.push_back({.id = item.id, .fetch_offset = end_of(item)});
    }
    return watched;
  }

  [[nodiscard]] static base::Offset end_of(const Item& item) {
    if (!item.data.records || item.data.records->empty()) return item.target.fetch_offset;
    return std::max(item.target.fetch_offset, item.data.high_watermark);
  }

  Shard& shard_;
  bool by_id_;
  FetchPlan plan_;
  base::Instant deadline_;
  Terms terms_;
  std::vector<Item> items_;
};

// Consecutive partitions of one topic share an entry.
void add_to(wire::FetchResponse& response, const Item& item, PartitionData data) {
  auto* last = response.responses.empty() ? nullptr : &response.responses.back();
  if (last == nullptr || last->topic != item.topic || last->topic_id != item.target.topic_id) {
    last = &response.responses.emplace_back();
    last->topic = item.topic;
    last->topic_id = item.target.topic_id;
  }
  last->partitions.push_back(std::move(data));
}

wire::FetchResponse response_of(Shard& shard, const RequestContext& context,
                                FetchOperation& operation) {
  wire::FetchResponse response;
  const ImagePtr image = shard.image();
  LeaderHints hints(*image, context.listener->name);
  const std::int32_t incremental = operation.plan().incremental;
  FetchSession* session = incremental == 0 ? nullptr : shard.fetch_sessions().find(incremental);
  for (Item& item : operation.items()) {
    if (context.api_version < kCurrentLeaderVersion) item.data.current_leader = {};
    hints.add(item.data.current_leader.leader_id);
    const bool news =
        session == nullptr || session->is_news(item.topic, item.target.topic_id, item.data);
    if (news) add_to(response, item, std::move(item.data));
  }
  response.session_id = incremental;
  if (operation.plan().wants_session) {
    response.session_id = shard.fetch_sessions().create(operation.plan(), response,
                                                        context.api_version, shard.loop().now());
  }
  if (context.api_version >= kLeaderHintVersion) hints.fill(response.node_endpoints);
  return response;
}

}  // namespace

rt::Task<wire::FetchResponse> handle_fetch(Shard& shard, RequestContext context,
                                           wire::FetchRequest request) {
  auto plan = shard.fetch_sessions().plan(request, context.api_version, shard.loop().now());
  if (!plan) {
    wire::FetchResponse response;
    response.error_code = plan.error();
    co_return response;
  }
  FetchOperation operation(shard, context, request, std::move(*plan));
  co_await operation.run();
  co_return response_of(shard, context, operation);
}

}  // namespace moldau::broker
