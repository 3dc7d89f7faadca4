#include "metadata/snapshot.h"

#include <utility>

#include "base/assert.h"

namespace moldau::metadata {
namespace {

using Sink = std::function<void(Record)>;

class Writer {
 public:
  Writer(const Image& image, const Sink& sink)
      : image_(image),
        version_(image.metadata_version().value_or(MetadataVersion())),
        sink_(sink) {}

  void features() const {
    put(wire::FeatureLevelRecord{.name = std::string(kMetadataVersionFeature),
                                 .feature_level = version_.level(),
                                 .unknown_tags = {}});
    for (const auto& [name, level] : image_.features()) {
      put(wire::FeatureLevelRecord{.name = name, .feature_level = level, .unknown_tags = {}});
    }
  }

  void cluster() const {
    for (const auto& [id, broker] : image_.brokers()) put(record_of(broker));
    if (!version_.controller_registration()) return;
    for (const auto& [id, controller] : image_.controllers()) put(record_of(controller));
  }

  void configs() const {
    for (const auto& [resource, values] : image_.configs()) {
      for (const auto& [name, value] : *values) {
        put(wire::ConfigRecord{.resource_type = static_cast<std::int8_t>(resource.type),
                               .resource_name = resource.name,
                               .name = name,
                               .value = value,
                               .unknown_tags = {}});
      }
    }
  }

  void quotas() const {
    for (const auto& [entity, quotas] : image_.quotas()) {
      for (const auto& [key, value] : quotas) {
        wire::ClientQuotaRecord record;
        for (const auto& [type, name] : entity) {
          record.entity.push_back({.entity_type = type, .entity_name = name, .unknown_tags = {}});
        }
        record.key = key;
        record.value = value;
        put(std::move(record));
      }
    }
  }

  void rest() const {
    if (image_.producer_ids().next.value() >= 0) {
      wire::ProducerIdsRecord record;
      record.broker_id = base::kNoBroker;
      record.next_producer_id = image_.producer_ids().next;
      put(std::move(record));
    }
    for (const auto& [id, acl] : image_.acls()) put(acl);
    if (version_.scram()) {
      for (const auto& [key, credential] : image_.scram()) put(credential);
    }
    if (version_.delegation_tokens()) {
      for (const auto& [id, token] : image_.tokens()) put(token);
    }
  }

  void topic(const Topic& topic) const {
    put(wire::TopicRecord{.name = topic.name, .topic_id = topic.id, .unknown_tags = {}});
  }

  void partition(const Topic& topic, base::PartitionIndex index, const Partition& partition) const {
    put(to_record(partition, topic.id, index, version_));
  }

 private:
  void put(wire::MetadataRecord record) const {
    const std::int16_t version = record_version(record, version_);
    sink_({.record = std::move(record), .version = version});
  }

  [[nodiscard]] wire::RegisterBrokerRecord record_of(const BrokerRegistration& broker) const {
    wire::RegisterBrokerRecord record;
    record.broker_id = broker.id;
    record.is_migrating_zk_broker = broker.is_migrating_zk_broker && version_.level() >= 8;
    record.incarnation_id = broker.incarnation_id;
    record.broker_epoch = broker.epoch;
    for (const auto& endpoint : broker.endpoints) {
      record.end_points.push_back({.name = endpoint.name,
                                   .host = endpoint.host,
                                   .port = endpoint.port,
                                   .security_protocol = endpoint.security_protocol,
                                   .unknown_tags = {}});
    }
    for (const auto& [name, range] : broker.features) {
      record.features.push_back({.name = name,
                                 .min_supported_version = range.min,
                                 .max_supported_version = range.max,
                                 .unknown_tags = {}});
    }
    record.rack = broker.rack;
    record.fenced = broker.fenced;
    record.in_controlled_shutdown = broker.in_controlled_shutdown;
    if (version_.directory_assignment()) record.log_dirs = broker.log_dirs;
    if (version_.cordoned_log_dirs()) record.cordoned_log_dirs = broker.cordoned_log_dirs;
    return record;
  }

  [[nodiscard]] static wire::RegisterControllerRecord record_of(
      const ControllerRegistration& controller) {
    wire::RegisterControllerRecord record;
    record.controller_id = controller.id;
    record.incarnation_id = controller.incarnation_id;
    record.zk_migration_ready = controller.zk_migration_ready;
    for (const auto& endpoint : controller.endpoints) {
      record.end_points.push_back({.name = endpoint.name,
                                   .host = endpoint.host,
                                   .port = endpoint.port,
                                   .security_protocol = endpoint.security_protocol,
                                   .unknown_tags = {}});
    }
    for (const auto& [name, range] : controller.features) {
      record.features.push_back({.name = name,
                                 .min_supported_version = range.min,
                                 .max_supported_version = range.max,
                                 .unknown_tags = {}});
    }
    return record;
  }

  const Image& image_;
  MetadataVersion version_;
  const Sink& sink_;
};

}  // namespace

wire::PartitionRecord to_record(const Partition& partition, const base::TopicId& topic,
                                base::PartitionIndex index, MetadataVersion version) {
  wire::PartitionRecord record;
  record.partition_id = index;
  record.topic_id = topic;
  record.replicas = partition.replicas.to_vector();
  record.isr = partition.isr.to_vector();
  record.removing_replicas = partition.removing_replicas.to_vector();
  record.adding_replicas = partition.adding_replicas.to_vector();
  record.leader = partition.leader;
  record.leader_recovery_state = static_cast<std::int8_t>(partition.leader_recovery_state);
  record.leader_epoch = partition.leader_epoch;
  record.partition_epoch = partition.partition_epoch;
  if (version.directory_assignment()) record.directories = partition.directories.to_vector();
  if (version.elr()) {
    if (!partition.eligible_leader_replicas.empty()) {
      record.eligible_leader_replicas = partition.eligible_leader_replicas.to_vector();
    }
    if (!partition.last_known_elr.empty()) {
      record.last_known_elr = partition.last_known_elr.to_vector();
    }
  }
  return record;
}

SnapshotWriter::SnapshotWriter(Image image) : image_(std::move(image)) {
  ASSERT(image_.metadata_version().has_value());
}

bool SnapshotWriter::add_topic(const Topic& topic, std::size_t count, std::vector<Record>& out) {
  const Sink sink = [&](Record record) { out.push_back(std::move(record)); };
  const Writer writer(image_, sink);
  if (!topic_begun_) {
    writer.topic(topic);
    topic_begun_ = true;
    partition_ = base::PartitionIndex(0);
  }
  for (auto at = topic.partitions.lower_bound(partition_); at != topic.partitions.end(); ++at) {
    const auto& [index, partition] = *at;
    if (out.size() >= count) {
      partition_ = index;
      return false;
    }
    writer.partition(topic, index, partition);
  }
  topic_begun_ = false;
  return true;
}

// The topic to go on with, or the one after it.
bool SnapshotWriter::add_next_topic(std::size_t count, std::vector<Record>& out) {
  auto at = image_.topics().lower_bound(topic_);
  if (topic_done_ && at != image_.topics().end() && (*at).key == topic_) ++at;
  if (at == image_.topics().end()) return false;
  topic_ = (*at).key;
  topic_done_ = add_topic(*(*at).value, count, out);
  return true;
}

std::vector<Record> SnapshotWriter::next(std::size_t count) {
  std::vector<Record> out;
  const Sink later = [&](Record record) { rest_.push_back(std::move(record)); };
  const Writer writer(image_, later);
  while (out.size() < count) {
    if (rest_at_ < rest_.size()) {
      out.push_back(std::move(rest_[rest_at_++]));
      continue;
    }
    rest_.clear();
    rest_at_ = 0;
    if (part_ == Part::kHead) {
      writer.features();
      writer.cluster();
      part_ = Part::kTopics;
    } else if (part_ == Part::kTopics) {
      if (add_next_topic(count, out)) continue;
      writer.configs();
      writer.quotas();
      writer.rest();
      part_ = Part::kDone;
    } else {
      break;
    }
  }
  return out;
}

void write_snapshot(const Image& image, const std::function<void(Record)>& sink) {
  constexpr std::size_t kChunk = 1'000;
  SnapshotWriter writer(image);
  for (;;) {
    auto records = writer.next(kChunk);
    if (records.empty()) return;
    for (auto& record : records) sink(std::move(record));
  }
}

std::vector<Record> snapshot_records(const Image& image) {
  std::vector<Record> records;
  write_snapshot(image, [&](Record record) { records.push_back(std::move(record)); });
  return records;
}

}  // namespace moldau::metadata
