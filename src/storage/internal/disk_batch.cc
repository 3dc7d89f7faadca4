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

std::size_t DiskBatch::add(rt::DiskOperation::Kind kind, rt::FileRef file, std::uint64_t position,
                           std::span<const base::Bytes> slices) {
  if (used_ == operations_.size()) operations_.push_back(std::make_unique<Operation>(*this));
  Operation& operation = *operations_[used_++];
  operation.result = 0;
  operation.kind = kind;
  operation.file = std::move(file);
  operation.position = position;
  operation.slices = slices;
  return used_ - 1;
}

std::size_t DiskBatch::add_write(rt::FileRef file, std::uint64_t position,
                                 std::span<const base::Bytes> slices) {
  return add(rt::DiskOperation::Kind::kWrite, std::move(file), position, slices);
}

std::size_t DiskBatch::add_synced_write(rt::FileRef file, std::uint64_t position,
                                        std::span<const base::Bytes> slices) {
  return add(rt::DiskOperation::Kind::kWriteAndSync, std::move(file), position, slices);
}

std::size_t DiskBatch::add_sync(rt::FileRef file) {
  return add(rt::DiskOperation::Kind::kSync, std::move(file), 0, {});
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
