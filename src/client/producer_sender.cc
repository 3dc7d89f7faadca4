// Sending batches and settling them: who may be sent, under which sequence, what an answer means.
#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "client/internal/producer_state.h"
#include "wire/init_producer_id_request.h"
#include "wire/init_producer_id_response.h"
#include "wire/produce_request.h"
#include "wire/produce_response.h"

namespace moldau::client {
namespace {

constexpr std::int16_t kLastVersionWithNames = 12;

// The broker will not take the batch under the sequence it has, now or later.
bool needs_new_number(wire::ErrorCode code) {
  switch (code) {
    case wire::ErrorCode::kOutOfOrderSequenceNumber:
    case wire::ErrorCode::kUnknownProducerId:
    case wire::ErrorCode::kInvalidProducerEpoch:
    case wire::ErrorCode::kInvalidProducerIdMapping:
      return true;
    default:
      return false;
  }
}

}  // namespace

void Producer::wake() {
  woken_ = true;
  if (sleeping_ != nullptr) sleeping_->set();
}

void Producer::mark_ready(Partition& partition) {
  if (partition.listed) return;
  partition.listed = true;
  ready_.push_back(&partition);
  wake();
}

void Producer::postpone(Partition& partition) {
  if (!partition.backoff) partition.backoff = cluster_->backoff();
  partition.not_before = loop_->now() + partition.backoff->next(loop_->rng());
  if (partition.listed) return;
  partition.listed = true;
  postponed_.push_back(&partition);
}

rt::Task<> Producer::run() {
  while (!scope_.stop_requested()) {
    woken_ = false;
    collect_due(loop_->now());
    if (!ready_.empty() && co_await ensure_identity()) send_ready();
    if (woken_ || scope_.stop_requested()) continue;
    rt::TimedEvent sleep(*loop_, next_wake());
    sleeping_ = &sleep;
    co_await sleep.wait(scope_.token());
    sleeping_ = nullptr;
  }
}

// Batches that lingered long enough and partitions whose pause is over.
void Producer::collect_due(base::Instant now) {
  while (!lingering_.empty() && lingering_.front().first <= now) {
    Partition& partition = *lingering_.front().second;
    lingering_.pop_front();
    // The batch that started this entry may have left full; a later one has its own entry.
    if (partition.open == nullptr || partition.open->opened + options_.linger > now) continue;
    partition.open_due = true;
    mark_ready(partition);
  }
  std::erase_if(postponed_, [&](Partition* partition) {
    if (partition->not_before > now) return false;
    ready_.push_back(partition);
    return true;
  });
}

base::Instant Producer::next_wake() const {
  base::Instant next = lingering_.empty() ? base::kNever : lingering_.front().first;
  for (const Partition* partition : postponed_) next = std::min(next, partition->not_before);
  return next;
}

rt::Task<bool> Producer::ensure_identity() {
  if (!options_.idempotent || identity_.known()) co_return true;
  wire::InitProducerIdRequest request;
  request.transactional_id.reset();
  request.transaction_timeout_ms = base::Milliseconds32::max();
  Backoff delays = cluster_->backoff();
  while (!scope_.stop_requested()) {
    const auto answer = co_await cluster_->call_any<wire::InitProducerIdResponse>(
        request, loop_->now() + options_.request_timeout);
    if (answer && answer->error_code == wire::ErrorCode::kNone) {
      identity_ = {.id = answer->producer_id, .epoch = answer->producer_epoch};
      co_return true;
    }
    const ClientError error =
        answer ? ClientError{.kind = ClientErrorKind::kBroker,
                             .code = answer->error_code,
                             .message = "no producer id: " + wire::to_string(answer->error_code)}
               : answer.error();
    // Without an id nothing can be sent: what waits fails now, or at its delivery timeout.
    const bool hopeless = !Cluster::worth_retrying(error);
    for (Partition* partition : std::exchange(ready_, {})) {
      partition->listed = false;
      if (partition->open != nullptr) close_batch(*partition);
      while (!partition->closed.empty() &&
             (hopeless ||
              partition->closed.front()->opened + options_.delivery_timeout <= loop_->now())) {
        complete(*partition, *partition->closed.front(), std::unexpected(error));
      }
      if (!partition->closed.empty()) mark_ready(*partition);
    }
    if (ready_.empty()) co_return false;
    if (!co_await cluster_->pause(delays.next(loop_->rng()), base::kNever)) co_return false;
  }
  co_return false;
}

std::optional<base::BrokerId> Producer::leader_of(Partition& partition) {
  const TopicInfo* info = cluster_->cached_topic(partition.topic->name);
  const auto index = static_cast<std::size_t>(partition.index.value());
  if (info == nullptr || index >= info->partitions.size()) return std::nullopt;
  const base::BrokerId leader = info->partitions[index].leader;
  return leader == base::kNoBroker ? std::nullopt : std::optional(leader);
}

void Producer::ask_metadata(const base::TopicName& topic) {
  cluster_->mark_stale(topic);
  const auto found = topics_.find(topic);
  if (found == topics_.end() || found->second->refreshing || scope_.stop_requested()) return;
  found->second->refreshing = true;
  scope_.spawn(refresh_topic(topic));
}

// A failure shows at the batches: they stay without leader until their delivery timeout.
rt::Task<> Producer::refresh_topic(base::TopicName topic) {
  const auto info = co_await cluster_->topic(topic);
  if (info) topic_state(*info);
  const auto found = topics_.find(topic);
  if (found != topics_.end()) found->second->refreshing = false;
  wake();
}

// Bytes that the request to come may still take, of which it has `taken`.
std::size_t Producer::room_at(base::BrokerId leader, std::size_t taken) const {
  const auto requests = in_flight_.find(leader);
  if (requests != in_flight_.end() && requests->second >= options_.in_flight_max) return 0;
  // A batch larger than a request goes alone.
  if (taken == 0) return std::numeric_limits<std::size_t>::max();
  return options_.request_bytes_max - std::min(taken, options_.request_bytes_max);
}

// The first batch that is not on its way, if it may go now. A batch that goes again waits until
// those behind it have come back, so that order is kept. The open batch is closed only when there
// is room for it: what waits anyway may grow.
Producer::Batch* Producer::sendable(Partition& partition, std::size_t room) {
  if (options_.idempotent && !partition.established && partition.in_flight > 0) return nullptr;
  const auto waits = std::find_if(partition.closed.begin(), partition.closed.end(),
                                  [](const auto& batch) { return !batch->in_flight; });
  if (waits != partition.closed.end()) {
    if ((*waits)->attempted && partition.in_flight > 0) return nullptr;
    return waits->get();
  }
  if (partition.open == nullptr || !partition.open_due) return nullptr;
  if (partition.open->builder.size() > room) return nullptr;
  close_batch(partition);
  return partition.closed.empty() || partition.closed.back()->in_flight
             ? nullptr
             : partition.closed.back().get();
}

// Gives the batch its sequence. False while batches under an older id are not settled.
bool Producer::number(Partition& partition, Batch& batch) {
  if (!options_.idempotent || batch.identity.known()) return true;
  if (!identity_.known()) return false;
  if (partition.identity != identity_) {
    if (partition.in_flight > 0) return false;
    partition.identity = identity_;
    partition.next_sequence = base::Sequence(0);
    partition.established = false;
  }
  record::BatchHeader& header = batch.stored.header;
  header.producer_id = identity_.id;
  header.producer_epoch = identity_.epoch;
  header.base_sequence = partition.next_sequence;
  header.crc = record::checksum(header, batch.stored.body.span());
  batch.identity = identity_;
  partition.next_sequence = record::next_sequence(partition.next_sequence, header.record_count);
  return true;
}

void Producer::send_ready() {
  std::map<base::BrokerId, Items> requests;
  std::map<base::BrokerId, std::size_t> bytes;
  std::deque<Partition*> later;
  std::vector<Partition*> served;
  // Each stays listed while it is looked at, so that it is in one list only.
  for (Partition* partition : std::exchange(ready_, {})) {
    const auto leader = leader_of(*partition);
    const std::size_t room =
        leader ? room_at(*leader, bytes[*leader]) : std::numeric_limits<std::size_t>::max();
    Batch* batch = sendable(*partition, room);
    if (batch == nullptr) {
      // Otherwise an answer, or more records, list it again.
      partition->listed = partition->open != nullptr && partition->open_due;
      if (partition->listed) later.push_back(partition);
      continue;
    }
    if (batch->opened + options_.delivery_timeout <= loop_->now()) {
      complete(*partition, *batch,
               fail(ClientErrorKind::kTimeout, "not delivered within the delivery timeout"));
      later.push_back(partition);
      woken_ = true;
      continue;
    }
    if (!leader) {
      ask_metadata(partition->topic->name);
      partition->listed = false;
      postpone(*partition);
      continue;
    }
    const std::size_t size = batch->stored.size();
    if (size > room || !number(*partition, *batch)) {
      later.push_back(partition);
      continue;
    }
    served.push_back(partition);  // Its next batch goes with a later request, behind the others.
    bytes[*leader] += size;
    batch->in_flight = true;
    batch->attempted = true;
    ++partition->in_flight;
    requests[*leader].push_back({.partition = partition, .batch = batch});
  }
  ready_.insert(ready_.begin(), served.begin(), served.end());
  ready_.insert(ready_.begin(), later.begin(), later.end());
  for (auto& [leader, items] : requests) {
    if (++in_flight_[leader] < options_.in_flight_max) woken_ = true;
    scope_.spawn(send_request(leader, std::move(items)));
  }
}

// The request's topics by name and, from version 13 on, by id.
class Producer::Asked {
 public:
  void add(Item& item, const TopicInfo* info, wire::ProduceRequest& request) {
    const base::TopicName& name = item.partition->topic->name;
    const auto [place, fresh] = by_name_.try_emplace(name, request.topic_data.size());
    if (fresh) {
      const base::TopicId id = info == nullptr ? base::TopicId{} : info->id;
      request.topic_data.push_back({.name = name, .topic_id = id});
      have_ids_ = have_ids_ && !id.is_zero();
      by_id_.emplace(id, place->second);
    }
    base::ByteChain records;
    item.batch->stored.append_to(records);
    request.topic_data[place->second].partition_data.push_back(
        {.index = item.partition->index, .records = std::move(records)});
    items_.emplace(std::pair(place->second, item.partition->index), &item);
  }

  [[nodiscard]] bool have_ids() const { return have_ids_; }

  void take(const wire::ProduceResponse& answer) {
    for (const auto& topic : answer.responses) {
      const std::optional<std::size_t> place = find(topic);
      if (!place) continue;
      for (const auto& said : topic.partition_responses) {
        const auto item = items_.find(std::pair(*place, said.index));
        if (item != items_.end()) take(said, item->second->outcome);
      }
    }
  }

 private:
  [[nodiscard]] std::optional<std::size_t> find(
      const wire::ProduceResponse::TopicProduceResponse& topic) const {
    if (topic.topic_id.is_zero()) {
      const auto named = by_name_.find(topic.name);
      return named == by_name_.end() ? std::nullopt : std::optional(named->second);
    }
    const auto known = by_id_.find(topic.topic_id);
    return known == by_id_.end() ? std::nullopt : std::optional(known->second);
  }
  static void take(const wire::ProduceResponse::PartitionProduceResponse& said, Outcome& outcome) {
    outcome = {.error = std::nullopt, .base_offset = said.base_offset};
    if (said.error_code == wire::ErrorCode::kNone) return;
    std::string message = wire::to_string(said.error_code);
    if (said.error_message) message += ": " + *said.error_message;
    outcome.error = {.kind = ClientErrorKind::kBroker, .code = said.error_code, .message = message};
  }

  std::map<base::TopicName, std::size_t> by_name_;
  std::map<base::TopicId, std::size_t> by_id_;
  std::map<std::pair<std::size_t, base::PartitionIndex>, Item*> items_;
  bool have_ids_ = true;
};

rt::Task<ClientResult<void>> Producer::exchange(base::BrokerId leader, Items& items) {
  wire::ProduceRequest request;
  request.acks = options_.acks;
  request.timeout_ms = std::chrono::duration_cast<base::Milliseconds32>(options_.request_timeout);
  Asked asked;
  for (Item& item : items) {
    asked.add(item, cluster_->cached_topic(item.partition->topic->name), request);
    item.outcome.error = {.kind = ClientErrorKind::kMalformed,
                          .message = "the answer leaves out a partition that was sent"};
  }
  const std::int16_t version_max =
      asked.have_ids() ? wire::ProduceRequest::kStableVersion : kLastVersionWithNames;
  const auto channel = CO_TRY(co_await cluster_->channel(leader));
  if (options_.acks == 0) {
    CO_TRY(co_await channel->send_only(std::move(request), version_max));
    for (Item& item : items) item.outcome.error.reset();
    co_return {};
  }
  asked.take(
      CO_TRY(co_await channel->call<wire::ProduceResponse>(std::move(request), version_max)));
  co_return {};
}

rt::Task<> Producer::send_request(base::BrokerId leader, Items items) {
  const auto exchanged = co_await exchange(leader, items);
  --in_flight_[leader];
  for (Item& item : items) {
    if (!exchanged) item.outcome.error = exchanged.error();
    item.batch->in_flight = false;
    --item.partition->in_flight;
    settle(item);
  }
  wake();
}

void Producer::settle(Item& item) {
  std::optional<ClientError>& error = item.outcome.error;
  if (error) {
    const base::TopicPartition id{.topic = item.partition->topic->name,
                                  .partition = item.partition->index};
    error->message.insert(0, id.to_string() + ": ");
  }
  if (!error) {
    item.partition->backoff.reset();
    if (item.batch->identity == item.partition->identity) item.partition->established = true;
    complete(*item.partition, *item.batch, item.outcome.base_offset);
  } else if (error->code == wire::ErrorCode::kDuplicateSequenceNumber) {
    complete(*item.partition, *item.batch, base::kNoOffset);
  } else if (Cluster::worth_retrying(*error) ||
             (options_.idempotent && needs_new_number(error->code))) {
    retry(item);
  } else {
    complete(*item.partition, *item.batch, std::unexpected(*error));
  }
  if (!item.partition->closed.empty() || item.partition->open_due) mark_ready(*item.partition);
}

// A refusal of the oldest batch for its sequence is final: all before it are settled, so what it
// needs is another number. One behind it is refused only because the oldest is missing.
void Producer::retry(Item& item) {
  Partition& partition = *item.partition;
  Batch& batch = *item.batch;
  const ClientError& error = *item.outcome.error;
  if (batch.opened + options_.delivery_timeout <= loop_->now()) {
    complete(partition, batch, std::unexpected(error));
    return;
  }
  if (needs_new_number(error.code)) {
    if (partition.closed.front().get() != &batch) return;
    LOG_WARN(loop_->log(), "client", "{}; numbering its batches anew", error.message);
    if (batch.identity == identity_) identity_ = {};
    batch.identity = {};
    return;
  }
  ask_metadata(partition.topic->name);
  postpone(partition);
}

void Producer::complete(Partition& partition, Batch& batch,
                        const ClientResult<base::Offset>& result) {
  if (!result && !failure_) failure_ = result.error();
  for (const auto& [index, waiter] : batch.waiters) {
    waiter->result = result;
    if (result && *result >= base::Offset(0)) waiter->result = *result + index;
    waiter->done.set();
  }
  if (on_delivery_) {
    on_delivery_({.topic = partition.topic->name,
                  .partition = partition.index,
                  .base_offset = result,
                  .tags = batch.tags});
  }
  ASSERT(outstanding_ >= batch.tags.size());
  outstanding_ -= batch.tags.size();
  memory_.release(batch.memory);
  delivered_.notify_all();
  // The last act: the batch goes with its place in the queue.
  const auto held = std::find_if(partition.closed.begin(), partition.closed.end(),
                                 [&](const auto& each) { return each.get() == &batch; });
  if (held != partition.closed.end()) partition.closed.erase(held);
}

}  // namespace moldau::client
