// A node on one simulated machine, for the tests of starting and of the controller listener. Only
// *_test.cc files include this.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "broker/broker.h"
#include "broker/format_node.h"
#include "controller/bootstrap.h"
#include "raft/snapshot.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"

namespace moldau::broker {

using namespace std::chrono_literals;

class NodeTest : public ::testing::Test {
 protected:
  NodeTest() : node_(world_.add_node({.name = "server", .loops = 2})) {
    properties_ = config::default_properties("/data");
    properties_.set("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093");
    properties_.set("advertised.listeners", "PLAINTEXT://server:9092,CONTROLLER://server:9093");
    properties_.set("controller.quorum.bootstrap.servers", "server:9093");
    properties_.set("moldau.http.listener", "");
  }

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

  sim::Simulation world_{{.seed = 1, .log_level = base::LogLevel::kError}};
  sim::Node& node_;
  config::Properties properties_;
  base::Duration took_{0};
};

}  // namespace moldau::broker
