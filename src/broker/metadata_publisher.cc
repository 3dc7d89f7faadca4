#include "broker/metadata_publisher.h"

#include <algorithm>
#include <utility>

#include "broker/route.h"
#include "broker/shard.h"
#include "config/table.h"
#include "metadata/snapshot.h"
#include "rt/call.h"

namespace moldau::broker {
namespace {

// Images that wait for their turn; a further one is merged into the last.
constexpr std::size_t kStepsMax = 64;
constexpr std::size_t kSnapshotRecordsPerPiece = 512;

void merge_into(metadata::Changes& into, metadata::Changes from) {
  into.created_topics.merge(from.created_topics);
  into.deleted_topics.merge(from.deleted_topics);
  into.partitions.merge(from.partitions);
  into.configs.merge(from.configs);
  into.brokers.merge(from.brokers);
}

class ImageSnapshot final : public SnapshotContent {
 public:
  explicit ImageSnapshot(metadata::Image image) : writer_(std::move(image)) {}
  bool next(std::vector<base::SharedBytes>& records) override {
    const auto piece = writer_.next(kSnapshotRecordsPerPiece);
    for (const metadata::Record& record : piece) {
      auto value = metadata::encode_record(record);
      ASSERT(value.has_value());  // The image holds only what was decoded from records.
      records.push_back(std::move(*value));
    }
    return !piece.empty();
  }

 private:
  metadata::SnapshotWriter writer_;
};

}  // namespace

struct MetadataPublisher::ShardWork {
  struct Update {
    metadata::Shared<metadata::Topic> topic;
    base::PartitionIndex partition;
    std::shared_ptr<const config::TopicConfig> config;
  };
  std::vector<Update> updates;
  std::vector<base::TopicIdPartition> removals;
  PartitionHost::Configs configs;

  [[nodiscard]] bool empty() const {
    return updates.empty() && removals.empty() && configs.empty();
  }

  static rt::Task<> wait_removed(PartitionHost& host) { co_await host.removed(); }

  static rt::Task<> run(PartitionHost& host, ShardWork work) {
    for (const auto& id : work.removals) host.remove(id);
    if (!work.configs.empty()) host.set_configs(work.configs);
    for (const auto& update : work.updates) {
      host.update(*update.topic, update.partition, update.config);
    }
    co_return;
  }
};

MetadataPublisher::MetadataPublisher(rt::Loop& loop, std::vector<Shard*> shards, Options options)
    : loop_(&loop),
      shards_(std::move(shards)),
      options_(std::move(options)),
      image_(std::make_shared<const metadata::Image>()),
      layers_(*options_.layers),
      defaults_(std::make_shared<const config::TopicConfig>(config::resolve_topic(layers_, {}))),
      changed_(loop),
      step_done_(loop),
      scope_(loop) {}

void MetadataPublisher::start() { scope_.spawn(run()); }

rt::Task<> MetadataPublisher::stop() { co_await scope_.stop_and_join(); }

void MetadataPublisher::go_live() {
  ASSERT(!live_);
  live_ = true;
  warn_of_broker_configs();
  steps_.clear();
  steps_.push_back({.before = nullptr, .image = image(), .changes = {}, .offset = image_offset()});
  changed_.notify_all();
}

rt::Task<> MetadataPublisher::wait_applied() {
  const base::Offset offset = image_offset();
  while ((applying_ || !steps_.empty()) && !scope_.stop_requested()) {
    if (applied_offset_ >= offset) co_return;
    co_await step_done_.wait(scope_.token());
  }
}

std::shared_ptr<const config::TopicConfig> MetadataPublisher::topic_config(
    const metadata::Topic& topic) {
  if (const auto found = overrides_.find(topic.id); found != overrides_.end()) {
    return found->second;
  }
  const ImagePtr current = image();
  const auto& values = current->configs(metadata::ResourceType::kTopic, topic.name.view());
  if (values.empty()) return defaults_;
  auto config = std::make_shared<const config::TopicConfig>(
      config::resolve_topic(layers_, {values.begin(), values.end()}));
  overrides_.emplace(topic.id, config);
  return config;
}

void MetadataPublisher::handle_commit(const raft::CommittedBatch& batch) {
  if (failed_) return;
  std::vector<metadata::Record> records;
  records.reserve(batch.records.size());
  for (const base::SharedBytes& value : batch.records) {
    auto record = metadata::decode_record(value);
    if (!record) return fail(record.error().message);
    records.push_back(std::move(*record));
  }
  auto update = loader_.load({.base_offset = batch.base_offset,
                              .epoch = batch.epoch,
                              .append_time = batch.append_time,
                              .records = records});
  if (!update) return fail(update.error().message);
  if (!*update) return;
  publish(std::move((*update)->image), (*update)->provenance.last_offset,
          std::move((*update)->changes));
}

void MetadataPublisher::begin_snapshot(raft::SnapshotId id, base::Timestamp last_time) {
  snapshot_.emplace(metadata::Image{});
  snapshot_at_ = {
      .last_offset = id.offset - 1, .last_epoch = id.epoch, .last_append_time = last_time};
}

void MetadataPublisher::handle_snapshot_records(std::span<const base::SharedBytes> records) {
  for (const base::SharedBytes& value : records) {
    if (failed_) return;
    const auto record = metadata::decode_record(value);
    if (!record) return fail(record.error().message);
    const auto applied = snapshot_->apply(*record);
    if (!applied) return fail(applied.error().message);
  }
}

void MetadataPublisher::end_snapshot() {
  if (failed_) return;
  metadata::Image image = snapshot_->take_image();
  snapshot_.reset();
  loader_ = metadata::Loader(image, snapshot_at_);
  follow_broker_configs(image);
  publish(std::move(image), snapshot_at_.last_offset, {});
}

std::optional<OpenedSnapshot> MetadataPublisher::open_snapshot() {
  if (failed_ || !loader_.image().metadata_version()) return std::nullopt;
  const metadata::Provenance& at = loader_.provenance();
  return OpenedSnapshot{.content = std::make_unique<ImageSnapshot>(loader_.image()),
                        .id = {.offset = at.last_offset + 1, .epoch = at.last_epoch},
                        .last_contained_log_time = at.last_append_time};
}

void MetadataPublisher::publish(metadata::Image image, base::Offset offset,
                                metadata::Changes changes) {
  const ImagePtr before = this->image();
  auto published = std::make_shared<const metadata::Image>(std::move(image));
  image_.store(published);
  image_offset_.store(offset.value(), std::memory_order_release);
  if (change_defaults(changes)) follow_broker_configs(*published);
  for (const auto& resource : changes.configs) {
    if (resource.type != metadata::ResourceType::kTopic) continue;
    const metadata::Topic* topic = published->topic(resource.name);
    if (topic != nullptr) overrides_.erase(topic->id);
  }
  for (const auto& [id, name] : changes.deleted_topics) overrides_.erase(id);
  if (live_ && steps_.size() >= kStepsMax) {
    Step& last = steps_.back();
    merge_into(last.changes, std::move(changes));
    last.image = std::move(published);
    last.offset = offset;
  } else {
    steps_.push_back({.before = before,
                      .image = std::move(published),
                      .changes = std::move(changes),
                      .offset = offset});
    if (!live_ && steps_.size() > 1) steps_.pop_front();  // Only the newest matters before that.
  }
  changed_.notify_all();
}

bool MetadataPublisher::change_defaults(const metadata::Changes& changes) const {
  const std::string self = std::to_string(options_.node_id.value());
  return std::ranges::any_of(changes.configs, [&](const metadata::ConfigResource& resource) {
    return resource.type == metadata::ResourceType::kBroker &&
           (resource.name.empty() || resource.name == self);
  });
}

// A partition that is opened from now on, for whichever image, has the new defaults: newer settings
// never hurt, and the step that carries the change gives them to those that are open.
void MetadataPublisher::follow_broker_configs(const metadata::Image& image) {
  const auto stored = [&](const std::string& name) -> config::Values {
    const auto& values = image.configs(metadata::ResourceType::kBroker, name);
    return {values.begin(), values.end()};
  };
  layers_.dynamic_default = stored("");
  layers_.dynamic_broker = stored(std::to_string(options_.node_id.value()));
  defaults_ = std::make_shared<const config::TopicConfig>(config::resolve_topic(layers_, {}));
  overrides_.clear();
  options_.broker_configs(layers_);
  if (live_) warn_of_broker_configs();
}

// What another version, or Apache Kafka, has stored and this node does not act on.
void MetadataPublisher::warn_of_broker_configs() {
  for (const config::Values* layer : {&layers_.dynamic_broker, &layers_.dynamic_default}) {
    for (const auto& [name, value] : *layer) {
      const config::Key* key = config::find_key(config::Scope::kBroker, name);
      const auto reason = key == nullptr ? std::string_view("it is not a known configuration")
                                         : config::no_dynamic_effect(*key);
      if (!reason || !warned_of_.insert(name).second) continue;
      LOG_WARN(loop_->log(), "metadata", "{} is set in the cluster and has no effect here: {}",
               name, *reason);
    }
  }
}

rt::Task<> MetadataPublisher::run() {
  while (!scope_.stop_requested()) {
    if (steps_.empty()) {
      co_await changed_.wait(scope_.token());
      continue;
    }
    Step step = std::move(steps_.front());
    steps_.pop_front();
    const base::Offset offset = step.offset;
    applying_ = true;
    if (live_) co_await apply(std::move(step));
    applying_ = false;
    applied_offset_ = offset;
    options_.applied(offset);
    step_done_.notify_all();
  }
}

rt::Task<> MetadataPublisher::apply(Step step) {
  std::vector<ShardWork> work(shards_.size());
  if (step.before == nullptr) {
    collect_all(step, work);
  } else {
    collect_changes(step, work);
  }
  // A new topic may have the name, and so the directories, of one that is being deleted.
  if (step.before != nullptr && !step.changes.created_topics.empty()) {
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      ShardWork removals;
      removals.removals = std::exchange(work[i].removals, {});
      co_await rt::call(*loop_, shards_[i]->loop(),
                        ShardWork::run(shards_[i]->partitions(), std::move(removals)));
    }
    for (Shard* shard : shards_) {
      co_await rt::call(*loop_, shard->loop(), ShardWork::wait_removed(shard->partitions()));
    }
  }
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    if (work[i].empty()) continue;
    co_await rt::call(*loop_, shards_[i]->loop(),
                      ShardWork::run(shards_[i]->partitions(), std::move(work[i])));
  }
}

bool MetadataPublisher::is_mine(const metadata::Partition& partition) const {
  return std::ranges::find(partition.replicas, options_.node_id) != partition.replicas.end();
}

void MetadataPublisher::collect_all(const Step& step, std::vector<ShardWork>& work) {
  for (const auto& [id, topic] : step.image->topics()) collect_topic(topic, work);
}

// All partitions of a topic that this broker holds.
void MetadataPublisher::collect_topic(const metadata::Shared<metadata::Topic>& topic,
                                      std::vector<ShardWork>& work) {
  const auto config = topic_config(*topic);
  for (const auto& [index, partition] : topic->partitions) {
    if (!is_mine(partition)) continue;
    const std::size_t shard = loop_of({topic->id, index}, shards_.size());
    work[shard].updates.push_back({.topic = topic, .partition = index, .config = config});
  }
}

void MetadataPublisher::collect_removed(const metadata::Topic& topic,
                                        std::vector<ShardWork>& work) {
  for (const auto& [index, partition] : topic.partitions) {
    if (!is_mine(partition)) continue;
    const base::TopicIdPartition id{.topic_id = topic.id, .partition = index};
    work[loop_of(id, shards_.size())].removals.push_back(id);
  }
}

void MetadataPublisher::collect_changes(const Step& step, std::vector<ShardWork>& work) {
  for (const auto& [id, name] : step.changes.deleted_topics) {
    const metadata::Topic* topic = step.before->topic(id);
    if (topic != nullptr) collect_removed(*topic, work);
  }
  const auto give_config = [&](const metadata::Topic& topic) {
    const auto config = topic_config(topic);
    for (ShardWork& shard : work) shard.configs.insert_or_assign(topic.id, config);
  };
  if (change_defaults(step.changes)) {
    for (const auto& [id, topic] : step.image->topics()) give_config(*topic);
  }
  for (const auto& resource : step.changes.configs) {
    if (resource.type != metadata::ResourceType::kTopic) continue;
    const metadata::Topic* topic = step.image->topic(resource.name);
    if (topic != nullptr) give_config(*topic);
  }
  for (const auto& id : step.changes.partitions) {
    const auto topic = step.image->shared_topic(id.topic_id);
    const metadata::Partition* partition = !topic ? nullptr : topic->partitions.find(id.partition);
    if (partition == nullptr) continue;
    ShardWork& shard = work[loop_of(id, shards_.size())];
    const metadata::Partition* earlier = step.before->partition(id);
    if (is_mine(*partition)) {
      shard.updates.push_back(
          {.topic = topic, .partition = id.partition, .config = topic_config(*topic)});
    } else if (earlier != nullptr && is_mine(*earlier)) {
      shard.removals.push_back(id);
    }
  }
}

void MetadataPublisher::fail(std::string why) {
  LOG_ERROR(loop_->log(), "metadata",
            "cannot follow the metadata log: {}; the broker keeps its last "
            "image and has to be restarted with a version that can read the log",
            why);
  failed_ = std::move(why);
}

}  // namespace moldau::broker
