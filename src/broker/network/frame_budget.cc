#include "broker/network/frame_budget.h"

namespace moldau::broker {

rt::Task<bool> FrameBudget::Share::take(std::size_t bytes, rt::StopToken token) {
  const bool small = bytes_ + bytes <= kSmallFrameBytes;
  const bool someone_waits = budget_->turn_.locked() && !turn_;
  if (!small && (!budget_->fits(bytes) || someone_waits)) {
    ++budget_->waiting_;
    if (!turn_) turn_.emplace(co_await budget_->turn_.lock());
    bool stopped = false;
    while (!stopped && !budget_->fits(bytes) && budget_->complete_bytes_ > 0) {
      stopped = !co_await budget_->returned_.wait(token);
    }
    --budget_->waiting_;
    if (stopped) co_return false;
  }
  budget_->used_ += bytes;
  bytes_ += bytes;
  co_return !token.stop_requested();
}

void FrameBudget::Share::complete() {
  ASSERT(!complete_);
  complete_ = true;
  budget_->complete_bytes_ += bytes_;
  turn_.reset();
}

void FrameBudget::Share::add(std::size_t bytes) {
  ASSERT(complete_);
  bytes_ += bytes;
  budget_->used_ += bytes;
  budget_->complete_bytes_ += bytes;
}

void FrameBudget::Share::release() {
  budget_->give_back(*this);
  bytes_ = 0;
  complete_ = false;
}

void FrameBudget::give_back(Share& share) {
  ASSERT(used_ >= share.bytes_);
  used_ -= share.bytes_;
  if (share.complete_) complete_bytes_ -= share.bytes_;
  share.turn_.reset();
  returned_.notify_all();
}

}  // namespace moldau::broker
