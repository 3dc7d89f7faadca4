#include "metadata/delta.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace moldau::metadata {
namespace {

using Applied = std::expected<void, ApplyError>;

std::unexpected<ApplyError> fail(std::string message) {
  return std::unexpected(ApplyError{.message = std::move(message)});
}

std::string text(const base::TopicId& id, base::PartitionIndex partition) {
  return id.to_string() + "-" + std::to_string(partition.value());
}

template <class From>
std::vector<Endpoint> endpoints_of(const std::vector<From>& from) {
  std::vector<Endpoint> endpoints;
  endpoints.reserve(from.size());
  for (const auto& endpoint : from) {
    endpoints.push_back({.name = endpoint.name,
                         .host = endpoint.host,
                         .port = endpoint.port,
                         .security_protocol = endpoint.security_protocol});
  }
  return endpoints;
}

template <class From>
Features features_of(const std::vector<From>& from) {
  Features features;
  for (const auto& feature : from) {
    features[feature.name] = {.min = feature.min_supported_version,
                              .max = feature.max_supported_version};
  }
  return features;
}

// A record without directories, or with placeholders only, is of the time before directories had
// ids.
std::expected<Directories, ApplyError> directories_of(const std::vector<base::DirectoryId>& from,
                                                      std::size_t replicas) {
  const bool none = std::ranges::all_of(
      from, [](const auto& directory) { return directory == base::kDirectoryMigrating; });
  if (none) return Directories(std::vector(replicas, base::kDirectoryMigrating));
  if (from.size() != replicas) {
    return fail("it has " + std::to_string(replicas) + " replicas and " +
                std::to_string(from.size()) + " directories");
  }
  return Directories(from);
}

std::expected<LeaderRecoveryState, ApplyError> recovery_state_of(std::int8_t value) {
  if (value == 0) return LeaderRecoveryState::kRecovered;
  if (value == 1) return LeaderRecoveryState::kRecovering;
  return fail("its leader recovery state is " + std::to_string(value));
}

Replicas replicas_of(const std::optional<std::vector<base::BrokerId>>& from) {
  return from ? Replicas(*from) : Replicas();
}

}  // namespace

std::expected<Partition, ApplyError> partition_of(const wire::PartitionRecord& record) {
  auto directories = directories_of(record.directories, record.replicas.size());
  if (!directories) return std::unexpected(directories.error());
  const auto state = recovery_state_of(record.leader_recovery_state);
  if (!state) return std::unexpected(state.error());
  Partition partition;
  partition.replicas = Replicas(record.replicas);
  partition.isr = Replicas(record.isr);
  partition.adding_replicas = Replicas(record.adding_replicas);
  partition.removing_replicas = Replicas(record.removing_replicas);
  partition.eligible_leader_replicas = replicas_of(record.eligible_leader_replicas);
  partition.last_known_elr = replicas_of(record.last_known_elr);
  partition.directories = std::move(*directories);
  partition.leader = record.leader;
  partition.leader_epoch = record.leader_epoch;
  partition.partition_epoch = record.partition_epoch;
  partition.leader_recovery_state = *state;
  return partition;
}

std::expected<Partition, ApplyError> merge(const Partition& partition,
                                           const wire::PartitionChangeRecord& change) {
  Partition next = partition;
  if (change.replicas) next.replicas = Replicas(*change.replicas);
  auto directories =
      directories_of(change.directories ? *change.directories : partition.directories.to_vector(),
                     next.replicas.size());
  if (!directories) return std::unexpected(directories.error());
  next.directories = std::move(*directories);
  if (change.isr) next.isr = Replicas(*change.isr);
  if (change.removing_replicas) next.removing_replicas = Replicas(*change.removing_replicas);
  if (change.adding_replicas) next.adding_replicas = Replicas(*change.adding_replicas);
  if (change.eligible_leader_replicas) {
    next.eligible_leader_replicas = Replicas(*change.eligible_leader_replicas);
  }
  if (change.last_known_elr) next.last_known_elr = Replicas(*change.last_known_elr);
  if (change.leader != kNoLeaderChange) {
    next.leader = change.leader;
    next.leader_epoch += 1;
  }
  if (change.leader_recovery_state != -1) {
    const auto state = recovery_state_of(change.leader_recovery_state);
    if (!state) return std::unexpected(state.error());
    next.leader_recovery_state = *state;
  }
  next.partition_epoch += 1;
  return next;
}

bool Changes::empty() const {
  return created_topics.empty() && deleted_topics.empty() && partitions.empty() &&
         configs.empty() && brokers.empty() && controllers.empty() && !features && !producer_ids &&
         !quotas && !acls && !scram && !tokens;
}

void Changes::merge(Changes later) {
  for (const auto& [id, name] : later.deleted_topics) {
    if (created_topics.erase(id) == 0) deleted_topics[id] = name;
    std::erase_if(partitions, [&](const auto& partition) { return partition.topic_id == id; });
  }
  created_topics.merge(later.created_topics);
  partitions.merge(later.partitions);
  configs.merge(later.configs);
  brokers.merge(later.brokers);
  controllers.merge(later.controllers);
  features = features || later.features;
  producer_ids = producer_ids || later.producer_ids;
  quotas = quotas || later.quotas;
  acls = acls || later.acls;
  scram = scram || later.scram;
  tokens = tokens || later.tokens;
}

Topic* Delta::edit_topic(const base::TopicId& id) {
  Shared<Topic>* shared = image_.topics_.edit(id);
  return shared == nullptr ? nullptr : &shared->edit();
}

// --- cluster ---

template <>
Applied Delta::apply_one(const wire::RegisterBrokerRecord& record) {
  image_.brokers_.set(record.broker_id,
                      BrokerRegistration{.id = record.broker_id,
                                         .epoch = record.broker_epoch,
                                         .incarnation_id = record.incarnation_id,
                                         .endpoints = endpoints_of(record.end_points),
                                         .features = features_of(record.features),
                                         .rack = record.rack,
                                         .fenced = record.fenced,
                                         .in_controlled_shutdown = record.in_controlled_shutdown,
                                         .is_migrating_zk_broker = record.is_migrating_zk_broker,
                                         .log_dirs = record.log_dirs,
                                         .cordoned_log_dirs = record.cordoned_log_dirs});
  changes_.brokers.insert(record.broker_id);
  return {};
}

Applied Delta::change_registration(base::BrokerId id, base::BrokerEpoch epoch,
                                   const std::function<Applied(BrokerRegistration&)>& change) {
  const BrokerRegistration* now = image_.brokers_.find(id);
  if (now == nullptr) {
    return fail("broker " + std::to_string(id.value()) + " is not registered");
  }
  if (now->epoch != epoch) {
    return fail("broker " + std::to_string(id.value()) + " is registered with epoch " +
                std::to_string(now->epoch.value()) + ", not " + std::to_string(epoch.value()));
  }
  BrokerRegistration next = *now;
  if (auto changed = change(next); !changed) return changed;
  image_.brokers_.set(id, std::move(next));
  changes_.brokers.insert(id);
  return {};
}

template <>
Applied Delta::apply_one(const wire::UnregisterBrokerRecord& record) {
  auto known = change_registration(record.broker_id, record.broker_epoch,
                                   [](BrokerRegistration&) { return Applied(); });
  if (known) image_.brokers_.erase(record.broker_id);
  return known;
}

template <>
Applied Delta::apply_one(const wire::FenceBrokerRecord& record) {
  return change_registration(record.id, record.epoch, [](BrokerRegistration& broker) {
    broker.fenced = true;
    return Applied();
  });
}

template <>
Applied Delta::apply_one(const wire::UnfenceBrokerRecord& record) {
  return change_registration(record.id, record.epoch, [](BrokerRegistration& broker) {
    broker.fenced = false;
    return Applied();
  });
}

template <>
Applied Delta::apply_one(const wire::BrokerRegistrationChangeRecord& record) {
  return change_registration(
      record.broker_id, record.broker_epoch, [&](BrokerRegistration& broker) -> Applied {
        if (record.fenced < -1 || record.fenced > 1) {
          return fail("its fencing change is " + std::to_string(record.fenced));
        }
        if (record.in_controlled_shutdown < 0 || record.in_controlled_shutdown > 1) {
          return fail("its shutdown change is " + std::to_string(record.in_controlled_shutdown));
        }
        if (record.fenced != 0) broker.fenced = record.fenced > 0;
        if (record.in_controlled_shutdown != 0) broker.in_controlled_shutdown = true;
        if (!record.log_dirs.empty()) broker.log_dirs = record.log_dirs;
        if (record.cordoned_log_dirs) broker.cordoned_log_dirs = record.cordoned_log_dirs;
        return {};
      });
}

template <>
Applied Delta::apply_one(const wire::RegisterControllerRecord& record) {
  image_.controllers_.set(record.controller_id,
                          ControllerRegistration{.id = record.controller_id,
                                                 .incarnation_id = record.incarnation_id,
                                                 .zk_migration_ready = record.zk_migration_ready,
                                                 .endpoints = endpoints_of(record.end_points),
                                                 .features = features_of(record.features)});
  changes_.controllers.insert(record.controller_id);
  return {};
}

template <>
Applied Delta::apply_one(const wire::UnregisterControllerRecord& record) {
  if (!image_.controllers_.erase(record.controller_id)) {
    return fail("controller " + std::to_string(record.controller_id.value()) +
                " is not registered");
  }
  changes_.controllers.insert(record.controller_id);
  return {};
}

// --- topics ---

template <>
Applied Delta::apply_one(const wire::TopicRecord& record) {
  if (image_.topic_names_.contains(record.name.value())) {
    return fail("topic " + record.name.value() + " exists already");
  }
  if (image_.topics_.contains(record.topic_id)) {
    return fail("topic id " + record.topic_id.to_string() + " exists already");
  }
  image_.topic_names_.set(record.name.value(), record.topic_id);
  image_.topics_.set(
      record.topic_id,
      Shared<Topic>(Topic{.id = record.topic_id, .name = record.name, .partitions = {}}));
  changes_.created_topics.insert(record.topic_id);
  return {};
}

template <>
Applied Delta::apply_one(const wire::PartitionRecord& record) {
  const std::string name = text(record.topic_id, record.partition_id);
  auto partition = partition_of(record);
  if (!partition) return fail("partition " + name + ": " + partition.error().message);
  Topic* topic = edit_topic(record.topic_id);
  if (topic == nullptr) return fail("partition " + name + " has no topic");
  if (!topic->partitions.contains(record.partition_id)) ++image_.partition_count_;
  topic->partitions.set(record.partition_id, std::move(*partition));
  changes_.partitions.insert({.topic_id = record.topic_id, .partition = record.partition_id});
  return {};
}

template <>
Applied Delta::apply_one(const wire::PartitionChangeRecord& record) {
  const std::string name = text(record.topic_id, record.partition_id);
  const base::TopicIdPartition id{.topic_id = record.topic_id, .partition = record.partition_id};
  const Partition* now = image_.partition(id);
  if (now == nullptr) return fail("partition " + name + " does not exist");
  auto next = merge(*now, record);
  if (!next) return fail("partition " + name + ": " + next.error().message);
  *edit_topic(record.topic_id)->partitions.edit(record.partition_id) = std::move(*next);
  changes_.partitions.insert(id);
  return {};
}

template <>
Applied Delta::apply_one(const wire::RemoveTopicRecord& record) {
  const Topic* topic = image_.topic(record.topic_id);
  if (topic == nullptr) return fail("topic id " + record.topic_id.to_string() + " does not exist");
  const base::TopicName name = topic->name;
  image_.partition_count_ -= topic->partitions.size();
  image_.topic_names_.erase(name.value());
  image_.topics_.erase(record.topic_id);
  const ConfigResource resource{.type = ResourceType::kTopic, .name = name.value()};
  if (image_.configs_.erase(resource)) changes_.configs.insert(resource);
  const auto first = changes_.partitions.lower_bound(
      {.topic_id = record.topic_id, .partition = base::PartitionIndex(0)});
  auto last = first;
  while (last != changes_.partitions.end() && last->topic_id == record.topic_id) ++last;
  changes_.partitions.erase(first, last);
  if (changes_.created_topics.erase(record.topic_id) == 0) {
    changes_.deleted_topics[record.topic_id] = name;
  }
  return {};
}

void Delta::clear_elr(Topic& topic) {
  std::vector<base::PartitionIndex> with_elr;
  for (const auto& [index, partition] : topic.partitions) {
    if (!partition.eligible_leader_replicas.empty() || !partition.last_known_elr.empty()) {
      with_elr.push_back(index);
    }
  }
  for (const auto index : with_elr) {
    Partition* partition = topic.partitions.edit(index);
    partition->eligible_leader_replicas = {};
    partition->last_known_elr = {};
    partition->partition_epoch += 1;
    changes_.partitions.insert({.topic_id = topic.id, .partition = index});
  }
}

template <>
Applied Delta::apply_one(const wire::ClearElrRecord& record) {
  if (!record.topic_name.empty()) {
    const base::TopicId* id = image_.topic_names_.find(record.topic_name.value());
    if (id == nullptr) return fail("topic " + record.topic_name.value() + " does not exist");
    clear_elr(*edit_topic(*id));
    return {};
  }
  std::vector<base::TopicId> ids;
  for (const auto& [id, topic] : image_.topics_) ids.push_back(id);
  for (const auto& id : ids) clear_elr(*edit_topic(id));
  return {};
}

// --- configs, features and the rest ---

void Delta::set_config(const ConfigResource& resource, const std::string& name,
                       const std::optional<std::string>& value) {
  Shared<ConfigValues>* shared = image_.configs_.edit(resource);
  if (shared == nullptr) {
    if (!value) return;
    image_.configs_.set(resource, Shared<ConfigValues>(ConfigValues{{name, *value}}));
    return;
  }
  if (value) {
    shared->edit()[name] = *value;
    return;
  }
  shared->edit().erase(name);
  if ((*shared)->empty()) image_.configs_.erase(resource);
}

template <>
Applied Delta::apply_one(const wire::ConfigRecord& record) {
  const ConfigResource resource{.type = static_cast<ResourceType>(record.resource_type),
                                .name = record.resource_name};
  set_config(resource, record.name, record.value);
  changes_.configs.insert(resource);
  return {};
}

template <>
Applied Delta::apply_one(const wire::FeatureLevelRecord& record) {
  // kraft.version lives in control records; such a record is a mistake of an old release.
  if (record.name == kKraftVersionFeature) return {};
  if (record.name == kMetadataVersionFeature) {
    const auto version = MetadataVersion::from_level(record.feature_level);
    if (!version) {
      return fail("metadata.version " + std::to_string(record.feature_level) +
                  " is not known: levels " + std::to_string(kKnownMetadataVersionMin) + " to " +
                  std::to_string(kKnownMetadataVersionMax) + " are");
    }
    image_.metadata_version_ = version;
  } else if (record.feature_level == 0) {
    image_.features_.erase(record.name);
  } else {
    image_.features_[record.name] = record.feature_level;
  }
  changes_.features = true;
  return {};
}

template <>
Applied Delta::apply_one(const wire::ProducerIdsRecord& record) {
  if (record.next_producer_id <= image_.producer_ids_.next) {
    return fail("producer ids go from " + std::to_string(image_.producer_ids_.next.value()) +
                " back to " + std::to_string(record.next_producer_id.value()));
  }
  image_.producer_ids_.next = record.next_producer_id;
  changes_.producer_ids = true;
  return {};
}

template <>
Applied Delta::apply_one(const wire::ClientQuotaRecord& record) {
  QuotaEntity entity;
  for (const auto& part : record.entity) entity[part.entity_type] = part.entity_name;
  const Quotas* now = image_.quotas_.find(entity);
  Quotas next = now == nullptr ? Quotas() : *now;
  if (record.remove) {
    next.erase(record.key);
  } else {
    next[record.key] = record.value;
  }
  if (next.empty()) {
    image_.quotas_.erase(entity);
  } else {
    image_.quotas_.set(std::move(entity), std::move(next));
  }
  changes_.quotas = true;
  return {};
}

template <>
Applied Delta::apply_one(const wire::AccessControlEntryRecord& record) {
  image_.acls_.set(record.id, record);
  changes_.acls = true;
  return {};
}

template <>
Applied Delta::apply_one(const wire::RemoveAccessControlEntryRecord& record) {
  if (!image_.acls_.erase(record.id)) {
    return fail("ACL " + record.id.to_string() + " does not exist");
  }
  changes_.acls = true;
  return {};
}

template <>
Applied Delta::apply_one(const wire::UserScramCredentialRecord& record) {
  // A copy of its own: the decoded one pins the block of its batch.
  wire::UserScramCredentialRecord kept = record;
  kept.salt = record.salt.compacted();
  kept.stored_key = record.stored_key.compacted();
  kept.server_key = record.server_key.compacted();
  image_.scram_.set(ScramKey{.mechanism = record.mechanism, .user = record.name}, std::move(kept));
  changes_.scram = true;
  return {};
}

template <>
Applied Delta::apply_one(const wire::RemoveUserScramCredentialRecord& record) {
  if (!image_.scram_.erase(ScramKey{.mechanism = record.mechanism, .user = record.name})) {
    return fail("user " + record.name + " has no SCRAM credential of mechanism " +
                std::to_string(record.mechanism));
  }
  changes_.scram = true;
  return {};
}

template <>
Applied Delta::apply_one(const wire::DelegationTokenRecord& record) {
  image_.tokens_.set(record.token_id, record);
  changes_.tokens = true;
  return {};
}

template <>
Applied Delta::apply_one(const wire::RemoveDelegationTokenRecord& record) {
  if (!image_.tokens_.erase(record.token_id)) {
    return fail("delegation token " + record.token_id + " does not exist");
  }
  changes_.tokens = true;
  return {};
}

// --- without an effect on the image ---

template <>
Applied Delta::apply_one(const wire::NoOpRecord&) {
  return {};
}
template <>
Applied Delta::apply_one(const wire::ZkMigrationStateRecord&) {
  return {};
}
template <>
Applied Delta::apply_one(const wire::BeginTransactionRecord&) {
  return {};
}
template <>
Applied Delta::apply_one(const wire::EndTransactionRecord&) {
  return {};
}
template <>
Applied Delta::apply_one(const wire::AbortTransactionRecord&) {
  return {};
}

Applied Delta::apply(const Record& record) {
  auto applied = std::visit([this](const auto& typed) { return apply_one(typed); }, record.record);
  if (!applied) {
    applied.error().message =
        std::string(record_name(record.record)) + ": " + applied.error().message;
  }
  return applied;
}

}  // namespace moldau::metadata
