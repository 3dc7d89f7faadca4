#include "sim/runtime/internal/loop.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "sim/runtime/node.h"

namespace moldau::sim {

SimLoop::SimLoop(Simulation& simulation, Node& node, std::size_t index, std::size_t loops,
                 base::Rng rng)
    : simulation_(&simulation),
      node_(&node),
      index_(index),
      rng_(rng.fork()),
      lane_rng_(rng.fork()),
      lane_(simulation.new_lane()),
      lanes_(loops + 2),
      sink_(*this),
      logger_(sink_, simulation.options().log_level),
      net_(*this),
      disk_(*this, rng.fork()),
      work_(*this) {}

SimLoop::~SimLoop() { die(); }

bool SimLoop::is_current() const {
  return simulation_->running() == this || simulation_->outside();
}

base::Instant SimLoop::now() { return simulation_->now() + node_->clock_offset(); }

base::Timestamp SimLoop::wall_now() { return node_->wall_now(); }

void SimLoop::fill_random(std::span<std::byte> bytes) {
  for (std::byte& b : bytes) b = static_cast<std::byte>(rng_.below(256));
}

void SimLoop::push(Lane& lane, rt::Job& job) {
  ASSERT(job.queue == nullptr);
  job.queue = &lane;
  job.next = nullptr;
  (lane.last == nullptr ? lane.first : lane.last->next) = &job;
  lane.last = &job;
  if (++queued_ == 1 && !stalled_) simulation_->loop_ready(*this);
}

void SimLoop::post(rt::Job& job) {
  if (dead_) return;
  SimLoop* poster = simulation_->running();
  const bool ours = poster != nullptr && poster->node_ == node_ && !poster->dead_;
  push(lanes_[ours ? poster->index_ : world_lane()], job);
}

void SimLoop::withdraw(rt::Job& job) {
  ASSERT(is_current() || simulation_->running()->node_ == node_);
  if (job.queue == nullptr) return;
  auto& lane = *static_cast<Lane*>(job.queue);
  rt::Job** link = &lane.first;
  rt::Job* before = nullptr;
  while (*link != &job) {
    before = *link;
    ASSERT(before != nullptr);
    link = &before->next;
  }
  *link = job.next;
  if (lane.last == &job) lane.last = before;
  job.queue = nullptr;
  job.next = nullptr;
  if (--queued_ == 0 && ready_slot != kNotReady) simulation_->loop_idle(*this);
}

void SimLoop::run_one() {
  ASSERT(queued_ > 0);
  std::size_t filled = 0;
  for (const Lane& lane : lanes_) filled += lane.first != nullptr ? 1 : 0;
  std::size_t pick = filled == 1 ? 0 : lane_rng_.below(filled);
  std::size_t number = 0;
  while (lanes_[number].first == nullptr || pick-- > 0) ++number;

  Lane& lane = lanes_[number];
  rt::Job& job = *lane.first;
  lane.first = job.next;
  if (lane.first == nullptr) lane.last = nullptr;
  job.queue = nullptr;
  job.next = nullptr;
  if (--queued_ == 0) simulation_->loop_idle(*this);
  if (number == timer_lane()) forget(static_cast<rt::Timer&>(job));
  simulation_->trace(TraceKind::kJob, node_->index(), index_, number);
  job.run(job);
}

void SimLoop::stall(base::Duration delay) {
  stalled_ = true;
  simulation_->loop_idle(*this);
  simulation_->schedule(delay, lane_, [this] {
    stalled_ = false;
    if (queued_ > 0 && !dead_) simulation_->loop_ready(*this);
  });
}

void SimLoop::arm(rt::Timer& timer, base::Instant at) {
  ASSERT(!timer.armed());
  timer.at = at;
  if (dead_) return;
  if (free_timers_.empty()) {
    free_timers_.push_back(timers_.size());
    timers_.emplace_back();
  }
  const std::size_t slot = free_timers_.back();
  free_timers_.pop_back();
  timer.slot = slot;
  timers_[slot].timer = &timer;
  if (at == base::kNever) return;
  const base::Instant world = std::max(at - node_->clock_offset(), simulation_->now());
  timers_[slot].ticket =
      simulation_->schedule(world - simulation_->now(), lane_, [this, slot] { fire(slot); });
}

void SimLoop::fire(std::size_t slot) {
  timers_[slot].ticket = {};
  rt::Timer& timer = *timers_[slot].timer;
  simulation_->trace(TraceKind::kTimer, node_->index(), index_, slot);
  push(lanes_[timer_lane()], timer);
}

void SimLoop::disarm(rt::Timer& timer) {
  if (!timer.armed()) return;
  simulation_->cancel(timers_[timer.slot].ticket);
  if (timer.queue != nullptr) withdraw(timer);
  forget(timer);
}

void SimLoop::forget(rt::Timer& timer) {
  timers_[timer.slot] = {};
  free_timers_.push_back(timer.slot);
  timer.slot = rt::Timer::kIdle;
}

void SimLoop::die() {
  if (dead_) return;
  dead_ = true;
  for (Lane& lane : lanes_) {
    while (lane.first != nullptr) {
      rt::Job& job = *lane.first;
      lane.first = job.next;
      job.queue = nullptr;
      job.next = nullptr;
    }
    lane.last = nullptr;
  }
  if (queued_ > 0 && ready_slot != kNotReady) simulation_->loop_idle(*this);
  queued_ = 0;
  for (ArmedTimer& armed : timers_) {
    if (armed.timer == nullptr) continue;
    simulation_->cancel(armed.ticket);
    armed.timer->slot = rt::Timer::kIdle;
    armed = {};
  }
  disk_.die();
  work_.die();
}

}  // namespace moldau::sim
