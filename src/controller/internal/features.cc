#include <algorithm>
#include <map>
#include <utility>

#include "controller/internal/decisions.h"

namespace moldau::controller {
namespace {

using metadata::MetadataVersion;
using wire::ErrorCode;
using Update = wire::UpdateFeaturesRequest::FeatureUpdateKey;

enum class UpgradeType : std::int8_t { kUpgrade = 1, kSafeDowngrade = 2, kUnsafeDowngrade = 3 };

ApiError refuse(std::string_view feature, std::int16_t level, std::string_view why) {
  return {.code = ErrorCode::kInvalidUpdateVersion,
          .message = "Invalid update version " + std::to_string(level) + " for feature " +
                     std::string(feature) + ". " + std::string(why)};
}

std::optional<UpgradeType> type_of(const Update& update) {
  // Version 0 has a flag where later ones have a type.
  if (update.allow_downgrade) return UpgradeType::kSafeDowngrade;
  if (update.upgrade_type < 1 || update.upgrade_type > 3) return std::nullopt;
  return static_cast<UpgradeType>(update.upgrade_type);
}

std::optional<std::string> not_supported_by(std::string_view who,
                                            const metadata::FeatureRange& range,
                                            std::int16_t level) {
  if (range.contains(level)) return std::nullopt;
  if (range == metadata::FeatureRange{}) {
    return std::string(who) + " does not support this feature.";
  }
  return std::string(who) + " only supports versions " + std::to_string(range.min) + "-" +
         std::to_string(range.max);
}

metadata::FeatureRange range_of(const metadata::Features& features, std::string_view name) {
  const auto at = features.find(name);
  return at == features.end() ? metadata::FeatureRange{} : at->second;
}

// Everyone who would have to follow the level must know it: this node, brokers, other controllers.
std::optional<std::string> reason_not_supported(const View& view, std::string_view feature,
                                                std::int16_t level) {
  const std::string self = "Local controller " + std::to_string(view.settings.node_id.value());
  if (auto why = not_supported_by(self, metadata::supported_range(feature), level)) return why;
  for (const auto& [id, broker] : view.image().brokers()) {
    const std::string who = "Broker " + std::to_string(id.value());
    if (auto why = not_supported_by(who, range_of(broker.features, feature), level)) return why;
  }
  if (!view.version().controller_registration()) return std::nullopt;
  for (const auto& [id, controller] : view.image().controllers()) {
    if (id == view.settings.node_id) continue;
    const std::string who = "Controller " + std::to_string(id.value());
    if (auto why = not_supported_by(who, range_of(controller.features, feature), level)) {
      return why;
    }
  }
  for (const auto voter : view.settings.voters) {
    if (voter == view.settings.node_id || view.image().controllers().contains(voter)) continue;
    return "controller " + std::to_string(voter.value()) +
           " has not registered, and may not support this feature";
  }
  return std::nullopt;
}

ApiError update_metadata_version(const View& view, std::int16_t level, UpgradeType type,
                                 std::vector<metadata::Record>& records) {
  const auto next = MetadataVersion::from_level(level);
  if (!next) {
    return {.code = ErrorCode::kInvalidUpdateVersion,
            .message = "Invalid metadata.version " + std::to_string(level) +
                       ". Valid versions are from " +
                       std::to_string(metadata::kKnownMetadataVersionMin) + " to " +
                       std::to_string(metadata::kServedMetadataVersionMax) + "."};
  }
  if (*next < view.version() && MetadataVersion::metadata_changed(view.version(), *next)) {
    const std::string_view why =
        type == UpgradeType::kUnsafeDowngrade
            ? "Unsafe metadata downgrade is not supported in this version."
            : "Refusing to perform the requested downgrade because it might delete metadata "
              "information.";
    return {.code = ErrorCode::kInvalidUpdateVersion,
            .message = "Unsupported metadata.version downgrade from " +
                       std::to_string(view.version().level()) + " to " + std::to_string(level) +
                       ". " + std::string(why)};
  }
  wire::FeatureLevelRecord record;
  record.name = std::string(metadata::kMetadataVersionFeature);
  record.feature_level = level;
  records.push_back(view.record(std::move(record)));
  return {};
}

ApiError update_one(const View& view, const Update& update,
                    std::vector<metadata::Record>& records) {
  const std::int16_t level = update.max_version_level;
  const auto type = type_of(update);
  if (!type) {
    return refuse(update.feature, level, "The controller does not support the given upgrade type.");
  }
  if (level < 0) {
    return refuse(update.feature, level, "A feature version cannot be less than 0.");
  }
  const bool is_kraft = update.feature == metadata::kKraftVersionFeature;
  const std::int16_t now =
      is_kraft ? view.settings.kraft_version : view.image().feature_level(update.feature);
  if (auto why = reason_not_supported(view, update.feature, level)) {
    return refuse(update.feature, level, *why);
  }
  if (level < now && *type == UpgradeType::kUpgrade) {
    return refuse(update.feature, level,
                  "Can't downgrade the version of this feature without setting the upgrade type to "
                  "either safe or unsafe downgrade.");
  }
  if (level > now && *type != UpgradeType::kUpgrade) {
    return refuse(update.feature, level, "Can't downgrade to a newer version.");
  }
  if (update.feature == metadata::kMetadataVersionFeature) {
    return update_metadata_version(view, level, *type, records);
  }
  if (is_kraft) {
    if (level == now) return {};
    return refuse(update.feature, level,
                  level < now ? "Can't downgrade the version of this feature."
                              : "The quorum cannot change its kraft.version while it runs yet; "
                                "format the directory without controller.quorum.voters.");
  }
  wire::FeatureLevelRecord record;
  record.name = update.feature;
  record.feature_level = level;
  records.push_back(view.record(std::move(record)));
  return {};
}

}  // namespace

Decision<wire::UpdateFeaturesResponse> update_features(const View& view,
                                                       const wire::UpdateFeaturesRequest& request) {
  Decision<wire::UpdateFeaturesResponse> decision;
  for (const auto& update : request.feature_updates) {
    const ApiError error = update_one(view, update, decision.records);
    if (!error.failed()) continue;
    decision.records.clear();
    decision.response.error_code = error.code;
    decision.response.error_message =
        "The update failed for all features since the following feature had an error: " +
        error.message.value_or("");
    return decision;
  }
  decision.response.error_message = std::nullopt;
  for (const auto& update : request.feature_updates) {
    wire::UpdateFeaturesResponse::UpdatableFeatureResult result;
    result.feature = update.feature;
    result.error_message = std::nullopt;
    decision.response.results.push_back(std::move(result));
  }
  if (request.validate_only) decision.records.clear();
  return decision;
}

}  // namespace moldau::controller
