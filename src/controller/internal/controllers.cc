#include <utility>

#include "controller/bootstrap.h"
#include "controller/internal/decisions.h"

namespace moldau::controller {

using wire::ErrorCode;

Decision<wire::ControllerRegistrationResponse> register_controller(
    const View& view, const wire::ControllerRegistrationRequest& request) {
  Decision<wire::ControllerRegistrationResponse> decision;
  decision.response.error_message = std::nullopt;
  if (!view.version().controller_registration()) {
    decision.response.error_code = ErrorCode::kUnsupportedVersion;
    decision.response.error_message =
        "The current MetadataVersion is too old to support controller registrations.";
    return decision;
  }
  wire::RegisterControllerRecord record;
  record.controller_id = request.controller_id;
  record.incarnation_id = request.incarnation_id;
  for (const auto& listener : request.listeners) {
    record.end_points.push_back({.name = listener.name,
                                 .host = listener.host,
                                 .port = listener.port,
                                 .security_protocol = listener.security_protocol,
                                 .unknown_tags = {}});
  }
  for (const auto& feature : request.features) {
    record.features.push_back({.name = feature.name,
                               .min_supported_version = feature.min_supported_version,
                               .max_supported_version = feature.max_supported_version,
                               .unknown_tags = {}});
  }
  decision.records.push_back(view.record(std::move(record)));
  return decision;
}

Decision<wire::UnregisterControllerResponse> unregister_controller(
    const View& view, const wire::UnregisterControllerRequest& request) {
  Decision<wire::UnregisterControllerResponse> decision;
  decision.response.error_message = std::nullopt;
  if (!view.version().controller_unregistration()) {
    decision.response.error_code = ErrorCode::kUnsupportedVersion;
    decision.response.error_message =
        "The current MetadataVersion is too old to support controller unregistration.";
    return decision;
  }
  if (!view.image().controllers().contains(request.controller_id)) {
    decision.response.error_code = ErrorCode::kControllerIdNotRegistered;
    decision.response.error_message = "Controller ID " +
                                      std::to_string(request.controller_id.value()) +
                                      " is not currently registered.";
    return decision;
  }
  wire::UnregisterControllerRecord record;
  record.controller_id = request.controller_id;
  decision.records.push_back(view.record(std::move(record)));
  return decision;
}

Upkeep activation(const View& view, std::span<const metadata::Record> bootstrap) {
  Upkeep upkeep;
  const auto put = [&](wire::MetadataRecord record) {
    upkeep.records.push_back({.record = std::move(record), .version = 0});
  };
  const auto abort = [&] {
    wire::AbortTransactionRecord record;
    record.reason = "Controller failover";
    put(std::move(record));
  };
  const bool open = view.state.before_transaction != nullptr;
  // A level that stands only in an open transaction is undone with it.
  const auto& settled = open ? view.state.before_transaction->image : view.image();
  if (settled.metadata_version()) {
    if (open) {
      abort();
      upkeep.note = "aborts the metadata transaction that was open";
    }
    return upkeep;
  }
  const std::int16_t level =
      bootstrap_level({bootstrap.begin(), bootstrap.end()}, metadata::kMetadataVersionFeature);
  const auto version = metadata::MetadataVersion::from_level(level);
  const bool transactions = version && version->transactions();
  if (open) abort();
  if (transactions) {
    wire::BeginTransactionRecord begin;
    begin.name = "Bootstrap records";
    put(std::move(begin));
  }
  upkeep.records.insert(upkeep.records.end(), bootstrap.begin(), bootstrap.end());
  if (bootstrap_level({bootstrap.begin(), bootstrap.end()}, metadata::kElrFeature) > 0) {
    wire::ConfigRecord config;
    config.resource_type = static_cast<std::int8_t>(metadata::ResourceType::kBroker);
    config.name = "min.insync.replicas";
    config.value = std::string(view.settings.layers.get("min.insync.replicas").value_or("1"));
    put(std::move(config));
  }
  if (transactions) put(wire::EndTransactionRecord());
  upkeep.note = "the metadata log is empty: writes " + std::to_string(bootstrap.size()) +
                " bootstrap record(s) at metadata.version " + std::to_string(level);
  return upkeep;
}

}  // namespace moldau::controller
