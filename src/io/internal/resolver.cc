#include "io/internal/resolver.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "io/internal/threads.h"
#include "rt/timed_event.h"

namespace moldau::io::internal {

struct Resolver::Request {
  rt::Endpoint endpoint;
  Addresses result;
  // Who is told: null when nobody waits any more. Under the lock of State.
  rt::Loop* loop = nullptr;
  rt::Job* done = nullptr;
};

struct Resolver::State : std::enable_shared_from_this<State> {
  Lookup lookup = &resolve_blocking;
  std::mutex mutex;
  std::condition_variable work;
  std::deque<std::shared_ptr<Request>> waiting;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool closed = false;

  rt::IoResult<void> add(std::shared_ptr<Request> request) {
    {
      const std::lock_guard lock(mutex);
      if (idle <= waiting.size() && threads < kThreadsMax) {
        auto self = std::make_unique<std::shared_ptr<State>>(shared_from_this());
        const auto started = start_thread_named("io-resolve", kPoolStackBytes, &enter, self.get());
        if (!started && threads == 0) return std::unexpected(started.error());
        if (started) {
          self.release();
          ::pthread_detach(*started);
          ++threads;
        }
      }
      waiting.push_back(std::move(request));
    }
    work.notify_one();
    return {};
  }

  // No thread touches the loop afterwards.
  void leave(const std::shared_ptr<Request>& request) {
    const std::lock_guard lock(mutex);
    request->loop = nullptr;
    std::erase(waiting, request);
  }

  static void* enter(void* state) {
    const std::unique_ptr<std::shared_ptr<State>> self(static_cast<std::shared_ptr<State>*>(state));
    (*self)->run();
    return nullptr;
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle;
      work.wait(lock, [this] { return closed || !waiting.empty(); });
      --idle;
      if (closed) return;
      const std::shared_ptr<Request> request = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      request->result = lookup(request->endpoint);
      lock.lock();
      if (request->loop != nullptr) request->loop->post(*request->done);
    }
  }
};

Resolver::Resolver() : state_(std::make_shared<State>()) {}

void Resolver::set_lookup(Lookup lookup) {
  const std::lock_guard lock(state_->mutex);
  ASSERT(state_->threads == 0);
  state_->lookup = lookup;
}

Resolver::~Resolver() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    state_->waiting.clear();
  }
  state_->work.notify_all();
}

rt::Task<Resolver::Addresses> Resolver::resolve(rt::Loop& loop, rt::Endpoint endpoint,
                                                base::Instant deadline, rt::StopToken token) {
  struct Done : rt::Job {
    explicit Done(rt::TimedEvent& event)
        : rt::Job([](rt::Job& job) { static_cast<Done&>(job).finished->set(); }),
          finished(&event) {}
    rt::TimedEvent* finished;
  };
  rt::TimedEvent finished(loop, deadline);
  Done done(finished);
  auto request = std::make_shared<Request>();
  request->endpoint = std::move(endpoint);
  request->loop = &loop;
  request->done = &done;
  CO_TRY(state_->add(request));
  const bool waited = co_await finished.wait(token);
  state_->leave(request);
  if (done.queue != nullptr) loop.withdraw(done);
  if (finished.happened()) co_return std::move(request->result);
  co_return std::unexpected(
      rt::IoError{.code = waited ? rt::IoErrorCode::kTimedOut : rt::IoErrorCode::kStopped});
}

}  // namespace moldau::io::internal
