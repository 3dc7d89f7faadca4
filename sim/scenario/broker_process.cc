#include "sim/scenario/broker_process.h"

#include <utility>

#include "broker/format_node.h"
#include "sim/runtime/run_task.h"

namespace moldau::sim {

BrokerProcess::BrokerProcess(Simulation& world, Node& node, config::BrokerConfig config,
                             broker::Guards guards)
    : world_(&world), node_(&node), config_(std::move(config)), guards_(guards) {}

BrokerProcess::~BrokerProcess() {
  if (running() && node_->alive()) crash(CrashKind::kProcess);
}

void BrokerProcess::start() {
  serving_ = false;
  failure_.reset();
  broker_ = std::make_unique<broker::Broker>(node_->loops(), config_, guards_);
  scope_ = std::make_unique<rt::Scope>(node_->loop(0));
  watching_ = std::make_unique<rt::Scope>(node_->loop(0));
  scope_->spawn(run());
}

rt::Task<bool> BrokerProcess::format() {
  const auto formatted = co_await broker::format_first_start(node_->loop(0), config_);
  if (!formatted) failure_ = formatted.error();
  co_return formatted.has_value();
}

rt::Task<> BrokerProcess::run() {
  if (!co_await format()) co_return;
  const auto started = co_await broker_->start();
  if (!started) {
    failure_ = "cannot start: " + started.error();
    co_return;
  }
  serving_ = true;
  watching_->spawn(watch());
}

rt::Task<> BrokerProcess::watch() {
  const std::string why = co_await broker_->failure(watching_->token());
  if (!why.empty()) failure_ = "cannot go on: " + why;
}

void BrokerProcess::forget() {
  serving_ = false;
  scope_.reset();
  watching_.reset();
  broker_.reset();
}

CrashKind BrokerProcess::crash(CrashKind kind) {
  const CrashKind chosen = node_->crash(kind);
  forget();
  return chosen;
}

void BrokerProcess::restart() {
  node_->restart();
  start();
}

void BrokerProcess::stop() {
  serving_ = false;
  run_task(*world_, node_->loop(0), watching_->stop_and_join());
  run_task(*world_, node_->loop(0), broker_->stop());
  // The objects are gone before the process ends: nothing of them may be left on the loops.
  forget();
  node_->crash(CrashKind::kProcess);
}

}  // namespace moldau::sim
