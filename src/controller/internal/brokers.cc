#include <algorithm>
#include <set>
#include <utility>

#include "controller/internal/decisions.h"

namespace moldau::controller {
namespace {

using base::BrokerId;
using metadata::BrokerRegistration;
using wire::ErrorCode;
using RegistrationRequest = wire::BrokerRegistrationRequest;

ErrorCode check_log_dirs(const View& view, const RegistrationRequest& request) {
  if (!view.version().directory_assignment()) return ErrorCode::kNone;
  const auto& dirs = request.log_dirs;
  if (dirs.empty()) return ErrorCode::kInvalidRegistration;
  if (std::ranges::any_of(dirs, [](const auto& dir) { return base::is_reserved(dir); })) {
    return ErrorCode::kInvalidRegistration;
  }
  const std::set<base::DirectoryId> unique(dirs.begin(), dirs.end());
  if (unique.size() != dirs.size()) return ErrorCode::kInvalidRegistration;
  for (const auto& [id, broker] : view.image().brokers()) {
    if (id == request.broker_id) continue;
    const bool shares =
        std::ranges::any_of(broker.log_dirs, [&](const auto& dir) { return unique.contains(dir); });
    if (shares) return ErrorCode::kInvalidRegistration;
  }
  return ErrorCode::kNone;
}

// Every finalized level must be one that the broker can follow.
ErrorCode check_features(const View& view, const RegistrationRequest& request) {
  std::map<std::string, std::int16_t> finalized;
  finalized[std::string(metadata::kMetadataVersionFeature)] = view.version().level();
  finalized[std::string(metadata::kKraftVersionFeature)] = view.settings.kraft_version;
  for (const auto& [name, level] : view.image().features()) finalized[name] = level;
  bool has_metadata_version = false;
  for (const auto& feature : request.features) {
    const auto at = finalized.find(feature.name);
    const std::int16_t level = at == finalized.end() ? std::int16_t{0} : at->second;
    const metadata::FeatureRange range{.min = feature.min_supported_version,
                                       .max = feature.max_supported_version};
    if (!range.contains(level)) return ErrorCode::kUnsupportedVersion;
    has_metadata_version =
        has_metadata_version || feature.name == metadata::kMetadataVersionFeature;
    if (at != finalized.end()) finalized.erase(at);
  }
  if (!has_metadata_version) return ErrorCode::kInvalidRegistration;
  const bool missing =
      std::ranges::any_of(finalized, [](const auto& feature) { return feature.second != 0; });
  return missing ? ErrorCode::kUnsupportedVersion : ErrorCode::kNone;
}

// Whether another process may be alive under this id.
bool is_taken(const View& view, const Context& context, const RegistrationRequest& request,
              const BrokerRegistration& existing) {
  if (existing.incarnation_id == request.incarnation_id) return false;
  if (!view.sessions.valid(request.broker_id, existing.epoch, context.now)) return false;
  const Sessions::Session& session = *view.sessions.find(request.broker_id);
  // Who was allowed to stop is not in the way of who comes after it.
  if (existing.fenced && session.stopping) return false;
  // This node's own former process is dead, for we are the new one: a restart need not wait until a
  // session that nobody was heard in is over.
  const bool own = request.broker_id == view.settings.node_id;
  return !own || session.heard;
}

ErrorCode check_registration(const View& view, const Context& context,
                             const RegistrationRequest& request) {
  if (request.cluster_id != view.settings.cluster_id) return ErrorCode::kInconsistentClusterId;
  const BrokerRegistration* existing = view.image().broker(request.broker_id);
  if (existing != nullptr && is_taken(view, context, request, *existing)) {
    return ErrorCode::kDuplicateBrokerRegistration;
  }
  if (request.is_migrating_zk_broker) return ErrorCode::kBrokerIdNotRegistered;
  if (const auto error = check_log_dirs(view, request); error != ErrorCode::kNone) return error;
  return check_features(view, request);
}

wire::RegisterBrokerRecord registration_record(const View& view,
                                               const RegistrationRequest& request) {
  wire::RegisterBrokerRecord record;
  record.broker_id = request.broker_id;
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
  record.rack = request.rack;
  if (view.version().directory_assignment()) record.log_dirs = request.log_dirs;
  return record;
}

// What a former incarnation leaves behind: after a clean stop it is as if it had been fenced; after
// an unclean one, with ELR, it may have lost records and leaves every ISR and ELR.
void clean_up_incarnation(const View& view, const RegistrationRequest& request,
                          const BrokerRegistration* existing,
                          std::vector<metadata::Record>& records) {
  const bool clean = existing != nullptr && existing->epoch == request.previous_broker_epoch;
  if (view.image().elr_enabled() && !clean) {
    const Departure gone{.unclean_shutdown = request.broker_id};
    move_leaders(view, gone, partitions_with_isr_member(view, request.broker_id), records);
    move_leaders(view, gone, partitions_with_elr_member(view, request.broker_id), records);
    return;
  }
  move_leaders(view, {.removed = request.broker_id},
               partitions_with_isr_member(view, request.broker_id), records);
}

enum class Liveness : std::uint8_t { kFenced, kUnfenced, kControlledShutdown, kShutdownNow };

Liveness now_of(const BrokerRegistration& broker) {
  if (broker.in_controlled_shutdown && !broker.fenced) return Liveness::kControlledShutdown;
  return broker.fenced ? Liveness::kFenced : Liveness::kUnfenced;
}

bool leads_something(const View& view, BrokerId broker) {
  return view.state.leaderships.contains(broker);
}

// Whether all brokers that serve have read the records that moved the leaderships away.
bool others_have_read(const View& view, BrokerId broker) {
  const base::Offset* wanted = view.state.shutdown_offsets.find(broker);
  if (wanted == nullptr) return true;
  for (const auto& [id, other] : view.image().brokers()) {
    if (!other.active()) continue;
    const Sessions::Session* session = view.sessions.find(id);
    const bool current = session != nullptr && session->epoch == other.epoch;
    if (!current || session->metadata_offset < *wanted) return false;
  }
  return true;
}

Liveness next_of(const View& view, Liveness now, const wire::BrokerHeartbeatRequest& request,
                 bool caught_up) {
  switch (now) {
    case Liveness::kFenced:
      if (request.want_shut_down) return Liveness::kShutdownNow;
      if (request.want_fence) return Liveness::kFenced;
      return caught_up ? Liveness::kUnfenced : Liveness::kFenced;
    case Liveness::kUnfenced:
      if (request.want_fence) {
        return request.want_shut_down ? Liveness::kShutdownNow : Liveness::kFenced;
      }
      if (!request.want_shut_down) return Liveness::kUnfenced;
      return leads_something(view, request.broker_id) ? Liveness::kControlledShutdown
                                                      : Liveness::kShutdownNow;
    case Liveness::kControlledShutdown:
      if (leads_something(view, request.broker_id)) return Liveness::kControlledShutdown;
      return others_have_read(view, request.broker_id) ? Liveness::kShutdownNow
                                                       : Liveness::kControlledShutdown;
    case Liveness::kShutdownNow:
      break;
  }
  return Liveness::kShutdownNow;
}

wire::BrokerRegistrationChangeRecord change_record(const BrokerRegistration& broker) {
  wire::BrokerRegistrationChangeRecord record;
  record.broker_id = broker.id;
  record.broker_epoch = broker.epoch;
  return record;
}

void unfence(const View& view, const BrokerRegistration& broker,
             std::vector<metadata::Record>& records) {
  auto change = change_record(broker);
  change.fenced = -1;
  records.push_back(view.record(std::move(change)));
  // Partitions that wait for a leader may have found one.
  std::vector<base::TopicIdPartition> leaderless;
  for (const auto& [id, present] : view.state.without_leader) leaderless.push_back(id);
  move_leaders(view, {.added = broker.id}, leaderless, records);
}

void begin_shutdown(const View& view, const BrokerRegistration& broker,
                    std::vector<metadata::Record>& records) {
  if (!broker.in_controlled_shutdown) {
    auto change = change_record(broker);
    change.in_controlled_shutdown = 1;
    records.push_back(view.record(std::move(change)));
  }
  move_leaders(view, {.removed = broker.id}, partitions_with_isr_member(view, broker.id), records);
}

void take_directories_offline(const View& view, const BrokerRegistration& broker,
                              const std::vector<base::DirectoryId>& offline,
                              std::vector<metadata::Record>& records) {
  std::vector<base::DirectoryId> lost;
  std::vector<base::DirectoryId> left;
  for (const auto& dir : broker.log_dirs) {
    (std::ranges::find(offline, dir) != offline.end() ? lost : left).push_back(dir);
  }
  if (lost.empty()) return;
  std::vector<base::TopicIdPartition> affected;
  for (const auto& id : partitions_with_isr_member(view, broker.id)) {
    const auto dir = view.image().partition(id)->directory_of(broker.id);
    if (std::ranges::find(lost, dir) != lost.end()) affected.push_back(id);
  }
  move_leaders(view, {.removed = broker.id}, affected, records);
  auto change = change_record(broker);
  change.log_dirs = left;
  records.push_back(view.record(std::move(change)));
}

void cordon_directories(const View& view, const BrokerRegistration& broker,
                        const std::optional<std::vector<base::DirectoryId>>& cordoned,
                        std::vector<metadata::Record>& records) {
  // A broker says nothing about cordons until it has caught up.
  if (!cordoned) return;
  const auto as_set = [](const std::vector<base::DirectoryId>& dirs) {
    return std::set<base::DirectoryId>(dirs.begin(), dirs.end());
  };
  if (broker.cordoned_log_dirs && as_set(*broker.cordoned_log_dirs) == as_set(*cordoned)) return;
  auto change = change_record(broker);
  change.cordoned_log_dirs = cordoned;
  records.push_back(view.record(std::move(change)));
}

}  // namespace

std::vector<metadata::Record> fence_broker(const View& view, const BrokerRegistration& broker) {
  std::vector<metadata::Record> records;
  move_leaders(view, {.removed = broker.id}, partitions_with_isr_member(view, broker.id), records);
  auto change = change_record(broker);
  change.fenced = 1;
  records.push_back(view.record(std::move(change)));
  return records;
}

Decision<wire::BrokerRegistrationResponse> register_broker(const View& view, const Context& context,
                                                           const RegistrationRequest& request) {
  Decision<wire::BrokerRegistrationResponse> decision;
  decision.response.error_code = check_registration(view, context, request);
  if (decision.response.error_code != ErrorCode::kNone) return decision;
  const BrokerRegistration* existing = view.image().broker(request.broker_id);
  wire::RegisterBrokerRecord record = registration_record(view, request);
  const bool same = existing != nullptr && existing->incarnation_id == request.incarnation_id;
  if (same) {
    record.fenced = existing->fenced;
    record.in_controlled_shutdown = existing->in_controlled_shutdown;
    record.broker_epoch = existing->epoch;
    if (view.version().cordoned_log_dirs()) record.cordoned_log_dirs = existing->cordoned_log_dirs;
  } else {
    clean_up_incarnation(view, request, existing, decision.records);
    record.broker_epoch = base::BrokerEpoch(context.next_offset.value());
  }
  decision.response.broker_epoch = record.broker_epoch;
  // Last, so that a broker whose batch was cut registers again and the rest is done then.
  decision.records.push_back(view.record(std::move(record)));
  return decision;
}

Decision<wire::BrokerHeartbeatResponse> heartbeat(const View& view,
                                                  const wire::BrokerHeartbeatRequest& request) {
  Decision<wire::BrokerHeartbeatResponse> decision;
  const ApiError stale = view.check_broker_epoch(request.broker_id, request.broker_epoch);
  const base::Offset* registered = view.state.registration_offsets.find(request.broker_id);
  if (stale.failed() || registered == nullptr) {
    decision.response.error_code = ErrorCode::kStaleBrokerEpoch;
    return decision;
  }
  const BrokerRegistration& broker = *view.image().broker(request.broker_id);
  const bool caught_up = request.current_metadata_offset >= *registered;
  const Liveness now = now_of(broker);
  const Liveness next = next_of(view, now, request, caught_up);
  const bool still_leads =
      next == Liveness::kControlledShutdown && leads_something(view, request.broker_id);
  if (next != now || still_leads) {
    switch (next) {
      case Liveness::kFenced:
      case Liveness::kShutdownNow:
        decision.records = fence_broker(view, broker);
        break;
      case Liveness::kUnfenced:
        unfence(view, broker, decision.records);
        break;
      case Liveness::kControlledShutdown:
        begin_shutdown(view, broker, decision.records);
        break;
    }
  }
  if (view.version().directory_assignment()) {
    take_directories_offline(view, broker, request.offline_log_dirs, decision.records);
  }
  if (view.version().cordoned_log_dirs()) {
    cordon_directories(view, broker, request.cordoned_log_dirs, decision.records);
  }
  decision.response.is_caught_up = caught_up;
  decision.response.is_fenced = next == Liveness::kFenced || next == Liveness::kShutdownNow;
  decision.response.should_shut_down = next == Liveness::kShutdownNow;
  return decision;
}

Decision<wire::UnregisterBrokerResponse> unregister_broker(
    const View& view, const wire::UnregisterBrokerRequest& request) {
  Decision<wire::UnregisterBrokerResponse> decision;
  decision.response.error_message = std::nullopt;
  const BrokerRegistration* broker = view.image().broker(request.broker_id);
  if (broker == nullptr) {
    decision.response.error_code = ErrorCode::kBrokerIdNotRegistered;
    decision.response.error_message =
        "Broker ID " + std::to_string(request.broker_id.value()) + " is not currently registered";
    return decision;
  }
  move_leaders(view, {.removed = broker->id}, partitions_with_isr_member(view, broker->id),
               decision.records);
  move_leaders(view, {.removed = broker->id}, partitions_with_elr_member(view, broker->id),
               decision.records);
  wire::UnregisterBrokerRecord record;
  record.broker_id = broker->id;
  record.broker_epoch = broker->epoch;
  decision.records.push_back(view.record(std::move(record)));
  return decision;
}

}  // namespace moldau::controller
