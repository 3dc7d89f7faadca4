// CallAll runs one task on each of several loops at the same time and brings all results back:
//   CallAll<Answer> calls(loop);  calls.add(to, task);  auto answers = co_await calls;
// Results are in the order of add(). All tasks are posted before the first one runs, also to the
// own loop: so what two CallAll of one loop post to one target keeps its order. Not to be reused.
#pragma once

#include <coroutine>
#include <deque>
#include <optional>
#include <vector>

#include "base/assert.h"
#include "rt/call.h"
#include "rt/job.h"
#include "rt/loop.h"
#include "rt/task.h"

namespace moldau::rt {

template <class T>
class CallAll {
 public:
  explicit CallAll(Loop& from) : from_(&from) {}
  CallAll(const CallAll&) = delete;
  CallAll& operator=(const CallAll&) = delete;
  ~CallAll() {
    if (running_ > 0) from_->abandon_call();
  }

  void add(Loop& to, Task<T> task) { calls_.emplace_back(*this, to, std::move(task)); }

  [[nodiscard]] bool await_ready() const { return calls_.empty(); }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    running_ = calls_.size();
    for (One& call : calls_) call.to->post(call.start);
  }
  std::vector<T> await_resume() {
    std::vector<T> results;
    results.reserve(calls_.size());
    for (One& call : calls_) results.push_back(std::move(*call.result));
    return results;
  }

 private:
  struct Back : Job {
    explicit Back(CallAll& all) : Job(&Back::finished), owner(&all) {}
    static void finished(Job& job) {
      CallAll& all = *static_cast<Back&>(job).owner;
      if (--all.running_ == 0) all.waiter_.resume();
    }
    CallAll* owner;
  };
  struct One {
    One(CallAll& all, Loop& loop, Task<T> task)
        : from(all.from_),
          to(&loop),
          back(all),
          run(internal::run_remote(std::move(task), &result).handle) {
      start.waiter = run;
      run.promise().from = from;
      run.promise().back = &back;
    }
    One(const One&) = delete;
    One& operator=(const One&) = delete;
    ~One() {
      if (start.queue != nullptr) to->withdraw(start);
      if (back.queue != nullptr) from->withdraw(back);
      run.destroy();
    }

    Loop* from;
    Loop* to;
    std::optional<T> result;
    ResumeJob start;
    Back back;
    std::coroutine_handle<internal::RemoteRun::promise_type> run;
  };

  Loop* from_;
  std::deque<One> calls_;
  std::size_t running_ = 0;
  std::coroutine_handle<> waiter_;
};

}  // namespace moldau::rt
