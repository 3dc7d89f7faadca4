#include "client/channel.h"

#include <algorithm>
#include <array>

#include "base/endian.h"
#include "wire/api_versions_request.h"
#include "wire/registry.h"
#include "wire/request_header.h"
#include "wire/response_header.h"

namespace moldau::client {
namespace {

constexpr std::string_view kSoftwareName = "moldau";
constexpr std::string_view kSoftwareVersion = "0.1.0";

bool is_flexible(wire::ApiKey key, std::int16_t version) {
  const wire::ApiInfo* info = wire::find_api(key);
  return info != nullptr && version >= info->first_flexible;
}

rt::Task<rt::IoResult<void>> receive_all(rt::Connection& connection, base::MutableBytes into) {
  while (!into.empty()) {
    const std::size_t count = CO_TRY(co_await connection.receive(into));
    into = into.subspan(count);
  }
  co_return {};
}

}  // namespace

Channel::Channel(rt::Loop& loop, rt::ConnectionPtr connection, ChannelOptions options)
    : loop_(&loop),
      connection_(std::move(connection)),
      options_(std::move(options)),
      scope_(loop),
      sending_(loop),
      in_flight_(loop, kRequestsInFlightMax) {}

rt::Task<Channel::Connected> Channel::connect(rt::Loop& loop, rt::Endpoint endpoint,
                                              ChannelOptions options, rt::StopToken token) {
  auto connection = co_await loop.net().connect(endpoint, options.connect_timeout, token);
  if (!connection) {
    co_return fail(ClientErrorKind::kConnection, "cannot connect to " + endpoint.to_string() +
                                                     ": " + connection.error().to_string());
  }
  auto channel = std::make_unique<Channel>(loop, std::move(*connection), std::move(options));
  channel->scope_.spawn(channel->read_answers());
  const auto negotiated = co_await channel->negotiate();
  if (!negotiated) {
    co_await channel->close_and_join();
    co_return std::unexpected(negotiated.error());
  }
  co_return channel;
}

// The newest version first; a broker that does not know it answers in version 0 and says what it has.
rt::Task<ClientResult<void>> Channel::negotiate() {
  wire::ApiVersionsRequest request;
  request.client_software_name = kSoftwareName;
  request.client_software_version = kSoftwareVersion;
  constexpr std::int16_t kVersion = 4;
  wire::Writer out;
  encode(request, kVersion, out);
  auto body = out.finish();
  if (!body) co_return std::unexpected(malformed(wire::ApiKey::kApiVersions, body.error()));
  const base::SharedBytes bytes =
      CO_TRY(co_await exchange({.key = wire::ApiKey::kApiVersions, .version = kVersion},
                               std::move(*body)));
  constexpr std::size_t kErrorBytes = sizeof(std::int16_t);
  const bool refused =
      bytes.size() >= kErrorBytes &&
      base::load_be<std::int16_t>(bytes.data()) ==
          static_cast<std::int16_t>(wire::ErrorCode::kUnsupportedVersion);
  wire::Reader in(bytes);
  const auto decoded =
      decode(api_versions_, refused ? std::int16_t{0} : kVersion, in);
  if (!decoded) {
    co_return std::unexpected(malformed(wire::ApiKey::kApiVersions, decoded.error()));
  }
  co_return {};
}

std::optional<std::int16_t> Channel::common_version(wire::ApiKey key, std::int16_t ours_min,
                                                    std::int16_t ours_max) const {
  for (const auto& api : api_versions_.api_keys) {
    if (api.api_key != static_cast<std::int16_t>(key)) continue;
    const std::int16_t newest = std::min(api.max_version, ours_max);
    if (newest < std::max(api.min_version, ours_min)) return std::nullopt;
    return newest;
  }
  return std::nullopt;
}

rt::Task<ClientResult<base::SharedBytes>> Channel::exchange(Exchange what, base::ByteChain body) {
  if (!co_await in_flight_.acquire(1, scope_.token())) co_return std::unexpected(broken());
  struct Release {
    rt::Semaphore* budget;
    ~Release() { budget->release(1); }
  } const release{&in_flight_};
  if (closed_) co_return std::unexpected(broken());

  const bool flexible = is_flexible(what.key, what.version);
  wire::RequestHeader header{.request_api_key = static_cast<std::int16_t>(what.key),
                             .request_api_version = what.version,
                             .correlation_id = base::CorrelationId(next_correlation_id_),
                             .client_id = options_.client_id};
  auto pending = std::make_shared<Pending>();
  pending->correlation_id = next_correlation_id_;
  next_correlation_id_ = (next_correlation_id_ + 1) & 0x7fffffff;
  wire::Writer out;
  encode(header, flexible ? std::int16_t{2} : std::int16_t{1}, out);
  auto head = out.finish();
  if (!head) co_return std::unexpected(malformed(what.key, head.error()));

  rt::TimedEvent done(*loop_, loop_->now() + options_.request_timeout);
  pending->done = &done;
  {
    const auto turn = co_await sending_.lock();
    if (closed_) co_return std::unexpected(broken());
    if (what.wants_answer) pending_.push_back(pending);
    std::array<std::byte, sizeof(std::int32_t)> size;
    base::store_be(size.data(), static_cast<std::int32_t>(head->size() + body.size()));
    std::vector<base::Bytes> slices{size};
    for (const auto& part : head->parts()) slices.push_back(part.span());
    for (const auto& part : body.parts()) slices.push_back(part.span());
    const auto sent = co_await connection_->send(slices);
    if (!sent) {
      close_reason_ = sent.error().to_string();
      close();
    }
  }
  if (!what.wants_answer) {
    if (closed_) co_return std::unexpected(broken());
    co_return base::SharedBytes{};
  }
  if (!pending->answer && !closed_) co_await done.wait();
  pending->done = nullptr;
  if (!pending->answer) {
    if (closed_) co_return std::unexpected(broken());
    co_return fail(ClientErrorKind::kTimeout, "no answer from " + connection_->peer().to_string() +
                                                  " within the request timeout");
  }
  // What follows the response header; ApiVersions always has the short one.
  wire::Reader in(*pending->answer);
  wire::ResponseHeader answered;
  const bool long_header = flexible && what.key != wire::ApiKey::kApiVersions;
  const auto decoded = decode(answered, long_header ? std::int16_t{1} : std::int16_t{0}, in);
  if (!decoded) co_return std::unexpected(malformed(what.key, decoded.error()));
  co_return pending->answer->slice(in.position());
}

rt::Task<> Channel::read_answers() {
  for (;;) {
    std::array<std::byte, sizeof(std::int32_t)> prefix;
    auto received = co_await receive_all(*connection_, prefix);
    if (!received) {
      close_reason_ = received.error().to_string();
      break;
    }
    const auto size = base::load_be<std::int32_t>(prefix.data());
    if (size < static_cast<std::int32_t>(sizeof(std::int32_t)) ||
        static_cast<std::size_t>(size) > kResponseBytesMax) {
      close_reason_ = "an answer of " + std::to_string(size) + " bytes is outside the limits";
      break;
    }
    base::ByteBuffer buffer;
    received = co_await receive_all(*connection_, buffer.extend(static_cast<std::size_t>(size)));
    if (!received) {
      close_reason_ = received.error().to_string();
      break;
    }
    base::SharedBytes frame = buffer.freeze();
    const auto correlation_id = base::load_be<std::int32_t>(frame.data());
    if (pending_.empty() || pending_.front()->correlation_id != correlation_id) {
      close_reason_ = "an answer that nobody asked for";
      break;
    }
    const std::shared_ptr<Pending> pending = pending_.front();
    pending_.pop_front();
    pending->answer = std::move(frame);
    if (pending->done != nullptr) pending->done->set();
  }
  close();
}

void Channel::close() {
  if (closed_) return;
  closed_ = true;
  connection_->close();
  scope_.stop();
  for (const auto& pending : pending_) {
    if (pending->done != nullptr) pending->done->set();
  }
  pending_.clear();
}

rt::Task<> Channel::close_and_join() {
  close();
  co_await scope_.join();
}

ClientError Channel::broken() const {
  return {.kind = ClientErrorKind::kConnection,
          .message = "the connection to " + connection_->peer().to_string() + " ended" +
                     (close_reason_.empty() ? "" : ": " + close_reason_)};
}

ClientError Channel::unsupported(wire::ApiKey key) {
  const wire::ApiInfo* info = wire::find_api(key);
  return {.kind = ClientErrorKind::kUnsupported,
          .message = "the broker serves no version of " +
                     std::string(info == nullptr ? "this request" : info->name) +
                     " that this client knows"};
}

ClientError Channel::malformed(wire::ApiKey key, wire::WireError error) {
  const wire::ApiInfo* info = wire::find_api(key);
  return {.kind = ClientErrorKind::kMalformed,
          .message = std::string(info == nullptr ? "message" : info->name) +
                     ": " + std::string(to_string(error))};
}

}  // namespace moldau::client
