// LoopDisk is rt::Disk of one event loop. Reads are tried in place when the page cache can answer.
// Everything else is gathered while the loop runs its turn and handed out at the turn's end, many
// operations with one wake: writes in batches to the writing threads, writes that are synced each
// to a syncing thread, cold reads and single syncs to the ring, many syncs to the syncing threads,
// without a ring cold reads to the blocking ones.
// No write happens on the loop: the kernel may make the writer wait (dirty limits, the file
// system's journal), and says so only on some file systems.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "io/internal/operation_list.h"
#include "io/internal/ring.h"
#include "io/internal/thread_pool.h"
#include "rt/disk.h"

namespace moldau::io::internal {

class EventLoop;

class LoopDisk final : public rt::Disk {
 public:
  explicit LoopDisk(EventLoop& loop);
  ~LoopDisk() override;

  // On the loop's thread, around its life.
  void open();
  void close();
  [[nodiscard]] Ring& ring() { return ring_; }
  // Hands out what was gathered.
  void flush();
  [[nodiscard]] bool idle() const;

  [[nodiscard]] rt::Task<rt::IoResult<rt::FileRef>> open(std::string path,
                                                         rt::OpenMode mode) override;
  [[nodiscard]] rt::Task<rt::IoResult<std::uint64_t>> size(rt::FileRef file) override;
  [[nodiscard]] rt::Task<rt::IoResult<void>> preallocate(rt::FileRef file, std::uint64_t position,
                                                         std::uint64_t length,
                                                         bool keep_size) override;
  [[nodiscard]] rt::Task<rt::IoResult<void>> truncate(rt::FileRef file,
                                                      std::uint64_t size) override;
  [[nodiscard]] rt::Task<> forget(rt::FileRef file, std::uint64_t position,
                                  std::uint64_t length) override;
  void write_directly(const rt::FileRef& file) override;
  [[nodiscard]] rt::Task<rt::IoResult<rt::FileInfo>> info(std::string path) override;
  [[nodiscard]] rt::Task<rt::IoResult<void>> rename(std::string from, std::string to) override;
  [[nodiscard]] rt::Task<rt::IoResult<void>> remove(std::string path) override;
  [[nodiscard]] rt::Task<rt::IoResult<void>> remove_tree(std::string path) override;
  [[nodiscard]] rt::Task<rt::IoResult<void>> make_directories(std::string path) override;
  [[nodiscard]] rt::Task<rt::IoResult<void>> sync_directory(std::string path) override;
  [[nodiscard]] rt::Task<rt::IoResult<std::vector<rt::DirectoryEntry>>> list(
      std::string path) override;
  [[nodiscard]] rt::Task<rt::IoResult<rt::DiskSpace>> space(std::string path) override;
  [[nodiscard]] rt::Task<rt::IoResult<std::unique_ptr<rt::FileLock>>> lock(
      std::string path) override;

  [[nodiscard]] bool submit(rt::DiskOperation& operation) override;
  void abandon(rt::DiskOperation& operation) override;

 private:
  // A read that is longer goes off the loop even when it is cached: copying takes its time too.
  static constexpr std::size_t kInlineReadBytesMax = 128 << 10;
  // One batch is written by one thread: more bytes make another batch.
  static constexpr std::size_t kBatchBytesMax = 256 << 10;
  static constexpr std::size_t kBatchesMax = 64;
  // More syncs of one turn start faster on threads, which all wake at once; the kernel's workers
  // behind a ring wake each other one by one.
  static constexpr std::size_t kRingSyncsMax = 2;

  struct Kind;
  // Operations on their way through a pool thread, and the job that brings them back.
  struct Batch final : PoolTask, rt::Job {
    Batch(LoopDisk& disk, Kind& kind);
    LoopDisk* owner;
    Kind* kind;
    OperationList operations;
  };
  // Operations of one kind: those that wait, and batches of their own, so that many slow ones of
  // one kind never keep those of another from being handed out.
  struct Kind {
    OperationList waiting;
    std::vector<std::unique_ptr<Batch>> batches;
    std::vector<Batch*> free;
  };

  [[nodiscard]] Batch* take_batch(Kind& kind);
  void flush_to(ThreadPool& pool, Kind& kind, std::size_t bytes_max);
  void flush_to_ring(OperationList& waiting);
  void take_back_from_ring();
  void finished(Batch& batch);

  EventLoop* loop_;
  Ring ring_;
  Kind writes_;
  Kind reads_;
  Kind syncs_;
  Kind synced_writes_;
};

}  // namespace moldau::io::internal
