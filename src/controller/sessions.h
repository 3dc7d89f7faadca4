// Sessions are what the active controller remembers about brokers' heartbeats: when each was last
// heard and how far it has read the metadata log. Soft state: it starts anew with each leadership,
// and every broker that is not fenced gets a whole session then. Bounded by the number of
// registered brokers. One owner, one loop. Source: BrokerHeartbeatManager.java,
// BrokerHeartbeatTracker.java (4.4).
#pragma once

#include <map>
#include <optional>

#include "base/ids.h"
#include "base/time.h"

namespace moldau::controller {

class Sessions {
 public:
  struct Session {
    base::BrokerEpoch epoch{-1};
    base::Instant last_contact;
    base::Offset metadata_offset{-1};
    bool heard = false;     // not just assumed at the start of a leadership
    bool stopping = false;  // it wants to shut down
  };

  explicit Sessions(base::Duration timeout) : timeout_(timeout) {}

  void touch(base::BrokerId broker, const Session& heard) { sessions_[broker] = heard; }
  // Gives a broker that was never heard a whole session.
  void assume(base::BrokerId broker, base::BrokerEpoch epoch, base::Instant now);
  void forget(base::BrokerId broker) { sessions_.erase(broker); }
  void clear() { sessions_.clear(); }

  [[nodiscard]] const Session* find(base::BrokerId broker) const [[clang::lifetimebound]];
  // Whether this incarnation was heard, or assumed to live, within the timeout.
  [[nodiscard]] bool valid(base::BrokerId broker, base::BrokerEpoch epoch, base::Instant now) const;
  [[nodiscard]] base::Instant expires_at(base::BrokerId broker) const;
  [[nodiscard]] base::Duration timeout() const { return timeout_; }

 private:
  base::Duration timeout_;
  std::map<base::BrokerId, Session> sessions_;
};

}  // namespace moldau::controller
