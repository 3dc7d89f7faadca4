#include "io/internal/event_loop.h"

#include <algorithm>
#include <cerrno>
#include <sys/prctl.h>
#include <sys/random.h>
#include <utility>

#include "base/assert.h"
#include "io/internal/clock.h"
#include "io/internal/loop_disk.h"
#include "io/internal/loop_net.h"
#include "io/internal/loop_work.h"
#include "io/internal/shared.h"

namespace moldau::io::internal {

namespace {
thread_local const EventLoop* current_loop = nullptr;
}  // namespace

EventLoop::EventLoop(std::size_t index, Shared& shared, std::uint64_t seed)
    : index_(index),
      shared_(&shared),
      rng_(seed),
      log_(shared.log, shared.options.log_level),
      net_(std::make_unique<LoopNet>(*this)),
      disk_(std::make_unique<LoopDisk>(*this)),
      work_(std::make_unique<LoopWork>(*this)) {}

EventLoop::~EventLoop() = default;

rt::IoResult<void> EventLoop::open() {
  started_ = monotonic_now();
  load_.start(started_);
  return poller_.open();
}

void EventLoop::run() {
  ASSERT(current_loop == nullptr);
  current_loop = this;
  // Timers may be late by this much; the kernel's default is 50 us.
  constexpr unsigned long kTimerSlackNs = 1000;
  ::prctl(PR_SET_TIMERSLACK, kTimerSlackNs);
  disk_->open();
  while (!finished()) turn();
  disk_->close();
  current_loop = nullptr;
}

void EventLoop::stop() {
  stopping_.store(true, std::memory_order_release);
  poller_.wake();
}

void EventLoop::drain() {
  const EventLoop* before = std::exchange(current_loop, this);
  do {
    inbox_.drain(ready_);
    run_jobs();
    work_->flush();
    disk_->flush();
  } while (!ready_.empty());
  current_loop = before;
}

bool EventLoop::finished() const {
  return stopping_.load(std::memory_order_acquire) && ready_.empty() && disk_->idle() &&
         work_->idle();
}

void EventLoop::turn() {
  turns_.add();
  inline_left_ = kInlinePerTurn;
  const std::size_t received = inbox_.drain(ready_);
  posts_received_.add(received);
  if (!timers_.empty()) run_timers();
  run_jobs();
  disk_->flush();
  work_->flush();
  poll();
}

void EventLoop::run_timers() {
  const base::Instant due_at = monotonic_now();
  // A timer that is armed again for the same instant waits for the next turn.
  for (std::size_t left = timers_.size(); left > 0; --left) {
    rt::Timer* timer = timers_.pop_due(due_at);
    if (timer == nullptr) return;
    jobs_.add();
    run_one(*timer);
  }
}

void EventLoop::run_jobs() {
  queue_depth_.set(ready_.size());
  queue_depth_max_.raise(ready_.size());
  std::size_t count = 0;
  while (count < kJobsPerTurn) {
    rt::Job* job = ready_.pop();
    if (job == nullptr) break;
    job->queue = nullptr;
    run_one(*job);
    ++count;
  }
  jobs_.add(count);
}

void EventLoop::poll() {
  if (!ready_.empty() || !inbox_.prepare_sleep()) {
    poller_.wait(base::Duration::zero());
    if (turns_.value() % kTurnsPerReport == 0) load_.slept(base::Duration::zero(), monotonic_now());
    return;
  }
  queue_depth_.set(0);
  const base::Instant asleep = monotonic_now();
  asleep_since_.set(static_cast<std::uint64_t>(asleep.since_start.count()));
  const base::Instant wake_at = timers_.next();
  base::Duration timeout = std::chrono::hours(1);
  if (wake_at != base::kNever) timeout = std::min(timeout, wake_at - asleep);
  sleeps_.add();
  poller_.wait(timeout);
  const base::Instant awake = monotonic_now();
  asleep_since_.set(0);
  slept_ns_.add(static_cast<std::uint64_t>((awake - asleep).count()));
  load_.slept(awake - asleep, awake);
}

void EventLoop::post(rt::Job& job) {
  ASSERT(job.queue == nullptr);
  job.queue = this;
  if (current_loop == this) {
    ready_.push(job);
  } else if (inbox_.push(job)) {
    poller_.wake();
  }
}

void EventLoop::withdraw(rt::Job& job) {
  ASSERT(is_current());
  ASSERT(job.queue == this);
  inbox_.drain(ready_);
  const bool found = ready_.remove(job);
  ASSERT(found);
  job.queue = nullptr;
}

bool EventLoop::is_current() const { return current_loop == this; }

base::Instant EventLoop::now() {
  if (!now_known_) {
    now_ = monotonic_now();
    now_known_ = true;
  }
  return now_;
}

base::Timestamp EventLoop::wall_now() { return wall_clock_now(); }

void EventLoop::arm(rt::Timer& timer, base::Instant at) {
  ASSERT(is_current());
  ASSERT(!timer.armed());
  timers_.arm(timer, at);
}

void EventLoop::disarm(rt::Timer& timer) {
  ASSERT(is_current());
  timers_.disarm(timer);
}

void EventLoop::random_bytes(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::getrandom(bytes.data(), bytes.size(), 0);
    if (count < 0) {
      ASSERT(errno == EINTR);
      continue;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void EventLoop::finish(rt::DiskOperation& operation) {
  disk_in_flight.subtract(1);
  disk_operations.add();
  post(operation);
}

rt::Net& EventLoop::net() { return *net_; }
rt::Disk& EventLoop::disk() { return *disk_; }
rt::Work& EventLoop::work() { return *work_; }

rt::LoopStats EventLoop::stats() const {
  const base::Instant now = monotonic_now();
  const base::Duration uptime = now - started_;
  base::Duration slept(static_cast<std::int64_t>(slept_ns_.value()));
  const base::Instant asleep{base::Duration(static_cast<std::int64_t>(asleep_since_.value()))};
  if (asleep.since_start.count() != 0) slept += std::max(now - asleep, base::Duration::zero());
  return {.turns = turns_.value(),
          .jobs = jobs_.value(),
          .sleeps = sleeps_.value(),
          .posts_received = posts_received_.value(),
          .queue_depth = queue_depth_.value(),
          .queue_depth_max = queue_depth_max_.value(),
          .busy = uptime - std::min(uptime, slept),
          .uptime = uptime,
          .connections = connections.load(std::memory_order_relaxed),
          .bytes_received = bytes_received.value(),
          .bytes_sent = bytes_sent.value(),
          .disk_operations = disk_operations.value(),
          .disk_in_flight = disk_in_flight.value()};
}

}  // namespace moldau::io::internal
