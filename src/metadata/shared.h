// Shared<T> is a value that its copies share until one of them edits it (copy on write). The count
// is atomic, so copies may live on other loops; edit() is for the loop that owns this copy. Like an
// entry of a PersistentMap, an edited value is copied only while someone else holds it.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/assert.h"
#include "metadata/internal/tree_node.h"

namespace moldau::metadata {

template <class T>
class Shared {
  struct Counted {
    explicit Counted(T value_of) : value(std::move(value_of)) {}
    std::atomic<std::uint32_t> references{1};
    T value;
  };

 public:
  Shared() = default;
  explicit Shared(T value) : ref_(internal::NodeRef<Counted>::make(std::move(value))) {}

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(ref_); }
  [[nodiscard]] const T* get() const { return ref_ ? &ref_->value : nullptr; }
  [[nodiscard]] const T& operator*() const {
    ASSERT(ref_);
    return ref_->value;
  }
  [[nodiscard]] const T* operator->() const { return &**this; }

  // Valid until the next copy is made of this.
  [[nodiscard]] T& edit() [[clang::lifetimebound]] {
    ASSERT(ref_);
    if (!ref_.unique()) ref_ = internal::NodeRef<Counted>::make(ref_->value);
    return ref_->value;
  }

  friend bool operator==(const Shared& a, const Shared& b) {
    if (a.ref_.get() == b.ref_.get()) return true;
    if (!a.ref_ || !b.ref_) return false;
    return *a == *b;
  }

 private:
  internal::NodeRef<Counted> ref_;
};

}  // namespace moldau::metadata
