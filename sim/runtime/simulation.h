// Simulation is a world in virtual time under one seed: nodes with their loops, disks and network,
// run by one thread in an order drawn from the seed. The same seed gives the same trace hash on
// every build and machine. Code under test sees only rt::Loop.
//
//   sim::Simulation world({.seed = 7});
//   sim::Node& node = world.add_node({});
//   const auto content = sim::run_task(world, node.loop(0), rt::read_file(node.disk(), "/data/x"));
//
// Time moves when nothing is ready, and a little with each job. Everything here is called from
// outside the loops: by a test, or by an action of after().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "base/time.h"
#include "sim/runtime/internal/event_queue.h"
#include "sim/runtime/internal/last_words.h"
#include "sim/runtime/options.h"

namespace moldau::sim {

class Network;
class Node;
class SimLoop;

// Kinds of folded events; frozen, since trace hashes are compared between builds.
enum class TraceKind : std::uint8_t {
  kJob = 1,
  kTimer = 2,
  kDisk = 3,
  kNet = 4,
  kWork = 5,
  kCrash = 6,
  kRestart = 7,
  kLog = 8,
  kMark = 9,
  kControl = 10,
};

class Simulation {
 public:
  using Marks = std::map<std::string, std::uint64_t, std::less<>>;

  explicit Simulation(Options options);
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;
  ~Simulation();

  Node& add_node(NodeOptions options = {});
  [[nodiscard]] const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }

  // Time of the world, since it began; the clocks of nodes differ from it.
  [[nodiscard]] base::Instant now() const { return now_; }
  // Chance for the driver of the world: which node to crash, and when.
  [[nodiscard]] base::Rng& rng() { return driver_rng_; }
  // No bytes pass between the two nodes until heal(): connections stay, new ones time out.
  void cut(const Node& a, const Node& b);
  void heal(const Node& a, const Node& b);
  // Ends every connection between the two with a reset.
  void reset_connections(const Node& a, const Node& b);

  // Runs an action between two jobs, outside all loops: it may crash and restart nodes.
  EventQueue::Ticket after(base::Duration delay, std::function<void()> action);
  void cancel(EventQueue::Ticket ticket) { events_.cancel(ticket); }

  // One job or one event. False when nothing is left to happen.
  bool step();
  [[nodiscard]] bool idle() { return ready_.empty() && !events_.next().has_value(); }
  // True when the world came to rest within the time, which is virtual.
  bool run_until_idle(base::Duration limit);
  // True when the condition, looked at after each step, held within the time. False otherwise, also
  // when nothing is left to happen; the time has passed then.
  bool run_until(const std::function<bool()>& done, base::Duration limit);
  void run_for(base::Duration duration);

  [[nodiscard]] std::uint64_t trace_hash() const { return trace_.value(); }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] const Marks& marks() const { return marks_; }
  [[nodiscard]] const Options& options() const { return options_; }

  // For the simulated runtime itself.
  [[nodiscard]] Network& network() { return *network_; }
  void trace(TraceKind kind, std::uint64_t node, std::uint64_t loop, std::uint64_t a = 0,
             std::uint64_t b = 0);
  void mark(const SimLoop& loop, std::string_view name);
  void log(const SimLoop& loop, base::LogLevel level, std::string_view module,
           std::string_view line);
  EventQueue::Ticket schedule(base::Duration delay, std::uint64_t lane, EventQueue::Action action) {
    return events_.add(now_ + delay, lane, std::move(action));
  }
  [[nodiscard]] base::Duration draw(const Delay& delay);
  [[nodiscard]] std::uint64_t new_lane() { return ++lanes_; }
  void loop_ready(SimLoop& loop);
  void loop_idle(SimLoop& loop);
  [[nodiscard]] SimLoop* running() const { return running_; }
  // True while no loop and no work function runs: the world stands still.
  [[nodiscard]] bool outside() const { return running_ == nullptr && !off_loop_; }
  void run_off_loop(const std::function<void()>& function);

  // While it lives the world acts (a network, say), not the loop whose job runs.
  class Outside {
   public:
    explicit Outside(Simulation& simulation)
        : simulation_(&simulation), running_(std::exchange(simulation.running_, nullptr)) {}
    Outside(const Outside&) = delete;
    Outside& operator=(const Outside&) = delete;
    ~Outside() { simulation_->running_ = running_; }

   private:
    Simulation* simulation_;
    SimLoop* running_;
  };

 private:
  bool step_before(base::Instant end);
  void run_job();

  Options options_;
  LastWords last_words_{*this};
  base::Rng driver_rng_;
  base::Rng scheduling_rng_;
  base::Rng delay_rng_;
  base::Rng node_rng_;
  EventQueue events_;
  base::Instant now_;
  base::Fnv64 trace_;
  std::uint64_t steps_ = 0;
  std::uint64_t lanes_ = 0;
  Marks marks_;
  std::vector<SimLoop*> ready_;
  SimLoop* running_ = nullptr;
  bool off_loop_ = false;
  std::unique_ptr<Network> network_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace moldau::sim
