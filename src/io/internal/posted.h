// post_function(loop, fn) runs a function on another loop, once, from a heap-allocated job: for
// rare hand-overs that nobody waits for.
#pragma once

#include <memory>
#include <utility>

#include "rt/job.h"
#include "rt/loop.h"

namespace moldau::io::internal {

template <class Callable>
struct PostedJob : rt::Job {
  explicit PostedJob(Callable c) : Job(&PostedJob::execute), callable(std::move(c)) {}
  static void execute(rt::Job& job) {
    const std::unique_ptr<PostedJob> self(static_cast<PostedJob*>(&job));
    self->callable();
  }
  Callable callable;
};

template <class Callable>
void post_function(rt::Loop& loop, Callable callable) {
  loop.post(*std::make_unique<PostedJob<Callable>>(std::move(callable)).release());
}

}  // namespace moldau::io::internal
