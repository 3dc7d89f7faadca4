#include "metadata/metadata_version.h"

#include <algorithm>
#include <iterator>
#include <variant>

#include "base/assert.h"

namespace moldau::metadata {
namespace {

struct Level {
  std::int16_t level;
  std::string_view name;
  bool changed;  // its records are not understood below it
};

constexpr Level kLevels[] = {
    {7, "3.3-IV3", true},   {8, "3.4-IV0", true},   {9, "3.5-IV0", false},  {10, "3.5-IV1", false},
    {11, "3.5-IV2", true},  {12, "3.6-IV0", false}, {13, "3.6-IV1", true},  {14, "3.6-IV2", true},
    {15, "3.7-IV0", true},  {16, "3.7-IV1", false}, {17, "3.7-IV2", true},  {18, "3.7-IV3", false},
    {19, "3.7-IV4", false}, {20, "3.8-IV0", false}, {21, "3.9-IV0", false}, {22, "4.0-IV0", false},
    {23, "4.0-IV1", true},  {24, "4.0-IV2", false}, {25, "4.0-IV3", false}, {26, "4.1-IV0", false},
    {27, "4.1-IV1", false}, {28, "4.2-IV0", false}, {29, "4.2-IV1", false}, {30, "4.3-IV0", true},
    {31, "4.4-IV0", false}, {32, "4.4-IV1", true},  {33, "4.4-IV2", true},
};
static_assert(std::size(kLevels) == kKnownMetadataVersionMax - kKnownMetadataVersionMin + 1);

// Ordered by name.
constexpr SupportedFeature kSupported[] = {
    {kKraftVersionFeature, {0, 1}},
    {kMetadataVersionFeature, {kKnownMetadataVersionMin, kServedMetadataVersionMax}},
};

const Level& level_of(std::int16_t level) {
  ASSERT(level >= kKnownMetadataVersionMin);
  ASSERT(level <= kKnownMetadataVersionMax);
  return kLevels[level - kKnownMetadataVersionMin];
}

struct VersionOf {
  MetadataVersion at;

  std::int16_t operator()(const wire::RegisterBrokerRecord&) const {
    if (at.cordoned_log_dirs()) return 4;
    if (at.directory_assignment()) return 3;
    return at.level() >= 8 ? 2 : 1;
  }
  std::int16_t operator()(const wire::PartitionRecord&) const { return partition(); }
  std::int16_t operator()(const wire::PartitionChangeRecord&) const { return partition(); }
  std::int16_t operator()(const wire::BrokerRegistrationChangeRecord& record) const {
    // The lowest version that holds what is set, as Kafka 4.4.
    if (record.cordoned_log_dirs) return 3;
    if (!record.log_dirs.empty()) return 2;
    return record.in_controlled_shutdown != 0 ? 1 : 0;
  }
  template <class T>
  std::int16_t operator()(const T&) const {
    return 0;
  }

 private:
  [[nodiscard]] std::int16_t partition() const {
    if (at.elr()) return 2;
    return at.directory_assignment() ? 1 : 0;
  }
};

// The first metadata.version that may write the record in this version.
struct FirstLevelOf {
  std::int16_t version;

  std::int16_t operator()(const wire::RegisterBrokerRecord&) const {
    constexpr std::int16_t kFirst[] = {7, 7, 8, 17, 30};
    return kFirst[std::min<std::int16_t>(version, 4)];
  }
  std::int16_t operator()(const wire::PartitionRecord&) const { return partition(); }
  std::int16_t operator()(const wire::PartitionChangeRecord&) const { return partition(); }
  std::int16_t operator()(const wire::BrokerRegistrationChangeRecord&) const {
    if (version >= 3) return 30;
    return version == 2 ? 17 : 7;
  }
  std::int16_t operator()(const wire::UserScramCredentialRecord&) const { return 11; }
  std::int16_t operator()(const wire::RemoveUserScramCredentialRecord&) const { return 11; }
  std::int16_t operator()(const wire::BeginTransactionRecord&) const { return 13; }
  std::int16_t operator()(const wire::EndTransactionRecord&) const { return 13; }
  std::int16_t operator()(const wire::AbortTransactionRecord&) const { return 13; }
  std::int16_t operator()(const wire::DelegationTokenRecord&) const { return 14; }
  std::int16_t operator()(const wire::RemoveDelegationTokenRecord&) const { return 14; }
  std::int16_t operator()(const wire::RegisterControllerRecord&) const { return 15; }
  std::int16_t operator()(const wire::ClearElrRecord&) const { return 23; }
  std::int16_t operator()(const wire::UnregisterControllerRecord&) const { return 33; }
  template <class T>
  std::int16_t operator()(const T&) const {
    return kKnownMetadataVersionMin;
  }

 private:
  [[nodiscard]] std::int16_t partition() const {
    if (version >= 2) return 23;
    return version == 1 ? 17 : 7;
  }
};

}  // namespace

std::optional<MetadataVersion> MetadataVersion::from_level(std::int16_t level) {
  if (level < kKnownMetadataVersionMin || level > kKnownMetadataVersionMax) return std::nullopt;
  return MetadataVersion(level);
}

std::optional<MetadataVersion> MetadataVersion::from_name(std::string_view name) {
  // "4.3.1" is release "4.3": what follows the second number does not count.
  const auto second =
      name.find('.', name.find('.') == std::string_view::npos ? 0 : name.find('.') + 1);
  if (second != std::string_view::npos && name.find('.') != second) name = name.substr(0, second);
  std::optional<MetadataVersion> found;
  for (const Level& level : kLevels) {
    const std::string_view release = level.name.substr(0, level.name.find('-'));
    if (name == level.name || name == release) found = MetadataVersion(level.level);
  }
  return found;
}

std::string_view MetadataVersion::name() const { return level_of(level_).name; }

bool MetadataVersion::metadata_changed(MetadataVersion a, MetadataVersion b) {
  const auto [low, high] = std::minmax(a, b);
  for (std::int16_t level = high.level(); level > low.level(); --level) {
    if (level_of(level).changed) return true;
  }
  return false;
}

std::int16_t record_version(const wire::MetadataRecord& record, MetadataVersion metadata_version) {
  return std::visit(VersionOf{metadata_version}, record);
}

bool is_writable(const wire::MetadataRecord& record, std::int16_t version,
                 MetadataVersion metadata_version) {
  if (version < 0) return false;
  return metadata_version.level() >= std::visit(FirstLevelOf{version}, record);
}

std::span<const SupportedFeature> supported_features() { return kSupported; }

FeatureRange supported_range(std::string_view feature) {
  for (const auto& supported : kSupported) {
    if (supported.name == feature) return supported.range;
  }
  return {};
}

std::optional<std::string> why_not_served(std::string_view feature, std::int16_t level) {
  const FeatureRange served = supported_range(feature);
  if (level == 0 || served.contains(level)) return std::nullopt;
  const auto named = [&](std::int16_t of) {
    std::string text = std::to_string(of);
    const auto version = MetadataVersion::from_level(of);
    if (feature == kMetadataVersionFeature && version) {
      text.append(" (").append(version->name()).append(")");
    }
    return text;
  };
  std::string why = "the feature " + std::string(feature) + " is finalized at level " +
                    named(level) + ", and this version of Moldau ";
  why += served.max == 0 ? "does not serve that feature yet" : "serves up to " + named(served.max);
  return why +
         "; lower it with Kafka's kafka-features.sh while Apache Kafka runs on the "
         "directory, or format a new one with moldau storage format";
}

}  // namespace moldau::metadata
