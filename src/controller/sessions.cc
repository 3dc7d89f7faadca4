#include "controller/sessions.h"

namespace moldau::controller {

void Sessions::assume(base::BrokerId broker, base::BrokerEpoch epoch, base::Instant now) {
  sessions_[broker] = {
      .epoch = epoch, .last_contact = now, .metadata_offset = base::kNoOffset, .heard = false};
}

const Sessions::Session* Sessions::find(base::BrokerId broker) const {
  const auto at = sessions_.find(broker);
  return at == sessions_.end() ? nullptr : &at->second;
}

bool Sessions::valid(base::BrokerId broker, base::BrokerEpoch epoch, base::Instant now) const {
  const Session* session = find(broker);
  return session != nullptr && session->epoch == epoch && now - session->last_contact < timeout_;
}

base::Instant Sessions::expires_at(base::BrokerId broker) const {
  const Session* session = find(broker);
  return session == nullptr ? base::Instant{} : session->last_contact + timeout_;
}

}  // namespace moldau::controller
