#include "controller/internal/view.h"

#include <utility>
#include <variant>

#include "base/assert.h"
#include "config/table.h"
#include "metadata/metadata_version.h"

namespace moldau::controller {

bool View::is_active(base::BrokerId broker) const {
  const auto* registration = image().broker(broker);
  return registration != nullptr && registration->active();
}

base::DirectoryId View::default_directory(base::BrokerId broker) const {
  const auto* registration = image().broker(broker);
  if (registration == nullptr) return base::kDirectoryUnassigned;
  const auto& dirs = registration->log_dirs;
  if (dirs.empty()) return base::kDirectoryMigrating;
  return dirs.size() == 1 ? dirs.front() : base::kDirectoryUnassigned;
}

config::Layers View::layers() const {
  config::Layers layers = settings.layers;
  layers.dynamic_broker =
      image().configs(metadata::ResourceType::kBroker, std::to_string(settings.node_id.value()));
  layers.dynamic_default = image().configs(metadata::ResourceType::kBroker, "");
  return layers;
}

config::Value View::topic_value(const metadata::Topic& topic, std::string_view key) const {
  const auto broker = [&](std::string_view name) -> const metadata::ConfigValues& {
    return image().configs(metadata::ResourceType::kBroker, name);
  };
  const config::Key* known = config::find_key(config::Scope::kTopic, key);
  ASSERT(known != nullptr);
  const metadata::ConfigValues* layers[] = {
      &image().configs(metadata::ResourceType::kTopic, topic.name.view()),
      &broker(std::to_string(settings.node_id.value())), &broker(""), &settings.layers.file};
  for (const metadata::ConfigValues* layer : layers) {
    const auto at = layer->find(key);
    if (at == layer->end()) continue;
    if (auto value = config::parse_value(*known, at->second)) return *value;
  }
  return config::parse_value(*known, known->default_text()).value_or(config::Value());
}

std::int32_t View::min_isr(const metadata::Topic& topic) const {
  const config::Value value = topic_value(topic, "min.insync.replicas");
  const auto* number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? 1 : static_cast<std::int32_t>(*number);
}

bool View::unclean_election(const metadata::Topic& topic) const {
  const config::Value value = topic_value(topic, "unclean.leader.election.enable");
  const auto* flag = std::get_if<bool>(&value);
  return flag != nullptr && *flag;
}

ApiError View::check_broker_epoch(base::BrokerId broker, base::BrokerEpoch epoch) const {
  const auto* registration = image().broker(broker);
  if (registration == nullptr) {
    return {
        .code = wire::ErrorCode::kStaleBrokerEpoch,
        .message = "No broker registration found for broker id " + std::to_string(broker.value())};
  }
  if (registration->epoch != epoch) {
    return {.code = wire::ErrorCode::kStaleBrokerEpoch,
            .message = "Expected broker epoch " + std::to_string(registration->epoch.value()) +
                       ", but got broker epoch " + std::to_string(epoch.value())};
  }
  return {};
}

metadata::Record View::record(wire::MetadataRecord record) const {
  const std::int16_t version_of = metadata::record_version(record, version());
  return {.record = std::move(record), .version = version_of};
}

}  // namespace moldau::controller
