// EventLoop is rt::Loop on Linux. A turn takes in what other threads posted, fires due timers, runs
// jobs up to a limit, hands disk and CPU work gathered in the turn to their threads, and then asks
// the kernel which sockets are ready: without waiting when jobs are left, else until something
// happens. Everything but post() and stats() belongs to the thread in run().
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "io/internal/counter.h"
#include "io/internal/inbox.h"
#include "io/internal/load.h"
#include "io/internal/poller.h"
#include "io/internal/timer_heap.h"
#include "rt/disk.h"
#include "rt/io_error.h"
#include "rt/loop.h"

namespace moldau::io::internal {

class LoopNet;
class LoopDisk;
class LoopWork;
struct Shared;

class EventLoop final : public rt::Loop {
 public:
  EventLoop(std::size_t index, Shared& shared, std::uint64_t seed);
  ~EventLoop() override;

  // Takes the descriptors. Before run().
  [[nodiscard]] rt::IoResult<void> open();
  // Makes the calling thread this loop until stop() was called and nothing is left to do.
  void run();
  // Any thread.
  void stop();
  // Runs what was posted after run() had returned; any thread once the loop's own has ended.
  void drain();

  [[nodiscard]] std::size_t index() const override { return index_; }
  void post(rt::Job& job) override;
  void withdraw(rt::Job& job) override;
  [[nodiscard]] bool is_current() const override;
  [[nodiscard]] base::Instant now() override;
  [[nodiscard]] base::Timestamp wall_now() override;
  void arm(rt::Timer& timer, base::Instant at) override;
  void disarm(rt::Timer& timer) override;
  [[nodiscard]] base::Rng& rng() override { return rng_; }
  void fill_random(std::span<std::byte> bytes) override { random_bytes(bytes); }
  [[nodiscard]] rt::Net& net() override;
  [[nodiscard]] rt::Disk& disk() override;
  [[nodiscard]] rt::Work& work() override;
  [[nodiscard]] base::Logger& log() override { return log_; }
  void mark(std::string_view) override {}
  [[nodiscard]] rt::LoopStats stats() const override;

  // From the kernel; any thread.
  static void random_bytes(std::span<std::byte> bytes);

  // For the parts of the loop.
  [[nodiscard]] Poller& poller() { return poller_; }
  [[nodiscard]] Shared& shared() { return *shared_; }
  [[nodiscard]] const Load& load() const { return load_; }
  // May an operation that finished at once go on without a turn of the loop? Limited within a turn,
  // so that one busy connection or file cannot keep the others waiting.
  [[nodiscard]] bool take_inline() {
    if (inline_left_ == 0) return false;
    --inline_left_;
    return true;
  }

  // A disk operation that was in flight is over: its job runs next.
  void finish(rt::DiskOperation& operation);

  std::atomic<std::uint64_t> connections{0};  // net; raised by whichever loop accepts
  Counter bytes_received;
  Counter bytes_sent;
  Counter disk_operations;  // disk
  Counter disk_in_flight;

 private:
  static constexpr std::size_t kJobsPerTurn = 256;
  static constexpr std::size_t kInlinePerTurn = 64;
  // A loop that never sleeps tells so this often.
  static constexpr std::size_t kTurnsPerReport = 16;

  void turn();
  void run_timers();
  void run_jobs();
  void poll();
  [[nodiscard]] bool finished() const;
  void run_one(rt::Job& job) {
    now_known_ = false;
    job.run(job);
  }

  const std::size_t index_;
  Shared* const shared_;

  Poller poller_;
  JobQueue ready_;
  TimerHeap timers_;
  std::size_t inline_left_ = kInlinePerTurn;
  bool now_known_ = false;
  base::Instant now_;
  base::Rng rng_;
  base::Logger log_;
  Load load_;
  std::unique_ptr<LoopNet> net_;
  std::unique_ptr<LoopDisk> disk_;
  std::unique_ptr<LoopWork> work_;

  Counter turns_;
  Counter jobs_;
  Counter sleeps_;
  Counter posts_received_;
  Counter queue_depth_;
  Counter queue_depth_max_;
  Counter slept_ns_;
  Counter asleep_since_;  // ns of the monotonic clock; 0 while awake
  base::Instant started_;

  alignas(64) Inbox inbox_;  // written by other threads: kept off the loop's own cache lines
  std::atomic<bool> stopping_{false};
};

}  // namespace moldau::io::internal
