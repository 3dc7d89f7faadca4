#include "sim/runtime/internal/work.h"

#include <algorithm>

#include "base/assert.h"
#include "sim/runtime/internal/loop.h"
#include "sim/runtime/node.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {

void SimWork::submit(rt::WorkItem& item) {
  ASSERT(loop_->is_current());
  if (loop_->dead()) return;
  Simulation& world = loop_->simulation();
  const auto ticket = world.schedule(world.draw(world.options().work), world.new_lane(),
                                     [this, target = &item] { run(*target); });
  pending_.push_back({.item = &item, .ticket = ticket});
}

void SimWork::run(rt::WorkItem& item) {
  std::erase_if(pending_, [&](const Pending& pending) { return pending.item == &item; });
  Simulation& world = loop_->simulation();
  world.trace(TraceKind::kWork, loop_->node().index(), loop_->index());
  world.run_off_loop([&] { item.execute(); });
  loop_->post(item);
}

void SimWork::abandon(rt::WorkItem& item) {
  loop_->withdraw(item);
  const auto found = std::ranges::find(pending_, &item, &Pending::item);
  if (found == pending_.end()) return;
  loop_->simulation().cancel(found->ticket);
  pending_.erase(found);
}

void SimWork::die() {
  for (const Pending& pending : pending_) loop_->simulation().cancel(pending.ticket);
  pending_.clear();
}

}  // namespace moldau::sim
