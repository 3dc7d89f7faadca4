#include "sim/runtime/internal/link.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "sim/runtime/internal/disk.h"
#include "sim/runtime/internal/loop.h"
#include "sim/runtime/internal/network.h"
#include "sim/runtime/node.h"
#include "sim/runtime/simulation.h"

namespace moldau::sim {
namespace {

using rt::IoErrorCode;
using Kind = rt::NetOperation::Kind;

std::unexpected<rt::IoError> failure(IoErrorCode code) {
  return std::unexpected(rt::IoError{.code = code});
}

std::size_t length_of(const rt::NetOperation& operation) {
  if (operation.kind == Kind::kSendFile) return operation.length;
  std::size_t length = 0;
  for (const base::Bytes slice : operation.slices) length += slice.size();
  return length;
}

// Copies [from, from + count) of a gathered send.
void copy_slices(std::span<const base::Bytes> slices, std::size_t from, std::size_t count,
                 std::vector<std::byte>& into) {
  for (const base::Bytes slice : slices) {
    if (from >= slice.size()) {
      from -= slice.size();
      continue;
    }
    const auto part = slice.subspan(from, std::min(count, slice.size() - from));
    into.insert(into.end(), part.begin(), part.end());
    count -= part.size();
    from = 0;
    if (count == 0) return;
  }
}

}  // namespace

Link::Link(Network& network, std::uint64_t id, Ends ends, std::size_t window_bytes)
    : network_(&network),
      id_(id),
      window_bytes_(window_bytes),
      sides_{Side{.loop = ends.client, .address = std::move(ends.client_address)},
             Side{.loop = ends.server, .address = std::move(ends.server_address)}} {
  for (Pipe& pipe : pipes_) pipe.lane = network.simulation().new_lane();
}

Node& Link::node(std::size_t side) const { return sides_[side].loop->node(); }

base::Duration Link::delay() { return network_->delay(node(0), node(1)); }

bool Link::submit(std::size_t side, rt::NetOperation& operation) {
  Side& self = sides_[side];
  ASSERT(self.loop->is_current());
  if (self.loop->dead()) return false;
  const bool receive = operation.kind == Kind::kReceive;
  ASSERT((receive ? self.receive : self.send) == nullptr);
  if (!self.open) {
    operation.result = failure(IoErrorCode::kClosed);
    return true;
  }
  operation.runtime = this;
  if (receive) {
    self.receive = &operation;
    if (!start_receive(side)) return false;
    self.receive = nullptr;
  } else {
    self.send = &operation;
    self.sent = 0;
    if (!continue_send(side)) return false;
    self.send = nullptr;
  }
  operation.runtime = nullptr;
  return true;
}

// True when the operation has its result; the caller tells the waiter.
bool Link::start_receive(std::size_t side) {
  rt::NetOperation& operation = *sides_[side].receive;
  Pipe& pipe = pipes_[1 - side];
  if (pipe.reset) {
    operation.result = failure(IoErrorCode::kReset);
    return true;
  }
  if (pipe.arrived_bytes == 0) {
    if (!pipe.ended) return false;
    operation.result = failure(IoErrorCode::kClosed);
    return true;
  }
  operation.result = take_out(pipe, operation.into);
  network_->simulation().trace(TraceKind::kNet, node(side).index(), id_, 1, *operation.result);
  window_opened(1 - side);
  return true;
}

std::size_t Link::take_out(Pipe& pipe, base::MutableBytes into) {
  std::size_t count = std::min(pipe.arrived_bytes, into.size());
  const auto percent = network_->simulation().options().net.short_read_percent;
  if (count > 1 && network_->rng().chance(percent, 100)) count = 1 + network_->rng().below(count);
  for (std::size_t done = 0; done < count;) {
    const auto& front = pipe.arrived.front();
    const std::size_t part = std::min(count - done, front.size() - pipe.first_used);
    std::copy_n(front.begin() + static_cast<std::ptrdiff_t>(pipe.first_used), part,
                into.begin() + static_cast<std::ptrdiff_t>(done));
    done += part;
    pipe.first_used += part;
    if (pipe.first_used == front.size()) {
      pipe.arrived.pop_front();
      pipe.first_used = 0;
    }
  }
  pipe.arrived_bytes -= count;
  pipe.held_bytes -= count;
  return count;
}

// The reader made room: the sender learns of it later.
void Link::window_opened(std::size_t sender) {
  if (sides_[sender].send == nullptr) return;
  Simulation& world = network_->simulation();
  world.schedule(delay(), pipes_[sender].lane, [self = shared_from_this(), sender] {
    Side& side = self->sides_[sender];
    if (side.send == nullptr || !self->continue_send(sender)) return;
    self->finish(sender, side.send, side.send->result);
  });
}

bool Link::continue_send(std::size_t side) {
  Side& self = sides_[side];
  rt::NetOperation& operation = *self.send;
  if (pipes_[1 - side].reset) {
    operation.result = failure(IoErrorCode::kReset);
    return true;
  }
  if (pipes_[1 - side].ended) {
    operation.result = failure(IoErrorCode::kClosed);
    return true;
  }
  const std::size_t total = length_of(operation);
  const std::size_t room = window_bytes_ - std::min(window_bytes_, pipes_[side].held_bytes);
  if (self.sent < total && room > 0 && !take_in(side, operation, room)) {
    operation.result = failure(IoErrorCode::kUnexpectedEnd);
    return true;
  }
  if (self.sent < total) return false;
  operation.result = total;
  return true;
}

bool Link::take_in(std::size_t side, rt::NetOperation& operation, std::size_t room) {
  Side& self = sides_[side];
  const std::size_t count = std::min(room, length_of(operation) - self.sent);
  Segment segment{.kind = Segment::Kind::kData, .bytes = {}};
  segment.bytes.reserve(count);
  if (operation.kind == Kind::kSendFile) {
    segment.bytes.resize(count);
    const auto& content = static_cast<const SimFile&>(*operation.file).inode().content;
    if (content.read(operation.position + self.sent, segment.bytes) < count) return false;
  } else {
    copy_slices(operation.slices, self.sent, count, segment.bytes);
  }
  self.sent += count;
  pipes_[side].held_bytes += count;
  const auto resets = network_->simulation().options().net.resets;
  if (resets > 0 && network_->rng().chance(resets, 1'000'000)) {
    network_->simulation().schedule(delay(), network_->simulation().new_lane(),
                                    [link = shared_from_this()] { link->reset(); });
  }
  put(side, std::move(segment));
  return true;
}

// Each segment has an event of its own; whichever comes first delivers the oldest segment.
void Link::put(std::size_t from, Segment segment, base::Duration extra) {
  pipes_[from].under_way.push_back(std::move(segment));
  network_->simulation().schedule(delay() + extra, pipes_[from].lane,
                                  [self = shared_from_this(), from] { self->segment_due(from); });
}

void Link::segment_due(std::size_t from) {
  if (network_->cut(node(0), node(1)) || pipes_[from].held_back > 0) {
    ++pipes_[from].held_back;
    return;
  }
  deliver(from);
}

void Link::release_held() {
  for (std::size_t from = 0; from < 2; ++from) {
    while (pipes_[from].held_back > 0) {
      --pipes_[from].held_back;
      deliver(from);
    }
  }
}

void Link::deliver(std::size_t from) {
  Pipe& pipe = pipes_[from];
  ASSERT(!pipe.under_way.empty());
  Segment segment = std::move(pipe.under_way.front());
  pipe.under_way.pop_front();
  network_->simulation().trace(TraceKind::kNet, node(1 - from).index(), id_,
                               2 + static_cast<std::uint64_t>(segment.kind), segment.bytes.size());
  arrive(from, std::move(segment));
}

void Link::arrive(std::size_t from, Segment segment) {
  Pipe& pipe = pipes_[from];
  Side& to = sides_[1 - from];
  switch (segment.kind) {
    case Segment::Kind::kLost:
      return;
    case Segment::Kind::kData:
      if (!to.open || pipe.reset) return;
      pipe.arrived_bytes += segment.bytes.size();
      pipe.arrived.push_back(std::move(segment.bytes));
      break;
    case Segment::Kind::kEnd:
      pipe.ended = true;
      break;
    case Segment::Kind::kReset:
      pipe.reset = true;
      pipe.arrived.clear();
      pipe.arrived_bytes = 0;
      pipe.first_used = 0;
      break;
  }
  if (to.receive != nullptr && start_receive(1 - from)) {
    finish(1 - from, to.receive, to.receive->result);
  }
  if (to.send != nullptr && (pipe.ended || pipe.reset) && continue_send(1 - from)) {
    finish(1 - from, to.send, to.send->result);
  }
}

void Link::finish(std::size_t side, rt::NetOperation*& operation,
                  rt::IoResult<std::size_t> result) {
  rt::NetOperation& done = *std::exchange(operation, nullptr);
  done.result = result;
  done.runtime = nullptr;
  sides_[side].loop->post(done);
}

void Link::abandon(std::size_t side, rt::NetOperation& operation) {
  Side& self = sides_[side];
  if (self.receive == &operation) self.receive = nullptr;
  if (self.send == &operation) self.send = nullptr;
  operation.runtime = nullptr;
  self.loop->withdraw(operation);
}

void Link::close(std::size_t side) {
  Side& self = sides_[side];
  if (!self.open) return;
  self.open = false;
  if (self.receive != nullptr) finish(side, self.receive, failure(IoErrorCode::kClosed));
  if (self.send != nullptr) finish(side, self.send, failure(IoErrorCode::kClosed));
  // As TCP does: closing with unread bytes resets the peer.
  const bool unread = pipes_[1 - side].arrived_bytes > 0;
  if (!sides_[1 - side].open) return;
  put(side, {.kind = unread ? Segment::Kind::kReset : Segment::Kind::kEnd, .bytes = {}});
}

void Link::side_died(std::size_t side, base::Duration silence) {
  Side& self = sides_[side];
  for (rt::NetOperation* operation : {self.receive, self.send}) {
    if (operation != nullptr) operation->runtime = nullptr;
  }
  self.receive = nullptr;
  self.send = nullptr;
  const bool was_open = std::exchange(self.open, false);
  if (!was_open || !sides_[1 - side].open) return;
  // Some of what was under way still arrives, then the end or a reset.
  Pipe& pipe = pipes_[side];
  const std::size_t keep = network_->rng().below(pipe.under_way.size() + 1);
  for (std::size_t i = keep; i < pipe.under_way.size(); ++i) {
    pipe.under_way[i] = {.kind = Segment::Kind::kLost, .bytes = {}};
  }
  const bool reset = network_->rng().chance(1, 2);
  put(side, {.kind = reset ? Segment::Kind::kReset : Segment::Kind::kEnd, .bytes = {}}, silence);
}

void Link::reset() {
  for (std::size_t side = 0; side < 2; ++side) {
    arrive(side, {.kind = Segment::Kind::kReset, .bytes = {}});
  }
}

}  // namespace moldau::sim
