// DiskBatch runs many writes and syncs at once and resumes its one waiter when the last is done.
// Its operations are kept between uses, so that a steady load allocates nothing. What the
// operations point to (slices, their bytes) belongs to the caller until run() returns. One loop,
// one user at a time: clear(), add..., co_await run(), result().
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "rt/disk.h"

namespace moldau::storage::internal {

class DiskBatch {
 public:
  explicit DiskBatch(rt::Disk& disk) : disk_(&disk) {}
  DiskBatch(const DiskBatch&) = delete;
  DiskBatch& operator=(const DiskBatch&) = delete;
  ~DiskBatch();

  void clear();
  // All return the index of their result.
  std::size_t add_write(rt::FileRef file, std::uint64_t position,
                        std::span<const base::Bytes> slices);
  std::size_t add_synced_write(rt::FileRef file, std::uint64_t position,
                               std::span<const base::Bytes> slices);
  std::size_t add_sync(rt::FileRef file);

  [[nodiscard]] std::size_t size() const { return used_; }
  [[nodiscard]] const rt::IoResult<std::size_t>& result(std::size_t index) const {
    return operations_[index]->result;
  }
  // Of a synced write that failed: the write did not.
  [[nodiscard]] bool sync_failed(std::size_t index) const {
    return operations_[index]->sync_failed;
  }
  // The first failure, when there is one.
  [[nodiscard]] rt::IoResult<void> outcome() const;

  struct Run {
    DiskBatch* batch;
    [[nodiscard]] bool await_ready() const { return batch->used_ == 0; }
    bool await_suspend(std::coroutine_handle<> waiter) { return batch->start(waiter); }
    void await_resume() const { batch->release_files(); }
  };
  [[nodiscard]] Run run() { return {this}; }

 private:
  struct Operation : rt::DiskOperation {
    explicit Operation(DiskBatch& owner) : batch(&owner) { run = &Operation::done; }
    static void done(rt::Job& job) {
      auto& operation = static_cast<Operation&>(job);
      operation.in_flight = false;
      operation.batch->finished_one();
    }
    DiskBatch* batch;
    bool in_flight = false;
  };

  std::size_t add(rt::DiskOperation::Kind kind, rt::FileRef file, std::uint64_t position,
                  std::span<const base::Bytes> slices);
  // False when everything finished within the call.
  bool start(std::coroutine_handle<> waiter);
  void finished_one();
  void release_files();

  rt::Disk* disk_;
  std::vector<std::unique_ptr<Operation>> operations_;
  std::size_t used_ = 0;
  std::size_t pending_ = 0;
  std::coroutine_handle<> waiter_;
};

}  // namespace moldau::storage::internal
