#include "metadata/image.h"

#include <algorithm>

namespace moldau::metadata {

bool BrokerRegistration::has_online_dir(const base::DirectoryId& directory) const {
  if (directory == base::kDirectoryUnassigned || directory == base::kDirectoryMigrating)
    return true;
  if (directory == base::kDirectoryLost) return false;
  // A broker that registered before directories had ids has none to compare with.
  if (log_dirs.empty()) return true;
  return std::ranges::find(log_dirs, directory) != log_dirs.end();
}

bool BrokerRegistration::has_uncordoned_dirs() const {
  if (log_dirs.empty() || !cordoned_log_dirs) return true;
  return std::ranges::any_of(log_dirs, [&](const base::DirectoryId& directory) {
    return std::ranges::find(*cordoned_log_dirs, directory) == cordoned_log_dirs->end();
  });
}

const Endpoint* BrokerRegistration::endpoint(std::string_view listener) const {
  const auto at = std::ranges::find(endpoints, listener, &Endpoint::name);
  return at == endpoints.end() ? nullptr : &*at;
}

base::DirectoryId Partition::directory_of(base::BrokerId replica) const {
  for (std::size_t i = 0; i < replicas.size() && i < directories.size(); ++i) {
    if (replicas[i] == replica) return directories[i];
  }
  return base::kDirectoryUnassigned;
}

std::int16_t Image::feature_level(std::string_view feature) const {
  if (feature == kMetadataVersionFeature) {
    return metadata_version_ ? metadata_version_->level() : std::int16_t{0};
  }
  const auto at = features_.find(feature);
  return at == features_.end() ? std::int16_t{0} : at->second;
}

const Topic* Image::topic(const base::TopicId& id) const {
  const Shared<Topic>* shared = topics_.find(id);
  return shared == nullptr ? nullptr : shared->get();
}

const Topic* Image::topic(std::string_view name) const {
  const base::TopicId* id = topic_names_.find(name);
  return id == nullptr ? nullptr : topic(*id);
}

Shared<Topic> Image::shared_topic(const base::TopicId& id) const {
  const Shared<Topic>* shared = topics_.find(id);
  return shared == nullptr ? Shared<Topic>() : *shared;
}

const Partition* Image::partition(const base::TopicIdPartition& id) const {
  const Topic* of = topic(id.topic_id);
  return of == nullptr ? nullptr : of->partitions.find(id.partition);
}

namespace {

// Orders a resource against a type and a name without making a string.
struct ResourceView {
  ResourceType type;
  std::string_view name;

  friend bool operator<(const ResourceView& a, const ConfigResource& b) {
    return a.type != b.type ? a.type < b.type : a.name < b.name;
  }
  friend bool operator<(const ConfigResource& a, const ResourceView& b) {
    return a.type != b.type ? a.type < b.type : a.name < b.name;
  }
};

}  // namespace

const ConfigValues& Image::configs(ResourceType type, std::string_view name) const {
  static const ConfigValues none;
  const auto* shared = configs_.find(ResourceView{.type = type, .name = name});
  return shared == nullptr ? none : **shared;
}

bool Image::empty() const { return *this == Image(); }

bool operator==(const Image& a, const Image& b) {
  return a.metadata_version_ == b.metadata_version_ && a.features_ == b.features_ &&
         a.brokers_ == b.brokers_ && a.controllers_ == b.controllers_ && a.topics_ == b.topics_ &&
         a.topic_names_ == b.topic_names_ && a.configs_ == b.configs_ &&
         a.producer_ids_ == b.producer_ids_ && a.quotas_ == b.quotas_ && a.acls_ == b.acls_ &&
         a.scram_ == b.scram_ && a.tokens_ == b.tokens_;
}

}  // namespace moldau::metadata
