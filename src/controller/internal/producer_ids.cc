#include <algorithm>
#include <limits>
#include <utility>

#include "controller/internal/decisions.h"

namespace moldau::controller {

using wire::ErrorCode;

Decision<wire::AllocateProducerIdsResponse> allocate_producer_ids(
    const View& view, const wire::AllocateProducerIdsRequest& request) {
  Decision<wire::AllocateProducerIdsResponse> decision;
  const ApiError stale = view.check_broker_epoch(request.broker_id, request.broker_epoch);
  if (stale.failed()) {
    decision.response.error_code = stale.code;
    return decision;
  }
  const std::int64_t first = std::max<std::int64_t>(view.image().producer_ids().next.value(), 0);
  if (first > std::numeric_limits<std::int64_t>::max() - kProducerIdBlock) {
    decision.response.error_code = ErrorCode::kUnknownServerError;
    return decision;
  }
  wire::ProducerIdsRecord record;
  record.broker_id = request.broker_id;
  record.broker_epoch = request.broker_epoch;
  record.next_producer_id = base::ProducerId(first + kProducerIdBlock);
  decision.records.push_back(view.record(std::move(record)));
  decision.response.producer_id_start = base::ProducerId(first);
  decision.response.producer_id_len = static_cast<std::int32_t>(kProducerIdBlock);
  return decision;
}

}  // namespace moldau::controller
