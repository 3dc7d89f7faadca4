#include "io/internal/memory_trimmer.h"

#include <malloc.h>
#include <memory>

#include "base/assert.h"
#include "io/internal/shared.h"
#include "io/internal/thread_pool.h"

namespace moldau::io::internal {

bool TrimPolicy::look(std::int64_t busy_permille) {
  if (busy_permille <= kBusyPermilleMax) return true;
  given_back_.store(0);  // Pages that were given back are in use again.
  return false;
}

bool TrimPolicy::worth_it(std::size_t free_bytes) const {
  return free_bytes >= given_back_.load() + kFreeBytesMin;
}

MemoryTrimmer::Look::Look(MemoryTrimmer& trimmer)
    : rt::Timer([](rt::Job& job) { static_cast<Look&>(job).owner->look(); }), owner(&trimmer) {}

MemoryTrimmer::MemoryTrimmer(Shared& shared, rt::Loops loops)
    : shared_(&shared), loops_(loops), timer_(*this) {}

MemoryTrimmer::~MemoryTrimmer() { ASSERT(!timer_.armed()); }

void MemoryTrimmer::start() { loops_.front()->arm(timer_, loops_.front()->now() + kLookEvery); }

void MemoryTrimmer::stop() {
  if (timer_.armed()) loops_.front()->disarm(timer_);
}

base::Duration MemoryTrimmer::busy() const {
  base::Duration total{0};
  for (const rt::Loop* loop : loops_) total += loop->stats().busy;
  return total;
}

void MemoryTrimmer::look() {
  const base::Duration lately = busy() - busy_before_;
  busy_before_ += lately;
  start();
  const auto loops = static_cast<std::int64_t>(loops_.size());
  if (!shared_->trim_policy.look(lately * 1000 / kLookEvery / loops)) return;
  // Counting and trimming lock each arena for a while: not on a loop.
  struct Trim : PoolTask {
    explicit Trim(TrimPolicy& p) : PoolTask(&Trim::work), policy(&p) {}
    static void work(PoolTask& task) {
      const std::unique_ptr<Trim> self(static_cast<Trim*>(&task));
      if (!self->policy->worth_it(::mallinfo2().fordblks)) return;
      ::malloc_trim(0);
      self->policy->trimmed(::mallinfo2().fordblks);
    }
    TrimPolicy* policy;
  };
  shared_->bulk.submit(*std::make_unique<Trim>(shared_->trim_policy).release());
}

}  // namespace moldau::io::internal
