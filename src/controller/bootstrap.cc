#include "controller/bootstrap.h"

#include <utility>
#include <variant>

namespace moldau::controller {
namespace {

metadata::Record level_record(std::string_view name, std::int16_t level) {
  wire::FeatureLevelRecord record;
  record.name = std::string(name);
  record.feature_level = level;
  return {.record = std::move(record), .version = 0};
}

std::string served_names() {
  std::string names;
  for (const auto& feature : metadata::supported_features()) {
    if (!names.empty()) names += ", ";
    names += std::string(feature.name) + " " + std::to_string(feature.range.min) + " to " +
             std::to_string(feature.range.max);
  }
  return names;
}

}  // namespace

std::expected<BootstrapOptions, std::string> bootstrap_options(
    std::optional<std::string_view> release_version,
    const std::map<std::string, std::int16_t>& features) {
  BootstrapOptions options;
  const metadata::FeatureRange range = metadata::supported_range(metadata::kMetadataVersionFeature);
  if (release_version) {
    const auto version = metadata::MetadataVersion::from_name(*release_version);
    if (!version || !range.contains(version->level())) {
      return std::unexpected("Unknown release version '" + std::string(*release_version) +
                             "'. Supported are " +
                             std::string(metadata::metadata_version_of(range.min).name()) + " to " +
                             std::string(metadata::metadata_version_of(range.max).name()) + ".");
    }
    options.metadata_version = *version;
  }
  for (const auto& [name, level] : features) {
    if (!metadata::supported_range(name).contains(level)) {
      return std::unexpected("Feature " + name + " at level " + std::to_string(level) +
                             " is not served. Served are " + served_names() + ".");
    }
    if (name == metadata::kMetadataVersionFeature) {
      if (release_version) {
        return std::unexpected(
            "Use either the release version or the metadata.version feature, not both.");
      }
      options.metadata_version = metadata::metadata_version_of(level);
    } else if (name != metadata::kKraftVersionFeature && level > 0) {
      options.features[name] = level;
    }
  }
  return options;
}

std::vector<metadata::Record> bootstrap_records(const BootstrapOptions& options) {
  std::vector<metadata::Record> records;
  records.push_back(
      level_record(metadata::kMetadataVersionFeature, options.metadata_version.level()));
  for (const auto& [name, level] : options.features) {
    if (level > 0 && name != metadata::kKraftVersionFeature) {
      records.push_back(level_record(name, level));
    }
  }
  return records;
}

std::int16_t bootstrap_level(const std::vector<metadata::Record>& records,
                             std::string_view feature) {
  std::int16_t level = 0;
  for (const auto& record : records) {
    const auto* found = std::get_if<wire::FeatureLevelRecord>(&record.record);
    if (found != nullptr && found->name == feature) level = found->feature_level;
  }
  return level;
}

}  // namespace moldau::controller
