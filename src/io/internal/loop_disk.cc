#include "io/internal/loop_disk.h"

#include <cerrno>
#include <sys/stat.h>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "io/internal/event_loop.h"
#include "io/internal/file_calls.h"
#include "io/internal/off_loop.h"
#include "io/internal/open_file.h"
#include "io/internal/shared.h"
#include "io/internal/transfer.h"

namespace moldau::io::internal {

LoopDisk::Batch::Batch(LoopDisk& disk, Kind& of)
    : PoolTask([](PoolTask& task) {
        auto& batch = static_cast<Batch&>(task);
        for (auto* at = batch.operations.first(); at != nullptr; at = at->runtime_next) {
          transfer(*at);
        }
        batch.owner->loop_->post(batch);
      }),
      rt::Job([](rt::Job& job) {
        auto& batch = static_cast<Batch&>(job);
        batch.owner->finished(batch);
      }),
      owner(&disk),
      kind(&of) {}

LoopDisk::LoopDisk(EventLoop& loop) : loop_(&loop), ring_(loop) {}
LoopDisk::~LoopDisk() = default;

void LoopDisk::open() {
  if (loop_->shared().disk_backend != DiskBackend::kUring) return;
  if (const auto opened = ring_.open(); !opened) {
    LOG_WARN(loop_->log(), "io", "loop {}: no io_uring ({}), syncs and cold reads use threads",
             loop_->index(), opened.error().to_string());
  }
}

void LoopDisk::close() { ring_.close(); }

bool LoopDisk::idle() const { return loop_->disk_in_flight.value() == 0; }

bool LoopDisk::submit(rt::DiskOperation& operation) {
  ASSERT(loop_->is_current());
  ASSERT(operation.file != nullptr);
  operation.result = 0;
  operation.sync_failed = false;
  if (operation.kind == rt::DiskOperation::Kind::kRead &&
      operation.into.size() <= kInlineReadBytesMax && try_read(operation)) {
    loop_->disk_operations.add();
    if (loop_->take_inline()) return true;
    loop_->post(operation);
    return false;
  }
  loop_->disk_in_flight.add();
  switch (operation.kind) {
    case rt::DiskOperation::Kind::kRead:
      reads_.waiting.push(operation);
      break;
    case rt::DiskOperation::Kind::kWrite:
      writes_.waiting.push(operation);
      break;
    case rt::DiskOperation::Kind::kSync:
      syncs_.waiting.push(operation);
      break;
    case rt::DiskOperation::Kind::kWriteAndSync:
      synced_writes_.waiting.push(operation);
      break;
  }
  return false;
}

void LoopDisk::abandon(rt::DiskOperation&) {
  // The kernel or a thread may still use the frame's memory.
  base::assertion_failed("no disk operation in flight when its frame is destroyed", __FILE__,
                         __LINE__);
}

void LoopDisk::flush() {
  if (!writes_.waiting.empty()) flush_to(loop_->shared().writers, writes_, kBatchBytesMax);
  if (ring_.is_open() && !ring_.gave_up()) {
    if (!reads_.waiting.empty()) flush_to_ring(reads_.waiting);
    if (!syncs_.waiting.empty() && syncs_.waiting.size() <= kRingSyncsMax) {
      flush_to_ring(syncs_.waiting);
    }
  }
  if (ring_.gave_up()) take_back_from_ring();
  if (!reads_.waiting.empty()) flush_to(loop_->shared().blocking, reads_, 0);
  if (!syncs_.waiting.empty()) flush_to(loop_->shared().syncs, syncs_, 0);
  if (!synced_writes_.waiting.empty()) flush_to(loop_->shared().syncs, synced_writes_, 0);
}

void LoopDisk::take_back_from_ring() {
  OperationList left = ring_.take_back();
  while (rt::DiskOperation* operation = left.pop()) {
    const bool syncs = operation->kind == rt::DiskOperation::Kind::kSync;
    (syncs ? syncs_ : reads_).waiting.push(*operation);
  }
}

void LoopDisk::flush_to_ring(OperationList& waiting) {
  while (rt::DiskOperation* operation = waiting.pop()) ring_.add(*operation);
  ring_.submit();
}

// One batch takes operations until it has bytes_max; at zero each operation is a batch of its own.
void LoopDisk::flush_to(ThreadPool& pool, Kind& kind, std::size_t bytes_max) {
  PoolChain chain;
  while (!kind.waiting.empty()) {
    Batch* batch = take_batch(kind);
    if (batch == nullptr) break;  // The rest goes when a batch comes back.
    std::size_t bytes = 0;
    do {
      rt::DiskOperation& operation = *kind.waiting.pop();
      bytes += transfer_bytes(operation);
      batch->operations.push(operation);
    } while (!kind.waiting.empty() && bytes < bytes_max);
    chain.push(*batch);
  }
  pool.submit(chain);
}

LoopDisk::Batch* LoopDisk::take_batch(Kind& kind) {
  if (kind.free.empty()) {
    if (kind.batches.size() >= kBatchesMax) return nullptr;
    kind.batches.push_back(std::make_unique<Batch>(*this, kind));
    return kind.batches.back().get();
  }
  Batch* batch = kind.free.back();
  kind.free.pop_back();
  return batch;
}

void LoopDisk::finished(Batch& batch) {
  OperationList operations = std::exchange(batch.operations, {});
  batch.kind->free.push_back(&batch);
  while (rt::DiskOperation* operation = operations.pop()) loop_->finish(*operation);
}

}  // namespace moldau::io::internal
