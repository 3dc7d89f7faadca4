// Responses to our requests. The bool that the handlers yield says whether the peer may be asked
// again at once, or rests first.
#include <utility>

#include "raft/raft.h"

namespace moldau::raft {

using internal::Candidate;
using internal::Follower;
using internal::Leader;
using internal::Prospective;
using internal::Resigned;
using wire::ErrorCode;

Raft::Handled Raft::common_response(ErrorCode error, const LeaderView& peer) {
  Endpoints endpoints = peer.endpoints;
  if (endpoints.empty() && peer.leader) endpoints = voters().endpoints_of(*peer.leader);

  if (peer.epoch < epoch_ || error == ErrorCode::kUnknownLeaderEpoch) return Handled::kDone;
  if (peer.epoch > epoch_ || error == ErrorCode::kFencedLeaderEpoch ||
      error == ErrorCode::kNotLeaderOrFollower) {
    // A fault on the peer's side is in the log; its next answer may be better.
    const bool consistent = follow_if_newer(peer.leader, peer.epoch, std::move(endpoints));
    return consistent ? Handled::kDone : Handled::kBackOff;
  }
  if (peer.leader && !leader_id()) {
    // The answer that names the leader may also carry its records.
    if (!follow_if_newer(peer.leader, peer.epoch, std::move(endpoints))) return Handled::kBackOff;
    return error == ErrorCode::kNone ? Handled::kGoOn : Handled::kDone;
  }
  if (error == ErrorCode::kBrokerNotAvailable) return Handled::kBackOff;
  if (error == ErrorCode::kInvalidVoterKey) return Handled::kDone;
  if (error == ErrorCode::kInvalidRequest) {
    fault("a peer finds a request of ours invalid");
    return Handled::kBackOff;
  }
  return Handled::kGoOn;
}

bool Raft::on_failure(RpcFailure failure) {
  if (failure == RpcFailure::kUnsupportedVersion && role() == Role::kProspective) {
    // A voter without pre-vote: stand for real, as replicas did before KIP-996.
    become_candidate();
    return true;
  }
  return false;
}

void Raft::count_vote(base::BrokerId from, bool granted) {
  if (auto* prospective = std::get_if<Prospective>(&state_)) {
    prospective->votes.record(from, granted);
  } else if (auto* candidate = std::get_if<Candidate>(&state_)) {
    candidate->votes.record(from, granted);
  }
}

bool Raft::on_response(base::BrokerId from, const VoteResponse& response) {
  switch (common_response(response.error, response.view)) {
    case Handled::kDone:
      return true;
    case Handled::kBackOff:
      return false;
    case Handled::kGoOn:
      break;
  }
  if (response.error != ErrorCode::kNone) return false;
  count_vote(from, response.granted);
  return true;
}

bool Raft::on_response(base::BrokerId, const BeginQuorumEpochResponse& response) {
  switch (common_response(response.error, response.view)) {
    case Handled::kDone:
      return true;
    case Handled::kBackOff:
      return false;
    case Handled::kGoOn:
      return response.error == ErrorCode::kNone;
  }
  UNREACHABLE();
}

bool Raft::on_response(base::BrokerId from, const EndQuorumEpochResponse& response) {
  switch (common_response(response.error, response.view)) {
    case Handled::kDone:
      return true;
    case Handled::kBackOff:
      return false;
    case Handled::kGoOn:
      break;
  }
  if (response.error != ErrorCode::kNone) return false;
  if (auto* resigned = std::get_if<Resigned>(&state_)) resigned->untold.erase(from);
  return true;
}

bool Raft::on_response(base::BrokerId, const DescribeQuorumResponse&) {
  return false;  // never asked for
}

bool Raft::on_response(base::BrokerId, const FetchResponse& response) {
  switch (common_response(response.error, response.view)) {
    case Handled::kDone:
      return true;
    case Handled::kBackOff:
      return false;
    case Handled::kGoOn:
      break;
  }
  auto* follower = std::get_if<Follower>(&state_);
  if (follower == nullptr || response.error != ErrorCode::kNone) return false;
  if (response.view.leader != follower->leader) return false;  // only a leader's records count

  if (response.diverging) {
    if (!truncate_diverging(*response.diverging)) return false;
  } else if (response.snapshot) {
    if (response.snapshot->offset.value() < 0 || response.snapshot->epoch.value() < 0) {
      fault("the leader named a snapshot with a negative offset or epoch");
      return false;
    }
    start_download(*response.snapshot);
  } else {
    if (!append_fetched(response)) return false;
    if (response.high_watermark) {
      raise_high_watermark(std::min(log_.end_offset(), *response.high_watermark));
    }
  }
  fetched(*follower);
  return true;
}

bool Raft::on_response(base::BrokerId, const FetchSnapshotResponse& response) {
  switch (common_response(response.error, response.view)) {
    case Handled::kDone:
      return true;
    case Handled::kBackOff:
      return false;
    case Handled::kGoOn:
      break;
  }
  auto* follower = std::get_if<Follower>(&state_);
  if (follower == nullptr || !follower->download || follower->download->complete) return false;
  auto& download = *follower->download;
  const auto start_over = [&] {
    log_operation(log_op::DropPartialSnapshot{download.id});
    follower->download.reset();
  };
  if (response.error == ErrorCode::kSnapshotNotFound || response.id.offset.value() < 0 ||
      response.id.epoch.value() < 0) {
    start_over();  // the leader has a newer one; the next fetch names it
    fetched(*follower);
    return true;
  }
  if (response.error != ErrorCode::kNone) return false;

  const std::uint64_t end = download.position + response.bytes.size();
  const auto size = static_cast<std::uint64_t>(response.size);
  if (response.id != download.id || response.size < 0 ||
      response.position != static_cast<std::int64_t>(download.position) || end > size ||
      (response.bytes.empty() && end != size)) {
    fault("the leader answered with another part of a snapshot than was asked for");
    start_over();
    return false;
  }
  log_operation(log_op::SnapshotChunk{.id = download.id,
                                      .position = download.position,
                                      .bytes = response.bytes,
                                      .last = end == size});
  download.position = end;
  download.complete = end == size;
  fetched(*follower);
  return true;
}

}  // namespace moldau::raft
