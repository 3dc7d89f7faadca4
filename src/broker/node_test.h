// A node on one simulated machine, for the tests of starting and of the controller listener. Only
// *_test.cc files include this.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "broker/broker.h"
#include "broker/format_node.h"
#include "broker/server_properties_test.h"
#include "client/channel.h"
#include "controller/bootstrap.h"
#include "raft/snapshot.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"

namespace moldau::broker {

using namespace std::chrono_literals;

class NodeTest : public ::testing::Test {
 protected:
  NodeTest() : node_(world_.add_node({.name = "server", .loops = 2})) {}

  rt::Loop& loop() { return node_.loop(0); }
  template <class T>
  T run(rt::Task<T> task) {
    return sim::run_task(world_, loop(), std::move(task));
  }
  config::BrokerConfig config() {
    auto loaded = config::load(properties_);
    EXPECT_TRUE(loaded.ok());
    return std::move(loaded.config);
  }
  void format() {
    const auto formatted = run(format_first_start(loop(), config()));
    ASSERT_TRUE(formatted.has_value()) << formatted.error();
  }
  // Starts and stops a node; yields what it said when it did not start.
  std::string start() {
    Broker broker(node_.loops(), config());
    const base::Instant before = world_.now();
    const auto started = run(broker.start());
    took_ = world_.now() - before;
    sim::run_task(world_, loop(), broker.stop());
    return started ? std::string() : started.error();
  }
  void expect_refused(const std::string& part) {
    const std::string why = start();
    EXPECT_NE(why.find(part), std::string::npos) << "said: " << why;
    EXPECT_LT(took_, base::Duration(5s));
  }
  // As `kafka-storage format` leaves it for other features than ours.
  void bootstrap_with(const std::string& feature, std::int16_t level) {
    auto records = controller::bootstrap_records({});
    std::erase_if(records, [&](const metadata::Record& record) {
      return std::get<wire::FeatureLevelRecord>(record.record).name == feature;
    });
    wire::FeatureLevelRecord record;
    record.name = feature;
    record.feature_level = level;
    records.push_back({.record = record, .version = 0});
    std::vector<base::SharedBytes> values;
    for (const auto& each : records) values.push_back(*metadata::encode_record(each));
    ASSERT_TRUE(
        run(rt::write_file_atomically(node_.disk(), "/data/bootstrap.checkpoint",
                                      raft::bootstrap_checkpoint(values, base::Timestamp(1))))
            .has_value());
  }

  std::string log_;  // warnings and errors
  sim::Simulation world_{{.seed = 1,
                          .log_level = base::LogLevel::kWarn,
                          .on_log = [this](std::string_view line) { log_ += line; }}};
  sim::Node& node_;
  config::Properties properties_ = server_properties();
  base::Duration took_{0};
};

// The same, started, with a channel to its controller listener.
class ServingNodeTest : public NodeTest {
 protected:
  void SetUp() override {
    format();
    broker_ = std::make_unique<Broker>(node_.loops(), config());
    const auto started = run(broker_->start());
    ASSERT_TRUE(started.has_value()) << started.error();
    channel_ = connect(9093);
    ASSERT_NE(channel_, nullptr);
  }
  void TearDown() override {
    if (channel_ != nullptr) sim::run_task(world_, loop(), channel_->close_and_join());
    channel_.reset();
    sim::run_task(world_, loop(), broker_->stop());
  }

  std::unique_ptr<client::Channel> connect(std::uint16_t port) {
    auto channel = run(client::Channel::connect(
        loop(), {.host = "server", .port = port},
        {.client_id = "test", .connect_timeout = 10s, .request_timeout = 30s}));
    EXPECT_TRUE(channel.has_value()) << channel.error().message;
    return channel ? std::move(*channel) : nullptr;
  }
  template <class Response, class Request>
  Response call(Request request) {
    auto answer = run(channel_->call<Response>(std::move(request)));
    EXPECT_TRUE(answer.has_value()) << answer.error().message;
    return answer ? std::move(*answer) : Response{};
  }

  std::unique_ptr<Broker> broker_;
  std::unique_ptr<client::Channel> channel_;
};

}  // namespace moldau::broker
