// ProducerIds hands out producer ids for idempotent producers from blocks that the controller
// leases to this broker; an id is never handed out twice, also not after a crash, since a lease is
// a record in the metadata log. Lives on loop 0. Source: KIP-730;
// server-common/.../RPCProducerIdManager.java.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>

#include "base/ids.h"
#include "broker/controller_channel.h"
#include "rt/sync.h"
#include "wire/error_code.h"

namespace moldau::broker {

class ProducerIds {
 public:
  ProducerIds(rt::Loop& loop, ControllerChannel& controller, base::BrokerId node_id,
              std::function<base::BrokerEpoch()> broker_epoch)
      : controller_(&controller),
        node_id_(node_id),
        broker_epoch_(std::move(broker_epoch)),
        leasing_(loop) {}

  // The next id; kCoordinatorLoadInProgress (retriable) while the controller gives none.
  rt::Task<std::expected<base::ProducerId, wire::ErrorCode>> next();

 private:
  ControllerChannel* controller_;
  base::BrokerId node_id_;
  std::function<base::BrokerEpoch()> broker_epoch_;
  rt::Mutex leasing_;
  base::ProducerId next_{0};
  base::ProducerId end_{0};
};

}  // namespace moldau::broker
