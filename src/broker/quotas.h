// Quotas say for how long a client is to be slowed down for what it just did. Asked once for each
// request, when its answer is made: the time stands in the answer, and the connection is not read
// until it is over (KIP-219). Until quotas are enforced nobody waits. Called on the connection's
// loop; sizes are bytes.
#pragma once

#include <cstddef>

#include "base/time.h"
#include "broker/request_context.h"

namespace moldau::broker {

class Quotas {
 public:
  virtual ~Quotas() = default;
  [[nodiscard]] virtual base::Milliseconds32 throttle(const RequestContext& context,
                                                      std::size_t request_bytes) const = 0;
};

class NoQuotas final : public Quotas {
 public:
  [[nodiscard]] base::Milliseconds32 throttle(const RequestContext&, std::size_t) const override {
    return base::Milliseconds32(0);
  }
};

}  // namespace moldau::broker
