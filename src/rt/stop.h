// StopSource asks the tasks of one loop to end; StopToken is what they look at. A stop is a
// request, never an exception: each await that takes a token returns early and says so, and the
// task unwinds by itself. A source outlives its tokens, and all of them live on one loop.
#pragma once

#include "base/assert.h"

namespace moldau::rt {

class StopSource;

// Called once when the source stops, from within request_stop(). Leaves the list when destroyed.
class StopCallback {
 public:
  using Function = void (*)(StopCallback&);

  explicit StopCallback(Function function) : function_(function) {}
  StopCallback(const StopCallback&) = delete;
  StopCallback& operator=(const StopCallback&) = delete;
  ~StopCallback() { leave(); }
  inline void leave();

 private:
  friend class StopSource;
  Function function_;
  StopSource* source_ = nullptr;
  StopCallback* before_ = nullptr;
  StopCallback* after_ = nullptr;
};

class StopSource {
 public:
  StopSource() = default;
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;
  ~StopSource() {
    while (first_ != nullptr) remove(*first_);
  }

  [[nodiscard]] bool stop_requested() const { return stopped_; }

  void request_stop() {
    stopped_ = true;
    while (first_ != nullptr) {
      StopCallback& callback = *first_;
      remove(callback);
      callback.function_(callback);
    }
  }

  void add(StopCallback& callback) {
    ASSERT(callback.source_ == nullptr);
    ASSERT(!stopped_);
    callback.source_ = this;
    callback.after_ = first_;
    if (first_ != nullptr) first_->before_ = &callback;
    first_ = &callback;
  }

  void remove(StopCallback& callback) {
    ASSERT(callback.source_ == this);
    (callback.before_ == nullptr ? first_ : callback.before_->after_) = callback.after_;
    if (callback.after_ != nullptr) callback.after_->before_ = callback.before_;
    callback.source_ = nullptr;
    callback.before_ = nullptr;
    callback.after_ = nullptr;
  }

 private:
  bool stopped_ = false;
  StopCallback* first_ = nullptr;
};

inline void StopCallback::leave() {
  if (source_ != nullptr) source_->remove(*this);
}

// An empty token never stops.
class StopToken {
 public:
  StopToken() = default;
  explicit StopToken(StopSource& source) : source_(&source) {}

  [[nodiscard]] bool stop_requested() const {
    return source_ != nullptr && source_->stop_requested();
  }
  [[nodiscard]] StopSource* source() const { return source_; }

 private:
  StopSource* source_ = nullptr;
};

}  // namespace moldau::rt
