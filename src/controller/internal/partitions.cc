#include <algorithm>
#include <set>
#include <utility>

#include "controller/internal/decisions.h"
#include "controller/internal/placement.h"
#include "metadata/snapshot.h"

namespace moldau::controller {
namespace {

using base::BrokerId;
using wire::ErrorCode;
using Request = wire::CreatePartitionsRequest;
using Response = wire::CreatePartitionsResponse;

std::unexpected<ApiError> refuse(ErrorCode code, std::string message) {
  return std::unexpected(ApiError{.code = code, .message = std::move(message)});
}

std::vector<BrokerId> active_of(const View& view, const std::vector<BrokerId>& brokers) {
  std::vector<BrokerId> active;
  for (const BrokerId broker : brokers) {
    if (view.is_active(broker)) active.push_back(broker);
  }
  return active;
}

std::expected<std::vector<Assignment>, ApiError> more_partitions(
    const View& view, const Context& context, const Request::CreatePartitionsTopic& wanted) {
  const metadata::Topic* topic = view.image().topic(wanted.name.view());
  if (topic == nullptr) {
    return refuse(ErrorCode::kUnknownTopicOrPartition,
                  "This server does not host this topic-partition.");
  }
  const auto now = static_cast<std::int32_t>(topic->partitions.size());
  if (wanted.count == now) {
    return refuse(ErrorCode::kInvalidPartitions,
                  "Topic already has " + std::to_string(now) + " partition(s).");
  }
  if (wanted.count < now) {
    return refuse(ErrorCode::kInvalidPartitions,
                  "The topic " + wanted.name.value() + " currently has " + std::to_string(now) +
                      " partition(s); " + std::to_string(wanted.count) +
                      " would not be an increase.");
  }
  const std::int32_t additional = wanted.count - now;
  if (additional > kPartitionsInRequestMax) {
    return refuse(ErrorCode::kPolicyViolation,
                  "Excessively large number of partitions per request.");
  }
  if (topic->partitions.empty()) {
    return refuse(ErrorCode::kUnknownServerError,
                  "Topic " + wanted.name.value() + " has no partitions.");
  }
  const auto replication_factor = (*topic->partitions.begin()).value.replicas.size();
  if (!wanted.assignments) {
    return place(view, additional, static_cast<std::int32_t>(replication_factor), context.chance);
  }
  if (wanted.assignments->size() != static_cast<std::size_t>(additional)) {
    return refuse(
        ErrorCode::kInvalidReplicaAssignment,
        "Attempted to add " + std::to_string(additional) + " additional partition(s), but only " +
            std::to_string(wanted.assignments->size()) + " assignment(s) were specified.");
  }
  std::vector<Assignment> assignments;
  std::int32_t index = now;
  for (const auto& manual : *wanted.assignments) {
    auto assignment = check_assignment(view, manual.broker_ids, replication_factor, index++);
    if (!assignment) return std::unexpected(assignment.error());
    assignments.push_back(std::move(*assignment));
  }
  return assignments;
}

Response::CreatePartitionsTopicResult result_of(const base::TopicName& name, ApiError error) {
  Response::CreatePartitionsTopicResult result;
  result.name = name;
  result.error_code = error.code;
  result.error_message = std::move(error.message);
  return result;
}

}  // namespace

std::vector<metadata::Record> partition_records(const View& view, const base::TopicId& topic,
                                                std::int32_t first,
                                                const std::vector<Assignment>& assignments) {
  std::vector<metadata::Record> records;
  records.reserve(assignments.size());
  for (const auto& assignment : assignments) {
    metadata::Partition partition;
    partition.replicas = metadata::Replicas(assignment.replicas);
    partition.isr = metadata::Replicas(assignment.isr);
    partition.leader = assignment.isr.front();
    std::vector<base::DirectoryId> directories;
    for (const BrokerId broker : assignment.replicas) {
      directories.push_back(view.default_directory(broker));
    }
    partition.directories = metadata::Directories(directories);
    records.push_back(view.record(
        metadata::to_record(partition, topic, base::PartitionIndex(first++), view.version())));
  }
  return records;
}

std::expected<std::vector<Assignment>, ApiError> place(const View& view, std::int32_t partitions,
                                                       std::int32_t replication_factor,
                                                       base::Rng& chance) {
  const std::string failed =
      "Unable to replicate the partition " + std::to_string(replication_factor) + " time(s): ";
  std::vector<UsableBroker> brokers;
  for (const auto& [id, broker] : view.image().brokers()) {
    const bool leaving = broker.in_controlled_shutdown && !broker.fenced;
    if (leaving || !broker.has_uncordoned_dirs()) continue;
    brokers.push_back({.id = id, .rack = broker.rack, .fenced = broker.fenced});
  }
  auto placed = place_replicas(brokers, partitions, replication_factor, chance);
  if (!placed) return refuse(ErrorCode::kInvalidReplicationFactor, failed + placed.error());
  std::vector<Assignment> assignments;
  assignments.reserve(placed->size());
  for (auto& replicas : *placed) {
    auto isr = active_of(view, replicas);
    if (isr.empty()) {
      return refuse(ErrorCode::kInvalidReplicationFactor,
                    failed + "All brokers are currently fenced or in controlled shutdown.");
    }
    assignments.push_back({.replicas = std::move(replicas), .isr = std::move(isr)});
  }
  return assignments;
}

std::expected<Assignment, ApiError> check_assignment(const View& view,
                                                     const std::vector<BrokerId>& brokers,
                                                     std::optional<std::size_t> replication_factor,
                                                     std::int32_t partition) {
  constexpr ErrorCode kInvalid = ErrorCode::kInvalidReplicaAssignment;
  if (brokers.empty()) {
    return refuse(kInvalid, "The manual partition assignment includes an empty replica list.");
  }
  std::set<BrokerId> seen;
  for (const BrokerId broker : brokers) {
    const std::string id = std::to_string(broker.value());
    const auto* registration = view.image().broker(broker);
    if (registration == nullptr) {
      return refuse(kInvalid, "The manual partition assignment includes broker " + id +
                                  ", but no such broker is registered.");
    }
    if (!registration->has_uncordoned_dirs()) {
      return refuse(kInvalid, "The manual partition assignment includes broker " + id +
                                  ", but all its log directories are cordoned.");
    }
    if (!seen.insert(broker).second) {
      return refuse(kInvalid, "The manual partition assignment includes the broker " + id +
                                  " more than once.");
    }
  }
  if (replication_factor && *replication_factor != brokers.size()) {
    return refuse(kInvalid, "The manual partition assignment includes a partition with " +
                                std::to_string(brokers.size()) +
                                " replica(s), but this is not consistent with previous partitions, "
                                "which have " +
                                std::to_string(*replication_factor) + " replica(s).");
  }
  Assignment assignment{.replicas = brokers, .isr = active_of(view, brokers)};
  if (assignment.isr.empty()) {
    return refuse(kInvalid,
                  "All brokers specified in the manual partition assignment for partition " +
                      std::to_string(partition) + " are fenced or in controlled shutdown.");
  }
  return assignment;
}

Decision<Response> create_partitions(const View& view, const Context& context,
                                     const Request& request) {
  Decision<Response> decision;
  std::set<std::string> once;
  std::set<std::string> twice;
  for (const auto& topic : request.topics) {
    if (!once.insert(topic.name.value()).second) twice.insert(topic.name.value());
  }
  for (const auto& name : twice) {
    decision.response.results.push_back(
        result_of(base::TopicName(name),
                  {.code = ErrorCode::kInvalidRequest, .message = "Duplicate topic name."}));
  }
  for (const auto& wanted : request.topics) {
    if (twice.contains(wanted.name.value())) continue;
    auto assignments = more_partitions(view, context, wanted);
    ApiError error = assignments ? ApiError() : assignments.error();
    if (assignments && decision.records.size() + assignments->size() > kRecordsInDecisionMax) {
      error = {.code = ErrorCode::kPolicyViolation,
               .message = "Unable to perform excessively large batch operation."};
    } else if (assignments) {
      const metadata::Topic* topic = view.image().topic(wanted.name.view());
      const auto first = static_cast<std::int32_t>(topic->partitions.size());
      for (auto& record : partition_records(view, topic->id, first, *assignments)) {
        decision.records.push_back(std::move(record));
      }
    }
    decision.response.results.push_back(result_of(wanted.name, std::move(error)));
  }
  if (request.validate_only) decision.records.clear();
  return decision;
}

}  // namespace moldau::controller
