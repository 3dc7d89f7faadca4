// Resolver turns host names into addresses on threads of its own. A lookup takes as long as the
// name servers like, so whoever waits brings a deadline and a token and may leave a lookup behind;
// the threads are not waited for at the end either, and touch no loop that has left. At most
// kThreadsMax lookups at a time; the others wait, and those that nobody waits for go. Any loop.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/time.h"
#include "io/internal/address.h"
#include "rt/io_error.h"
#include "rt/loop.h"
#include "rt/net.h"
#include "rt/stop.h"
#include "rt/task.h"

namespace moldau::io::internal {

class Resolver {
 public:
  using Addresses = rt::IoResult<std::vector<Address>>;
  using Lookup = Addresses (*)(const rt::Endpoint&);

  Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();

  // kTimedOut at the deadline, kStopped when the token stopped.
  [[nodiscard]] rt::Task<Addresses> resolve(rt::Loop& loop, rt::Endpoint endpoint,
                                            base::Instant deadline, rt::StopToken token);

  // For tests, before the first lookup: what is called in place of resolve_blocking().
  void set_lookup(Lookup lookup);

  static constexpr std::size_t kThreadsMax = 4;

 private:
  struct Request;
  struct State;  // also held by the threads, which may outlive the resolver

  std::shared_ptr<State> state_;
};

}  // namespace moldau::io::internal
