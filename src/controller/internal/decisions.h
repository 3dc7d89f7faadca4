// The decisions of the controller, one function each, spread over the .cc files by subject. A
// decision reads the view and returns records and an answer; it changes nothing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controller/internal/partition_change.h"
#include "controller/internal/view.h"

namespace moldau::controller {

// --- brokers.cc: registrations and liveness ---
Decision<wire::BrokerRegistrationResponse> register_broker(
    const View& view, const Context& context, const wire::BrokerRegistrationRequest& request);
Decision<wire::BrokerHeartbeatResponse> heartbeat(const View& view,
                                                  const wire::BrokerHeartbeatRequest& request);
Decision<wire::UnregisterBrokerResponse> unregister_broker(
    const View& view, const wire::UnregisterBrokerRequest& request);
// Records that fence a broker and move what it leads.
std::vector<metadata::Record> fence_broker(const View& view,
                                           const metadata::BrokerRegistration& broker);

// --- controllers.cc ---
Decision<wire::ControllerRegistrationResponse> register_controller(
    const View& view, const wire::ControllerRegistrationRequest& request);
Decision<wire::UnregisterControllerResponse> unregister_controller(
    const View& view, const wire::UnregisterControllerRequest& request);
Upkeep activation(const View& view, std::span<const metadata::Record> bootstrap);

// --- topics.cc, partitions.cc ---
Decision<wire::CreateTopicsResponse> create_topics(const View& view, const Context& context,
                                                   const wire::CreateTopicsRequest& request);
Decision<wire::DeleteTopicsResponse> delete_topics(const View& view,
                                                   const wire::DeleteTopicsRequest& request);
Decision<wire::CreatePartitionsResponse> create_partitions(
    const View& view, const Context& context, const wire::CreatePartitionsRequest& request);

// A new partition's replicas and who of them is in sync from the start.
struct Assignment {
  std::vector<base::BrokerId> replicas;
  std::vector<base::BrokerId> isr;
};
std::vector<metadata::Record> partition_records(const View& view, const base::TopicId& topic,
                                                std::int32_t first,
                                                const std::vector<Assignment>& assignments);
// Places replicas; the error is one of Kafka's for this case.
std::expected<std::vector<Assignment>, ApiError> place(const View& view, std::int32_t partitions,
                                                       std::int32_t replication_factor,
                                                       base::Rng& chance);
// Checks an assignment that a client made.
std::expected<Assignment, ApiError> check_assignment(const View& view,
                                                     const std::vector<base::BrokerId>& brokers,
                                                     std::optional<std::size_t> replication_factor,
                                                     std::int32_t partition);

// --- leaders.cc: ISR changes and elections ---
Decision<wire::AlterPartitionResponse> alter_partition(const View& view,
                                                       const wire::AlterPartitionRequest& request);
Decision<wire::ElectLeadersResponse> elect_leaders(const View& view,
                                                   const wire::ElectLeadersRequest& request);
// A change of one partition under this cluster's rules. `may_lead` replaces the usual question
// whether a broker is active.
PartitionChange change_of(const View& view, const metadata::Topic& topic,
                          base::PartitionIndex index, const metadata::Partition& partition,
                          std::function<bool(base::BrokerId)> may_lead = nullptr);

// How brokers come and go, for all partitions that it concerns; kNoBroker for none.
struct Departure {
  base::BrokerId removed = base::kNoBroker;           // leaves every ISR and leadership
  base::BrokerId added = base::kNoBroker;             // may lead, though it is still fenced
  base::BrokerId unclean_shutdown = base::kNoBroker;  // leaves every ISR and ELR for good
};
void move_leaders(const View& view, const Departure& departure,
                  const std::vector<base::TopicIdPartition>& partitions,
                  std::vector<metadata::Record>& records);
std::vector<base::TopicIdPartition> partitions_with_isr_member(const View& view,
                                                               base::BrokerId broker);
std::vector<base::TopicIdPartition> partitions_with_elr_member(const View& view,
                                                               base::BrokerId broker);
// Elections that nobody asked for.
std::vector<metadata::Record> rebalance_leaders(const View& view, std::size_t count_max);
std::vector<metadata::Record> elect_unclean_leaders(const View& view, std::size_t count_max);

// --- configs.cc ---
Decision<wire::IncrementalAlterConfigsResponse> incremental_alter_configs(
    const View& view, const wire::IncrementalAlterConfigsRequest& request);
Decision<wire::AlterConfigsResponse> alter_configs(const View& view,
                                                   const wire::AlterConfigsRequest& request);
// Whether a topic, new or not, may have these overrides; the layers are the view's.
ApiError check_topic_configs(const config::Layers& layers, const config::Values& overrides,
                             const config::Values& before);

// --- features.cc ---
Decision<wire::UpdateFeaturesResponse> update_features(const View& view,
                                                       const wire::UpdateFeaturesRequest& request);

// --- producer_ids.cc ---
Decision<wire::AllocateProducerIdsResponse> allocate_producer_ids(
    const View& view, const wire::AllocateProducerIdsRequest& request);

}  // namespace moldau::controller
