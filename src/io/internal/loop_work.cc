#include "io/internal/loop_work.h"

#include "base/assert.h"
#include "io/internal/event_loop.h"
#include "io/internal/shared.h"

namespace moldau::io::internal {

LoopWork::Slot::Slot(LoopWork& work)
    : PoolTask([](PoolTask& task) {
        auto& slot = static_cast<Slot&>(task);
        slot.item->execute();
        slot.owner->loop_->post(slot);
      }),
      rt::Job([](rt::Job& job) {
        auto& slot = static_cast<Slot&>(job);
        slot.owner->finished(slot);
      }),
      owner(&work) {}

LoopWork::LoopWork(EventLoop& loop) : loop_(&loop) {}
LoopWork::~LoopWork() = default;

void LoopWork::submit(rt::WorkItem& item) {
  ASSERT(loop_->is_current());
  item.runtime_next = nullptr;
  (last_ == nullptr ? first_ : last_->runtime_next) = &item;
  last_ = &item;
}

void LoopWork::abandon(rt::WorkItem&) {
  base::assertion_failed("no work in flight when its frame is destroyed", __FILE__, __LINE__);
}

void LoopWork::flush() {
  if (first_ == nullptr) return;
  PoolChain chain;
  while (first_ != nullptr && in_flight_ < kInFlightMax) {
    if (free_slots_.empty()) {
      slots_.push_back(std::make_unique<Slot>(*this));
      free_slots_.push_back(slots_.back().get());
    }
    Slot* slot = free_slots_.back();
    free_slots_.pop_back();
    slot->item = first_;
    first_ = first_->runtime_next;
    if (first_ == nullptr) last_ = nullptr;
    ++in_flight_;
    chain.push(*slot);
  }
  loop_->shared().compute.submit(chain);
}

void LoopWork::finished(Slot& slot) {
  rt::WorkItem& item = *slot.item;
  slot.item = nullptr;
  free_slots_.push_back(&slot);
  --in_flight_;
  loop_->post(item);
}

}  // namespace moldau::io::internal
