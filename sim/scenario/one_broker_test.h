// What tests of one whole broker share: a world with a broker and a machine of clients, settings
// beyond the defaults, and ways to speak to it, with our client or with frames. For tests only;
// called from outside the loops.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "broker/server_properties_test.h"
#include "client/channel.h"
#include "client/cluster.h"
#include "config/broker_config.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"
#include "sim/scenario/broker_process.h"
#include "wire/incremental_alter_configs_request.h"
#include "wire/incremental_alter_configs_response.h"

namespace moldau::sim {

using Settings = std::map<std::string, std::string>;

class OneBroker {
 public:
  explicit OneBroker(std::uint64_t seed, const Settings& settings = {}, broker::Guards guards = {})
      : world_({.seed = seed, .on_log = [this](std::string_view line) { log_ += line; }}),
        server_(world_.add_node({.name = "server", .loops = 2})),
        clients_(world_.add_node({.name = "clients", .loops = 1})),
        process_(world_, server_, config(settings), guards) {
    process_.start();
    wait_until_serving();
  }

  [[nodiscard]] Simulation& world() { return world_; }
  [[nodiscard]] rt::Loop& loop() { return clients_.loop(0); }
  [[nodiscard]] BrokerProcess& process() { return process_; }
  [[nodiscard]] const std::string& log() const { return log_; }
  [[nodiscard]] static rt::Endpoint broker() { return {.host = "server", .port = 9092}; }
  [[nodiscard]] static rt::Endpoint controller() { return {.host = "server", .port = 9093}; }

  void stop_and_start() {
    process_.stop();
    process_.restart();
    wait_until_serving();
  }

  template <class T>
  T run(rt::Task<T> task) {
    return run_task(world_, loop(), std::move(task));
  }

  [[nodiscard]] static client::ClusterOptions cluster_options() {
    client::ClusterOptions options;
    options.bootstrap = {broker()};
    return options;
  }

  // One request on a connection of its own, in the newest version unless one is given.
  template <class Response, class Request>
  Response ask(Request request, rt::Endpoint where = broker(), std::int16_t version = -1) {
    return run(ask_once<Response, Request>(loop(), std::move(where), std::move(request), version));
  }

  // Sets (or, without a value, removes) a config of a resource; the answer for it.
  auto alter(std::int8_t type, std::string name, std::string key,
             std::optional<std::string> value) {
    wire::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = type;
    resource.resource_name = std::move(name);
    auto& config = resource.configs.emplace_back();
    config.name = std::move(key);
    config.config_operation = value ? 0 : 1;
    config.value = std::move(value);
    return ask<wire::IncrementalAlterConfigsResponse>(std::move(request)).responses.at(0);
  }

 private:
  static config::BrokerConfig config(const Settings& settings) {
    config::Properties properties = broker::server_properties();
    properties.set("moldau.journal.bytes", "1048576");
    for (const auto& [key, value] : settings) properties.set(key, value);
    auto loaded = config::load(properties);
    for (const auto& problem : loaded.problems) {
      EXPECT_NE(problem.kind, config::Problem::Kind::kError) << problem.message;
    }
    return std::move(loaded.config);
  }

  void wait_until_serving() {
    const bool in_time =
        world_.run_until([this] { return process_.serving() || process_.failure().has_value(); },
                         std::chrono::minutes(2));
    ASSERT_TRUE(in_time && !process_.failure()) << process_.failure().value_or("too slow");
  }

  template <class Response, class Request>
  static rt::Task<Response> ask_once(rt::Loop& loop, rt::Endpoint where, Request request,
                                     std::int16_t version) {
    auto channel = co_await client::Channel::connect(loop, std::move(where), {});
    EXPECT_TRUE(channel.has_value());
    if (version < 0) version = Request::kStableVersion;
    auto answer = co_await (*channel)->template call_at<Response>(std::move(request), version);
    EXPECT_TRUE(answer.has_value()) << (answer ? "" : answer.error().message);
    co_await (*channel)->close_and_join();
    co_return answer ? std::move(*answer) : Response{};
  }

  std::string log_;
  Simulation world_;
  Node& server_;
  Node& clients_;
  BrokerProcess process_;
};

}  // namespace moldau::sim
