// A simulated machine with a fake broker and another with a client: what the client's tests share.
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "client/cluster.h"
#include "client/testing/fake_broker.h"
#include "sim/runtime/node.h"
#include "sim/runtime/run_task.h"
#include "sim/runtime/simulation.h"

namespace moldau::client::testing {

class ClientWorld {
 public:
  static constexpr std::uint16_t kPort = 9092;

  explicit ClientWorld(std::uint64_t seed)
      : world({.seed = seed}),
        broker_node(world.add_node({.name = "broker"})),
        client_node(world.add_node({.name = "client"})),
        loop(client_node.loop(0)),
        broker(broker_node.loop(0), {.host = broker_node.address(), .port = kPort}) {
    EXPECT_TRUE(sim::run_task(world, broker_node.loop(0), broker.start()));
  }
  ~ClientWorld() { sim::run_task(world, broker_node.loop(0), broker.stop()); }

  [[nodiscard]] ClusterOptions options() const {
    ClusterOptions options;
    options.bootstrap.push_back({.host = broker_node.address(), .port = kPort});
    options.channel.request_timeout = std::chrono::seconds(2);
    return options;
  }
  template <class T>
  T run(rt::Task<T> task) {
    return sim::run_task(world, loop, std::move(task));
  }

  sim::Simulation world;
  sim::Node& broker_node;
  sim::Node& client_node;
  rt::Loop& loop;
  FakeBroker broker;
};

}  // namespace moldau::client::testing
