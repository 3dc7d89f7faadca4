// QuorumChannel carries the core's requests to other replicas. A quorum of one never calls it. It
// connects as needed, picks versions with ApiVersions, and gives up after the request's time. One
// request at a time per node; a stopped token ends the wait with kUnreachable. Called on the
// driver's loop.
#pragma once

#include <expected>

#include "raft/messages.h"
#include "raft/raft.h"
#include "rt/stop.h"
#include "rt/task.h"

namespace moldau::broker {

class QuorumChannel {
 public:
  virtual ~QuorumChannel() = default;
  [[nodiscard]] virtual rt::Task<std::expected<raft::Response, raft::RpcFailure>> send(
      raft::Send request, rt::StopToken token) = 0;
};

}  // namespace moldau::broker
