// Feature levels: what a finalized metadata.version allows, and which record versions it writes. A
// record above the finalized level stops every Apache Kafka node of the cluster, so each record's
// version is chosen here. Levels 7 (3.3-IV3) to 33 (4.4-IV2) are known; those we can lead with end
// at kServedMetadataVersionMax. Pure; any loop. Source: MetadataVersion.java, Feature.java (4.4).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "wire/metadata_record.h"

namespace moldau::metadata {

inline constexpr std::string_view kMetadataVersionFeature = "metadata.version";
inline constexpr std::string_view kKraftVersionFeature = "kraft.version";
inline constexpr std::string_view kElrFeature = "eligible.leader.replicas.version";

class MetadataVersion {
 public:
  constexpr MetadataVersion() = default;  // the lowest known
  // Nothing when the level is not known.
  [[nodiscard]] static std::optional<MetadataVersion> from_level(std::int16_t level);
  // "4.3-IV0", and "4.3" for the last level of a release; nothing when there is none.
  [[nodiscard]] static std::optional<MetadataVersion> from_name(std::string_view name);

  [[nodiscard]] constexpr std::int16_t level() const { return level_; }
  [[nodiscard]] std::string_view name() const;  // "4.3-IV0"

  [[nodiscard]] constexpr bool no_leader_epoch_bump_on_isr_shrink() const { return level_ >= 12; }
  [[nodiscard]] constexpr bool scram() const { return level_ >= 11; }
  [[nodiscard]] constexpr bool transactions() const { return level_ >= 13; }
  [[nodiscard]] constexpr bool delegation_tokens() const { return level_ >= 14; }
  [[nodiscard]] constexpr bool controller_registration() const { return level_ >= 15; }
  [[nodiscard]] constexpr bool directory_assignment() const { return level_ >= 17; }
  [[nodiscard]] constexpr bool elr() const { return level_ >= 23; }
  [[nodiscard]] constexpr bool cordoned_log_dirs() const { return level_ >= 30; }
  [[nodiscard]] constexpr bool controller_unregistration() const { return level_ >= 33; }

  // Whether records that the higher of the two levels may have written are lost at the lower one.
  [[nodiscard]] static bool metadata_changed(MetadataVersion a, MetadataVersion b);

  friend constexpr auto operator<=>(MetadataVersion, MetadataVersion) = default;
  friend constexpr bool operator==(MetadataVersion, MetadataVersion) = default;

 private:
  explicit constexpr MetadataVersion(std::int16_t level) : level_(level) {}
  friend constexpr MetadataVersion metadata_version_of(std::int16_t level);

  std::int16_t level_ = 7;
};

[[nodiscard]] constexpr MetadataVersion metadata_version_of(std::int16_t level) {
  return MetadataVersion(level);
}

inline constexpr std::int16_t kKnownMetadataVersionMin = 7;
inline constexpr std::int16_t kKnownMetadataVersionMax = 33;
inline constexpr std::int16_t kServedMetadataVersionMax = 30;
inline constexpr MetadataVersion kDefaultMetadataVersion = metadata_version_of(30);

// The version in which a record is written at a metadata.version.
[[nodiscard]] std::int16_t record_version(const wire::MetadataRecord& record,
                                          MetadataVersion metadata_version);
// Whether a record may be written at all, and in this version.
[[nodiscard]] bool is_writable(const wire::MetadataRecord& record, std::int16_t version,
                               MetadataVersion metadata_version);

struct FeatureRange {
  std::int16_t min = 0;
  std::int16_t max = 0;

  [[nodiscard]] constexpr bool contains(std::int16_t level) const {
    return min <= level && level <= max;
  }
  friend bool operator==(const FeatureRange&, const FeatureRange&) = default;
};

struct SupportedFeature {
  std::string_view name;
  FeatureRange range;
};
// What this node serves, ordered by name: for ApiVersions, registrations and UpdateFeatures.
[[nodiscard]] std::span<const SupportedFeature> supported_features();
// {0, 0} for a feature that we do not serve.
[[nodiscard]] FeatureRange supported_range(std::string_view feature);
// For the operator of a cluster that has this level finalized: what is the matter and what to do.
// Nothing when the level is served.
[[nodiscard]] std::optional<std::string> why_not_served(std::string_view feature,
                                                        std::int16_t level);

}  // namespace moldau::metadata
