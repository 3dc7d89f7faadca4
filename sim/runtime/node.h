// Node is one simulated machine with one process: loops, a disk that survives crashes, an address.
// To crash it: crash(), then destroy the objects that ran on it (their frames leave the dead loops
// by themselves), then restart() and build them anew on the new loops. Destroying them first is a
// process that ends in order. Called from outside the loops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "rt/disk.h"
#include "rt/loop.h"
#include "sim/runtime/options.h"

namespace moldau::sim {

class FileSystem;
class SimLoop;
class Simulation;

class Node {
 public:
  Node(Simulation& simulation, std::size_t index, NodeOptions options, base::Rng rng);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();

  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] const std::string& name() const { return options_.name; }
  // The host that others connect to; name() resolves to it.
  [[nodiscard]] const std::string& address() const { return address_; }

  // Loops of the running process.
  [[nodiscard]] rt::Loops loops() const { return views_; }
  [[nodiscard]] rt::Loop& loop(std::size_t index) const;
  // The disk as its first loop sees it.
  [[nodiscard]] rt::Disk& disk() const { return loop(0).disk(); }

  [[nodiscard]] bool alive() const { return alive_; }
  // Returns the kind that was chosen when it was left to the seed.
  CrashKind crash(CrashKind kind);
  void restart();
  // Times that the process was started.
  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }

  [[nodiscard]] DiskFaults& disk_faults() { return faults_; }
  [[nodiscard]] DiskOptions& disk_options() { return options_.disk; }
  // Moves the wall clock, as an administrator or NTP does.
  void shift_wall_clock(base::Duration by) { wall_error_ += by; }

  // For the simulated runtime.
  [[nodiscard]] Simulation& simulation() const { return *simulation_; }
  [[nodiscard]] FileSystem& file_system() { return *file_system_; }
  [[nodiscard]] base::Duration clock_offset() const { return clock_offset_; }
  [[nodiscard]] base::Timestamp wall_now() const;
  [[nodiscard]] base::Rng& disk_rng() { return disk_rng_; }
  [[nodiscard]] std::uint16_t next_port();
  // Of the last crash; a machine without power refuses nothing, it is silent.
  [[nodiscard]] bool powered_off() const { return !alive_ && last_crash_ == CrashKind::kPower; }

 private:
  void start();

  Simulation* simulation_;
  std::size_t index_;
  NodeOptions options_;
  std::string address_;
  base::Rng rng_;
  base::Rng disk_rng_;
  DiskFaults faults_;
  std::unique_ptr<FileSystem> file_system_;
  base::Duration clock_offset_{0};
  base::Duration wall_error_{0};
  std::uint64_t incarnation_ = 0;
  bool alive_ = false;
  CrashKind last_crash_ = CrashKind::kProcess;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<SimLoop>> loops_;
  std::vector<rt::Loop*> views_;
  // Loops of earlier processes: frames that outlive a crash still point to them.
  std::vector<std::unique_ptr<SimLoop>> dead_loops_;
};

}  // namespace moldau::sim
