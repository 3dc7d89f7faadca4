#include "sim/runtime/simulation.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <fmt/core.h>

#include "base/assert.h"
#include "sim/runtime/internal/loop.h"
#include "sim/runtime/internal/network.h"
#include "sim/runtime/node.h"

namespace moldau::sim {
namespace {

// Streams of one seed, so that the draws of one part do not shift those of another.
constexpr std::uint64_t kDriverStream = 0x6472697665720000ULL;
constexpr std::uint64_t kSchedulingStream = 0x7363686564000000ULL;
constexpr std::uint64_t kDelayStream = 0x64656C6179000000ULL;
constexpr std::uint64_t kNodeStream = 0x6E6F646500000000ULL;

}  // namespace

Simulation::Simulation(Options options)
    : options_(std::move(options)),
      driver_rng_(options_.seed ^ kDriverStream),
      scheduling_rng_(options_.seed ^ kSchedulingStream),
      delay_rng_(options_.seed ^ kDelayStream),
      node_rng_(options_.seed ^ kNodeStream),
      events_(options_.seed),
      network_(std::make_unique<Network>(*this)) {
  trace_.add(options_.seed);
}

Simulation::~Simulation() = default;

Node& Simulation::add_node(NodeOptions options) {
  ASSERT(outside());
  nodes_.push_back(
      std::make_unique<Node>(*this, nodes_.size(), std::move(options), node_rng_.fork()));
  return *nodes_.back();
}

void Simulation::cut(const Node& a, const Node& b) { network_->cut(a, b, true); }

void Simulation::heal(const Node& a, const Node& b) { network_->cut(a, b, false); }

void Simulation::reset_connections(const Node& a, const Node& b) {
  network_->reset_connections(a, b);
}

EventQueue::Ticket Simulation::after(base::Duration delay, std::function<void()> action) {
  return schedule(delay, new_lane(), [this, run = std::move(action)] {
    trace(TraceKind::kControl, 0, 0);
    run();
  });
}

void Simulation::loop_ready(SimLoop& loop) {
  ASSERT(loop.ready_slot == SimLoop::kNotReady);
  loop.ready_slot = ready_.size();
  ready_.push_back(&loop);
}

void Simulation::loop_idle(SimLoop& loop) {
  ASSERT(loop.ready_slot < ready_.size());
  ready_[loop.ready_slot] = ready_.back();
  ready_[loop.ready_slot]->ready_slot = loop.ready_slot;
  ready_.pop_back();
  loop.ready_slot = SimLoop::kNotReady;
}

void Simulation::run_off_loop(const std::function<void()>& function) {
  off_loop_ = true;
  function();
  off_loop_ = false;
}

bool Simulation::step() {
  ASSERT(outside());
  const auto next = events_.next();
  if (ready_.empty() && !next.has_value()) return false;
  if (++steps_ > options_.scheduling.steps_max) {
    std::fprintf(stderr, "moldau: simulation: seed %llu took %llu steps: a livelock?\n",
                 static_cast<unsigned long long>(options_.seed),
                 static_cast<unsigned long long>(steps_));
    base::assertion_failed("steps <= steps_max", __FILE__, __LINE__);
  }
  if (ready_.empty() || (next.has_value() && *next <= now_)) {
    now_ = std::max(now_, *next);
    events_.pop()();
  } else {
    run_job();
  }
  return true;
}

void Simulation::run_job() {
  const SchedulingOptions& scheduling = options_.scheduling;
  const auto cost = static_cast<std::uint64_t>(scheduling.job_cost_max.count());
  if (cost > 0) {
    now_ = now_ + base::Duration(static_cast<std::int64_t>(scheduling_rng_.below(cost + 1)));
  }
  SimLoop& loop = *ready_[scheduling_rng_.below(ready_.size())];
  if (scheduling.stall_every > 0 && scheduling_rng_.chance(1, scheduling.stall_every)) {
    loop.stall(base::Duration(scheduling_rng_.between(1, scheduling.stall_max.count())));
    return;
  }
  running_ = &loop;
  loop.run_one();
  running_ = nullptr;
}

bool Simulation::step_before(base::Instant end) {
  const auto next = events_.next();
  if (now_ > end || (ready_.empty() && (!next.has_value() || *next > end))) return false;
  return step();
}

bool Simulation::run_until_idle(base::Duration limit) {
  const base::Instant end = now_ + limit;
  while (step_before(end)) {
  }
  if (idle()) return true;
  now_ = std::max(now_, end);
  return false;
}

bool Simulation::run_until(const std::function<bool()>& done, base::Duration limit) {
  const base::Instant end = now_ + limit;
  while (!done()) {
    if (step_before(end)) continue;
    now_ = std::max(now_, end);
    return false;
  }
  return true;
}

void Simulation::run_for(base::Duration duration) {
  const base::Instant end = now_ + duration;
  run_until_idle(duration);
  now_ = std::max(now_, end);
}

void Simulation::trace(TraceKind kind, std::uint64_t node, std::uint64_t loop, std::uint64_t a,
                       std::uint64_t b) {
  trace_.add(now_.since_start.count());
  trace_.add((static_cast<std::uint64_t>(kind) << 56) | (node << 32) | loop);
  trace_.add(a * 0x9E3779B97F4A7C15ULL + b);
}

void Simulation::mark(const SimLoop& loop, std::string_view name) {
  trace(TraceKind::kMark, loop.node().index(), loop.index());
  trace_.add(name);
  auto found = marks_.find(name);
  if (found == marks_.end()) found = marks_.emplace(name, 0).first;
  ++found->second;
}

void Simulation::log(const SimLoop& loop, base::LogLevel level, std::string_view module,
                     std::string_view line) {
  trace(TraceKind::kLog, loop.node().index(), loop.index(), static_cast<std::uint64_t>(level));
  trace_.add(module);
  trace_.add(line);
  if (!options_.on_log) return;
  const std::int64_t us = now_.since_start.count() / 1'000;
  options_.on_log(fmt::format("{:>5}.{:06} {}/{} {} {}: {}", us / 1'000'000, us % 1'000'000,
                              std::string_view(loop.node().name()), loop.index(),
                              base::to_string(level), module, line));
}

base::Duration Simulation::draw(const Delay& delay) {
  if (delay.tail_every > 0 && delay_rng_.chance(1, delay.tail_every)) {
    return base::Duration(delay_rng_.between(delay.high.count(), delay.tail.count()));
  }
  // The smaller of two draws: short delays are the common ones.
  const std::int64_t one = delay_rng_.between(delay.low.count(), delay.high.count());
  const std::int64_t two = delay_rng_.between(delay.low.count(), delay.high.count());
  return base::Duration(std::min(one, two));
}

}  // namespace moldau::sim

namespace moldau::sim::internal {

void unfinished_task(const Simulation& world) {
  std::fprintf(stderr,
               "moldau: simulation: seed %llu: a task did not finish by %lld ms of virtual time; "
               "it waits for something that does not come\n",
               static_cast<unsigned long long>(world.options().seed),
               static_cast<long long>(world.now().since_start / std::chrono::milliseconds(1)));
  base::assertion_failed("the task finishes", __FILE__, __LINE__);
}

}  // namespace moldau::sim::internal
