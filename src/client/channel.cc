#include "client/channel.h"

#include <algorithm>
#include <array>

#include "base/endian.h"
#include "wire/api_versions_request.h"
#include "wire/registry.h"

namespace moldau::client {
namespace {

constexpr std::string_view kSoftwareName = "moldau";
constexpr std::string_view kSoftwareVersion = "0.1.0";
constexpr std::int16_t kApiVersionsNewest = 4;
constexpr std::size_t kSizeBytes = sizeof(std::int32_t);
// A claimed size is believed in steps: memory follows the bytes that really come.
constexpr std::size_t kReadStepBytes = std::size_t{1} << 20;

rt::Task<rt::IoResult<void>> receive_all(rt::Connection& connection, base::MutableBytes into) {
  while (!into.empty()) {
    const std::size_t count = CO_TRY(co_await connection.receive(into));
    into = into.subspan(count);
  }
  co_return {};
}

// Closes the connection when the token stops, which ends the exchange of versions.
struct CloseOnStop : rt::StopCallback {
  CloseOnStop(Channel& owner, rt::StopToken token)
      : StopCallback(&CloseOnStop::stop), channel(&owner) {
    if (token.source() == nullptr) return;
    token.stop_requested() ? channel->close() : token.source()->add(*this);
  }
  static void stop(StopCallback& callback) { static_cast<CloseOnStop&>(callback).channel->close(); }
  Channel* channel;
};

std::string api_name(wire::ApiKey key) {
  const wire::ApiInfo* info = wire::find_api(key);
  return info == nullptr ? "a request" : std::string(info->name);
}

}  // namespace

struct Channel::Watchdog : rt::Timer {
  Watchdog(Channel& owner, wire::ApiKey what, base::Instant at)
      : Timer(&Watchdog::fire), channel(&owner), key(what) {
    channel->loop_->arm(*this, at);
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() {
    if (armed()) channel->loop_->disarm(*this);
    if (queue != nullptr) channel->loop_->withdraw(*this);
  }
  static void fire(Job& job) {
    auto& self = static_cast<Watchdog&>(job);
    self.fired = true;
    self.channel->close_reason_ = "no answer to " + api_name(self.key) + " within its time";
    self.channel->close();
  }
  Channel* channel;
  wire::ApiKey key;
  bool fired = false;
};

Channel::Channel(rt::Loop& loop, rt::ConnectionPtr connection, ChannelOptions options)
    : loop_(&loop),
      connection_(std::move(connection)),
      options_(std::move(options)),
      sending_(loop),
      in_flight_(loop, kRequestsInFlightMax),
      calls_ended_(loop),
      scope_(loop) {}

rt::Task<Channel::Connected> Channel::connect(rt::Loop& loop, rt::Endpoint endpoint,
                                              ChannelOptions options, rt::StopToken token) {
  auto connection = co_await loop.net().connect(endpoint, options.connect_timeout, token);
  if (!connection) {
    const auto kind = connection.error().code == rt::IoErrorCode::kStopped
                          ? ClientErrorKind::kStopped
                          : ClientErrorKind::kConnection;
    co_return fail(
        kind, "cannot connect to " + endpoint.to_string() + ": " + connection.error().to_string());
  }
  auto channel = std::make_unique<Channel>(loop, std::move(*connection), std::move(options));
  channel->scope_.spawn(channel->read_answers());
  ClientResult<void> negotiated;
  {
    const CloseOnStop guard(*channel, token);
    negotiated = co_await channel->negotiate();
  }
  if (!negotiated) {
    co_await channel->close_and_join();
    co_return std::unexpected(negotiated.error());
  }
  co_return channel;
}

// The newest version first. A broker that does not know it answers in version 0 and names the
// versions of ApiVersions alone, so it is asked again (KIP-511).
rt::Task<ClientResult<void>> Channel::negotiate() {
  wire::ErrorCode code = CO_TRY(co_await ask_versions(kApiVersionsNewest));
  if (code == wire::ErrorCode::kUnsupportedVersion) {
    const auto common = common_version(wire::ApiKey::kApiVersions, 0, kApiVersionsNewest);
    code = CO_TRY(co_await ask_versions(common.value_or(0)));
  }
  if (code != wire::ErrorCode::kNone) {
    co_return fail(code, connection_->peer().to_string() + " refused to say which versions it " +
                             "serves: " + wire::to_string(code));
  }
  co_return {};
}

rt::Task<ClientResult<wire::ErrorCode>> Channel::ask_versions(std::int16_t version) {
  wire::ApiVersionsRequest request;
  request.client_software_name = kSoftwareName;
  request.client_software_version = kSoftwareVersion;
  const base::CorrelationId id = next_id();
  auto frame = wire::request_frame(request, version, id, options_.client_id);
  if (!frame) co_return std::unexpected(malformed(wire::ApiKey::kApiVersions, frame.error()));
  const base::SharedBytes bytes = CO_TRY(co_await exchange(
      {.key = wire::ApiKey::kApiVersions, .version = version, .id = id}, std::move(*frame)));
  // The error code comes first in every version.
  const bool refused = bytes.size() >= sizeof(std::int16_t) &&
                       base::load_be<std::int16_t>(bytes.data()) ==
                           static_cast<std::int16_t>(wire::ErrorCode::kUnsupportedVersion);
  wire::Reader in(bytes);
  api_versions_ = {};
  const auto decoded = decode(api_versions_, refused ? std::int16_t{0} : version, in);
  if (!decoded) {
    co_return std::unexpected(malformed(wire::ApiKey::kApiVersions, decoded.error()));
  }
  co_return api_versions_.error_code;
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

base::CorrelationId Channel::next_id() {
  const base::CorrelationId id(next_correlation_id_);
  next_correlation_id_ = (next_correlation_id_ + 1) & 0x7fffffff;
  return id;
}

rt::Task<bool> Channel::send_frame(base::ByteChain frame, std::shared_ptr<Pending> pending) {
  const auto turn = co_await sending_.lock();
  if (closed_) co_return false;
  if (pending != nullptr) pending_.push_back(std::move(pending));
  std::vector<base::Bytes> slices;
  slices.reserve(frame.parts().size());
  for (const auto& part : frame.parts()) slices.push_back(part.span());
  const auto sent = co_await connection_->send(slices);
  if (!sent) {
    if (close_reason_.empty()) close_reason_ = sent.error().to_string();
    close();
  }
  co_return !closed_;
}

rt::Task<ClientResult<base::SharedBytes>> Channel::exchange(Exchange what, base::ByteChain frame) {
  struct Counted {
    explicit Counted(Channel& owner) : channel(&owner) { ++channel->calls_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() {
      if (slot) channel->in_flight_.release(1);
      if (--channel->calls_ == 0) channel->calls_ended_.notify_all();
    }
    Channel* channel;
    bool slot = false;
  } counted(*this);
  counted.slot = co_await in_flight_.acquire(1, scope_.token());
  if (!counted.slot || closed_) co_return std::unexpected(broken());

  const Watchdog watchdog(*this, what.key,
                          std::min(what.deadline, loop_->now() + options_.request_timeout));
  const auto ended = [&] {
    ClientError error = broken();
    if (watchdog.fired) error.kind = ClientErrorKind::kTimeout;
    return std::unexpected(std::move(error));
  };
  if (!what.wants_answer) {
    if (!co_await send_frame(std::move(frame), nullptr)) co_return ended();
    co_return base::SharedBytes{};
  }
  rt::Event done(*loop_);
  const auto pending = std::make_shared<Pending>();
  pending->id = what.id;
  pending->done = &done;
  const bool sent = co_await send_frame(std::move(frame), pending);
  if (sent && !pending->answer) co_await done.wait();
  pending->done = nullptr;
  if (!pending->answer) co_return ended();
  wire::Reader in(*pending->answer);
  const auto id = wire::decode_response_header(what.key, what.version, in);
  if (!id) co_return std::unexpected(malformed(what.key, id.error()));
  co_return pending->answer->slice(in.position());
}

rt::Task<ClientResult<base::SharedBytes>> Channel::read_frame() {
  const auto ended = [](const rt::IoError& error) {
    return fail(ClientErrorKind::kConnection, error.to_string());
  };
  std::array<std::byte, kSizeBytes> prefix;
  auto received = co_await receive_all(*connection_, prefix);
  if (!received) co_return ended(received.error());
  const auto size = base::load_be<std::int32_t>(prefix.data());
  if (size < static_cast<std::int32_t>(sizeof(std::int32_t)) ||
      static_cast<std::size_t>(size) > kResponseBytesMax) {
    co_return fail(ClientErrorKind::kMalformed,
                   "an answer of " + std::to_string(size) + " bytes is outside the limits");
  }
  base::ByteBuffer buffer;
  for (auto left = static_cast<std::size_t>(size); left > 0;) {
    const std::size_t step = std::min(left, std::max(kReadStepBytes, buffer.size()));
    received = co_await receive_all(*connection_, buffer.extend(step));
    if (!received) co_return ended(received.error());
    left -= step;
  }
  co_return buffer.freeze();
}

rt::Task<> Channel::read_answers() {
  for (;;) {
    auto frame = co_await read_frame();
    if (!frame) {
      if (close_reason_.empty()) close_reason_ = frame.error().message;
      break;
    }
    const base::CorrelationId id(base::load_be<std::int32_t>(frame->data()));
    if (pending_.empty() || pending_.front()->id != id) {
      close_reason_ = "an answer came that nobody asked for";
      break;
    }
    const std::shared_ptr<Pending> pending = pending_.front();
    pending_.pop_front();
    pending->answer = std::move(*frame);
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
  while (calls_ > 0) co_await calls_ended_.wait();
}

ClientError Channel::broken() const {
  return {.kind = ClientErrorKind::kConnection,
          .message = "the connection to " + connection_->peer().to_string() + " ended" +
                     (close_reason_.empty() ? "" : ": " + close_reason_)};
}

ClientError Channel::unsupported(wire::ApiKey key) {
  return {
      .kind = ClientErrorKind::kUnsupported,
      .message = "the broker serves no version of " + api_name(key) + " that this client knows"};
}

ClientError Channel::malformed(wire::ApiKey key, wire::WireError error) {
  return {.kind = ClientErrorKind::kMalformed,
          .message =
              "a message of " + api_name(key) + " is malformed: " + std::string(to_string(error))};
}

}  // namespace moldau::client
