// MetadataPublisher turns the committed metadata log into what this broker does: it keeps the
// newest image, publishes it to all loops (rt::Published), and, once the broker is live, has
// each loop open, change and delete its partitions, image by image, in order. A topic's settings
// are its own, then those that the image has for this broker and for all brokers, then the file's.
// Before go_live() it only follows: a partition starts with the registration that this incarnation
// got, never with what an earlier one had. Lives on loop 0. Source:
// core/.../metadata/BrokerMetadataPublisher.scala (4.4).
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/quorum/raft_listener.h"
#include "config/layers.h"
#include "config/topic_config.h"
#include "metadata/loader.h"
#include "metadata/snapshot.h"
#include "rt/published.h"
#include "rt/scope.h"
#include "rt/sync.h"

namespace moldau::broker {

class Shard;

using ImagePtr = std::shared_ptr<const metadata::Image>;

class MetadataPublisher final : public RaftListener, public SnapshotSource {
 public:
  struct Options {
    base::BrokerId node_id;
    const config::Layers* layers = nullptr;  // the node's file, for topics' defaults
    // Called on loop 0 when the cluster's settings for this broker or for all have changed, with
    // all that is in force.
    std::function<void(const config::Layers&)> broker_configs;
    // Called on loop 0 after an image is in force here: its last offset.
    std::function<void(base::Offset)> applied;
  };

  MetadataPublisher(rt::Loop& loop, std::vector<Shard*> shards, Options options);

  void start();
  rt::Task<> stop();
  // From now on partitions follow the images, beginning with the current one as a whole.
  void go_live();

  // Returns when the loops have done what the current image asks of them. Loop 0.
  rt::Task<> wait_applied();

  // Any loop.
  [[nodiscard]] ImagePtr image() const { return image_.load(); }
  // Offset of the last record in the image; any loop.
  [[nodiscard]] base::Offset image_offset() const {
    return base::Offset(image_offset_.load(std::memory_order_acquire));
  }
  // A topic's settings as of the current image. Loop 0.
  [[nodiscard]] std::shared_ptr<const config::TopicConfig> topic_config(
      const metadata::Topic& topic);
  [[nodiscard]] const std::optional<std::string>& failed() const { return failed_; }

  // RaftListener
  void handle_commit(const raft::CommittedBatch& batch) override;
  void begin_snapshot(raft::SnapshotId id, base::Timestamp last_contained_log_time) override;
  void handle_snapshot_records(std::span<const base::SharedBytes> records) override;
  void end_snapshot() override;
  void handle_leader_change(const raft::LeaderAndEpoch&) override {}
  // SnapshotSource
  std::optional<OpenedSnapshot> open_snapshot() override;

 private:
  // What one loop has to do for one image.
  struct ShardWork;
  struct Step {
    ImagePtr before;  // null: everything is new
    ImagePtr image;
    metadata::Changes changes;
    base::Offset offset;
  };

  void publish(metadata::Image image, base::Offset offset, metadata::Changes changes);
  // Whether the changes touch what topics without settings of their own have.
  [[nodiscard]] bool change_defaults(const metadata::Changes& changes) const;
  void follow_broker_configs(const metadata::Image& image);
  void warn_of_broker_configs();
  rt::Task<> run();
  rt::Task<> apply(Step step);
  void collect_all(const Step& step, std::vector<ShardWork>& work);
  void collect_changes(const Step& step, std::vector<ShardWork>& work);
  void collect_topic(const metadata::Shared<metadata::Topic>& topic, std::vector<ShardWork>& work);
  void collect_removed(const metadata::Topic& topic, std::vector<ShardWork>& work);
  [[nodiscard]] bool is_mine(const metadata::Partition& partition) const;
  void fail(std::string why);

  rt::Loop* loop_;
  std::vector<Shard*> shards_;
  Options options_;
  metadata::Loader loader_;
  std::optional<metadata::Delta> snapshot_;
  metadata::Provenance snapshot_at_;
  rt::Published<metadata::Image> image_;
  std::atomic<std::int64_t> image_offset_{-1};
  config::Layers layers_;  // the file, and over it what the newest image says of this broker
  std::set<std::string> warned_of_;  // keys
  std::map<base::TopicId, std::shared_ptr<const config::TopicConfig>> overrides_;
  std::shared_ptr<const config::TopicConfig> defaults_;
  bool live_ = false;
  std::deque<Step> steps_;  // not applied yet; bounded by kStepsMax: more are merged
  bool applying_ = false;
  base::Offset applied_offset_{-1};
  rt::Signal changed_;
  rt::Signal step_done_;
  std::optional<std::string> failed_;
  rt::Scope scope_;  // last: its frames use the members above
};

}  // namespace moldau::broker
