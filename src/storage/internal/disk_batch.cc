#include "storage/internal/disk_batch.h"

#include <utility>

namespace moldau::storage::internal {

DiskBatch::~DiskBatch() {
  for (const auto& operation : operations_) {
    if (operation->in_flight) disk_->abandon(*operation);
  }
}

void DiskBatch::clear() {
  ASSERT(pending_ == 0);
  used_ = 0;
}

DiskBatch::Operation& DiskBatch::next() {
  if (used_ == operations_.size()) operations_.push_back(std::make_unique<Operation>(*this));
  Operation& operation = *operations_[used_++];
  operation.result = 0;
  return operation;
}

std::size_t DiskBatch::add_write(rt::FileRef file, std::uint64_t position,
                                 std::span<const base::Bytes> slices) {
  Operation& operation = next();
  operation.kind = rt::DiskOperation::Kind::kWrite;
  operation.file = std::move(file);
  operation.position = position;
  operation.slices = slices;
  return used_ - 1;
}

std::size_t DiskBatch::add_sync(rt::FileRef file) {
  Operation& operation = next();
  operation.kind = rt::DiskOperation::Kind::kSync;
  operation.file = std::move(file);
  operation.position = 0;
  operation.slices = {};
  return used_ - 1;
}

rt::IoResult<void> DiskBatch::outcome() const {
  for (std::size_t i = 0; i < used_; ++i) {
    if (!operations_[i]->result) return std::unexpected(operations_[i]->result.error());
  }
  return {};
}

bool DiskBatch::start(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  // One more than there are, so that the last completion cannot resume before all are submitted.
  pending_ = used_ + 1;
  for (std::size_t i = 0; i < used_; ++i) {
    Operation& operation = *operations_[i];
    operation.in_flight = true;
    if (disk_->submit(operation)) {
      operation.in_flight = false;
      --pending_;
    }
  }
  return --pending_ > 0;
}

void DiskBatch::finished_one() {
  if (--pending_ == 0) waiter_.resume();
}

void DiskBatch::release_files() {
  for (std::size_t i = 0; i < used_; ++i) operations_[i]->file.reset();
}

}  // namespace moldau::storage::internal
