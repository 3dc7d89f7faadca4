#include "broker/producer_ids.h"

#include "wire/allocate_producer_ids_request.h"
#include "wire/allocate_producer_ids_response.h"

namespace moldau::broker {

rt::Task<std::expected<base::ProducerId, wire::ErrorCode>> ProducerIds::next() {
  const auto turn = co_await leasing_.lock();
  if (next_ == end_) {
    wire::AllocateProducerIdsRequest request;
    request.broker_id = node_id_;
    request.broker_epoch = broker_epoch_();
    const auto block = co_await controller_->call<wire::AllocateProducerIdsResponse>(request);
    if (!block || block->error_code != wire::ErrorCode::kNone || block->producer_id_len <= 0) {
      co_return std::unexpected(wire::ErrorCode::kCoordinatorLoadInProgress);
    }
    next_ = block->producer_id_start;
    end_ = next_ + block->producer_id_len;
  }
  const base::ProducerId id = next_;
  next_ += 1;
  co_return id;
}

}  // namespace moldau::broker
