#include "broker/handlers/fetch_session.h"

#include <algorithm>
#include <limits>

namespace moldau::broker {
namespace {

std::int32_t epoch_after(std::int32_t epoch) {
  return epoch == std::numeric_limits<std::int32_t>::max() ? 1 : epoch + 1;
}

}  // namespace

std::vector<FetchTarget> targets_of(const wire::FetchRequest& request) {
  std::vector<FetchTarget> targets;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      targets.push_back({.topic = topic.topic,
                         .topic_id = topic.topic_id,
                         .partition = partition.partition,
                         .current_leader_epoch = partition.current_leader_epoch,
                         .fetch_offset = partition.fetch_offset,
                         .last_fetched_epoch = partition.last_fetched_epoch,
                         .log_start_offset = partition.log_start_offset,
                         .bytes_max = partition.partition_max_bytes,
                         .known_high_watermark = partition.high_watermark});
    }
  }
  return targets;
}

std::vector<FetchTarget> FetchSession::targets() const {
  std::vector<FetchTarget> targets;
  targets.reserve(entries_.size());
  for (const Entry& entry : entries_) targets.push_back(entry.target);
  return targets;
}

FetchSession::Key FetchSession::key_of(const base::TopicName& topic, const base::TopicId& topic_id,
                                       base::PartitionIndex partition) const {
  if (uses_topic_ids_) return {.topic = {}, .topic_id = topic_id, .partition = partition};
  return {.topic = topic, .topic_id = {}, .partition = partition};
}

void FetchSession::put(FetchTarget target) {
  const Key key = key_of(target.topic, target.topic_id, target.partition);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    found->second->target = std::move(target);
    return;
  }
  entries_.push_back({.target = std::move(target)});
  by_key_.emplace(key, std::prev(entries_.end()));
}

void FetchSession::forget(const wire::FetchRequest& request) {
  for (const auto& topic : request.forgotten_topics_data) {
    for (const auto partition : topic.partitions) {
      const auto found = by_key_.find(key_of(topic.topic, topic.topic_id, partition));
      if (found == by_key_.end()) continue;
      entries_.erase(found->second);
      by_key_.erase(found);
    }
  }
}

bool FetchSession::is_news(const base::TopicName& topic, const base::TopicId& topic_id,
                           const wire::FetchResponse::PartitionData& data) {
  const auto found = by_key_.find(key_of(topic, topic_id, data.partition_index));
  if (found == by_key_.end()) return true;
  Entry& entry = *found->second;
  const bool has_records = data.records.has_value() && !data.records->empty();
  const bool diverged = data.diverging_epoch.epoch != base::kNoLeaderEpoch;
  const bool failed = data.error_code != wire::ErrorCode::kNone;
  const bool moved = entry.high_watermark != data.high_watermark ||
                     entry.log_start_offset != data.log_start_offset;
  // After an error or a divergence the next good answer must be sent whatever it says.
  entry.high_watermark = failed || diverged ? base::kNoOffset : data.high_watermark;
  entry.log_start_offset = data.log_start_offset;
  if (has_records) entries_.splice(entries_.end(), entries_, found->second);
  return has_records || moved || failed || diverged ||
         data.preferred_read_replica != base::kNoBroker;
}

std::expected<FetchPlan, wire::ErrorCode> FetchSessionCache::plan(const wire::FetchRequest& request,
                                                                  std::int16_t version,
                                                                  base::Instant now) {
  const bool full =
      request.session_epoch == kInitialSessionEpoch || request.session_epoch == kFinalSessionEpoch;
  if (full) {
    sessions_.erase(request.session_id);
    return FetchPlan{.targets = targets_of(request),
                     .wants_session = request.session_epoch == kInitialSessionEpoch};
  }
  FetchSession* session = find(request.session_id);
  if (session == nullptr) return std::unexpected(wire::ErrorCode::kFetchSessionIdNotFound);
  if (session->uses_topic_ids_ != (version >= kFetchTopicIdVersion)) {
    return std::unexpected(wire::ErrorCode::kFetchSessionTopicIdError);
  }
  if (session->next_epoch_ != request.session_epoch) {
    return std::unexpected(wire::ErrorCode::kInvalidFetchSessionEpoch);
  }
  for (FetchTarget& target : targets_of(request)) session->put(std::move(target));
  session->forget(request);
  session->last_used_ = now;
  if (session->entries_.empty()) {
    sessions_.erase(request.session_id);
    return FetchPlan{};
  }
  session->next_epoch_ = epoch_after(session->next_epoch_);
  return FetchPlan{.targets = session->targets(), .incremental = session->id()};
}

std::int32_t FetchSessionCache::create(const FetchPlan& plan, const wire::FetchResponse& response,
                                       std::int16_t version, base::Instant now) {
  if (plan.targets.empty() || !make_room(now)) return 0;
  std::int32_t id = 0;
  while (id == 0 || sessions_.contains(id)) {
    id = static_cast<std::int32_t>(rng_.below(std::numeric_limits<std::int32_t>::max())) + 1;
  }
  FetchSession& session = sessions_[id];
  session.id_ = id;
  session.uses_topic_ids_ = version >= kFetchTopicIdVersion;
  session.last_used_ = now;
  for (const FetchTarget& target : plan.targets) session.put(target);
  for (const auto& topic : response.responses) {
    for (const auto& data : topic.partitions) {
      session.is_news(topic.topic, topic.topic_id, data);
    }
  }
  return id;
}

FetchSession* FetchSessionCache::find(std::int32_t id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

bool FetchSessionCache::make_room(base::Instant now) {
  if (sessions_.size() < slots_) return true;
  const auto oldest = std::min_element(
      sessions_.begin(), sessions_.end(),
      [](const auto& a, const auto& b) { return a.second.last_used_ < b.second.last_used_; });
  if (oldest == sessions_.end()) return false;
  if (now - oldest->second.last_used_ < kSessionEvictableAfter) return false;
  sessions_.erase(oldest);
  return true;
}

}  // namespace moldau::broker
