// SimWork runs functions off the loop: each at a moment drawn from the seed, with no loop current,
// so that a function which touches a loop is found. One thread.
#pragma once

#include <vector>

#include "rt/work.h"
#include "sim/runtime/internal/event_queue.h"

namespace moldau::sim {

class SimLoop;

class SimWork final : public rt::Work {
 public:
  explicit SimWork(SimLoop& loop) : loop_(&loop) {}

  void submit(rt::WorkItem& item) override;
  void abandon(rt::WorkItem& item) override;
  void die();

 private:
  struct Pending {
    rt::WorkItem* item;
    EventQueue::Ticket ticket;
  };
  void run(rt::WorkItem& item);

  SimLoop* loop_;
  std::vector<Pending> pending_;
};

}  // namespace moldau::sim
