// SimLoop is one loop of a simulated node. Jobs wait in a lane per poster (each loop of the node,
// and the world) and the seed picks the lane of the next job: a poster keeps its order, two posters
// do not. A loop of a crashed node is dead: it takes nothing in and runs nothing, and what still
// refers to it may be destroyed at leisure. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/trace.h"
#include "rt/loop.h"
#include "sim/runtime/internal/disk.h"
#include "sim/runtime/internal/event_queue.h"
#include "sim/runtime/internal/net.h"
#include "sim/runtime/internal/work.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {

class Node;

class SimLoop final : public rt::Loop {
 public:
  SimLoop(Simulation& simulation, Node& node, std::size_t index, std::size_t loops, base::Rng rng);
  ~SimLoop() override;

  [[nodiscard]] std::size_t index() const override { return index_; }
  void post(rt::Job& job) override;
  void withdraw(rt::Job& job) override;
  void abandon_call() override {}  // a crash: see Node
  [[nodiscard]] bool is_current() const override;
  [[nodiscard]] base::Instant now() override;
  [[nodiscard]] base::Timestamp wall_now() override;
  // A timer counts as armed until its job runs.
  void arm(rt::Timer& timer, base::Instant at) override;
  void disarm(rt::Timer& timer) override;
  [[nodiscard]] base::Rng& rng() override { return rng_; }
  void fill_random(std::span<std::byte> bytes) override;
  [[nodiscard]] rt::Net& net() override { return net_; }
  [[nodiscard]] rt::Disk& disk() override { return disk_; }
  [[nodiscard]] rt::Work& work() override { return work_; }
  [[nodiscard]] base::Logger& log() override { return logger_; }
  void mark(std::string_view name) override { simulation_->mark(*this, name); }

  // For the simulated runtime.
  [[nodiscard]] Simulation& simulation() const { return *simulation_; }
  [[nodiscard]] Node& node() const { return *node_; }
  [[nodiscard]] bool dead() const { return dead_; }
  [[nodiscard]] std::uint64_t lane() const { return lane_; }
  void run_one();
  // Leaves the ready list until the delay is over.
  void stall(base::Duration delay);
  // Drops jobs, timers, and operations in flight. Unfinished writes take effect or not.
  void die();

  static constexpr std::size_t kNotReady = std::numeric_limits<std::size_t>::max();
  std::size_t ready_slot = kNotReady;  // owned by the simulation

 private:
  struct Lane {
    rt::Job* first = nullptr;
    rt::Job* last = nullptr;
  };
  struct ArmedTimer {
    rt::Timer* timer = nullptr;
    EventQueue::Ticket ticket;
  };
  struct Sink final : base::LogSink {
    explicit Sink(SimLoop& loop) : owner(&loop) {}
    void write(base::LogLevel level, std::string_view module, std::string_view line) override {
      owner->simulation_->log(*owner, level, module, line);
    }
    SimLoop* owner;
  };

  [[nodiscard]] std::size_t world_lane() const { return lanes_.size() - 2; }
  [[nodiscard]] std::size_t timer_lane() const { return lanes_.size() - 1; }
  void push(Lane& lane, rt::Job& job);
  void fire(std::size_t slot);
  void forget(rt::Timer& timer);

  Simulation* simulation_;
  Node* node_;
  std::size_t index_;
  base::Rng rng_;
  base::Rng lane_rng_;
  std::uint64_t lane_;
  bool dead_ = false;
  bool stalled_ = false;
  std::size_t queued_ = 0;
  std::vector<Lane> lanes_;  // one a loop of the node, the world's, and the timers'
  std::vector<ArmedTimer> timers_;
  std::vector<std::size_t> free_timers_;
  Sink sink_;
  base::Logger logger_;
  SimNet net_;
  SimDisk disk_;
  SimWork work_;
};

}  // namespace moldau::sim
