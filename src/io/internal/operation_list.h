// OperationList is a first-in, first-out list of disk operations, linked through runtime_next. One
// owner at a time.
#pragma once

#include <cstddef>

#include "rt/disk.h"

namespace moldau::io::internal {

class OperationList {
 public:
  [[nodiscard]] bool empty() const { return first_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] rt::DiskOperation* first() const { return first_; }
  void push(rt::DiskOperation& operation) {
    operation.runtime_next = nullptr;
    (last_ == nullptr ? first_ : last_->runtime_next) = &operation;
    last_ = &operation;
    ++size_;
  }
  rt::DiskOperation* pop() {
    rt::DiskOperation* operation = first_;
    if (operation == nullptr) return nullptr;
    first_ = operation->runtime_next;
    if (first_ == nullptr) last_ = nullptr;
    --size_;
    return operation;
  }

 private:
  rt::DiskOperation* first_ = nullptr;
  rt::DiskOperation* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace moldau::io::internal
