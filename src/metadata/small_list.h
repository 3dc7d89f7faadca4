// SmallList is an immutable-after-construction list of few trivially copyable values: up to N live
// in the object, more on the heap. Replica lists are such; a hundred thousand partitions hold some
// hundred thousand of them. Value type; any loop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/ids.h"
#include "base/uuid.h"

namespace moldau::metadata {

template <class T, std::size_t N>
  requires std::is_trivially_copyable_v<T>
class SmallList {
 public:
  SmallList() = default;
  explicit SmallList(std::span<const T> values) { assign(values); }
  SmallList(std::initializer_list<T> values) { assign({values.begin(), values.size()}); }
  explicit SmallList(const std::vector<T>& values) { assign({values.data(), values.size()}); }
  SmallList(const SmallList& other) { assign(other.span()); }
  SmallList(SmallList&& other) noexcept { take(other); }
  SmallList& operator=(const SmallList& other) {
    if (this != &other) assign(other.span());
    return *this;
  }
  SmallList& operator=(SmallList&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }
  ~SmallList() = default;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const T* begin() const [[clang::lifetimebound]] { return data(); }
  [[nodiscard]] const T* end() const [[clang::lifetimebound]] { return data() + size_; }
  [[nodiscard]] const T& operator[](std::size_t at) const [[clang::lifetimebound]] {
    ASSERT(at < size_);
    return data()[at];
  }
  [[nodiscard]] std::span<const T> span() const [[clang::lifetimebound]] { return {data(), size_}; }
  [[nodiscard]] bool contains(const T& value) const {
    return std::find(begin(), end(), value) != end();
  }
  [[nodiscard]] std::vector<T> to_vector() const { return {begin(), end()}; }

  friend bool operator==(const SmallList& a, const SmallList& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  [[nodiscard]] const T* data() const { return heap_ ? heap_.get() : few_; }
  void assign(std::span<const T> values) {
    // `values` may be our own: copy before letting go.
    if (values.size() > N) {
      auto heap = std::make_unique_for_overwrite<T[]>(values.size());
      std::copy(values.begin(), values.end(), heap.get());
      heap_ = std::move(heap);
    } else {
      std::copy(values.begin(), values.end(), few_);
      heap_.reset();
    }
    size_ = static_cast<std::uint32_t>(values.size());
  }
  void take(SmallList& other) {
    std::copy(other.few_, other.few_ + N, few_);
    heap_ = std::move(other.heap_);
    size_ = std::exchange(other.size_, 0);
  }

  std::unique_ptr<T[]> heap_;
  T few_[N]{};
  std::uint32_t size_ = 0;
};

using Replicas = SmallList<base::BrokerId, 3>;
using Directories = SmallList<base::DirectoryId, 1>;

}  // namespace moldau::metadata
