// Delta applies records to a copy of an image and notes what they touch, so that whoever publishes
// the new image can act on the difference. apply() is strict where Apache Kafka is: a record about
// a topic, broker or ACL that is not there is an error that names it, and leaves the image as it
// was before the record. The image under construction shares all untouched parts with the one it
// started from. One owner, one loop. Source: MetadataDelta.java, PartitionRegistration.merge (4.4).
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "metadata/image.h"
#include "metadata/record.h"

namespace moldau::metadata {

struct ApplyError {
  std::string message;
};

// What changed, by key; what it is now stands in the image, what it was in the image before.
struct Changes {
  std::set<base::TopicId> created_topics;
  std::map<base::TopicId, base::TopicName> deleted_topics;  // that the base image had
  std::set<base::TopicIdPartition> partitions;  // created or changed, of topics that live
  std::set<ConfigResource> configs;
  std::set<base::BrokerId> brokers;
  std::set<base::BrokerId> controllers;
  bool features = false;
  bool producer_ids = false;
  bool quotas = false;
  bool acls = false;
  bool scram = false;
  bool tokens = false;

  [[nodiscard]] bool empty() const;
  // Adds what happened later.
  void merge(Changes later);
};

class Delta {
 public:
  explicit Delta(const Image& base) : image_(base) {}

  // Transaction markers change nothing here: Loader gives them their meaning.
  [[nodiscard]] std::expected<void, ApplyError> apply(const Record& record);

  [[nodiscard]] const Image& image() const [[clang::lifetimebound]] { return image_; }
  [[nodiscard]] const Changes& changes() const [[clang::lifetimebound]] { return changes_; }
  [[nodiscard]] Image take_image() { return std::move(image_); }
  [[nodiscard]] Changes take_changes() { return std::move(changes_); }

 private:
  template <class T>
  std::expected<void, ApplyError> apply_one(const T& record);
  Topic* edit_topic(const base::TopicId& id);
  void set_config(const ConfigResource& resource, const std::string& name,
                  const std::optional<std::string>& value);
  std::expected<void, ApplyError> change_registration(
      base::BrokerId id, base::BrokerEpoch epoch,
      const std::function<std::expected<void, ApplyError>(BrokerRegistration&)>& change);
  void clear_elr(Topic& topic);

  Image image_;
  Changes changes_;
};

// A partition as a record describes it, and after a change; errors are impossible layouts.
[[nodiscard]] std::expected<Partition, ApplyError> partition_of(
    const wire::PartitionRecord& record);
[[nodiscard]] std::expected<Partition, ApplyError> merge(const Partition& partition,
                                                         const wire::PartitionChangeRecord& change);

}  // namespace moldau::metadata
