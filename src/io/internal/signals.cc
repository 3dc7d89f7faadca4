#include "io/internal/signals.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/result.h"
#include "io/internal/log_writer.h"
#include "io/internal/shared.h"

namespace moldau::io::internal {

namespace {

// What a handler may touch.
std::atomic<int> first_signal{0};
std::atomic<int> wake_descriptor{-1};
std::atomic<const LogWriter*> log_of_process{nullptr};

constexpr std::array kFaults{SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};

}  // namespace

Signals::~Signals() { close(); }

void Signals::handle(int number) {
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, number)) ::_exit(128 + number);
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_descriptor.load(), &one, sizeof one);
  errno = saved;
}

// The handler is gone when it runs (SA_RESETHAND), so the raised signal, delivered when it returns,
// ends the process the usual way and its core shows the fault.
void Signals::handle_fault(int number) {
  if (const LogWriter* log = log_of_process.load()) log->flush_before_death();
  ::raise(number);
}

rt::IoResult<void> Signals::open() {
  ASSERT(wake_descriptor.load() == -1);
  wake_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) return std::unexpected(rt::io_error_from_errno(errno));
  TRY(loop_->poller().add(wake_.get(), *this, EPOLLIN | EPOLLET));
  first_signal.store(0);
  wake_descriptor.store(wake_.get());
  struct sigaction action{};
  action.sa_handler = &Signals::handle;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGTERM, SIGINT}) ::sigaction(number, &action, nullptr);
  log_of_process.store(&loop_->shared().log);
  struct sigaction fault{};
  fault.sa_handler = &Signals::handle_fault;
  fault.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : kFaults) {
    struct sigaction before{};
    ::sigaction(number, &fault, &before);
    // A sanitizer's own handler says more.
    if (before.sa_handler != SIG_DFL) ::sigaction(number, &before, nullptr);
  }
  open_ = true;
  return {};
}

void Signals::close() {
  if (!open_) return;
  for (const int number : {SIGTERM, SIGINT}) ::signal(number, SIG_DFL);
  for (const int number : kFaults) {
    struct sigaction now{};
    ::sigaction(number, nullptr, &now);
    if (now.sa_handler == &Signals::handle_fault) ::signal(number, SIG_DFL);
  }
  log_of_process.store(nullptr);
  wake_descriptor.store(-1);
  loop_->poller().remove(wake_.get(), *this);
  open_ = false;
}

rt::Task<int> Signals::wait(rt::StopToken token) {
  ASSERT(loop_->is_current());
  while (first_signal.load() == 0 || !open_) {
    if (!co_await changed_.wait(token)) co_return 0;
  }
  co_return first_signal.load();
}

}  // namespace moldau::io::internal
