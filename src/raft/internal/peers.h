// Peers tells when a request may go to a node: one in flight each, a pause after a failure, and a
// node whose answer did not come in time counts as free again. Ids below -1 are bootstrap servers.
// Source: raft/.../RequestManager.java.
#pragma once

#include <map>
#include <optional>

#include "base/ids.h"
#include "base/time.h"

namespace moldau::raft::internal {

class Peers {
 public:
  Peers(base::Duration request_timeout, base::Duration retry_backoff)
      : request_timeout_(request_timeout), retry_backoff_(retry_backoff) {}

  [[nodiscard]] bool ready(base::BrokerId id, base::Instant now) const;
  [[nodiscard]] bool backing_off(base::BrokerId id, base::Instant now) const;
  [[nodiscard]] bool timed_out(base::BrokerId id, base::Instant now) const;
  // Any request that still may be answered; at most one fetch is in flight at a time.
  [[nodiscard]] bool any_in_flight(base::Instant now) const;
  [[nodiscard]] bool expects(base::BrokerId id, base::CorrelationId correlation) const;
  // When something changes by time alone; kNever when nothing will.
  [[nodiscard]] base::Instant next_change(base::Instant now) const;

  void sent(base::BrokerId id, base::CorrelationId correlation, base::Instant now);
  void answered(base::BrokerId id, bool success, base::Instant now);
  void reset(base::BrokerId id) { peers_.erase(id); }
  void reset_all() { peers_.clear(); }

 private:
  struct Peer {
    std::optional<base::CorrelationId> in_flight;  // else it backs off
    base::Instant since;
  };
  [[nodiscard]] const Peer* find(base::BrokerId id) const;

  base::Duration request_timeout_;
  base::Duration retry_backoff_;
  std::map<base::BrokerId, Peer> peers_;
};

}  // namespace moldau::raft::internal
