// The fetching side of Consumer: one request per leader, and what its answer means.
#include <algorithm>

#include "client/consumer.h"
#include "wire/fetch_request.h"

namespace moldau::client {
namespace {

constexpr std::int16_t kLastVersionWithNames = 12;

}  // namespace

void Consumer::start_fetches() {
  if (buffered_bytes_ >= options_.buffer_bytes_max || scope_.stop_requested()) return;
  std::map<base::BrokerId, Wanted> wanted;
  for (auto& [id, partition] : partitions_) {
    if (partition.failed || partition.fetching || partition.not_before > loop_->now()) continue;
    const TopicInfo* info = cluster_->cached_topic(id.topic);
    const auto index = static_cast<std::size_t>(id.partition.value());
    const bool known = info != nullptr && index < info->partitions.size() &&
                       info->partitions[index].leader != base::kNoBroker;
    if (!known) {
      postpone(id, partition);
      continue;
    }
    partition.topic_id = info->id;
    wanted[info->partitions[index].leader].push_back(id);
  }
  for (auto& [leader, list] : wanted) {
    bool& busy = busy_[leader];
    if (busy) continue;
    busy = true;
    for (const base::TopicPartition& id : list) partitions_[id].fetching = true;
    scope_.spawn(fetch(leader, std::move(list)));
  }
}

rt::Task<ClientResult<wire::FetchResponse>> Consumer::ask(base::BrokerId leader,
                                                          const Wanted& wanted) {
  wire::FetchRequest request;
  request.max_wait_ms = std::chrono::duration_cast<base::Milliseconds32>(options_.wait_max);
  request.min_bytes = options_.bytes_min;
  request.max_bytes = options_.bytes_max;
  bool have_ids = true;
  for (const base::TopicPartition& id : wanted) {
    const Partition& partition = partitions_[id];
    if (request.topics.empty() || request.topics.back().topic != id.topic) {
      request.topics.push_back({.topic = id.topic, .topic_id = partition.topic_id});
      have_ids = have_ids && !partition.topic_id.is_zero();
    }
    request.topics.back().partitions.push_back(
        {.partition = id.partition,
         .fetch_offset = partition.fetch_from,
         .partition_max_bytes = options_.partition_bytes_max});
  }
  co_return co_await cluster_->call_broker<wire::FetchResponse>(
      leader, std::move(request),
      have_ids ? wire::FetchRequest::kStableVersion : kLastVersionWithNames);
}

rt::Task<> Consumer::fetch(base::BrokerId leader, Wanted wanted) {
  const auto answer = co_await ask(leader, wanted);
  busy_[leader] = false;
  for (const base::TopicPartition& id : wanted) partitions_[id].fetching = false;
  ClientError error;
  if (!answer) {
    error = answer.error();
  } else if (answer->error_code != wire::ErrorCode::kNone) {
    error = {.kind = ClientErrorKind::kBroker,
             .code = answer->error_code,
             .message = "fetching from broker " + std::to_string(leader.value()) + ": " +
                        wire::to_string(answer->error_code)};
  } else {
    take(*answer, wanted);
    changed();
    co_return;
  }
  for (const base::TopicPartition& id : wanted) {
    if (Cluster::worth_retrying(error)) {
      postpone(id, partitions_[id]);
    } else {
      fail_partition(id, error);
    }
  }
  changed();
}

// Partitions that the answer leaves out had nothing new.
void Consumer::take(const wire::FetchResponse& answer, const Wanted& wanted) {
  std::map<base::TopicId, base::TopicName> names;
  for (const base::TopicPartition& id : wanted) names[partitions_[id].topic_id] = id.topic;
  for (const auto& topic : answer.responses) {
    base::TopicName name = topic.topic;
    if (!topic.topic_id.is_zero()) {
      const auto known = names.find(topic.topic_id);
      if (known == names.end()) continue;
      name = known->second;
    }
    for (const auto& said : topic.partitions) {
      const auto found = partitions_.find({.topic = name, .partition = said.partition_index});
      if (found == partitions_.end()) continue;
      if (said.error_code == wire::ErrorCode::kNone) {
        take_partition(found->first, found->second, said);
      } else {
        take_error(found->first, found->second, said.error_code);
      }
    }
  }
}

void Consumer::take_partition(const base::TopicPartition& id, Partition& partition,
                              const wire::FetchResponse::PartitionData& said) {
  partition.backoff.reset();
  partition.high_watermark = said.high_watermark;
  if (!said.records || said.records->empty()) return;
  base::SharedBytes records = said.records->flatten();
  const base::Offset from = partition.fetch_from;
  // Only the headers: the next fetch starts after the last whole batch.
  record::BatchIterator batches(records);
  for (;;) {
    const auto batch = batches.next();
    if (!batch) break;  // Reported when it is taken.
    if (!*batch) break;
    partition.fetch_from = std::max(partition.fetch_from, (*batch)->header().next_offset());
  }
  if (partition.fetch_from == from && batches.position() == 0 && batches.remaining() > 0) {
    fail_partition(
        id, {.kind = ClientErrorKind::kMalformed,
             .message = id.to_string() + ": the batch at offset " + std::to_string(from.value()) +
                        " is cut off, or not a record batch"});
    return;
  }
  buffered_bytes_ += records.size();
  buffered_.push_back({.partition = id, .records = std::move(records), .from = from});
}

void Consumer::take_error(const base::TopicPartition& id, Partition& partition,
                          wire::ErrorCode code) {
  ClientError error{.kind = ClientErrorKind::kBroker,
                    .code = code,
                    .message = id.to_string() + " at offset " +
                               std::to_string(partition.fetch_from.value()) + ": " +
                               wire::to_string(code)};
  if (code == wire::ErrorCode::kOffsetOutOfRange && options_.out_of_range != OutOfRange::kFail) {
    partition.fetching = true;
    scope_.spawn(reset(
        id, {.kind = options_.out_of_range == OutOfRange::kEarliest ? StartAt::Kind::kEarliest
                                                                    : StartAt::Kind::kLatest}));
  } else if (Cluster::worth_retrying(error)) {
    postpone(id, partition);
  } else {
    fail_partition(id, std::move(error));
  }
}

// Looks for the nearest offset that exists.
rt::Task<> Consumer::reset(base::TopicPartition id, StartAt start) {
  const auto offset =
      co_await offset_at(id, base::Timestamp(start.kind == StartAt::Kind::kEarliest ? -2 : -1));
  Partition& partition = partitions_[id];
  partition.fetching = false;
  if (offset) {
    partition.fetch_from = *offset;
    partition.position = *offset;
  } else {
    fail_partition(id, offset.error());
  }
  changed();
}

void Consumer::fail_partition(const base::TopicPartition& id, ClientError error) {
  partitions_[id].failed = true;
  buffered_.push_back({.partition = id, .error = std::move(error)});
}

void Consumer::postpone(const base::TopicPartition& id, Partition& partition) {
  if (!partition.backoff) partition.backoff = cluster_->backoff();
  partition.not_before = loop_->now() + partition.backoff->next(loop_->rng());
  cluster_->mark_stale(id.topic);
  bool& refreshing = refreshing_[id.topic];
  if (refreshing || scope_.stop_requested()) return;
  refreshing = true;
  scope_.spawn(refresh_topic(id.topic));
}

// A failure shows at the partitions: they stay postponed and ask again.
rt::Task<> Consumer::refresh_topic(base::TopicName topic) {
  const auto info = co_await cluster_->topic(topic);
  refreshing_[topic] = false;
  const bool hopeless = !info && !Cluster::worth_retrying(info.error());
  if (hopeless && info.error().kind != ClientErrorKind::kStopped) {
    for (const auto& [id, partition] : partitions_) {
      if (id.topic == topic && !partition.failed) fail_partition(id, info.error());
    }
  }
  changed();
}

}  // namespace moldau::client
