#include "broker/broker.h"

#include <algorithm>
#include <limits>

#include "base/result.h"
#include "broker/quorum/open_quorum.h"
#include "broker/random_uuid.h"
#include "controller/bootstrap.h"
#include "metadata/metadata_version.h"
#include "rt/call.h"
#include "rt/sleep.h"
#include "wire/controller_registration_request.h"
#include "wire/controller_registration_response.h"

namespace moldau::broker {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kShutdownPatience = 30s;
constexpr base::Duration kQuorumPatience = 2s;
constexpr base::Duration kFailureLook = 200ms;
constexpr base::Duration kControllerRetry = 50ms;
constexpr base::Duration kRefusalLogPause = 10s;

std::unexpected<std::string> sentence(const storage::Error& error) {
  return std::unexpected(error.message);
}

const ListenerInfo* find_listener(const std::vector<std::unique_ptr<Server>>& servers,
                                  std::string_view name) {
  for (const auto& server : servers) {
    if (server->listener().name == name) return &server->listener();
  }
  return nullptr;
}

template <class Listener>
std::vector<Listener> wire_listeners(const std::vector<std::unique_ptr<Server>>& servers,
                                     ListenerKind kind,
                                     const std::vector<config::Listener>& configured) {
  std::vector<Listener> listeners;
  for (const config::Listener& listener : configured) {
    const ListenerInfo* info = find_listener(servers, listener.name);
    if (info == nullptr || info->kind != kind) continue;
    Listener& entry = listeners.emplace_back();
    entry.name = listener.name;
    entry.host = info->advertised.host;
    entry.port = info->advertised.port;
    entry.security_protocol = static_cast<std::int16_t>(listener.protocol);
  }
  return listeners;
}

template <class Feature>
std::vector<Feature> wire_features() {
  std::vector<Feature> features;
  for (const metadata::SupportedFeature& supported : metadata::supported_features()) {
    Feature& feature = features.emplace_back();
    feature.name = supported.name;
    feature.min_supported_version = supported.range.min;
    feature.max_supported_version = supported.range.max;
  }
  return features;
}

rt::Task<rt::IoResult<void>> listen_here(Server& server) { co_return co_await server.listen(); }

rt::Task<> serve_here(Server& server) {
  server.serve();
  co_return;
}

}  // namespace

Broker::Broker(rt::Loops loops, config::BrokerConfig config, Guards guards)
    : loops_(loops),
      config_(std::move(config)),
      guards_(guards),
      connection_limits_(config_.network.connections),
      scope_(*loops.front()) {
  if (guards_.authorizer == nullptr) guards_.authorizer = &allow_all_;
  if (guards_.quotas == nullptr) guards_.quotas = &no_quotas_;
  for (rt::Loop* loop : loops_) shards_.push_back(std::make_unique<Shard>(*this, *loop));
  std::vector<Shard*> shards;
  for (const auto& shard : shards_) shards.push_back(shard.get());
  publisher_ = std::make_unique<MetadataPublisher>(
      loop0(), std::move(shards),
      MetadataPublisher::Options{.node_id = config_.node_id,
                                 .layers = &config_.layers,
                                 .broker_configs =
                                     [this](const config::Layers& layers) {
                                       connection_limits_ = config::resolve_connections(layers);
                                     },
                                 .applied =
                                     [this](base::Offset offset) {
                                       if (lifecycle_ != nullptr) lifecycle_->applied(offset);
                                     }});
}

Broker::~Broker() = default;

rt::Task<StartResult<void>> Broker::start() {
  struct Watch {
    static rt::Task<> over(Broker& broker, rt::StopToken token, std::string& why) {
      why = co_await broker.failure(token);
      if (!why.empty()) broker.abort_start();
    }
  };
  std::string why;
  rt::Scope watching(loop0());
  watching.spawn(Watch::over(*this, watching.token(), why));
  auto started = co_await bring_up();
  co_await watching.stop_and_join();
  if (!why.empty()) co_return std::unexpected(std::move(why));
  co_return started;
}

rt::Task<StartResult<void>> Broker::bring_up() {
  incarnation_ = random_uuid(loop0());
  stage_ = "opening its data directories";
  CO_TRY(co_await open_storage());
  CO_TRY(co_await bind(config_.network.controller_listeners,
                       config_.network.advertised_controller_listeners, ListenerKind::kController));
  CO_TRY(co_await bind(config_.network.broker_listeners,
                       config_.network.advertised_broker_listeners, ListenerKind::kBroker));
  stage_ = "recovering the metadata log, and the journal of what was not in the segments";
  CO_TRY(co_await open_quorum());
  CO_TRY(co_await serve(ListenerKind::kController));
  stage_ = "waiting for the metadata quorum";
  if (config_.is_controller) CO_TRY(co_await register_controller());
  if (config_.is_broker) CO_TRY(co_await start_broker());
  serving_.store(true, std::memory_order_release);
  LOG_INFO(loop0().log(), "server", "[KafkaRaftServer nodeId={}] Kafka Server started",
           config_.node_id);
  co_return {};
}

rt::Task<StartResult<void>> Broker::open_storage() {
  storage::StorageOptions options;
  options.log_dirs = config_.log.dirs;
  options.metadata_log_dir = config_.metadata_log.dir;
  options.node_id = config_.node_id;
  options.sync =
      config_.log.sync == config::LogSync::kOs ? storage::LogSync::kOs : storage::LogSync::kAck;
  options.store.tail_cache_bytes_max = static_cast<std::size_t>(config_.log.tail_cache_bytes);
  if (config_.log.page_cache_bytes >= 0) {
    options.store.page_cache_bytes_max =
        static_cast<std::size_t>(config_.log.page_cache_bytes) / loops_.size();
  }
  options.journal_bytes_max = static_cast<std::size_t>(config_.log.journal_bytes);
  options.recovery_point_interval = config_.log.recovery_checkpoint_interval;
  options.log_start_interval = config_.log.start_offset_checkpoint_interval;
  options.high_watermark_interval = config_.log.high_watermark_checkpoint_interval;
  options.retention_interval = config_.log.retention_check_interval;
  auto opened = co_await storage::Storage::open(loops_, std::move(options));
  if (!opened) co_return sentence(opened.error());
  storage_ = std::move(*opened);
  cluster_id_ = storage_->cluster_id();
  co_return {};
}

rt::Task<StartResult<void>> Broker::bind(const std::vector<config::Listener>& listeners,
                                         const std::vector<config::Listener>& advertised,
                                         ListenerKind kind) {
  for (const config::Listener& listener : listeners) {
    const auto told = std::ranges::find(advertised, listener.name, &config::Listener::name);
    ListenerInfo info{.name = listener.name,
                      .kind = kind,
                      .bind = {.host = listener.host, .port = listener.port},
                      .advertised = {}};
    for (const auto& shard : shards_) {
      auto server = std::make_unique<Server>(*shard, info);
      const auto listening = co_await rt::call(loop0(), shard->loop(), listen_here(*server));
      if (!listening) {
        co_return std::unexpected("cannot listen on " + info.bind.to_string() + " for listener " +
                                  listener.name + ": " + listening.error().to_string() +
                                  "; choose another port in listeners, or stop what uses it");
      }
      info.bind.port = server->bound().port;
      rt::Endpoint reach = info.bind;
      if (told != advertised.end()) reach = {.host = told->host, .port = told->port};
      if (reach.host.empty()) reach.host = loop0().net().host_name();
      if (reach.port == 0) reach.port = info.bind.port;
      server->set_advertised(std::move(reach));
      servers_.push_back(std::move(server));
    }
  }
  co_return {};
}

rt::Task<StartResult<void>> Broker::serve(ListenerKind kind) {
  for (const auto& server : servers_) {
    if (server->listener().kind != kind) continue;
    co_await rt::call(loop0(), server->loop(), serve_here(*server));
  }
  co_return {};
}

rt::Task<StartResult<void>> Broker::open_quorum() {
  QuorumParts parts;
  for (const auto& server : servers_) {
    const ListenerInfo& info = server->listener();
    if (info.kind == ListenerKind::kController)
      parts.listeners.insert({info.name, info.advertised});
  }
  parts.cluster_id = cluster_id_;
  raft_ = CO_TRY(co_await broker::open_quorum(loop0(), *storage_, config_, std::move(parts)));
  CO_TRY(check_quorum(config_, *storage_, *raft_));
  storage::JournalEvidence evidence = CO_TRY(co_await raft_->journal_evidence(config_.node_id));
  evidence.incarnation = incarnation_;
  const auto recovered = co_await storage_->recover(evidence);
  if (!recovered) co_return sentence(recovered.error());
  storage_usable_ = true;
  for (const storage::JournalOutcome& outcome : *recovered) log_journal_outcome(loop0(), outcome);

  auto bootstrap = CO_TRY(co_await read_bootstrap(loop0(), *storage_));
  auto settings = controller::settings_of(config_, cluster_id_);
  settings.kraft_version = raft_->kraft_version().value();
  kraft_level_.store(settings.kraft_version, std::memory_order_release);
  for (const auto& [id, voter] : raft_->voters().by_id()) settings.voters.push_back(id);
  controller_ = std::make_unique<ControllerDriver>(loop0(), *raft_, std::move(settings),
                                                   std::move(bootstrap));
  client::ChannelOptions channel;
  channel.client_id = "moldau-" + std::to_string(config_.node_id.value());
  channel.request_timeout = config_.network.request_timeout;
  channel.connect_timeout = config_.network.connection_setup_timeout;
  controller_channel_ = std::make_unique<ControllerChannel>(
      loop0(),
      [this]() -> std::optional<rt::Endpoint> {
        const auto address =
            raft_->leader_address(config_.network.controller_listener_names.front());
        if (!address) return std::nullopt;
        return rt::Endpoint{.host = address->host, .port = address->port};
      },
      std::move(channel));
  raft_->add_listener(*controller_);
  raft_->add_listener(*publisher_);
  raft_->set_snapshot_source(*publisher_);
  publisher_->start();
  controller_->start();
  raft_->start();
  co_return {};
}

rt::Task<StartResult<void>> Broker::register_controller() {
  wire::ControllerRegistrationRequest request;
  request.controller_id = config_.node_id;
  request.incarnation_id = incarnation_;
  request.listeners = wire_listeners<wire::ControllerRegistrationRequest::Listener>(
      servers_, ListenerKind::kController, config_.network.controller_listeners);
  request.features = wire_features<wire::ControllerRegistrationRequest::Feature>();
  const base::Instant deadline = loop0().now() + config_.controller.initial_registration_timeout;
  std::string last;
  while (loop0().now() < deadline && !scope_.stop_requested()) {
    const std::uint64_t changes = controller_->leader_changes();
    const auto answer =
        co_await controller_channel_->call<wire::ControllerRegistrationResponse>(request);
    if (answer && answer->error_code == wire::ErrorCode::kNone) co_return {};
    // Below metadata.version 15 there are no such registrations.
    if (answer && answer->error_code == wire::ErrorCode::kUnsupportedVersion) co_return {};
    last = answer ? std::string(name(answer->error_code)) : answer.error().message;
    // At a start the quorum is most often about to have a leader.
    co_await controller_->leader_changed(changes, kControllerRetry, scope_.token());
  }
  co_return std::unexpected("this controller could not register with the quorum's leader: " + last);
}

wire::BrokerRegistrationRequest Broker::registration() const {
  wire::BrokerRegistrationRequest request;
  request.broker_id = config_.node_id;
  request.cluster_id = cluster_id_;
  request.incarnation_id = incarnation_;
  request.listeners = wire_listeners<wire::BrokerRegistrationRequest::Listener>(
      servers_, ListenerKind::kBroker, config_.network.broker_listeners);
  request.features = wire_features<wire::BrokerRegistrationRequest::Feature>();
  request.rack = config_.rack;
  for (const auto& directory : storage_->directories()) {
    const bool is_data =
        std::ranges::find(config_.log.dirs, directory->path()) != config_.log.dirs.end();
    if (is_data) request.log_dirs.push_back(directory->id());
  }
  std::ranges::sort(request.log_dirs);
  request.previous_broker_epoch = previous_broker_epoch();
  return request;
}

// Known only when every directory was left cleanly by the same incarnation.
base::BrokerEpoch Broker::previous_broker_epoch() const {
  base::BrokerEpoch epoch = base::kNoBrokerEpoch;
  bool first = true;
  for (const auto& directory : storage_->directories()) {
    if (!directory->clean_shutdown()) return base::kNoBrokerEpoch;
    const base::BrokerEpoch found = directory->clean_shutdown()->broker_epoch;
    if (!first && found != epoch) return base::kNoBrokerEpoch;
    epoch = found;
    first = false;
  }
  return epoch;
}

rt::Task<StartResult<void>> Broker::start_broker() {
  lifecycle_ = std::make_unique<Lifecycle>(
      loop0(), *controller_channel_,
      LifecycleOptions{.id = config_.node_id,
                       .registration = registration(),
                       .heartbeat_interval = config_.controller.broker_heartbeat_interval,
                       .start_patience = config_.controller.initial_registration_timeout});
  producer_ids_ = std::make_unique<ProducerIds>(loop0(), *controller_channel_, config_.node_id,
                                                [this] { return lifecycle_->broker_epoch(); });
  lifecycle_->applied(publisher_->image_offset());
  lifecycle_->start();
  CO_TRY(co_await lifecycle_->reach(LifecycleState::kRecovery, scope_.token()));
  stage_ = "opening its partitions, and waiting for the controller to let clients in";
  storage_->start();
  co_await shards_.front()->set_strays_aside();
  publisher_->go_live();
  co_await publisher_->wait_applied();
  lifecycle_->set_ready();
  CO_TRY(co_await lifecycle_->reach(LifecycleState::kRunning, scope_.token()));
  CO_TRY(co_await serve(ListenerKind::kBroker));
  serving_.store(true, std::memory_order_release);
  co_return {};
}

namespace {

rt::Task<> stop_shard(Shard& shard) { co_await shard.stop(); }
rt::Task<> stop_server(Server& server) { co_await server.stop(); }

}  // namespace

rt::Task<> Broker::stop_servers(ListenerKind kind) {
  for (const auto& server : servers_) {
    if (server->listener().kind != kind) continue;
    co_await rt::call(loop0(), server->loop(), stop_server(*server));
  }
}

rt::Task<> Broker::stop() {
  scope_.stop();
  serving_.store(false, std::memory_order_release);
  if (lifecycle_ != nullptr && config_.replication.controlled_shutdown) {
    co_await lifecycle_->controlled_shutdown(kShutdownPatience);
  }
  co_await publisher_->stop();
  for (const auto& shard : shards_) {
    co_await rt::call(loop0(), shard->loop(), stop_shard(*shard));
  }
  co_await stop_servers(ListenerKind::kBroker);
  if (lifecycle_ != nullptr) co_await lifecycle_->stop();
  if (controller_channel_ != nullptr) co_await controller_channel_->close();
  co_await stop_servers(ListenerKind::kController);
  if (raft_ != nullptr) co_await raft_->shut_down(kQuorumPatience);
  if (controller_ != nullptr) co_await controller_->stop();
  if (storage_ != nullptr && storage_usable_) {
    const auto closed = co_await storage_->close(
        lifecycle_ == nullptr ? base::kNoBrokerEpoch : lifecycle_->broker_epoch());
    if (!closed) {
      LOG_ERROR(loop0().log(), "server",
                "the data directories are not left clean: {}; the next start recovers them",
                closed.error().message);
    }
  }
  co_await scope_.join();
}

rt::Task<std::string> Broker::failure(rt::StopToken token) {
  while (co_await rt::sleep_for(loop0(), kFailureLook, token)) {
    if (raft_ != nullptr && raft_->failed()) co_return *raft_->failed();
    if (controller_ != nullptr && controller_->failed()) co_return *controller_->failed();
    if (publisher_->failed()) co_return *publisher_->failed();
  }
  co_return "";
}

const ListenerInfo* Broker::listener(std::string_view name) const {
  return find_listener(servers_, name);
}

std::optional<base::Duration> Broker::admit(const std::string& host) {
  const config::ConnectionLimits& limits = connection_limits_;
  const auto found = limits.per_address_overrides.find(host);
  const std::int32_t max =
      found == limits.per_address_overrides.end() ? limits.per_address_max : found->second;
  std::int32_t& from_host = connections_by_host_[host];
  if (connections_ >= limits.count_max || from_host >= max) {
    log_refusal(host, from_host);
    if (from_host == 0) connections_by_host_.erase(host);
    return std::nullopt;
  }
  ++from_host;
  ++connections_;
  if (limits.a_second_max == std::numeric_limits<std::int32_t>::max()) return base::Duration(0);
  // As many as the rate says at once, then one each interval.
  const base::Instant now = loop0().now();
  const base::Duration interval = base::Duration(1s) / std::max(limits.a_second_max, 1);
  next_admission_ = std::max(next_admission_, now - base::Duration(1s)) + interval;
  return std::max(next_admission_ - now, base::Duration(0));
}

// Who is refused tries again at once: one line each few seconds says enough.
void Broker::log_refusal(const std::string& host, std::int32_t from_host) {
  ++refusals_;
  const base::Instant now = loop0().now();
  if (refusal_logged_ != base::Instant{} && now - refusal_logged_ < kRefusalLogPause) return;
  LOG_WARN(loop0().log(), "network",
           "closing a new connection from {} ({} refused since the last such line): {} connections "
           "in all, {} from there; raise max.connections or max.connections.per.ip if that is "
           "wanted",
           host, refusals_, connections_, from_host);
  refusal_logged_ = now;
  refusals_ = 0;
}

void Broker::leave(const std::string& host) {
  --connections_;
  const auto found = connections_by_host_.find(host);
  if (found != connections_by_host_.end() && --found->second == 0) {
    connections_by_host_.erase(found);
  }
}

}  // namespace moldau::broker
