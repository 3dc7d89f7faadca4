#include "controller/internal/state.h"

#include <utility>
#include <variant>

#include "controller/topic_name.h"

namespace moldau::controller {
namespace {

using metadata::Partition;
using metadata::Record;

void put(PartitionSet& set, const base::TopicIdPartition& id, bool present) {
  if (!present) {
    set.erase(id);
  } else if (!set.contains(id)) {
    set.set(id, Present());
  }
}

void count_leader(State& state, base::BrokerId broker, std::int32_t by) {
  if (broker == metadata::kNoLeader) return;
  const std::int32_t* now = state.leaderships.find(broker);
  const std::int32_t next = (now == nullptr ? 0 : *now) + by;
  if (next == 0) {
    state.leaderships.erase(broker);
  } else {
    state.leaderships.set(broker, next);
  }
}

void index_partition(State& state, const base::TopicIdPartition& id, const Partition* before,
                     const Partition* after) {
  if (before != nullptr) count_leader(state, before->leader, -1);
  if (after != nullptr) count_leader(state, after->leader, 1);
  put(state.without_leader, id, after != nullptr && !after->has_leader());
  put(state.without_preferred_leader, id, after != nullptr && !after->has_preferred_leader());
}

void index_name(State& state, const std::string& name, bool present) {
  if (!has_collision_characters(name)) return;
  const std::string unified = unified_topic_name(name);
  const auto* now = state.colliding_names.find(unified);
  std::set<std::string> next = now == nullptr ? std::set<std::string>() : *now;
  if (present) {
    next.insert(name);
  } else {
    next.erase(name);
  }
  if (next.empty()) {
    state.colliding_names.erase(unified);
  } else {
    state.colliding_names.set(unified, std::move(next));
  }
}

void index_changes(State& state, const metadata::Image& before, const metadata::Changes& changes) {
  for (const auto& [topic_id, name] : changes.deleted_topics) {
    index_name(state, name.value(), false);
    const metadata::Topic* topic = before.topic(topic_id);
    if (topic == nullptr) continue;
    for (const auto& [index, partition] : topic->partitions) {
      index_partition(state, {.topic_id = topic_id, .partition = index}, &partition, nullptr);
    }
  }
  for (const auto& topic_id : changes.created_topics) {
    const metadata::Topic* topic = state.image.topic(topic_id);
    if (topic != nullptr) index_name(state, topic->name.value(), true);
  }
  for (const auto& id : changes.partitions) {
    index_partition(state, id, before.partition(id), state.image.partition(id));
  }
}

// Offsets that only the records themselves tell.
void index_broker_record(State& state, const Record& record, base::Offset offset,
                         base::Offset batch_end) {
  if (const auto* registered = std::get_if<wire::RegisterBrokerRecord>(&record.record)) {
    state.registration_offsets.set(registered->broker_id, offset);
    state.shutdown_offsets.erase(registered->broker_id);
  } else if (const auto* gone = std::get_if<wire::UnregisterBrokerRecord>(&record.record)) {
    state.registration_offsets.erase(gone->broker_id);
    state.shutdown_offsets.erase(gone->broker_id);
  } else if (const auto* change =
                 std::get_if<wire::BrokerRegistrationChangeRecord>(&record.record)) {
    if (change->fenced > 0) state.shutdown_offsets.erase(change->broker_id);
    const bool begins = change->in_controlled_shutdown != 0;
    if (begins && !state.shutdown_offsets.contains(change->broker_id)) {
      state.shutdown_offsets.set(change->broker_id, batch_end);
    }
  }
}

bool is_marker(const Record& record) {
  return std::holds_alternative<wire::BeginTransactionRecord>(record.record) ||
         std::holds_alternative<wire::EndTransactionRecord>(record.record) ||
         std::holds_alternative<wire::AbortTransactionRecord>(record.record);
}

std::unexpected<ReplayError> fail(std::string message, base::Offset offset) {
  return std::unexpected(ReplayError{.message = std::move(message) + " (offset " +
                                                std::to_string(offset.value()) + ")"});
}

std::expected<void, ReplayError> apply_marker(State& state, const Record& record,
                                              base::Offset offset) {
  const bool open = state.before_transaction != nullptr;
  if (std::holds_alternative<wire::BeginTransactionRecord>(record.record)) {
    if (open) return fail("a metadata transaction begins while one is open", offset);
    state.before_transaction = std::make_shared<const State>(state);
    return {};
  }
  if (!open) return fail("a metadata transaction ends while none is open", offset);
  if (std::holds_alternative<wire::AbortTransactionRecord>(record.record)) {
    const std::shared_ptr<const State> before = state.before_transaction;
    state = *before;
  }
  state.before_transaction = nullptr;
  return {};
}

// Records without a marker among them.
std::expected<void, ReplayError> apply_run(State& state, std::span<const Record> records,
                                           base::Offset base_offset, base::Offset batch_end) {
  const metadata::Image before = state.image;
  metadata::Delta delta(before);
  base::Offset offset = base_offset;
  for (const Record& record : records) {
    if (auto applied = delta.apply(record); !applied) return fail(applied.error().message, offset);
    index_broker_record(state, record, offset, batch_end);
    offset += 1;
  }
  const metadata::Changes changes = delta.take_changes();
  state.image = delta.take_image();
  index_changes(state, before, changes);
  return {};
}

}  // namespace

std::expected<State, ReplayError> apply(const State& state, std::span<const Record> records,
                                        base::Offset base_offset) {
  State next = state;
  const base::Offset end = base_offset + static_cast<std::int64_t>(records.size()) - 1;
  std::size_t at = 0;
  while (at < records.size()) {
    const base::Offset offset = base_offset + static_cast<std::int64_t>(at);
    if (is_marker(records[at])) {
      if (auto marked = apply_marker(next, records[at], offset); !marked) {
        return std::unexpected(marked.error());
      }
      ++at;
      continue;
    }
    std::size_t stop = at;
    while (stop < records.size() && !is_marker(records[stop])) ++stop;
    if (auto run = apply_run(next, records.subspan(at, stop - at), offset, end); !run) {
      return std::unexpected(run.error());
    }
    at = stop;
  }
  next.last_offset = end;
  return next;
}

State state_of(const metadata::Image& image, base::Offset last_offset) {
  State state;
  state.image = image;
  state.last_offset = last_offset;
  for (const auto& [id, broker] : image.brokers()) state.registration_offsets.set(id, last_offset);
  for (const auto& [id, topic] : image.topics()) {
    index_name(state, topic->name.value(), true);
    for (const auto& [index, partition] : topic->partitions) {
      index_partition(state, {.topic_id = id, .partition = index}, nullptr, &partition);
    }
  }
  return state;
}

}  // namespace moldau::controller
