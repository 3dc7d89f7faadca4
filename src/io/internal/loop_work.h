// LoopWork is rt::Work of one event loop: items gathered in a turn go to the computing threads with
// one wake, a limited number at a time; the rest waits on the loop.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "io/internal/thread_pool.h"
#include "rt/work.h"

namespace moldau::io::internal {

class EventLoop;

class LoopWork final : public rt::Work {
 public:
  explicit LoopWork(EventLoop& loop);
  ~LoopWork() override;

  void flush();
  [[nodiscard]] bool idle() const { return first_ == nullptr && in_flight_ == 0; }

  void submit(rt::WorkItem& item) override;
  void abandon(rt::WorkItem& item) override;

 private:
  static constexpr std::size_t kInFlightMax = 64;

  // Carries an item to a thread and back.
  struct Slot final : PoolTask, rt::Job {
    explicit Slot(LoopWork& work);
    LoopWork* owner;
    rt::WorkItem* item = nullptr;
  };
  void finished(Slot& slot);

  EventLoop* loop_;
  rt::WorkItem* first_ = nullptr;  // waiting, linked by runtime_next
  rt::WorkItem* last_ = nullptr;
  std::size_t in_flight_ = 0;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_slots_;
};

}  // namespace moldau::io::internal
