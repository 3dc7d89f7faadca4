#include "broker/network/client_connection.h"

#include <array>
#include <vector>

#include "base/endian.h"
#include "broker/shard.h"
#include "wire/frame.h"
#include "wire/request_header.h"

namespace moldau::broker {
namespace {

// Answers that are ready together leave in one send, up to this many.
constexpr std::size_t kAnswersPerSendMax = 16;

using FrameSize = std::array<std::byte, sizeof(std::int32_t)>;

}  // namespace

ClientConnection::ClientConnection(Shard& shard, const ListenerInfo& listener,
                                   rt::ConnectionPtr connection)
    : shard_(&shard),
      listener_(&listener),
      connection_(std::move(connection)),
      frames_(*connection_, shard.frame_budget(), shard.limits().request_bytes_max),
      changed_(shard.loop()),
      last_active_(shard.loop().now()),
      scope_(shard.loop()) {}

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
    auto frame = co_await frames_.next(scope_.token());
    if (!frame) {
      if (frame.error() == FrameError::kNegative || frame.error() == FrameError::kOversized) {
        refuse("the frame size is outside 0..socket.request.max.bytes", frames_.refused_size());
      }
      co_return;
    }
    last_active_ = shard_->loop().now();
    if (!co_await dispatch(std::move(*frame))) co_return close();
  }
}

rt::Task<bool> ClientConnection::dispatch(Frame frame) {
  Request request{.context = {}, .frame = frame.bytes, .body_from = 0};
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
                     .correlation_id = header.correlation_id};
  Slot& slot = slots_.emplace_back(std::move(frame.share));
  if (!api->pipelined) {
    co_await serve(*api, std::move(request), slot);
    co_return true;
  }
  scope_.spawn(serve(*api, std::move(request), slot));
  while (slots_.size() >= kPipelinedRequestsMax && !closing_) co_await changed_.wait();
  co_return true;
}

rt::Task<> ClientConnection::serve(const Api& api, Request request, Slot& slot) {
  const base::Instant began = shard_->loop().now();
  slot.answer = co_await api.on(listener_->kind)(*shard_, std::move(request));
  slot.ready = true;
  last_active_ = shard_->loop().now();
  shard_->count_request(api.key, last_active_ - began);
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
  bool hang_up = false;
  for (const Slot& slot : slots_) {
    if (!slot.ready || count == kAnswersPerSendMax || hang_up) break;
    hang_up = slot.answer.close;
    if (slot.answer.frame) {
      base::store_be(sizes[count].data(), static_cast<std::int32_t>(slot.answer.frame->size()));
      slices.emplace_back(sizes[count]);
      for (const auto& part : slot.answer.frame->parts()) slices.push_back(part.span());
    }
    ++count;
  }
  if (!slices.empty()) {
    const auto sent = co_await connection_->send(slices);
    if (!sent) co_return false;
  }
  for (std::size_t i = 0; i < count; ++i) slots_.pop_front();
  last_active_ = shard_->loop().now();
  changed_.notify_all();
  co_return !hang_up;
}

void ClientConnection::refuse(std::string_view why, std::int64_t detail) {
  LOG_WARN(shard_->loop().log(), "network", "closing the connection from {} on listener {}: {} {}",
           connection_->peer().to_string(), listener_->name, why, detail);
}

}  // namespace moldau::broker
