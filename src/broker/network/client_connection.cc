#include "broker/network/client_connection.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/endian.h"
#include "broker/shard.h"
#include "rt/sleep.h"
#include "wire/frame.h"
#include "wire/request_header.h"

namespace moldau::broker {
namespace {

// Answers that are ready together leave in one send, up to this many, in pieces of this size: a
// piece that was taken is progress that look() sees.
constexpr std::size_t kAnswersPerSendMax = 16;
constexpr std::size_t kSendPieceBytes = std::size_t{128} << 10;

using FrameSize = std::array<std::byte, sizeof(std::int32_t)>;

}  // namespace

ClientConnection::ClientConnection(Shard& shard, const ListenerInfo& listener,
                                   rt::ConnectionPtr connection)
    : shard_(&shard),
      listener_(&listener),
      connection_(std::move(connection)),
      frames_(*connection_, shard.frame_budget(), shard.limits().request_bytes_max),
      changed_(shard.loop()),
      moved_at_(shard.loop().now()),
      progress_at_(moved_at_),
      scope_(shard.loop()) {}

ClientConnection::~ClientConnection() { shard_->answer_budget().give_back(unsent_bytes_); }

ClientConnection::Look ClientConnection::look(base::Instant now) {
  const std::uint64_t moved = frames_.received_bytes() + sent_bytes_;
  const bool holds_memory = frames_.waits_for_peer() || unsent_bytes_ > 0;
  if (moved != moved_bytes_) {
    moved_bytes_ = moved;
    moved_at_ = now;
  }
  if (!holds_memory || moved - progress_bytes_ >= kProgressBytesMin) {
    progress_bytes_ = moved;
    progress_at_ = now;
  }
  return {.idle = now - moved_at_, .stalls = now - progress_at_ > kStallMax};
}

void ClientConnection::close() {
  if (closing_) return;
  closing_ = true;
  connection_->close();
  scope_.stop();
  changed_.notify_all();
}

rt::Task<> ClientConnection::run() {
  scope_.spawn(write_answers());
  co_await read_requests();
  // What was accepted is served to its end: its answers may still reach a half-closed peer.
  while (!slots_.empty() && !closing_) co_await changed_.wait();
  close();
  co_await scope_.join();
}

rt::Task<> ClientConnection::read_requests() {
  while (!closing_) {
    if (alone_ && !co_await request_alone_ends()) co_return;
    if (is_full()) co_await wait_for_room();
    if (closing_) co_return;
    auto frame = co_await frames_.next(scope_.token());
    if (!frame) {
      if (frame.error() == FrameError::kNegative || frame.error() == FrameError::kOversized) {
        refuse("the frame size is outside 0..socket.request.max.bytes", frames_.refused_size());
      }
      co_return;
    }
    // An answer may have muted the connection while this request was on its way.
    if (muted_until_ > shard_->loop().now()) {
      co_await rt::sleep_until(shard_->loop(), muted_until_, scope_.token());
      if (closing_) co_return;
    }
    if (!co_await dispatch(std::move(*frame))) co_return;
  }
}

bool ClientConnection::is_full() const {
  return slots_.size() >= kPipelinedRequestsMax || unsent_bytes_ > kUnsentBytesMax ||
         shard_->answer_budget().full() || muted_until_ > shard_->loop().now();
}

rt::Task<> ClientConnection::wait_for_room() {
  const base::Instant now = shard_->loop().now();
  if (muted_until_ > now)
    co_await rt::sleep_for(shard_->loop(), muted_until_ - now, scope_.token());
  while (!closing_ && (slots_.size() >= kPipelinedRequestsMax || unsent_bytes_ > kUnsentBytesMax)) {
    co_await changed_.wait();
  }
  // The node's own channel to its controller never waits for clients.
  if (listener_->kind == ListenerKind::kController) co_return;
  while (!closing_ && shard_->answer_budget().full()) {
    co_await shard_->answer_budget().returned(scope_.token());
  }
}

rt::Task<bool> ClientConnection::request_alone_ends() {
  const auto begun = co_await frames_.begin();
  // The client has closed its side: it may still read the answer, but it waits for nothing more.
  if (!begun) scope_.stop();
  while (begun && alone_ && !closing_) co_await changed_.wait();
  co_return begun && !closing_;
}

rt::Task<bool> ClientConnection::dispatch(Frame frame) {
  Request request{.context = {}, .frame = frame.bytes};
  wire::Reader in(frame.bytes);
  if (frame.bytes.size() < 2 * sizeof(std::int16_t)) {
    refuse("the frame is too short for a request header, bytes",
           static_cast<std::int64_t>(frame.bytes.size()));
    co_return false;
  }
  const auto key = base::load_be<std::int16_t>(frame.bytes.data());
  const auto version = base::load_be<std::int16_t>(frame.bytes.data() + sizeof(std::int16_t));
  const Api* api = find_api(key, listener_->kind);
  if (api == nullptr) {
    refuse("this listener does not serve api key", key);
    co_return false;
  }
  wire::RequestHeader header;
  if (!wire::decode_request_header(header, in)) {
    refuse("unreadable request header of api key", key);
    co_return false;
  }
  const bool served = version >= api->min_version && version <= api->max_version;
  if (!served && api->key != wire::ApiKey::kApiVersions) {
    refuse("unsupported version of the api key; version", version);
    co_return false;
  }
  request.body_from = in.position();
  request.context = {.listener = listener_,
                     .principal = {},
                     .peer = connection_->peer(),
                     .server_name = {},
                     .client_id = header.client_id.value_or(""),
                     .api_key = api->key,
                     .api_version = version,
                     .correlation_id = header.correlation_id,
                     .peer_gone = scope_.token()};
  if (!api->pipelined) {
    while (running_ > 0 && !closing_) co_await changed_.wait();
  }
  Slot& slot = slots_.emplace_back(std::move(frame.share));
  request.share = &slot.share;
  ++running_;
  if (!api->pipelined) {
    alone_ = true;
    scope_.spawn(serve_alone(*api, std::move(request), slot));
    co_return true;
  }
  scope_.spawn(serve(*api, std::move(request), slot));
  co_return true;
}

rt::Task<> ClientConnection::serve_alone(const Api& api, Request request, Slot& slot) {
  co_await serve(api, std::move(request), slot);
  alone_ = false;
}

rt::Task<> ClientConnection::serve(const Api& api, Request request, Slot& slot) {
  const base::Instant began = shard_->loop().now();
  slot.answer = co_await api.on(listener_->kind)(*shard_, std::move(request));
  slot.ready = true;
  --running_;
  slot.share.release();
  if (slot.answer.throttle.count() > 0) muted_until_ = shard_->loop().now() + slot.answer.throttle;
  unsent_bytes_ += slot.answer_bytes();
  shard_->answer_budget().add(slot.answer_bytes());
  shard_->count_request(api.key, shard_->loop().now() - began);
  changed_.notify_all();
}

rt::Task<> ClientConnection::write_answers() {
  while (!closing_) {
    if (slots_.empty() || !slots_.front().ready) {
      co_await changed_.wait();
      continue;
    }
    if (!co_await send_ready()) co_return close();
  }
}

rt::Task<bool> ClientConnection::send_ready() {
  std::array<FrameSize, kAnswersPerSendMax> sizes;
  std::vector<base::Bytes> slices;
  std::size_t count = 0;
  std::size_t total = 0;
  bool hang_up = false;
  for (const Slot& slot : slots_) {
    if (!slot.ready || count == kAnswersPerSendMax || hang_up) break;
    hang_up = slot.answer.close;
    if (slot.answer.frame) {
      base::store_be(sizes[count].data(), static_cast<std::int32_t>(slot.answer.frame->size()));
      slices.emplace_back(sizes[count]);
      for (const auto& part : slot.answer.frame->parts()) slices.push_back(part.span());
      total += sizes[count].size() + slot.answer.frame->size();
    }
    ++count;
  }
  if (total > kSendPieceBytes) {
    if (!co_await send_in_pieces(slices)) co_return false;
  } else if (!slices.empty()) {
    if (!co_await connection_->send(slices)) co_return false;
    sent_bytes_ += total;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t bytes = slots_.front().answer_bytes();
    unsent_bytes_ -= bytes;
    shard_->answer_budget().give_back(bytes);
    slots_.pop_front();
  }
  changed_.notify_all();
  co_return !hang_up;
}

rt::Task<bool> ClientConnection::send_in_pieces(std::span<const base::Bytes> slices) {
  std::vector<base::Bytes> piece;
  std::size_t sent_of_first = 0;
  while (!slices.empty()) {
    std::size_t room = kSendPieceBytes;
    piece.clear();
    while (!slices.empty() && room > 0) {
      const base::Bytes rest = slices.front().subspan(sent_of_first);
      piece.push_back(rest.first(std::min(rest.size(), room)));
      room -= piece.back().size();
      sent_of_first += piece.back().size();
      if (sent_of_first < slices.front().size()) break;
      slices = slices.subspan(1);
      sent_of_first = 0;
    }
    const auto sent = co_await connection_->send(piece);
    if (!sent) co_return false;
    sent_bytes_ += kSendPieceBytes - room;
  }
  co_return true;
}

void ClientConnection::refuse(std::string_view why, std::int64_t detail) {
  LOG_WARN(shard_->loop().log(), "network", "closing the connection from {} on listener {}: {} {}",
           connection_->peer().to_string(), listener_->name, why, detail);
}

}  // namespace moldau::broker
