#include "raft/internal/peers.h"

#include <algorithm>

namespace moldau::raft::internal {

const Peers::Peer* Peers::find(base::BrokerId id) const {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : &found->second;
}

bool Peers::ready(base::BrokerId id, base::Instant now) const {
  const Peer* peer = find(id);
  if (peer == nullptr) return true;
  return now >= peer->since + (peer->in_flight ? request_timeout_ : retry_backoff_);
}

bool Peers::backing_off(base::BrokerId id, base::Instant now) const {
  const Peer* peer = find(id);
  return peer != nullptr && !peer->in_flight && now < peer->since + retry_backoff_;
}

bool Peers::timed_out(base::BrokerId id, base::Instant now) const {
  const Peer* peer = find(id);
  return peer != nullptr && peer->in_flight && now >= peer->since + request_timeout_;
}

bool Peers::any_in_flight(base::Instant now) const {
  return std::ranges::any_of(peers_, [&](const auto& entry) {
    return entry.second.in_flight && now < entry.second.since + request_timeout_;
  });
}

bool Peers::expects(base::BrokerId id, base::CorrelationId correlation) const {
  const Peer* peer = find(id);
  return peer != nullptr && peer->in_flight == correlation;
}

base::Instant Peers::next_change(base::Instant now) const {
  base::Instant next = base::kNever;
  for (const auto& [id, peer] : peers_) {
    const base::Instant at = peer.since + (peer.in_flight ? request_timeout_ : retry_backoff_);
    if (at > now) next = std::min(next, at);
  }
  return next;
}

void Peers::sent(base::BrokerId id, base::CorrelationId correlation, base::Instant now) {
  peers_.insert_or_assign(id, Peer{.in_flight = correlation, .since = now});
}

void Peers::answered(base::BrokerId id, bool success, base::Instant now) {
  if (success) {
    peers_.erase(id);
  } else {
    peers_.insert_or_assign(id, Peer{.in_flight = std::nullopt, .since = now});
  }
}

}  // namespace moldau::raft::internal
