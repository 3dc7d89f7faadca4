#include <algorithm>
#include <utility>

#include "controller/internal/decisions.h"

namespace moldau::controller {
namespace {

using base::BrokerId;
using metadata::LeaderRecoveryState;
using metadata::Partition;
using wire::ErrorCode;
using PartitionData = wire::AlterPartitionRequest::PartitionData;
using BrokerState = wire::AlterPartitionRequest::BrokerState;

// Version 2 names the members, version 3 their epochs too.
std::vector<BrokerState> requested_isr(const PartitionData& data) {
  std::vector<BrokerState> isr = data.new_isr_with_epochs;
  for (const BrokerId broker : data.new_isr) {
    isr.push_back({.broker_id = broker, .broker_epoch = base::kNoBrokerEpoch, .unknown_tags = {}});
  }
  return isr;
}

bool is_valid_isr(const Partition& partition, const std::vector<BrokerState>& isr) {
  std::vector<BrokerId> seen;
  for (const auto& member : isr) {
    if (!partition.replicas.contains(member.broker_id)) return false;
    if (std::ranges::find(seen, member.broker_id) != seen.end()) return false;
    seen.push_back(member.broker_id);
  }
  // The leader is always in sync with itself.
  return std::ranges::find(seen, partition.leader) != seen.end();
}

bool is_eligible(const View& view, const BrokerState& member) {
  const auto* broker = view.image().broker(member.broker_id);
  if (broker == nullptr || !broker->active()) return false;
  return member.broker_epoch == base::kNoBrokerEpoch || member.broker_epoch == broker->epoch;
}

ErrorCode check_alteration(const View& view, BrokerId sender, const Partition* partition,
                           const PartitionData& data) {
  if (partition == nullptr) return ErrorCode::kUnknownTopicOrPartition;
  // A leader that knows more than we do has heard of a newer controller.
  if (data.leader_epoch > partition->leader_epoch) return ErrorCode::kNotController;
  if (data.partition_epoch > partition->partition_epoch) return ErrorCode::kNotController;
  if (data.leader_epoch < partition->leader_epoch) return ErrorCode::kFencedLeaderEpoch;
  if (sender != partition->leader) return ErrorCode::kInvalidRequest;
  if (data.partition_epoch < partition->partition_epoch) return ErrorCode::kInvalidUpdateVersion;
  const auto isr = requested_isr(data);
  if (!is_valid_isr(*partition, isr)) return ErrorCode::kInvalidRequest;
  if (data.leader_recovery_state < 0 || data.leader_recovery_state > 1) {
    return ErrorCode::kInvalidRequest;
  }
  const auto recovery = static_cast<LeaderRecoveryState>(data.leader_recovery_state);
  const bool recovering = recovery == LeaderRecoveryState::kRecovering;
  if (recovering && isr.size() > 1) return ErrorCode::kInvalidRequest;
  if (recovering && partition->leader_recovery_state == LeaderRecoveryState::kRecovered) {
    return ErrorCode::kInvalidRequest;
  }
  const bool eligible =
      std::ranges::all_of(isr, [&](const auto& member) { return is_eligible(view, member); });
  return eligible ? ErrorCode::kNone : ErrorCode::kIneligibleReplica;
}

wire::AlterPartitionResponse::PartitionData alter_one(const View& view, BrokerId sender,
                                                      const metadata::Topic& topic,
                                                      const PartitionData& data,
                                                      std::vector<metadata::Record>& records) {
  wire::AlterPartitionResponse::PartitionData answer;
  answer.partition_index = data.partition_index;
  const Partition* partition = topic.partitions.find(data.partition_index);
  answer.error_code = check_alteration(view, sender, partition, data);
  if (answer.error_code != ErrorCode::kNone) return answer;
  PartitionChange change = change_of(view, topic, data.partition_index, *partition);
  if (view.unclean_election(topic)) change.election(Election::kUnclean);
  std::vector<BrokerId> isr;
  for (const auto& member : requested_isr(data)) isr.push_back(member.broker_id);
  change.isr(std::move(isr))
      .recovery_state(static_cast<LeaderRecoveryState>(data.leader_recovery_state));
  Partition next = *partition;
  if (auto record = change.build()) {
    if (auto merged = metadata::merge(*partition, *record)) next = *merged;
    const bool other_leader =
        record->leader != sender && record->leader != metadata::kNoLeaderChange;
    records.push_back(view.record(std::move(*record)));
    if (other_leader) {
      // The change completed a reassignment and took the leadership from the sender: it is done,
      // and the sender must look for the new leader.
      answer.error_code = ErrorCode::kNewLeaderElected;
      return answer;
    }
  }
  answer.leader_id = next.leader;
  answer.leader_epoch = next.leader_epoch;
  answer.isr = next.isr.to_vector();
  answer.leader_recovery_state = static_cast<std::int8_t>(next.leader_recovery_state);
  answer.partition_epoch = next.partition_epoch;
  return answer;
}

enum class ElectionType : std::uint8_t { kPreferred, kUnclean };

ApiError elect_one(const View& view, const metadata::Topic* topic, std::string_view name,
                   base::PartitionIndex index, ElectionType type,
                   std::vector<metadata::Record>& records) {
  if (topic == nullptr) {
    return {.code = ErrorCode::kUnknownTopicOrPartition,
            .message = "No such topic as " + std::string(name)};
  }
  const Partition* partition = topic->partitions.find(index);
  if (partition == nullptr) {
    return {.code = ErrorCode::kUnknownTopicOrPartition,
            .message =
                "No such partition as " + std::string(name) + "-" + std::to_string(index.value())};
  }
  const bool unclean = type == ElectionType::kUnclean;
  if (unclean ? partition->has_leader() : partition->has_preferred_leader()) {
    return {.code = ErrorCode::kElectionNotNeeded,
            .message = "Leader election not needed for topic partition."};
  }
  auto record = change_of(view, *topic, index, *partition)
                    .election(unclean ? Election::kUnclean : Election::kPreferred)
                    .build();
  if (!record) {
    if (unclean) {
      return {.code = ErrorCode::kEligibleLeadersNotAvailable,
              .message = "Eligible topic partition leaders are not available."};
    }
    return {.code = ErrorCode::kPreferredLeaderNotAvailable,
            .message = "The preferred leader was not available."};
  }
  records.push_back(view.record(std::move(*record)));
  return {};
}

std::vector<base::TopicIdPartition> partitions_where(
    const View& view, const std::function<bool(const Partition&)>& wanted) {
  std::vector<base::TopicIdPartition> found;
  for (const auto& [topic_id, topic] : view.image().topics()) {
    for (const auto& [index, partition] : topic->partitions) {
      if (wanted(partition)) found.push_back({.topic_id = topic_id, .partition = index});
    }
  }
  return found;
}

void add_result(wire::ElectLeadersResponse::ReplicaElectionResult& results,
                base::PartitionIndex index, const ApiError& error) {
  wire::ElectLeadersResponse::PartitionResult result;
  result.partition_id = index;
  result.error_code = error.code;
  result.error_message = error.message;
  results.partition_result.push_back(std::move(result));
}

}  // namespace

PartitionChange change_of(const View& view, const metadata::Topic& topic,
                          base::PartitionIndex index, const Partition& partition,
                          std::function<bool(BrokerId)> may_lead) {
  if (!may_lead) may_lead = [&view](BrokerId broker) { return view.is_active(broker); };
  const auto min_isr = static_cast<std::size_t>(view.min_isr(topic));
  PartitionChange::Rules rules{
      .may_lead =
          [&view, &partition, may_lead = std::move(may_lead)](BrokerId broker) {
            const auto* registration = view.image().broker(broker);
            return may_lead(broker) && registration != nullptr &&
                   registration->has_online_dir(partition.directory_of(broker));
          },
      .default_directory = [&view](BrokerId broker) { return view.default_directory(broker); },
      .version = view.version(),
      .min_isr = static_cast<std::int32_t>(std::min(min_isr, partition.replicas.size())),
      .elr_enabled = view.image().elr_enabled()};
  return {partition, {.topic_id = topic.id, .partition = index}, std::move(rules)};
}

void move_leaders(const View& view, const Departure& departure,
                  const std::vector<base::TopicIdPartition>& partitions,
                  std::vector<metadata::Record>& records) {
  const auto may_lead = [&](BrokerId broker) {
    if (broker == departure.removed || broker == departure.unclean_shutdown) return false;
    return broker == departure.added || view.is_active(broker);
  };
  for (const auto& id : partitions) {
    const metadata::Topic* topic = view.image().topic(id.topic_id);
    const Partition* partition = view.image().partition(id);
    if (topic == nullptr || partition == nullptr) continue;
    PartitionChange change = change_of(view, *topic, id.partition, *partition, may_lead);
    if (view.unclean_election(*topic)) change.election(Election::kUnclean);
    if (departure.unclean_shutdown != base::kNoBroker) {
      change.unclean_shutdown({departure.unclean_shutdown});
    }
    std::vector<BrokerId> isr;
    for (const BrokerId broker : partition->isr) {
      if (broker != departure.removed && broker != departure.unclean_shutdown) {
        isr.push_back(broker);
      }
    }
    if (auto record = change.isr(std::move(isr)).build()) {
      records.push_back(view.record(std::move(*record)));
    }
  }
}

std::vector<base::TopicIdPartition> partitions_with_isr_member(const View& view, BrokerId broker) {
  return partitions_where(
      view, [&](const Partition& partition) { return partition.isr.contains(broker); });
}

std::vector<base::TopicIdPartition> partitions_with_elr_member(const View& view, BrokerId broker) {
  if (!view.image().elr_enabled()) return {};
  return partitions_where(view, [&](const Partition& partition) {
    return partition.eligible_leader_replicas.contains(broker);
  });
}

Decision<wire::AlterPartitionResponse> alter_partition(const View& view,
                                                       const wire::AlterPartitionRequest& request) {
  Decision<wire::AlterPartitionResponse> decision;
  const ApiError stale = view.check_broker_epoch(request.broker_id, request.broker_epoch);
  if (stale.failed()) {
    decision.response.error_code = stale.code;
    return decision;
  }
  for (const auto& of_topic : request.topics) {
    wire::AlterPartitionResponse::TopicData answer;
    answer.topic_id = of_topic.topic_id;
    const metadata::Topic* topic = view.image().topic(of_topic.topic_id);
    for (const auto& data : of_topic.partitions) {
      if (topic == nullptr) {
        wire::AlterPartitionResponse::PartitionData unknown;
        unknown.partition_index = data.partition_index;
        unknown.error_code = ErrorCode::kUnknownTopicId;
        answer.partitions.push_back(std::move(unknown));
        continue;
      }
      answer.partitions.push_back(
          alter_one(view, request.broker_id, *topic, data, decision.records));
    }
    decision.response.topics.push_back(std::move(answer));
  }
  return decision;
}

Decision<wire::ElectLeadersResponse> elect_leaders(const View& view,
                                                   const wire::ElectLeadersRequest& request) {
  Decision<wire::ElectLeadersResponse> decision;
  if (request.election_type < 0 || request.election_type > 1) {
    decision.response.error_code = ErrorCode::kInvalidRequest;
    return decision;
  }
  const auto type = static_cast<ElectionType>(request.election_type);
  if (request.topic_partitions) {
    for (const auto& wanted : *request.topic_partitions) {
      wire::ElectLeadersResponse::ReplicaElectionResult results;
      results.topic = wanted.topic;
      const metadata::Topic* topic = view.image().topic(wanted.topic.view());
      for (const auto index : wanted.partitions) {
        add_result(results, index,
                   elect_one(view, topic, wanted.topic.view(), index, type, decision.records));
      }
      decision.response.replica_election_results.push_back(std::move(results));
    }
    return decision;
  }
  // All partitions: those that need no election are not named.
  for (const auto& [name, id] : view.image().topic_names()) {
    wire::ElectLeadersResponse::ReplicaElectionResult results;
    results.topic = base::TopicName(name);
    const metadata::Topic* topic = view.image().topic(id);
    for (const auto& [index, partition] : topic->partitions) {
      const ApiError error = elect_one(view, topic, name, index, type, decision.records);
      if (error.code != ErrorCode::kElectionNotNeeded) add_result(results, index, error);
    }
    decision.response.replica_election_results.push_back(std::move(results));
  }
  return decision;
}

std::vector<metadata::Record> rebalance_leaders(const View& view, std::size_t count_max) {
  std::vector<metadata::Record> records;
  for (const auto& [id, present] : view.state.without_preferred_leader) {
    if (records.size() >= count_max) break;
    const metadata::Topic* topic = view.image().topic(id.topic_id);
    const Partition* partition = view.image().partition(id);
    if (topic == nullptr || partition == nullptr) continue;
    auto record =
        change_of(view, *topic, id.partition, *partition).election(Election::kPreferred).build();
    if (record) records.push_back(view.record(std::move(*record)));
  }
  return records;
}

std::vector<metadata::Record> elect_unclean_leaders(const View& view, std::size_t count_max) {
  std::vector<metadata::Record> records;
  for (const auto& [id, present] : view.state.without_leader) {
    if (records.size() >= count_max) break;
    const metadata::Topic* topic = view.image().topic(id.topic_id);
    if (topic == nullptr || !view.unclean_election(*topic)) continue;
    static_cast<void>(
        elect_one(view, topic, topic->name.view(), id.partition, ElectionType::kUnclean, records));
  }
  return records;
}

}  // namespace moldau::controller
