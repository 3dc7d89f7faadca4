#include "io/runtime.h"

#include <coroutine>
#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/result.h"
#include "io/internal/event_loop.h"
#include "io/internal/memory_trimmer.h"
#include "io/internal/posted.h"
#include "io/internal/ring.h"
#include "io/internal/shared.h"
#include "io/internal/signals.h"
#include "io/internal/threads.h"

namespace moldau::io {

namespace internal {

namespace {

class LoopRuntime final : public Runtime {
 public:
  LoopRuntime(const RuntimeOptions& options, std::size_t cores, DiskBackend backend)
      : shared_(options, cores, backend) {
    for (std::size_t i = 0; i < cores; ++i) {
      std::uint64_t seed = 0;
      EventLoop::random_bytes(std::as_writable_bytes(std::span(&seed, 1)));
      loops_.push_back(std::make_unique<EventLoop>(i, shared_, seed));
      faces_.push_back(loops_.back().get());
    }
    signals_.emplace(*loops_.front());
    trimmer_.emplace(shared_, faces_);
  }

  // Threads of the pools may still be on their way out of a loop that they posted to.
  ~LoopRuntime() override { shared_.close(); }

  [[nodiscard]] rt::IoResult<void> open() {
    TRY(shared_.start());
    for (const auto& loop : loops_) TRY(loop->open());
    if (shared_.options.handle_signals) TRY(signals_->open());
    return {};
  }

  [[nodiscard]] rt::Loops loops() const override { return faces_; }
  [[nodiscard]] int run(rt::Task<int> main) override;
  [[nodiscard]] rt::Task<int> wait_for_signal(rt::StopToken token) override {
    co_return co_await signals_->wait(token);
  }
  [[nodiscard]] DiskBackend disk_backend() const override { return shared_.disk_backend; }
  void set_log_level(base::LogLevel level) override {
    for (const auto& loop : loops_) {
      post_function(*loop, [target = loop.get(), level] { target->log().set_level(level); });
    }
  }

 private:
  [[nodiscard]] bool start_threads();

  Shared shared_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::vector<rt::Loop*> faces_;
  std::optional<Signals> signals_;
  std::optional<MemoryTrimmer> trimmer_;
  std::vector<pthread_t> threads_;  // of all loops but the first
  bool ran_ = false;
};

// The frame around the main task: stops loop 0 when it has returned.
struct MainRun {
  struct promise_type {
    MainRun get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept {
      base::assertion_failed("no exception leaves a coroutine", __FILE__, __LINE__);
    }
  };
  std::coroutine_handle<promise_type> handle;
};

MainRun run_main(rt::Task<int> main, EventLoop& loop, MemoryTrimmer& trimmer, int& code) {
  trimmer.start();
  code = co_await std::move(main);
  trimmer.stop();
  loop.stop();
}

void* enter_loop(void* loop) {
  static_cast<EventLoop*>(loop)->run();
  return nullptr;
}

bool LoopRuntime::start_threads() {
  for (std::size_t i = 1; i < loops_.size(); ++i) {
    const auto started = start_thread_named("io-loop-" + std::to_string(i), kLoopStackBytes,
                                            enter_loop, loops_[i].get());
    if (!started) {
      LOG_ERROR(loops_.front()->log(), "io",
                "cannot start the thread of loop {} ({}): try --cores {}", i,
                started.error().to_string(), i);
      return false;
    }
    threads_.push_back(*started);
  }
  return true;
}

int LoopRuntime::run(rt::Task<int> main) {
  ASSERT(!std::exchange(ran_, true));
  constexpr int kNotStarted = 1;
  int code = kNotStarted;
  const MainRun whole = run_main(std::move(main), *loops_.front(), *trimmer_, code);
  rt::ResumeJob start;
  start.waiter = whole.handle;
  if (start_threads()) {
    loops_.front()->post(start);
    loops_.front()->run();
  }
  for (const auto& loop : loops_) loop->stop();
  for (const pthread_t thread : threads_) ::pthread_join(thread, nullptr);
  // The frame may own what other loops left to loop 0's end.
  whole.handle.destroy();
  for (const auto& loop : loops_) loop->drain();
  signals_->close();
  return code;
}

}  // namespace
}  // namespace internal

std::string_view to_string(DiskBackend backend) {
  switch (backend) {
    case DiskBackend::kAuto:
      return "auto";
    case DiskBackend::kUring:
      return "uring";
    case DiskBackend::kWorkers:
      return "workers";
  }
  UNREACHABLE();
}

rt::IoResult<std::unique_ptr<Runtime>> Runtime::create(RuntimeOptions options) {
  const std::size_t cores = options.cores == 0 ? available_cores() : options.cores;
  ASSERT(options.disk_threads_max > 0);
  DiskBackend backend = options.disk;
  std::optional<rt::IoError> refused;
  if (backend != DiskBackend::kWorkers) {
    if (const auto probed = internal::probe_ring(); !probed) refused = probed.error();
    if (refused && backend == DiskBackend::kUring) return std::unexpected(*refused);
    backend = refused ? DiskBackend::kWorkers : DiskBackend::kUring;
  }
  ::signal(SIGPIPE, SIG_IGN);
  auto runtime = std::make_unique<internal::LoopRuntime>(options, cores, backend);
  TRY(runtime->open());
  base::Logger& log = runtime->loop(0).log();
  if (refused) {
    LOG_INFO(log, "io", "{} loops, disk through threads (io_uring: {})", cores,
             refused->to_string());
  } else {
    LOG_INFO(log, "io", "{} loops, disk through {}", cores,
             backend == DiskBackend::kUring ? "io_uring" : "threads");
  }
  return runtime;
}

}  // namespace moldau::io
