#include "controller/controller.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "controller/internal/decisions.h"
#include "controller/internal/state.h"
#include "controller/internal/view.h"

namespace moldau::controller {
namespace {

constexpr base::Duration as_duration(base::Milliseconds64 time) {
  return std::chrono::duration_cast<base::Duration>(time);
}

}  // namespace

Settings settings_of(const config::BrokerConfig& config, std::string cluster_id) {
  Settings settings{
      .node_id = config.node_id,
      .cluster_id = std::move(cluster_id),
      .layers = config.layers,
      .topics = config.topics,
      .controller = config.controller,
      .idle_interval_max = config.metadata_log.idle_interval_max,
      .voters = {},
      .kraft_version = config.quorum.voters.empty() ? std::int16_t{1} : std::int16_t{0}};
  for (const auto& voter : config.quorum.voters) settings.voters.push_back(voter.id);
  return settings;
}

Controller::Controller(Settings settings)
    : settings_(std::move(settings)),
      state_(std::make_shared<const State>()),
      sessions_(as_duration(settings_.controller.broker_session_timeout)) {}

Controller::~Controller() = default;

View Controller::view() const { return {*state_, settings_, sessions_}; }

const metadata::Image& Controller::image() const { return state_->image; }

base::Offset Controller::last_offset() const { return state_->last_offset; }

// --- state ---

std::expected<void, ReplayError> Controller::load(const metadata::Image& image,
                                                  base::Offset last_offset) {
  ASSERT(!active_);
  if (!image.metadata_version()) {
    return std::unexpected(ReplayError{.message = "the snapshot has no metadata.version"});
  }
  state_ = std::make_shared<const State>(state_of(image, last_offset));
  in_flight_.clear();
  committed_end_ = last_offset + 1;
  return {};
}

std::expected<void, ReplayError> Controller::replay(std::span<const metadata::Record> records,
                                                    base::Offset base_offset) {
  if (records.empty()) return {};
  auto next = apply(*state_, records, base_offset);
  if (!next) return std::unexpected(next.error());
  const base::Offset end = next->last_offset + 1;
  if (active_) in_flight_.push_back({.end = end, .before = state_});
  state_ = std::make_shared<const State>(std::move(*next));
  return {};
}

void Controller::committed(base::Offset end) {
  committed_end_ = std::max(committed_end_, end);
  while (!in_flight_.empty() && in_flight_.front().end <= committed_end_) in_flight_.pop_front();
}

// --- leadership ---

std::optional<std::string> Controller::not_served(
    std::span<const metadata::Record> bootstrap) const {
  // What stands only in an open transaction will be undone.
  const bool open = state_->before_transaction != nullptr;
  const metadata::Image& settled = open ? state_->before_transaction->image : state_->image;
  if (const auto version = settled.metadata_version()) {
    if (auto why = metadata::why_not_served(metadata::kMetadataVersionFeature, version->level())) {
      return why;
    }
    for (const auto& [name, level] : settled.features()) {
      if (auto why = metadata::why_not_served(name, level)) return why;
    }
    return std::nullopt;
  }
  for (const metadata::Record& record : bootstrap) {
    const auto* level = std::get_if<wire::FeatureLevelRecord>(&record.record);
    if (level == nullptr) continue;
    if (auto why = metadata::why_not_served(level->name, level->feature_level)) return why;
  }
  return std::nullopt;
}

Upkeep Controller::activate(const Context& context, std::span<const metadata::Record> bootstrap) {
  ASSERT(!active_);
  active_ = true;
  for (const auto& [id, broker] : state_->image.brokers()) {
    if (!broker.fenced) sessions_.assume(id, broker.epoch, context.now);
  }
  const auto& timing = settings_.controller;
  next_rebalance_ = timing.auto_leader_rebalance
                        ? context.now + as_duration(timing.leader_imbalance_check_interval)
                        : base::kNever;
  next_unclean_ = context.now + as_duration(timing.unclean_election_interval);
  next_no_op_ = settings_.idle_interval_max.count() > 0
                    ? context.now + as_duration(settings_.idle_interval_max)
                    : base::kNever;
  return activation(view(), bootstrap);
}

void Controller::deactivate() {
  if (!in_flight_.empty()) state_ = in_flight_.front().before;
  in_flight_.clear();
  sessions_.clear();
  active_ = false;
}

void Controller::set_voters(std::vector<base::BrokerId> voters, std::int16_t kraft_version) {
  settings_.voters = std::move(voters);
  settings_.kraft_version = kraft_version;
}

// --- decisions ---

Decision<wire::BrokerRegistrationResponse> Controller::decide(
    const Context& context, const wire::BrokerRegistrationRequest& request) const {
  ASSERT(active_);
  return register_broker(view(), context, request);
}
Decision<wire::BrokerHeartbeatResponse> Controller::decide(
    const Context&, const wire::BrokerHeartbeatRequest& request) const {
  ASSERT(active_);
  return heartbeat(view(), request);
}
Decision<wire::ControllerRegistrationResponse> Controller::decide(
    const Context&, const wire::ControllerRegistrationRequest& request) const {
  ASSERT(active_);
  return register_controller(view(), request);
}
Decision<wire::UnregisterBrokerResponse> Controller::decide(
    const Context&, const wire::UnregisterBrokerRequest& request) const {
  ASSERT(active_);
  return unregister_broker(view(), request);
}
Decision<wire::UnregisterControllerResponse> Controller::decide(
    const Context&, const wire::UnregisterControllerRequest& request) const {
  ASSERT(active_);
  return unregister_controller(view(), request);
}
Decision<wire::CreateTopicsResponse> Controller::decide(
    const Context& context, const wire::CreateTopicsRequest& request) const {
  ASSERT(active_);
  return create_topics(view(), context, request);
}
Decision<wire::DeleteTopicsResponse> Controller::decide(
    const Context&, const wire::DeleteTopicsRequest& request) const {
  ASSERT(active_);
  return delete_topics(view(), request);
}
Decision<wire::CreatePartitionsResponse> Controller::decide(
    const Context& context, const wire::CreatePartitionsRequest& request) const {
  ASSERT(active_);
  return create_partitions(view(), context, request);
}
Decision<wire::IncrementalAlterConfigsResponse> Controller::decide(
    const Context&, const wire::IncrementalAlterConfigsRequest& request) const {
  ASSERT(active_);
  return incremental_alter_configs(view(), request);
}
Decision<wire::AlterConfigsResponse> Controller::decide(
    const Context&, const wire::AlterConfigsRequest& request) const {
  ASSERT(active_);
  return alter_configs(view(), request);
}
Decision<wire::AlterPartitionResponse> Controller::decide(
    const Context&, const wire::AlterPartitionRequest& request) const {
  ASSERT(active_);
  return alter_partition(view(), request);
}
Decision<wire::ElectLeadersResponse> Controller::decide(
    const Context&, const wire::ElectLeadersRequest& request) const {
  ASSERT(active_);
  return elect_leaders(view(), request);
}
Decision<wire::AllocateProducerIdsResponse> Controller::decide(
    const Context&, const wire::AllocateProducerIdsRequest& request) const {
  ASSERT(active_);
  return allocate_producer_ids(view(), request);
}
Decision<wire::UpdateFeaturesResponse> Controller::decide(
    const Context&, const wire::UpdateFeaturesRequest& request) const {
  ASSERT(active_);
  return update_features(view(), request);
}

// --- soft state ---

void Controller::heard(const wire::BrokerHeartbeatRequest& request, base::Instant now) {
  const auto* broker = state_->image.broker(request.broker_id);
  if (!active_ || broker == nullptr || broker->epoch != request.broker_epoch) return;
  sessions_.touch(request.broker_id, {.epoch = request.broker_epoch,
                                      .last_contact = now,
                                      .metadata_offset = request.current_metadata_offset,
                                      .heard = true,
                                      .stopping = request.want_shut_down});
}

Upkeep Controller::tick(const Context& context) {
  ASSERT(active_);
  Upkeep upkeep;
  for (const auto& [id, broker] : state_->image.brokers()) {
    if (broker.fenced || sessions_.valid(id, broker.epoch, context.now)) continue;
    // One at a time, so that the next decision sees what this one did.
    upkeep.records = fence_broker(view(), broker);
    upkeep.note = "fences broker " + std::to_string(id.value()) + " at epoch " +
                  std::to_string(broker.epoch.value()) + ": nothing was heard from it for " +
                  std::to_string(settings_.controller.broker_session_timeout.count()) + " ms";
    sessions_.forget(id);
    return upkeep;
  }
  const auto& timing = settings_.controller;
  if (context.now >= next_rebalance_) {
    upkeep.records = rebalance_leaders(view(), kElectionsInTickMax);
    if (upkeep.records.size() < kElectionsInTickMax) {
      next_rebalance_ = context.now + as_duration(timing.leader_imbalance_check_interval);
    }
    if (!upkeep.records.empty()) {
      upkeep.note = "moves " + std::to_string(upkeep.records.size()) +
                    " leadership(s) back to preferred replicas";
      return upkeep;
    }
  }
  if (context.now >= next_unclean_) {
    upkeep.records = elect_unclean_leaders(view(), kElectionsInTickMax);
    if (upkeep.records.size() < kElectionsInTickMax) {
      next_unclean_ = context.now + as_duration(timing.unclean_election_interval);
    }
    if (!upkeep.records.empty()) {
      upkeep.note = "elects " + std::to_string(upkeep.records.size()) +
                    " leader(s) that are not in sync, since nobody else is there";
      return upkeep;
    }
  }
  if (context.now >= next_no_op_) {
    next_no_op_ = context.now + as_duration(settings_.idle_interval_max);
    upkeep.records.push_back({.record = wire::NoOpRecord(), .version = 0});
  }
  return upkeep;
}

base::Instant Controller::wake_at() const {
  if (!active_) return base::kNever;
  base::Instant at = std::min({next_rebalance_, next_unclean_, next_no_op_});
  for (const auto& [id, broker] : state_->image.brokers()) {
    if (!broker.fenced) at = std::min(at, sessions_.expires_at(id));
  }
  return at;
}

}  // namespace moldau::controller
