// Fetch by consumers: one call to each loop that holds some of the partitions, all at the same time
// (fetch_poll.h). The first loop to return ends the poll; the others are then told to return what
// they have. On a loop, partitions are read in the order of the request or session.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "broker/broker.h"
#include "broker/handlers/fetch_poll.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_hint.h"
#include "broker/route.h"
#include "broker/shard.h"
#include "broker/topic_lookup.h"
#include "rt/call.h"
#include "rt/scope.h"

namespace moldau::broker {
namespace {

constexpr std::int16_t kLeaderHintVersion = 16;
constexpr std::int16_t kCurrentLeaderVersion = 12;
constexpr std::int8_t kReadCommitted = 1;

using PartitionData = wire::FetchResponse::PartitionData;

// One partition of the fetch as the answer names it, with what came of it.
struct Item {
  base::TopicName topic;
  base::TopicId topic_id;
  PartitionData data;
};

// The partitions of one loop.
struct Group {
  std::size_t loop = 0;
  std::vector<FetchItem> items;
  std::size_t bytes_asked = 0;
  bool answered = false;
};

rt::Task<> end_here(Shard& shard, std::shared_ptr<FetchPoll> poll) {
  poll->end(shard.loop().index());
  co_return;
}

class FetchOperation {
 public:
  FetchOperation(Shard& shard, const RequestContext& context, const wire::FetchRequest& request,
                 FetchPlan plan)
      : shard_(shard), token_(context.peer_gone), plan_(std::move(plan)), first_(shard.loop()) {
    const auto max_of_config = static_cast<std::size_t>(shard.broker().config().fetch.bytes_max);
    bytes_max_ = std::min(static_cast<std::size_t>(std::max(request.max_bytes, 0)), max_of_config);
    bytes_min_ = std::min(static_cast<std::size_t>(std::max(request.min_bytes, 0)), bytes_max_);
    committed_ = request.isolation_level == kReadCommitted;
    const ImagePtr image = shard.image();
    items_.reserve(plan_.targets.size());
    bool failed = false;
    for (const FetchTarget& target : plan_.targets) {
      failed = !resolve(*image, context, target) || failed;
    }
    const auto wait = std::max(request.max_wait_ms, base::Milliseconds32(0));
    deadline_ = failed ? shard.loop().now() : shard.loop().now() + wait;
  }

  rt::Task<> run() {
    if (groups_.empty()) co_return;
    auto poll = std::make_shared<FetchPoll>(shard_.broker().shard_count(), bytes_min_);
    if (groups_.size() == 1 && groups_.front().loop == shard_.loop().index()) {
      Group& group = groups_.front();
      keep(co_await fetch_here(shard_, std::move(group.items), terms_of(group), poll, token_));
      co_return;
    }
    rt::Scope scope(shard_.loop());
    for (Group& group : groups_) scope.spawn(fetch_on(group, poll));
    co_await first_.wait(token_);
    for (const Group& group : groups_) {
      if (!group.answered) scope.spawn(end_on(group.loop, poll));
    }
    co_await scope.join();
  }

  [[nodiscard]] const FetchPlan& plan() const { return plan_; }
  [[nodiscard]] std::vector<Item>& items() { return items_; }

 private:
  // False when the item's answer is an error already.
  bool resolve(const metadata::Image& image, const RequestContext& context,
               const FetchTarget& target) {
    Item& item = items_.emplace_back();
    item.topic = target.topic;
    item.topic_id = target.topic_id;
    item.data.partition_index = target.partition;
    const auto refuse = [&item](wire::ErrorCode error) {
      set_error(item.data, error);
      return false;
    };
    const FoundTopic found = find_topic(image, target.topic, target.topic_id,
                                        context.api_version >= kFetchTopicIdVersion);
    if (found.topic == nullptr) return refuse(found.error);
    if (!shard_.authorizer().authorize(context, Operation::kRead, ResourceType::kTopic,
                                       found.topic->name.view())) {
      return refuse(wire::ErrorCode::kTopicAuthorizationFailed);
    }
    const metadata::Partition* partition = found.topic->partitions.find(target.partition);
    if (partition == nullptr) return refuse(wire::ErrorCode::kUnknownTopicOrPartition);
    const base::TopicIdPartition id{.topic_id = found.topic->id, .partition = target.partition};
    const Route route = route_of(*partition, id, shard_.node_id(), shard_.broker().shard_count());
    if (const auto* here = std::get_if<LoopRoute>(&route)) {
      add_to_group(here->loop, target, id);
      return true;
    }
    item.data.current_leader.leader_id = partition->leader;
    item.data.current_leader.leader_epoch = partition->leader_epoch;
    return refuse(wire::ErrorCode::kNotLeaderOrFollower);
  }

  void add_to_group(std::size_t loop, const FetchTarget& target, const base::TopicIdPartition& id) {
    auto group = std::ranges::find(groups_, loop, &Group::loop);
    if (group == groups_.end()) group = groups_.insert(group, {.loop = loop});
    const auto asked = static_cast<std::size_t>(std::max(target.bytes_max, 0));
    group->bytes_asked += asked;
    bytes_asked_ += asked;
    group->items.push_back({.position = items_.size() - 1,
                            .id = id,
                            .current_leader_epoch = target.current_leader_epoch,
                            .last_fetched_epoch = target.last_fetched_epoch,
                            .next_offset = target.fetch_offset,
                            .bytes_left = asked});
  }

  // All loops read at the same time. When the limit of the whole answer is less than what the
  // partitions may bring together, each loop gets its part of it.
  [[nodiscard]] FetchTerms terms_of(const Group& group) const {
    std::size_t bytes_max = bytes_max_;
    if (bytes_asked_ > bytes_max_) {
      const double part =
          static_cast<double>(group.bytes_asked) / static_cast<double>(bytes_asked_);
      bytes_max = static_cast<std::size_t>(static_cast<double>(bytes_max_) * part);
    }
    return {.deadline = deadline_, .bytes_max = bytes_max, .committed = committed_};
  }

  rt::Task<> fetch_on(Group& group, std::shared_ptr<FetchPoll> poll) {
    Shard& target = shard_.broker().shard(group.loop);
    const rt::StopToken token = &target == &shard_ ? token_ : rt::StopToken{};
    keep(co_await rt::call(
        shard_.loop(), target.loop(),
        fetch_here(target, std::move(group.items), terms_of(group), std::move(poll), token)));
    group.answered = true;
    first_.set();
  }

  rt::Task<> end_on(std::size_t loop, std::shared_ptr<FetchPoll> poll) {
    Shard& target = shard_.broker().shard(loop);
    co_await rt::call(shard_.loop(), target.loop(), end_here(target, std::move(poll)));
  }

  void keep(std::vector<FetchItem> items) {
    for (FetchItem& item : items) {
      item.data.partition_index = item.id.partition;
      items_[item.position].data = std::move(item.data);
    }
  }

  Shard& shard_;
  rt::StopToken token_;  // the client has left
  FetchPlan plan_;
  base::Instant deadline_;
  std::size_t bytes_max_ = 0;
  std::size_t bytes_min_ = 0;
  std::size_t bytes_asked_ = 0;
  bool committed_ = false;
  std::vector<Item> items_;
  std::vector<Group> groups_;  // in the order in which the request first names one of their items
  rt::Event first_;            // a loop has answered
};

// Consecutive partitions of one topic share an entry.
void add_to(wire::FetchResponse& response, const Item& item, PartitionData data) {
  auto* last = response.responses.empty() ? nullptr : &response.responses.back();
  if (last == nullptr || last->topic != item.topic || last->topic_id != item.topic_id) {
    last = &response.responses.emplace_back();
    last->topic = item.topic;
    last->topic_id = item.topic_id;
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
    const bool news = session == nullptr || session->is_news(item.topic, item.topic_id, item.data);
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
