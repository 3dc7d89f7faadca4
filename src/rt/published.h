// Published<T> is the newest version of an immutable value: one loop stores it, all loops load it.
// Either holds the other up for the copy of a pointer only; a replaced value dies with its last
// reader. Any loop.
//
// In place of std::atomic<std::shared_ptr>, whose load() in libstdc++ 12 gives its spin bit back
// without release order after it has read the pointer: the next store() may overtake that read (a
// data race; on ARM a pointer with another value's count).
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace moldau::rt {

template <class T>
class Published {
 public:
  using Ref = std::shared_ptr<const T>;

  explicit Published(Ref first) : value_(std::move(first)) {}
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  [[nodiscard]] Ref load() const {
    const Hold hold(busy_);
    return value_;
  }
  void store(Ref value) {
    const Hold hold(busy_);
    value_.swap(value);
  }

 private:
  class Hold {
   public:
    explicit Hold(std::atomic_flag& busy) : busy_(&busy) {
      while (busy_->test_and_set(std::memory_order_acquire)) {
        busy_->wait(true, std::memory_order_relaxed);
      }
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() {
      busy_->clear(std::memory_order_release);
      busy_->notify_one();
    }

   private:
    std::atomic_flag* busy_;
  };

  mutable std::atomic_flag busy_;
  Ref value_;
};

}  // namespace moldau::rt
