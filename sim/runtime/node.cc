#include "sim/runtime/node.h"

#include <iterator>
#include <utility>

#include "base/assert.h"
#include "sim/runtime/internal/file_system.h"
#include "sim/runtime/internal/loop.h"
#include "sim/runtime/internal/network.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {
namespace {

// Midnight of 2026-01-01 in UTC: when every world begins.
constexpr std::int64_t kWorldBeginsMs = 1'767'225'600'000;
constexpr std::uint16_t kFirstEphemeralPort = 32'768;

}  // namespace

Node::Node(Simulation& simulation, std::size_t index, NodeOptions options, base::Rng rng)
    : simulation_(&simulation),
      index_(index),
      options_(std::move(options)),
      address_("10.0." + std::to_string(index / 250) + "." + std::to_string(index % 250 + 1)),
      rng_(rng.fork()),
      disk_rng_(rng.fork()),
      file_system_(std::make_unique<FileSystem>()) {
  ASSERT(options_.loops > 0);
  if (options_.name.empty()) options_.name = "node" + std::to_string(index);
  const std::int64_t error = options_.wall_clock_error_max.count();
  wall_error_ = base::Duration(rng_.between(-error, error));
  start();
}

Node::~Node() = default;

rt::Loop& Node::loop(std::size_t index) const {
  ASSERT(alive_);
  ASSERT(index < loops_.size());
  return *loops_[index];
}

void Node::start() {
  constexpr std::int64_t kUptimeMaxNs = 1'000'000'000'000;
  ++incarnation_;
  alive_ = true;
  port_ = kFirstEphemeralPort;
  clock_offset_ = base::Duration(rng_.between(1, kUptimeMaxNs));
  std::move(loops_.begin(), loops_.end(), std::back_inserter(dead_loops_));
  loops_.clear();
  views_.clear();
  for (std::size_t i = 0; i < options_.loops; ++i) {
    loops_.push_back(
        std::make_unique<SimLoop>(*simulation_, *this, i, options_.loops, rng_.fork()));
    views_.push_back(loops_.back().get());
  }
}

CrashKind Node::crash(CrashKind kind) {
  ASSERT(simulation_->outside());
  ASSERT(alive_);
  if (kind == CrashKind::kRandom) {
    kind = rng_.chance(1, 2) ? CrashKind::kProcess : CrashKind::kPower;
  }
  alive_ = false;
  last_crash_ = kind;
  simulation_->trace(TraceKind::kCrash, index_, static_cast<std::uint64_t>(kind));
  for (auto& loop : loops_) loop->die();
  simulation_->network().node_died(*this);
  file_system_->process_died();
  if (kind == CrashKind::kPower) file_system_->lose_power(disk_rng_, options_.disk.sector_bytes);
  return kind;
}

void Node::restart() {
  ASSERT(simulation_->outside());
  ASSERT(!alive_);
  simulation_->trace(TraceKind::kRestart, index_, incarnation_);
  start();
}

base::Timestamp Node::wall_now() const {
  const base::Duration since = simulation_->now().since_start + wall_error_;
  return base::Timestamp(kWorldBeginsMs +
                         std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

std::uint16_t Node::next_port() { return port_++; }

}  // namespace moldau::sim
