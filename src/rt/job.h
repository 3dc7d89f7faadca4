// Job is a piece of work in a loop's queue: a function and a link, embedded in whatever waits (a
// coroutine frame, mostly), so that posting allocates nothing. A job is in at most one queue at a
// time, and its owner keeps it alive until it has run or the loop has dropped it.
#pragma once

#include <coroutine>

namespace moldau::rt {

struct Job {
  using Function = void (*)(Job&);

  explicit Job(Function function) : run(function) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  Function run;
  Job* next = nullptr;    // owned by the queue that holds the job
  void* queue = nullptr;  // the runtime's mark: not null while queued
};

// A job that resumes a coroutine.
struct ResumeJob : Job {
  ResumeJob() : Job(&ResumeJob::resume) {}
  std::coroutine_handle<> waiter;

 private:
  static void resume(Job& job) { static_cast<ResumeJob&>(job).waiter.resume(); }
};

}  // namespace moldau::rt
