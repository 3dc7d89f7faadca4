#include "io/internal/poller.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sys/eventfd.h>

#include "base/assert.h"

namespace moldau::io::internal {

rt::IoResult<void> Poller::open() {
  epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return std::unexpected(rt::io_error_from_errno(errno));
  wake_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) return std::unexpected(rt::io_error_from_errno(errno));
  // Edge-triggered: each write is an edge, so the counter never has to be read.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    return std::unexpected(rt::io_error_from_errno(errno));
  }
  return {};
}

rt::IoResult<void> Poller::add(int descriptor, Watch& watch, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.ptr = &watch}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    return std::unexpected(rt::io_error_from_errno(errno));
  }
  return {};
}

void Poller::change(int descriptor, Watch& watch, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.ptr = &watch}};
  const int result = ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event);
  ASSERT(result == 0);
}

void Poller::remove(int descriptor, Watch& watch) {
  epoll_event unused{};
  const int result = ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, &unused);
  ASSERT(result == 0);
  for (int i = next_; i < count_; ++i) {
    auto& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &watch) event.data.ptr = nullptr;
  }
}

void Poller::wait(base::Duration timeout) {
  using std::chrono::seconds;
  constexpr base::Duration kWaitMax = seconds(3600);
  timeout = std::clamp(timeout, base::Duration::zero(), kWaitMax);
  int found = 0;
  if (timeout == base::Duration::zero()) {
    found = ::epoll_wait(epoll_.get(), events_.data(), kEventsMax, 0);
  } else {
    const auto whole = std::chrono::duration_cast<seconds>(timeout);
    const timespec limit{.tv_sec = whole.count(), .tv_nsec = (timeout - whole).count()};
    found = ::epoll_pwait2(epoll_.get(), events_.data(), kEventsMax, &limit, nullptr);
    if (found < 0 && errno == ENOSYS) {  // Linux before 5.11, and some sandboxes
      const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout);
      found =
          ::epoll_wait(epoll_.get(), events_.data(), kEventsMax, static_cast<int>(rounded.count()));
    }
  }
  if (found < 0) {
    ASSERT(errno == EINTR);
    return;
  }
  count_ = found;
  for (next_ = 0; next_ < count_;) {
    const epoll_event event = events_[static_cast<std::size_t>(next_)];
    ++next_;
    if (event.data.ptr != nullptr) static_cast<Watch*>(event.data.ptr)->on_ready(event.events);
  }
  count_ = 0;
}

void Poller::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

}  // namespace moldau::io::internal
