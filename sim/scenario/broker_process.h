// BrokerProcess is the broker on one simulated machine as an operator sees it: it is started,
// serves, is killed or loses power, is started again with what its disk kept, or stops in order. An
// empty data directory is formatted by the first start, as `moldau start` does. Called from outside
// the loops.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "broker/broker.h"
#include "config/broker_config.h"
#include "rt/scope.h"
#include "sim/runtime/node.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {

class BrokerProcess {
 public:
  BrokerProcess(Simulation& world, Node& node, config::BrokerConfig config,
                broker::Guards guards = {});
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;
  ~BrokerProcess();

  // Begins to start it; serving() or failure() tells how that went.
  void start();
  [[nodiscard]] bool serving() const { return serving_; }
  // What the node said when it could not start, or could not go on.
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
  [[nodiscard]] bool running() const { return broker_ != nullptr; }

  // Ends the process at once; the machine stays off until restart().
  CrashKind crash(CrashKind kind);
  void restart();
  // A stop in order, as by SIGTERM, to its end; the process is gone then.
  void stop();

 private:
  rt::Task<> run();
  rt::Task<bool> format();
  rt::Task<> watch();
  void forget();

  Simulation* world_;
  Node* node_;
  config::BrokerConfig config_;
  broker::Guards guards_;
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<rt::Scope> scope_;
  std::unique_ptr<rt::Scope> watching_;
  bool serving_ = false;
  std::optional<std::string> failure_;
};

}  // namespace moldau::sim
